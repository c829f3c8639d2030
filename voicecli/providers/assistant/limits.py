"""What people ask for that cannot be done offline: understood, and answered with what it would need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from voicecli.providers.assistant.dialogue import Context, Reply, Topic, intent
from voicecli.providers.assistant.tables import named, table
from voicecli.providers.assistant.wording import Wording

__all__ = ["CONNECT", "also", "beyond", "fallback"]

CONNECT = "Connect a model: set OPENAI_API_KEY and run with --llm openai, or start Ollama."
_FALLBACK = (
    f"I can't do that offline. {CONNECT}",
    "I can't do that offline either. Say help to hear what I can do.",
)


@dataclass(frozen=True, slots=True)
class Beyond(Topic):
    """Something that is beyond us, which a follow-up ("what about tomorrow") is too."""

    intent: str
    answer: str
    briefly: str  # when it is asked again
    asked: re.Pattern[str]


@cache
def _limits() -> list[Beyond]:
    return [
        Beyond(
            limit["intent"],
            limit["answer"].replace("<connect>", CONNECT),
            limit["briefly"],
            re.compile(named("limits.toml", "|".join(limit["asked"]))),
        )
        for limit in table("limits.toml")["limit"]
    ]


def beyond(utterance: Wording, context: Context) -> Reply | None:
    """Weather, music, lights, programs and the rest: what they would need, and briefly when asked again."""
    limit = next((limit for limit in _limits() if limit.asked.search(utterance.core)), None)
    if limit is None:
        return None
    repeated = not {limit.answer, limit.briefly}.isdisjoint(context.before("assistant", 4))
    return Reply(limit.intent, limit.briefly if repeated else limit.answer, topic=limit)


@intent("limit", r"(?:and|or|what about|how about|and what about|and how about) (?:in |at |on |for )?.+")
def also(match: re.Match[str], context: Context) -> Reply | None:
    """ "what about tomorrow", after something that was beyond us."""
    topic = context.recall()
    return Reply(topic.intent, topic.briefly, topic=topic) if isinstance(topic, Beyond) else None


def fallback(utterance: Wording, context: Context) -> Reply:
    """The honest sentence; short when it was just said."""
    if _foreign(utterance.text):
        return Reply("foreign", f"I only understand English offline. {CONNECT}")
    return Reply("fallback", _FALLBACK[not set(_FALLBACK).isdisjoint(context.before("assistant", 6))])


def _foreign(text: str) -> bool:
    letters = [letter for letter in text if letter.isalpha()]
    if letters and sum(not letter.isascii() for letter in letters) * 2 > len(letters):
        return True
    common = {name: set(words.split()) for name, words in table("limits.toml")["foreign"].items()}
    words = set(text.split())
    english = words & common.pop("english")
    return any(len((words - english) & of) > max(1, len(english)) for of in common.values())
