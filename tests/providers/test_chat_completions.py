import asyncio
import gzip
import json
import logging

import pytest

from tests.providers.openai_server import Server, events, gather, hang, hang_up, models, say, serving, talk
from voicecli.errors import (
    BadRequest,
    Dropped,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
)
from voicecli.providers.language_model import Message
from voicecli.providers.openai.chat_completions import OpenAILanguageModel, OpenAILanguageModelOptions

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]


def options(server: Server, **more) -> OpenAILanguageModelOptions:
    more = {"model": "small", "timeout": 5.0, "api_key_env": "", **more}
    return OpenAILanguageModelOptions(base_url=server.url, **more)


async def said(server: Server, **more) -> list[str]:
    async with OpenAILanguageModel(options(server, **more)) as model:
        return [token async for token in model.complete(QUESTION)]


def failure(reply, **more) -> tuple[ProviderError, Server, list[str]]:
    heard = []

    async def run():
        async with serving(chat=reply) as server:
            async with OpenAILanguageModel(options(server, **more)) as model:
                with pytest.raises(ProviderError) as raised:
                    await gather(model.complete(QUESTION), heard)
            return raised.value, server

    error, server = asyncio.run(run())
    return error, server, heard


def test_reply_arrives_in_pieces():
    async def run():
        async with serving(chat=talk("Good ", "day", "!")) as server:
            assert await said(server, temperature=0.5, max_tokens=40) == ["Good ", "day", "!"]
            return server.posts()

    [post] = asyncio.run(run())
    assert post.json == {
        "model": "small",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello?"}],
        "stream": True,
        "temperature": 0.5,
        "max_tokens": 40,
    }


def test_odd_chunks_are_passed_over():
    odd = [
        b": keep-alive\n\n",
        {"choices": []},
        {"choices": None, "usage": {"total_tokens": 3}},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        {"choices": [{"delta": {"reasoning_content": "hm", "content": None}}]},
        {"choices": [{"delta": {"content": "Yes"}}]},
        ["not", "an", "object"],
        {"choices": [{"delta": {"content": "."}, "finish_reason": "length"}]},
        {"object": "ping"},
        b"event: done\r\ndata: [DONE]\r\n\r\n",
    ]

    async def run():
        async with serving(chat=events(*odd)) as server:
            return await said(server)

    assert asyncio.run(run()) == ["Yes", "."]


def test_thoughts_are_not_spoken():
    async def run():
        async with serving(chat=talk("<thi", "nk>Let me", " see</thi", "nk>\n\n", "Four", ".")) as server:
            return await said(server)

    assert asyncio.run(run()) == ["Four", "."]


def test_server_that_does_not_stream():
    whole = {"choices": [{"message": {"role": "assistant", "content": "At once."}, "finish_reason": "stop"}]}

    async def run():
        packed = gzip.compress(json.dumps(whole).encode())
        async with serving(chat=[say(whole), say(packed, content_encoding="gzip")]) as server:
            return await said(server) + await said(server)

    assert asyncio.run(run()) == ["At once.", "At once."]


@pytest.mark.parametrize(
    ("reply", "kind", "words", "requests"),
    [
        (say({"error": {"message": "Bad key sk-abcdefgh123."}}, 401), Refused, "Bad key …", 1),
        (say({"error": "not for you"}, 403), Refused, "not for you", 1),
        (say({"detail": "model 'small' not found"}, 404), NotFound, "model 'small' not found", 1),
        (say({"detail": [{"loc": ["body", "x"], "msg": "missing"}]}, 422), BadRequest, "body.x: missing", 1),
        (say({"message": "too long"}, 400), BadRequest, "too long", 1),
        (say({"error": {"message": "busy"}}, 503), Unavailable, "busy", 3),
        (say("<html><title>Bad gateway</title><p>x", 502, "text/html"), Unavailable, "Bad gateway", 3),
        (say({"error": {"message": "slow down"}}, 429, retry_after="60"), RateLimited, "slow down", 1),
        (say({"error": {"message": "slow down"}}, 429), RateLimited, "slow down", 3),
        (
            say({"error": {"message": "You exceeded it", "code": "insufficient_quota"}}, 429),
            RateLimited,
            "no quota left",
            1,
        ),
        (say("<html><h1>Log in</h1>", kind="text/html"), Unavailable, "Log in", 1),
        (say({"error": {"message": "no such thing"}}), Unavailable, "no such thing", 1),
        (say("", kind="text/event-stream"), Unavailable, "empty answer", 1),
        (say("", kind=""), Unavailable, "empty answer", 1),
        (events(b"data: {broken\n\n"), Unavailable, "cannot be read", 3),
        (
            say(b"not gzip", kind="text/event-stream", content_encoding="gzip"),
            Unavailable,
            "cannot be read",
            3,
        ),
        (hang_up, Dropped, "before it answered", 3),
        (events(end="drop"), Dropped, "in the middle", 3),
        (events({"error": {"message": "overloaded", "type": "server_error"}}), Unavailable, "overloaded", 3),
        (events({"error": {"message": "wrong", "type": "invalid_request_error"}}), BadRequest, "wrong", 1),
        (events({"choices": [{"delta": {}, "finish_reason": "content_filter"}]}), BadRequest, "filter", 1),
        (events({"choices": [{"delta": {}, "finish_reason": "length"}]}), BadRequest, "tokens", 1),
    ],
)
def test_failures_before_the_first_token(reply, kind, words, requests):
    error, server, heard = failure(reply)
    assert type(error) is kind
    assert words in str(error)
    assert "sk-abc" not in str(error)
    assert len(server.posts()) == requests
    assert heard == []


