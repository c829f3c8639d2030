"""LangChain: any Runnable as a step of a flow, or as the language model of a conversation.

Whatever takes a question or messages and streams an answer will do: a prompt, a chat model and a parser
joined by `|`, a compiled graph, a function. What it remembers is its own affair; `config_key` tells it which
conversation an item belongs to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

from voicecli.errors import (
    BadRequest,
    LibraryMissing,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    UsageError,
)
from voicecli.flow.scope import scoped
from voicecli.flow.sources import SourceConvertable, to_source
from voicecli.providers.language_model import Message, Token

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable, RunnableConfig

__all__ = ["LangChainLanguageModel", "langchain_step"]

Output = TypeVar("Output")

# The common errors of model packages, by name: a langchain-core that is too old for them never raises them.
_FAULTS: Mapping[str, type[ProviderError]] = {
    "ModelAuthenticationError": Refused,
    "ModelPermissionDeniedError": Refused,
    "ModelNotFoundError": NotFound,
    "ModelRateLimitError": RateLimited,
    "ModelInvalidRequestError": BadRequest,
    "ContextOverflowError": BadRequest,
    "ModelAPIError": Unavailable,
    "ModelConnectionError": Unavailable,
    "ModelTimeoutError": TimedOut,
}
_TURNS = 32  # of the event loop: two for each step inside a chain
_LONGEST = 300  # characters of a runnable's own words that an error repeats


def langchain_step(
    async_iter: AsyncIterator[Any],
    chain: Runnable[Any, Output],
    input_key: str | None = None,
    config_key: str | None = None,
    on_completion: SourceConvertable[Output] = None,
) -> AsyncIterator[Output]:
    """Give each item to `chain` and yield what it streams, one run after the other.

    With `input_key` the items are mappings and that key holds the input; `config_key` (only beside it) holds
    the configuration of the run. After each run `on_completion` is yielded: an item, or what a function's
    iterator gives. Closing the step early cancels the run that is under way; a plain function inside it runs
    in a thread and cannot be stopped, so it ends by itself and its result is dropped.

    Raises UsageError at once for a `config_key` without `input_key` and for what is no Runnable,
    LibraryMissing without langchain-core, BadRequest for an item without its key, and ProviderError for what
    LangChain, the connection or a time-out reports. Whatever else the runnable raises passes as it is.
    """
    if config_key is not None and input_key is None:
        raise UsageError(
            "config_key needs input_key.", "Say which key of the item holds the input of the chain, too."
        )
    return _runs(async_iter, _runnable(chain), input_key, config_key, on_completion)


async def _runs(
    async_iter: AsyncIterator[Any],
    chain: Runnable[Any, Output],
    input_key: str | None,
    config_key: str | None,
    on_completion: SourceConvertable[Output],
) -> AsyncIterator[Output]:
    async with scoped(async_iter) as items:
        async for item in items:
            given = item if input_key is None else _value(item, input_key)
            config = None if config_key is None else _value(item, config_key)
            async with _run(chain, given, config) as outputs:
                async for output in outputs:
                    yield output
            async with scoped(to_source(on_completion)) as last:
                async for output in last:
                    yield output


def _value(item: Any, key: str) -> Any:
    if not isinstance(item, Mapping) or key not in item:
        what = f"one with {', '.join(map(repr, item))}" if isinstance(item, Mapping) else type(item).__name__
        raise BadRequest(f"The chain needs a mapping with {key!r}, not {what}.", "Map the items first.")
    return item[key]


def _runnable(chain: Any) -> Runnable[Any, Any]:
    try:
        from langchain_core.runnables.base import coerce_to_runnable
    except ModuleNotFoundError as error:
        raise LibraryMissing(
            "langchain-core is not installed.", "Install it: pip install 'voicecli[langchain]'"
        ) from error
    try:
        runnable: Runnable[Any, Any] = coerce_to_runnable(chain)
    except TypeError as error:
        raise UsageError(
            f"A {type(chain).__name__} is no Runnable.", "Give a Runnable, a function, or a mapping of them."
        ) from error
    return runnable


@asynccontextmanager
async def _run(
    chain: Runnable[Any, Output], given: Any, config: RunnableConfig | None
) -> AsyncIterator[AsyncIterator[Output]]:
    """What `chain` streams, closed on the way out, and its errors as ours."""
    from langchain_core.exceptions import LangChainException

    outputs = chain.astream(given, config)
    finished = False
    try:
        async with scoped(outputs):
            yield outputs
            finished = True
    except LangChainException as error:
        kinds = (_FAULTS.get(kind.__name__) for kind in type(error).__mro__)
        raise _fault(next((kind for kind in kinds if kind is not None), ProviderError), error) from error
    except TimeoutError as error:
        raise _fault(TimedOut, error) from error
    except ConnectionError as error:
        raise _fault(Unavailable, error) from error
    finally:
        if not finished:
            # LangChain leaves the generators of its inner steps to the garbage collector, which closes each
            # in a task of its own: those end here, not some time after the step.
            for _ in range(_TURNS):
                await asyncio.sleep(0)


def _fault(kind: type[ProviderError], error: Exception) -> ProviderError:
    said = " ".join(str(error).split())
    said = said if len(said) <= _LONGEST else said[: _LONGEST - 1].rstrip() + "…"
    return kind(f"The chain failed: {said or type(error).__name__}", "Check its model and its key.")


class LangChainLanguageModel:
    """A Runnable from messages to text, as the language model of a conversation.

    It is given the messages as pairs of role and content, which every chat model takes, and gives strings or
    messages; of a message the text is said, thoughts and calls of tools are not.
    """

    name = "langchain"

    def __init__(self, chain: Runnable[Any, Any]) -> None:
        self._chain = _runnable(chain)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """Yield the reply as it is made. Raises ProviderError as `langchain_step` does."""
        asked = [(message.role, message.content) for message in messages]
        async with _run(self._chain, asked, None) as outputs:
            async for output in outputs:
                if text := _text(output):
                    yield text


def _text(output: object) -> str:
    """What is to be said of a string, a message, or a message's content in blocks."""
    if isinstance(output, str):
        return output
    content = getattr(output, "content", None)
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        blocks = (block if isinstance(block, str) else _said(block) for block in content)
        return "".join(blocks)
    raise BadRequest(
        f"The chain gives {type(output).__name__} where text is needed.", "End it in StrOutputParser()."
    )


def _said(block: Mapping[str, Any]) -> str:
    return str(block.get("text", "")) if block.get("type", "text") == "text" else ""
