"""Runnables as steps and as language models: real ones of langchain-core."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from langchain_core.exceptions import LangChainException, OutputParserException
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessageChunk
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnablePassthrough

from voicecli.errors import (
    BadRequest,
    LibraryMissing,
    ProviderError,
    RateLimited,
    TimedOut,
    Unavailable,
    UsageError,
)
from voicecli.providers.langchain import LangChainLanguageModel, langchain_step
from voicecli.providers.language_model import Message


async def given(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def collected(stream: AsyncIterator[Any]) -> list[Any]:
    async def read() -> list[Any]:
        return [item async for item in stream]

    return asyncio.run(read())


def words() -> Any:
    """A chain that says its input word by word."""

    async def say(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in inputs:
            for word in text.split():
                yield word

    return RunnableGenerator(say)


def test_function_answers_each_item():
    assert collected(langchain_step(given(1, 2, 3), RunnableLambda(lambda x: x * 10))) == [10, 20, 30]


def test_output_is_streamed():
    assert collected(langchain_step(given("a b", "c"), words())) == ["a", "b", "c"]


def test_first_output_before_the_last():
    async def first() -> str:
        never = asyncio.Event()

        async def slow(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
            async for text in inputs:
                yield text
                await never.wait()

        stream = langchain_step(given("now"), RunnableGenerator(slow) | RunnablePassthrough())
        item: str = await anext(stream)
        await stream.aclose()
        return item

    assert asyncio.run(first()) == "now"


def test_prompt_model_and_parser():
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
    chain = prompt | FakeListChatModel(responses=["Rain, then sun.", "No."]) | StrOutputParser()
    stream = langchain_step(given({"question": "weather?"}, {"question": "sure?"}), chain)
    assert "".join(collected(stream)) == "Rain, then sun.No."


def test_input_and_config_by_key():
    seen = []

    def answer(text: str, config: Any) -> str:
        seen.append(config["tags"])
        return text.upper()

    items = given({"query": "a", "how": {"tags": ["x"]}}, {"query": "b", "how": None})
    assert collected(langchain_step(items, RunnableLambda(answer), "query", "how")) == ["A", "B"]
    assert seen == [["x"], []]


def test_completion_follows_each_run():
    stream = langchain_step(given("a", "b"), words(), on_completion="end")
    assert collected(stream) == ["a", "end", "b", "end"]
    stream = langchain_step(given("a"), words(), on_completion=lambda: given("x", "y"))
    assert collected(stream) == ["a", "x", "y"]


def test_arrays_pass():
    (louder,) = collected(langchain_step(given(np.ones(3)), RunnableLambda(lambda x: x * 2)))
    assert louder.tolist() == [2, 2, 2]


def test_plain_function_is_taken():
    assert collected(langchain_step(given(2), lambda x: x + 1)) == [3]  # type: ignore[arg-type]


def test_source_is_read_when_asked():
    read = []

    async def source() -> AsyncIterator[str]:
        for item in ("a", "b"):
            read.append(item)
            yield item

    async def begin() -> None:
        stream = langchain_step(source(), words())
        assert read == []
        await anext(stream)
        assert read == ["a"]
        await stream.aclose()

    asyncio.run(begin())


def test_closing_cancels_the_run():
    ended: list[str] = []

    async def endless(inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        try:
            async for text in inputs:
                while True:
                    yield text
                    await asyncio.sleep(0)
        finally:
            ended.append("run")

    async def source() -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            ended.append("source")

    async def leave() -> None:
        stream = langchain_step(source(), RunnableGenerator(endless) | words() | words() | words())
        assert await anext(stream) == "a"
        await stream.aclose()
        assert ended == ["run", "source"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(leave())


def test_cancellation_reaches_the_run():
    async def run() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def wait(_: str) -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return ""

        async def read() -> None:
            async for _ in langchain_step(given("a"), RunnableLambda(wait) | words()):
                pass

        task = asyncio.create_task(read())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


class ModelRateLimitError(LangChainException):
    """As newer versions of langchain-core name it."""


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ModelRateLimitError("slow down"), RateLimited),
        (OutputParserException("no JSON"), ProviderError),
        (TimeoutError(), TimedOut),
        (ConnectionRefusedError("nobody there"), Unavailable),
    ],
)
def test_faults_become_ours(raised: Exception, kind: type[ProviderError]):
    async def fail(text: str) -> str:
        if text == "bad":
            raise raised
        return text

    async def read() -> None:
        stream = langchain_step(given("good", "bad", "never"), RunnableLambda(fail))
        assert await anext(stream) == "good"
        with pytest.raises(kind) as caught:
            await anext(stream)
        assert caught.value.__cause__ is raised
        assert type(caught.value) is kind

    asyncio.run(read())


def test_own_mistakes_pass():
    with pytest.raises(ZeroDivisionError):
        collected(langchain_step(given(0), RunnableLambda(lambda x: 1 / x)))


def test_error_of_the_source_passes():
    async def broken() -> AsyncIterator[str]:
        yield "a"
        raise KeyError("source")

    with pytest.raises(KeyError):
        collected(langchain_step(broken(), words()))


def test_config_alone_is_refused():
    with pytest.raises(UsageError, match="input_key"):
        langchain_step(given(), words(), config_key="config")


def test_no_runnable_is_refused():
    with pytest.raises(UsageError, match="int"):
        langchain_step(given(), 3)  # type: ignore[arg-type]


def test_item_without_the_key_is_refused():
    with pytest.raises(BadRequest, match="'query'"):
        collected(langchain_step(given({"question": "a"}), words(), "query"))
    with pytest.raises(BadRequest, match="str"):
        collected(langchain_step(given("a"), words(), "query"))


def test_missing_library_says_how(monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("langchain_core"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    chain = words()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LibraryMissing, match=r"voicecli\[langchain\]"):
        langchain_step(given(), chain)


def completed(chain: Any) -> list[Any]:
    async def ask() -> list[Any]:
        async with LangChainLanguageModel(chain) as model:
            asked = [Message("system", "Be brief."), Message("user", "Hello?")]
            return [token async for token in model.complete(asked)]

    return asyncio.run(ask())


def test_language_model_says_text():
    assert "".join(completed(FakeListChatModel(responses=["Good day."]))) == "Good day."


def test_language_model_hears_every_message():
    chain = RunnableLambda(lambda messages: ", ".join(f"{role}: {text}" for role, text in messages))
    assert completed(chain) == ["system: Be brief., user: Hello?"]


def test_language_model_leaves_thoughts_out():
    async def think(_: AsyncIterator[Any]) -> AsyncIterator[AIMessageChunk]:
        yield AIMessageChunk([{"type": "thinking", "thinking": "Hm."}])
        yield AIMessageChunk([{"type": "text", "text": "Yes"}, "."])

    assert completed(RunnableGenerator(think)) == ["Yes."]


def test_language_model_wants_text():
    with pytest.raises(BadRequest, match="StrOutputParser"):
        completed(RunnableLambda(lambda _: 7))
