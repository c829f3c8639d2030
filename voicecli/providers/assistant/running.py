"""The timers, alarms and reminders that are running: listing and cancelling them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from functools import partial
from typing import ClassVar

from voicecli.providers.assistant import durations
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.timeofday import parse, spoken
from voicecli.providers.assistant.timers import Timer
from voicecli.providers.assistant.utterance import Utterance
from voicecli.providers.language_model import Action

__all__ = ["Changed", "WhichTimer", "cancel", "cancelled", "named", "running", "undo", "which"]


@dataclass(frozen=True, slots=True)
class Changed(Topic):
    """A timer, an alarm or a reminder was set or cancelled, which can be undone."""


@dataclass(frozen=True, slots=True)
class WhichTimer(Topic):
    """We asked which timer to cancel."""

    lasting: ClassVar[bool] = False
    label: str = ""  # of those that only their order tells apart


# Listing

_LEFT = re.compile(
    r"(?:how (?:much (?:more )?(?:time|longer)|long|many (?:more )?(?:minutes|seconds"
    r"|hours))(?: do i have| is there| are there| have i got| is| are)?(?: still)? (?:left"
    r"|remaining|remain|to go)"
    r"|how much longer|how long (?:to go|until (?:the|my) .*(?:timer|alarm).*)"
    r"|when (?:does|will|is) (?:the|my) .*\b(?:timer|alarm)\b.*|time left"
    r"|how long is left)"
    r"(?: (?:on|for|in|until|of|with|till) (?:the |my )?(?P<which>.+?))?"
)
_LIST = re.compile(
    r"(?:(?:what|which|how many|show me|show|list|read|are there|do i have|have i got"
    r"|check)(?: are)?(?: all| any| the| my| of)* ?(?:running |active )?(?:timers?|alarms?"
    r"|reminders?)"
    r"(?: status)?(?: do i have| are there| are running| are set| have i set| is running"
    r"| running| set| is set| left)*"
    r"|is (?:there|my|the) .*\b(?:timer|alarm)\b.*|how is (?:my|the) .*timer.*|timer status|my timers|timers)"
)


def running(utterance: Utterance, context: Context) -> Reply | None:
    """ "how much time is left", "what timers do I have"."""
    left = _LEFT.fullmatch(utterance.core)
    if not left and not _LIST.fullmatch(utterance.core):
        return None
    kind = next((kind for kind in ("alarm", "reminder") if re.search(rf"\b{kind}s?\b", utterance.core)), "")
    timers = [timer for timer in context.timers.running if kind in timer.label]
    if not timers:
        return Reply("timers", f"No {kind or 'timer'} is running.")
    if left and left["which"]:
        timers = named(left["which"], timers) or timers
    if len(timers) == 1:
        rest = _left(timers[0], context)
        due = bool(timers[0].at) or timers[0].label.startswith("reminder")
        return Reply("timers", f"Your {timers[0].label} {f'is due {rest}' if due else f'has {rest} left'}.")
    lines = [
        f"the {timer.label} {_left(timer, context)}"
        if timer.at
        else f"{_left(timer, context)} left on the {timer.label}"
        for timer in timers
    ]
    return Reply("timers", f"You have {len(lines)} {kind or 'timer'}s: {durations.listed(lines)}.")


def _left(timer: Timer, context: Context) -> str:
    """ "3 minutes"; of what is due at a time of day "tomorrow, in about 16 hours"."""
    rest = durations.rough(timer.left(context.clock, context.now))
    if timer.at is None:
        return f"in {rest}" if timer.label.startswith("reminder") else rest
    days = (timer.at.date() - context.now.date()).days
    return f"{({0: '', 1: 'tomorrow, '}).get(days, f'on {timer.at:%A}, ')}in {rest}"


def named(words: str, timers: list[Timer]) -> list[Timer]:
    """Those that the words mean: by kind, by a part of the label, by the time of an alarm."""
    words = re.sub(r"^(?:the|my|that|this) | (?:1|one)$", "", words.strip())
    kind = re.search(r"\b(timer|alarm|reminder)s?$", words)
    name = re.sub(r" ?\b(?:timer|alarm|reminder)s?$", "", words).strip()
    pool = [timer for timer in timers if not kind or kind[1] in timer.label]
    if not name:
        return pool
    of_day = parse(name)
    halves = [of_day] if not of_day or of_day.certain else [of_day.halved(False), of_day.halved(True)]
    names = [name, *(spoken(time(half.hour, half.minute)) for half in halves if half)]
    return [timer for timer in pool if any(f" {name}" in f" {timer.label}" for name in names)]


# Cancelling

_CANCEL = re.compile(
    r"(?:cancel|stop|delete|clear|remove|end|kill|turn off|switch off|dismiss|abort"
    r"|shut off|get rid of|forget) (?P<all>all |every |both |all of )?(?:the |my |that "
    r"|this |of )*(?P<which>.*?\b(?:timer|alarm|reminder"
    r"|countdown)(?P<many>s)?)(?: please)?"
)


def cancel(utterance: Utterance, context: Context) -> Reply | None:
    """ "cancel the timer", "stop the tea timer", "cancel all timers"."""
    match = _CANCEL.fullmatch(utterance.core)
    if not match:
        return None
    timers = context.timers.running
    kind = "alarm" if "alarm" in match["which"] else "reminder" if "reminder" in match["which"] else "timer"
    if not timers:
        return Reply("cancel", f"No {kind} is running.")
    chosen = named(match["which"], timers)
    if not chosen:
        return which(timers, f"There is no {match['which']}.")
    if len(chosen) > 1 and not (match["all"] or match["many"]):
        return which(chosen, "")
    return cancelled(chosen, context)


def cancelled(chosen: list[Timer], context: Context) -> Reply:
    action = Action("cancel timer", partial(context.timers.cancel, tuple(chosen)))
    what = f"the {chosen[0].label}" if len(chosen) == 1 else f"{len(chosen)} timers"
    return Reply("cancel", f"I've cancelled {what}.", (action,), topic=Changed(), meant=f"to cancel {what}")


def which(timers: list[Timer], before: str) -> Reply:
    labels = [f"the {timer.label}" for timer in timers]
    if len(labels) == 1:
        return Reply("cancel", f"{before} Only {labels[0]} is running.".strip())
    if len(set(labels)) == 1:
        text = f"There are {len(labels)} of that name. The first, the last, or all of them?"
        return Reply("cancel", text, topic=WhichTimer(timers[0].label))
    return Reply(
        "cancel", f"{before} Which one: {', '.join(labels[:-1])} or {labels[-1]}?".strip(), topic=WhichTimer()
    )


# Undoing

_UNDO = re.compile(
    r"(?:cancel|undo|delete|remove|forget|scrap)(?: that| it| this| the last (?:1|one|thing))?(?: again)?"
    r"|take (?:that|it) back|i (?:have )?changed my mind|i did not (?:mean|want|say|ask for) (?:that|it)"
)


def undo(utterance: Utterance, context: Context) -> Reply | None:
    """ "cancel that", after something was set or cancelled."""
    if not _UNDO.fullmatch(utterance.core) or not isinstance(context.recall(), Changed):
        return None
    timers = context.timers
    # What has rung cannot be undone.
    chosen = [one for one in timers.last_set if one in timers.running] or list(timers.last_cancelled)
    if not chosen:
        return None
    what = f"the {chosen[0].label}" if len(chosen) == 1 else f"{len(chosen)} timers"
    action = Action("undo", timers.undo)
    if timers.last_set:
        text, meant = f"I've cancelled {what}.", f"to cancel {what}"
    else:
        verb = "is" if len(chosen) == 1 else "are"
        text, meant = f"{what[0].upper()}{what[1:]} {verb} set again.", f"to set {what} again"
    return Reply("undo", text, (action,), topic=Changed(), meant=meant)
