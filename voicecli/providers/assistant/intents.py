"""What was meant: the intents in the order in which they are tried, and requests joined by "and"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from random import Random

from voicecli.providers.assistant import (
    almanac,
    arithmetic,
    chance,
    conversion,
    prosody,
    remarks,
    reminders,
    timezones,
)
from voicecli.providers.assistant.dialogue import Context, Intent, Question, Reply, Topic
from voicecli.providers.assistant.tables import phrases
from voicecli.providers.assistant.wording import LONG, Wording, hear, listed

__all__ = ["REMEMBERED", "UNCOVERED", "Context", "understand"]

UNCOVERED = frozenset(("fallback", "foreign", "silence"))
REMEMBERED = 12  # messages of the speaker that a follow-up may reach back over
LONGEST = 500  # characters; what is longer is dictation and no request
LONGEST_ANSWER = 8  # words; what is longer is no answer to a question of ours

_INTENTS: tuple[Intent, ...] = (
    reminders.length_alone,
    reminders.undo,
    remarks.said,
    remarks.repeat,
    remarks.name,
    remarks.talk,
    *prosody.wishes,
    reminders.cancel,
    reminders.running,
    reminders.timer,
    reminders.alarm,
    reminders.reminder,
    *chance.draws,
    remarks.joke,
    timezones.difference,
    almanac.countdown,
    *timezones.times,
    *almanac.days,
    arithmetic.total,
    conversion.conversion,
    remarks.beyond,
    remarks.also,
    conversion.also,
    almanac.also,
)

# Where one request may end and the next begin: each of these opens a request of its own.
_JOINT = re.compile(
    r" (?:and then|and also|and|then|also) (?=(?:please |also |then )*(?:what|how|when|which|who|set|start"
    r"|cancel|stop|tell|give|roll|flip|toss|throw|pick|convert|calculate|remind|wake|repeat|turn|switch|play"
    r"|open|launch|is it|say|choose|add .+ to my|louder|quieter|softer|slower|faster|speak|could you|can you"
    r"|a \d+ (?:second|minute|hour) timer|goodbye|the time|the date)\b)"
)
_YES = re.compile(rf"(?:(?:{phrases('assent')})(?: |$))+")
_NO = re.compile(rf"(?:(?:{phrases('dissent')})(?: |$))+")


def understand(said: str, context: Context, recall: Callable[[], Topic | None] | None = None) -> Reply:
    """The answer to `said`; deciding it changes nothing in the world."""
    utterance = hear(said[: LONG + 1])
    if not utterance.text:
        return Reply("silence", "I didn't catch that.")
    if len(utterance.text) > LONGEST:
        return remarks.fallback(utterance, context)
    context = replace(context, recall=recall or (lambda: _topic(context)))
    reply = _several(utterance, context) or _one(utterance, context)
    return reply if context.certain or not reply.meant else _doubted(said, reply, context)


def _doubted(said: str, reply: Reply, context: Context) -> Reply:
    """Ask whether it was said; it is understood as it would have been then."""
    before = context.recall()

    def answer(utterance: Wording, context: Context) -> Reply | None:
        if _NO.fullmatch(utterance.text):
            return Reply("no", "Okay. Please say it again.")
        if not _YES.fullmatch(utterance.text):
            return None
        return replace(understand(said, replace(context, certain=True), lambda: before), meant="")

    if before and before.about == said:
        return reply  # said twice, it was meant
    return Reply("doubt", f"Did you mean {reply.meant}?", topic=Question("doubt", answer, about=said))


def _one(utterance: Wording, context: Context) -> Reply:
    topic = context.recall() if len(utterance.core.split()) <= LONGEST_ANSWER else None
    if isinstance(topic, Question) and (reply := topic.follow(utterance, context)):
        return reply
    replies = (intent(utterance, context) for intent in _INTENTS)
    return next(filter(None, replies), None) or remarks.fallback(utterance, context)


def _several(utterance: Wording, context: Context) -> Reply | None:
    """Two or three requests in one sentence, each of which is understood by itself."""
    parts = _JOINT.split(utterance.core)
    if not 1 < len(parts) <= 3:
        return None
    replies = [_one(hear(part), context) for part in parts]
    if any(reply.intent in UNCOVERED for reply in replies):
        return None
    return Reply(
        intent=replies[0].intent,
        text=" ".join(reply.text for reply in replies),
        actions=tuple(action for reply in replies for action in reply.actions),
        goodbye=any(reply.goodbye for reply in replies),
        meant=listed([reply.meant for reply in replies if reply.meant] or [""]),
        topic=next((reply.topic for reply in reversed(replies) if reply.topic), None),
    )


def _topic(context: Context) -> Topic | None:
    """What the turns before were about, worked out again from what was said, with a dice cup of its own."""
    spoken = [at for at, message in enumerate(context.history) if message.role == "user"][-REMEMBERED:]
    topic: Topic | None = None
    for at in spoken:
        said, before = context.history[at], (lambda topic=topic: topic)
        earlier = replace(context, history=context.history[:at], certain=said.certain, random=Random(0))
        reply = understand(said.content, earlier, before)
        if reply.topic or not (topic and topic.lasting):
            topic = reply.topic
    return topic
