"""What was said before."""

from __future__ import annotations

import re

from voicecli.providers.assistant.reply import Context, Reply
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["repeat", "said"]

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
