"""What was meant: the intents in the order in which they are tried, and requests joined by "and"."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

from voicecli.providers.assistant import (
    almanac,
    chance,
    clock,
    countdown,
    durations,
    limits,
    manners,
    memory,
    reminders,
    running,
    sums,
    units,
    voice,
)
from voicecli.providers.assistant.doubt import NO, YES, Doubt, asked
from voicecli.providers.assistant.reply import Context, Intent, Reply, Topic
from voicecli.providers.assistant.utterance import LONG, Utterance, hear

__all__ = ["UNCOVERED", "Context", "understand"]

UNCOVERED = frozenset(("fallback", "foreign", "silence"))
REMEMBERED = 12  # messages of the speaker that a follow-up may reach back over
LONGEST = 500  # characters; what is longer is dictation and no request

_SILENCE = Reply("silence", "I didn't catch that.")
_INTENTS: tuple[Intent, ...] = (
    reminders.answered,
    running.undo,
    memory.said,
    memory.repeat,
    memory.name,
    manners.small_talk,
    voice.voice,
    running.cancel,
    running.running,
    reminders.timer,
    reminders.alarm,
    reminders.reminder,
    chance.again,
    chance.dice,
    chance.coin,
    chance.pick,
    manners.joke,
    clock.difference,
    countdown.countdown,
    clock.time_of,
    almanac.which_day,
    almanac.weekend,
    sums.total,
    units.conversion,
    limits.beyond,
    limits.also,
    units.also,
    countdown.also,
    almanac.also,
)

# Where one request may end and the next begin: each of these opens a request of its own.
_JOINT = re.compile(
    r" (?:and then|and also|and|then|also) (?=(?:please |also |then )*(?:what|how|when"
    r"|which|who|set|start|cancel|stop|tell|give|roll|flip|toss|throw|pick|convert"
    r"|calculate|"
    r"remind|wake|repeat|turn|switch|play|open|launch|is it|say|choose|add .+ to my"
    r"|louder|quieter|softer|slower|faster|speak"
    r"|could you|can you|a \d+ (?:second|minute|hour) timer|goodbye|the time|the date)\b)"
)


def understand(said: str, context: Context) -> Reply:
    """The answer to `said`; deciding it changes nothing in the world."""
    utterance = hear(said[: LONG + 1])
    if not utterance.text:
        return _SILENCE
    if len(utterance.text) > LONGEST:
        return limits.fallback(utterance, context)
    if context.recall is Context.__dataclass_fields__["recall"].default:
        context = replace(context, recall=lambda: _topic(context))
    if reply := _confirmed(utterance, context):
        return reply
    return asked(said, _several(utterance, context) or _one(utterance, context), context)


def _confirmed(utterance: Utterance, context: Context) -> Reply | None:
    """What follows on "did you mean …?"; anything but yes and no is a request of its own."""
    yes, no = YES.fullmatch(utterance.text), NO.fullmatch(utterance.text)
    if not (yes or no) or not isinstance(topic := context.recall(), Doubt):
        return None
    if no:
        return Reply("no", "Okay. Please say it again.")
    return understand(topic.said, replace(context, certain=True, recall=lambda: topic.before))


def _one(utterance: Utterance, context: Context) -> Reply:
    for intent in _INTENTS:
        if reply := intent(utterance, context):
            return reply
    return limits.fallback(utterance, context)


def _several(utterance: Utterance, context: Context) -> Reply | None:
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
        meant=durations.listed([reply.meant for reply in replies if reply.meant] or [""]),
        topic=next((reply.topic for reply in reversed(replies) if reply.topic), None),
    )


def _topic(context: Context) -> Topic | None:
    """What the turns before were about, worked out again from what was said in them."""
    spoken = [at for at, message in enumerate(context.history) if message.role == "user"][-REMEMBERED:]
    topic: Topic | None = None
    for at in spoken:
        reply = understand(context.history[at].content, _before(context, at, topic))
        if reply.topic or not (topic and topic.lasting):
            topic = reply.topic
    return topic


def _before(context: Context, at: int, topic: Topic | None) -> Context:
    """The context of an earlier turn; it draws from a dice cup of its own."""
    history, certain = context.history[:at], context.history[at].certain
    return replace(context, history=history, certain=certain, random=Random(0), recall=lambda: topic)
