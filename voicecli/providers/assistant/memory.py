"""What was said before."""

from __future__ import annotations

import re

from voicecli.providers.assistant.reply import Context, Reply
from voicecli.providers.assistant.utterance import LONG, Utterance, hear

__all__ = ["name", "repeat", "said"]

_REPEAT = re.compile(
    r"(?:repeat(?: that| it| the answer| what you said| yourself)?(?: again| once more"
    r"| 1 more time)?|(?:say|tell me) (?:that|it)(?: again| once more| 1 more time)"
    r"|once (?:more|again)|1 more time"
    r"|(?:can|could|would|will) you (?:please )?(?:repeat|say) (?:that|it)(?: again)?"
    r"|say again|say what|what did you(?: just)? say|what was that|what was the answer"
    r"|again"
    r"|pardon(?: me)?|come again|i did not (?:hear|catch|get|understand)(?: you| that"
    r"| it)?|excuse me|sorry|sorry what|huh|what|what did you mean)"
)
_SAID = re.compile(
    r"(?:what did i(?: just)? (?:say|ask|tell you)(?: you)?(?: to do)?|what (?:did"
    r"|have) you (?:just )?(?:hear|heard|understand|understood|hear me say)"
    r"|what was my (?:last )?(?:question|request)"
    r"|what was i saying|repeat what i said|repeat after me|repeat my question"
    r"|did you hear me|can you hear me|do you hear me)"
)
_HEARING = re.compile(r"(?:did|can|do) you hear me")


def repeat(utterance: Utterance, context: Context) -> Reply | None:
    """ "repeat that", "pardon"."""
    if not any(_REPEAT.fullmatch(words) for words in utterance.readings):
        return None
    last = next(
        (
            message.content
            for message in reversed(context.history)
            if message.role == "assistant" and message.content.strip()
        ),
        "",
    )
    return Reply("repeat", last or "I haven't said anything yet.")


def said(utterance: Utterance, context: Context) -> Reply | None:
    """ "what did I say"."""
    match = next((words for words in utterance.readings if _SAID.fullmatch(words)), None)
    if match is None:
        return None
    last = next(
        (
            message.content.strip()
            for message in reversed(context.history)
            if message.role == "user" and message.content.strip()
        ),
        "",
    )
    if _HEARING.fullmatch(match):
        return Reply("said", "Yes, I hear you.")
    return Reply(
        "said", f"You said: {last.rstrip('.?!')}." if last else "You haven't said anything before that."
    )


_NAMED = re.compile(
    r"(?:my name is|call me|i am called|you can call me|remember (?:that )?my name is) "
    r"(?P<name>[^\W\d_]+(?: [^\W\d_]+)?)"
)
_NOT_A_NAME = re.compile(r"(?:back|a|an|the|later|not|when|if|at|on|in|my|what|who|tomorrow|please)\b.*")
_WHO = re.compile(
    r"what is my name|who am i|do you know (?:me|who i am|my name)|do you remember (?:me|my name)"
)


def name(utterance: Utterance, context: Context) -> Reply | None:
    """ "my name is Anna", and "what is my name" later in the conversation."""
    if told := _told(utterance):
        return Reply("name", f"Nice to meet you, {told}.")
    if not _WHO.fullmatch(utterance.core):
        return None
    for message in reversed(context.history):
        if message.role == "user" and (told := _told(hear(message.content[:LONG]))):
            return Reply("name", f"Your name is {told}.")
    return Reply("identity", "You haven't told me, and I keep no notes about you.")


def _told(utterance: Utterance) -> str:
    match = _NAMED.fullmatch(utterance.core)
    return match["name"].title() if match and not _NOT_A_NAME.fullmatch(match["name"]) else ""
