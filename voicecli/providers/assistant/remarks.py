"""What has a ready answer: small talk, what was said before, and what cannot be done offline."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from voicecli.providers.assistant.dialogue import Context, Reply, Topic, intent
from voicecli.providers.assistant.tables import named, phrases, table
from voicecli.providers.assistant.wording import LONG, Wording, hear, listed

__all__ = ["CONNECT", "also", "beyond", "fallback", "joke", "name", "repeat", "said", "talk"]

CONNECT = "Connect a model: set OPENAI_API_KEY and run with --llm openai, or start Ollama."
_FALLBACK = (
    f"I can't do that offline. {CONNECT}",
    "I can't do that offline either. Say help to hear what I can do.",
)


@dataclass(frozen=True, slots=True)
class Remark(Topic):
    """What is answered to what, and briefly to a follow-up ("what about tomorrow") on what is beyond us."""

    intent: str
    answer: str
    briefly: str
    said: re.Pattern[str]


@cache
def _remarks(file: str) -> list[Remark]:
    """In the order in which they are asked for."""
    return [
        Remark(
            row["intent"],
            row["answer"].replace("<connect>", CONNECT),
            row.get("briefly", ""),
            re.compile(named(file, "|".join(row["said"]))),
        )
        for row in table(file)["remark"]
    ]


def talk(utterance: Wording, context: Context) -> Reply | None:
    """Greetings, thanks, help, farewells and the like."""
    for words in utterance.readings:
        for remark in _remarks("phrases.toml"):
            if not remark.said.fullmatch(words):
                continue
            name, text = remark.intent, remark.answer
            if name == "greeting" and (part := re.match("good (morning|afternoon|evening)", words)):
                text = f"Good {part[1]}. How can I help?"  # as it came
            if name != "goodbye":
                return Reply(name, text)
            text = "Good night." if "night" in words else text
            if labels := [timer.label for timer in context.timers.running]:
                text += f" The {listed(labels)} won't ring any more."  # for it ends too
            return Reply(name, text, goodbye=True, meant=name)
    return None


@intent("joke", phrases("joke"))
def joke(match: re.Match[str], context: Context) -> str:
    """ "tell me a joke": one that was not told lately."""
    told = context.before("assistant")
    jokes: list[str] = table("phrases.toml")["jokes"]["told"]
    return context.random.choice([text for text in jokes if text not in told] or jokes)


@intent("repeat", phrases("repeat"), remark=True)
def repeat(match: re.Match[str], context: Context) -> str:
    """ "repeat that", "pardon"."""
    return next(iter(context.before("assistant")), "I haven't said anything yet.")


@intent("said", phrases("said"), remark=True)
def said(match: re.Match[str], context: Context) -> str:
    """ "what did I say"."""
    last = next(iter(context.before("user")), "").rstrip(".?!")
    return f"You said: {last}." if last else "You haven't said anything before that."


_NAMED = re.compile(
    r"(?:my name is|call me|i am called|you can call me|remember (?:that )?my name is) (?!(?:back|a|an|the"
    r"|later|not|when|if|at|on|in|my|what|who|tomorrow|please)\b)(?P<name>[^\W\d_]+(?: [^\W\d_]+)?)"
)


@intent(
    "name",
    _NAMED.pattern,
    r"what is my name|who am i|do you know (?:me|who i am|my name)|do you remember (?:me|my name)",
)
def name(match: re.Match[str], context: Context) -> Reply | str:
    """ "my name is Anna", and "what is my name" later in the conversation."""
    if told := match.groupdict().get("name"):
        return f"Nice to meet you, {told.title()}."
    for earlier in context.before("user"):
        if found := _NAMED.fullmatch(hear(earlier[:LONG]).core):
            return f"Your name is {found['name'].title()}."
    return Reply("identity", "You haven't told me, and I keep no notes about you.")


def beyond(utterance: Wording, context: Context) -> Reply | None:
    """Weather, music, lights, programs and the rest: what they would need, and briefly when asked again."""
    limits = _remarks("limits.toml")
    limit = next((limit for limit in limits if limit.said.search(utterance.core)), None)
    if limit is None:
        return None
    repeated = not {limit.answer, limit.briefly}.isdisjoint(context.before("assistant", 4))
    return Reply(limit.intent, limit.briefly if repeated else limit.answer, topic=limit)


@intent("limit", r"(?:and|or|what about|how about|and what about|and how about) (?:in |at |on |for )?.+")
def also(match: re.Match[str], context: Context) -> Reply | None:
    """ "what about tomorrow", after something that was beyond us."""
    topic = context.recall()
    return Reply(topic.intent, topic.briefly, topic=topic) if isinstance(topic, Remark) else None


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
