"""What an intent is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import ClassVar, TypeAlias

from voicecli.providers.assistant.timers import Timers
from voicecli.providers.assistant.utterance import Utterance
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Action, Message

__all__ = ["Context", "Intent", "Reply", "Topic"]


class Topic:
    """What a reply leaves behind for the next turn to refer to.

    A question of ours is answered in the next turn or not at all; other topics last until another takes over.
    """

    lasting: ClassVar[bool] = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and what is done once the turn is certain."""

    intent: str
    text: str
    actions: tuple[Action, ...] = ()
    goodbye: bool = False
    topic: Topic | None = None
    meant: str = ""  # what is acted on, to ask about where it may be misheard: "a 5 minute timer"


def _nothing() -> Topic | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """The world at the moment of the question; reading it changes nothing."""

    now: datetime = field(default_factory=lambda: datetime.now().astimezone())
    clock: float = 0.0  # seconds, the event loop's, by which timers run
    history: Sequence[Message] = ()  # before the question
    timers: Timers = field(default_factory=Timers)
    delivery: Delivery | None = None  # how the replies are spoken, where that can be changed
    random: Random = field(default_factory=Random)
    certain: bool = True  # the words are what was said
    recall: Callable[[], Topic | None] = _nothing  # works out the topic of the turns before, when asked


Intent: TypeAlias = Callable[[Utterance, Context], Reply | None]
