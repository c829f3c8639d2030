"""What an intent is given and gives back, and how patterns and a function become one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import ClassVar, TypeAlias, TypeVar

from voicecli.providers.assistant.timers import Timers
from voicecli.providers.assistant.wording import Wording
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Action, Message

__all__ = ["Context", "Excuse", "Intent", "Question", "Reply", "Topic", "intent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What a reply leaves behind for the next turn to refer to; it lasts until another takes over."""

    lasting: ClassVar[bool] = True
    about: str = ""  # what was asked for: "time", "date"; or said, to be said again or asked about


@dataclass(frozen=True, slots=True)
class Question(Topic):
    """We asked; `answer` takes what is said next, or leaves it to be a request of its own."""

    lasting: ClassVar[bool] = False
    intent: str
    answer: Callable[[Wording, Context], Reply | None]

    def follow(self, said: Wording, context: Context) -> Reply | None:
        return _told(self.intent, self.answer, said, context)


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said, and what is done once the turn is certain."""

    intent: str
    text: str
    actions: tuple[Action, ...] = ()
    goodbye: bool = False
    topic: Topic | None = None
    meant: str = ""  # what is acted on, to ask about where it may be misheard: "a 5 minute timer"


class Excuse(Exception):
    """Understood, and without an answer: the text says why, or asks back, as a sentence."""

    def __init__(self, text: str, topic: Topic | None = None, intent: str = "") -> None:
        super().__init__(text)
        self.topic = topic
        self.intent = intent


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
    recall: Callable[[], Topic | None] = lambda: None  # works out the topic of the turns before, when asked

    def before(self, role: str, count: int = 10**9) -> list[str]:
        """What was said in that role in the last `count` messages, the latest first."""
        texts = (message.content.strip() for message in self.history[-count:][::-1] if message.role == role)
        return [text for text in texts if text]


Intent: TypeAlias = Callable[[Wording, Context], Reply | None]
Words = TypeVar("Words")
Answer: TypeAlias = Callable[[Words, Context], Reply | str | None]
Telling: TypeAlias = Callable[[Answer[re.Match[str]]], Intent]


def intent(name: str, *patterns: str, remark: bool = False, topic: Topic | None = None) -> Telling:
    """Make a function an intent: it answers when one of the patterns is the whole of what was said.

    A remark may be politeness itself ("many thanks"), so every reading of it is compared. A text alone is a
    reply that does nothing, and leaves the topic behind.
    """
    compiled = [re.compile(pattern) for pattern in patterns]

    def made(answer: Answer[re.Match[str]]) -> Intent:
        def understood(utterance: Wording, context: Context) -> Reply | None:
            for words in utterance.readings if remark else (utterance.core,):
                for pattern in compiled:
                    match = pattern.fullmatch(words)
                    if match and (reply := _told(name, answer, match, context, topic)):
                        return reply
            return None

        return understood

    return made


def _told(
    name: str, answer: Answer[Words], said: Words, context: Context, topic: Topic | None = None
) -> Reply | None:
    """The answer as a reply, also where it is that there is none."""
    try:
        found = answer(said, context)
    except Excuse as exc:
        return Reply(exc.intent or name, str(exc), topic=exc.topic)
    return Reply(name, found, topic=topic) if isinstance(found, str) else found