def test_no_server_at_all():
    async def run():
        async with serving() as server:
            pass
        with pytest.raises(Unavailable, match="nothing listens there") as raised:
            await said(server)
        return raised.value

    error = asyncio.run(run())
    assert "Start the server" in error.hint
    assert error.recoverable


def test_unknown_host():
    async def run():
        unknown = OpenAILanguageModelOptions(base_url="http://nowhere.invalid/v1", retries=0)
        async with OpenAILanguageModel(unknown) as model:
            async for _ in model.complete(QUESTION):
                pass

    with pytest.raises(Unavailable, match=r"nowhere\.invalid"):
        asyncio.run(run())


def test_failure_then_success():
    busy = say({"error": {"message": "busy"}}, 500)
    soon = say({"error": {"message": "slow down"}}, 429, retry_after_ms="20")

    async def run():
        async with serving(chat=[busy, soon, talk("Hello")]) as server:
            return await said(server), len(server.posts())

    assert asyncio.run(run()) == (["Hello"], 3)


@pytest.mark.parametrize(("end", "kind"), [("drop", Dropped), ("stall", TimedOut)])
def test_nothing_yielded_is_repeated(end, kind):
    error, server, heard = failure(talk("One ", "two", end=end), timeout=0.3)
    assert type(error) is kind
    assert heard == ["One ", "two"]
    assert len(server.posts()) == 1


def test_hang_before_headers():
    error, server, _ = failure(hang, timeout=0.2)
    assert type(error) is TimedOut
    assert "0.2 s" in error.message
    assert (len(server.posts()), server.left) == (1, 1)


def test_heartbeats_are_no_progress():
    beats = [b": ping\n\n"] * 500
    error, _, _ = failure(events(*beats), timeout=0.2)
    assert type(error) is TimedOut


def test_unknown_model_lists_the_others():
    async def run():
        missing = say({"error": {"message": "model not found"}}, 404)
        async with serving(chat=missing, models=models("alpha", "beta")) as server:
            with pytest.raises(NotFound) as raised:
                await said(server, model="gamma")
            return raised.value

    error = asyncio.run(run())
    assert "'gamma'" in error.message
    assert "alpha, beta" in error.hint


def test_limit_is_renamed_once():
    refusal = {
        "error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}
    }

    async def run():
        async with serving(chat=[say(refusal, 400), talk("Fine")]) as server:
            async with OpenAILanguageModel(options(server, max_tokens=9)) as model:
                for _ in range(2):
                    assert [token async for token in model.complete(QUESTION)] == ["Fine"]
            return [sorted(post.json) for post in server.posts()]

    first, *others = asyncio.run(run())
    assert "max_tokens" in first
    assert len(others) == 2
    assert all("max_completion_tokens" in names and "max_tokens" not in names for names in others)


def test_unsupported_temperature_is_left_out(caplog):
    refusal = {"error": {"message": "Unsupported value: 'temperature' does not support 0.2 with this model."}}

    async def run():
        async with serving(chat=[say(refusal, 400), talk("Fine")]) as server:
            return await said(server, temperature=0.2), len(server.posts())

    with caplog.at_level(logging.WARNING):
        assert asyncio.run(run()) == (["Fine"], 2)
    assert "temperature" in caplog.text


def test_closing_early_closes_the_connection():
    async def run():
        async with (
            serving(chat=talk("One", "two", end="stall")) as server,
            OpenAILanguageModel(options(server)) as model,
        ):
            reply = model.complete(QUESTION)
            assert await anext(reply) == "One"
            await reply.aclose()
            await asyncio.wait_for(server.has_left.wait(), 2)
            await asyncio.sleep(0.01)
            serving_tasks = [task for task in asyncio.all_tasks() if "Server.serve" in repr(task)]
            assert asyncio.all_tasks() - set(serving_tasks) == {asyncio.current_task()}

    asyncio.run(run())


def test_cancelling_closes_the_connection():
    async def run():
        async with serving(chat=hang) as server, OpenAILanguageModel(options(server)) as model:
            task = asyncio.create_task(anext(model.complete(QUESTION)))
            await server.asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(server.has_left.wait(), 2)

    asyncio.run(run())


def test_replies_may_overlap():
    async def run():
        async with serving(chat=talk("a", "b", "c")) as server, OpenAILanguageModel(options(server)) as model:

            async def one():
                return [token async for token in model.complete(QUESTION)]

            return await asyncio.gather(*(one() for _ in range(4)))

    assert asyncio.run(run()) == [["a", "b", "c"]] * 4


def test_key_is_sent_and_never_shown(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "topsecret-12345")

    async def run():
        refusal = say({"error": {"message": "bad key topsecret-12345"}}, 401)
        async with serving(chat=refusal) as server:
            with pytest.raises(Refused) as raised:
                await said(server, api_key_env="TEST_KEY")
            model = OpenAILanguageModel(options(server, api_key_env="TEST_KEY"))
            return raised.value, server.posts()[0].headers["authorization"], repr(vars(model))

    error, sent, shown = asyncio.run(run())
    assert sent == "Bearer topsecret-12345"
    assert "Check TEST_KEY." in str(error)
    assert "topsecret" not in str(error) + shown
