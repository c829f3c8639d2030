"""Thinking: messages in, tokens out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from voicecli.errors import TimedOut
from voicecli.flow.steps import idle_timeout_step
from voicecli.providers.delivery import Delivery
from voicecli.providers.engine import Engine

__all__ = [
    "Action",
    "Announcer",
    "Directs",
    "Goodbye",
    "HasPending",
    "LanguageModel",
    "Message",
    "Token",
    "timely_tokens",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One side's contribution to the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    certain: bool = True  # the recogniser is sure of these words; where not, what acts on them asks first


@dataclass(frozen=True, slots=True)
class Action:
    """Something the reply does besides being said (setting a timer, say).

    A reply may be made before the speaker has surely finished, and be thrown away; so a model never acts
    itself: it yields the action, and the conversation runs it once the turn is certain.
    """

    name: str
    run: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The conversation ends when this reply has been heard."""


Token: TypeAlias = str | Action | Goodbye


class LanguageModel(Engine, Protocol):
    """Answers the last message."""

    def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """Yield the reply as it is made; the strings, joined, are its text.

        Closing the iterator early cancels the request. Raises ProviderError.
        """
        ...


@runtime_checkable
class Announcer(Protocol):
    """A model that sometimes speaks first: a timer that rings."""

    def announcements(self) -> AsyncIterator[str]:
        """Yield what to say when it is due; never ends by itself."""
        ...


@runtime_checkable
class Directs(Protocol):
    """A model whose actions can change how the replies are spoken."""

    delivery: Delivery | None  # the conversation's, which sets it; None where nothing is to be changed


@runtime_checkable
class HasPending(Protocol):
    """A model that will speak again, as long as the conversation goes on."""

    def pending(self) -> Sequence[str]:
        """What would never be announced if the conversation ended now: "tea timer", "7:00 AM alarm"."""
        ...


def timely_tokens(tokens: AsyncIterator[Token], timeout: float) -> AsyncIterator[Token]:
    """The tokens of a reply. Raises TimedOut when none comes for `timeout` seconds, unless that is 0."""
    return idle_timeout_step(tokens, timeout, _silent)


def _silent(seconds: float) -> TimedOut:
    return TimedOut(f"The model sent nothing for {seconds:g} seconds.", "Raise [llm] timeout if it is slow.")
