"""Small talk: greetings, thanks, who and what the assistant is, farewells, jokes, what was said before."""

from __future__ import annotations

import re
from functools import cache

from voicecli.providers.assistant.dialogue import Context, Reply, intent
from voicecli.providers.assistant.tables import phrases, table
from voicecli.providers.assistant.wording import LONG, Wording, hear, listed

__all__ = ["joke", "name", "repeat", "said", "talk"]


@cache
def _remarks() -> list[tuple[str, str, re.Pattern[str]]]:
    """The intent, its answer and its words, in the order in which they are asked for."""
    remarks = table("phrases.toml")["remark"]
    return [(one["intent"], one["answer"], re.compile("|".join(one["said"]))) for one in remarks]


def talk(utterance: Wording, context: Context) -> Reply | None:
    """Greetings, thanks, help, farewells and the like."""
    for words in utterance.readings:
        for name, text, pattern in _remarks():
            if not pattern.fullmatch(words):
                continue
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
