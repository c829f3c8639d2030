"""The timers, alarms and reminders that are running: listing, cancelling and undoing them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from voicecli.providers.assistant.dialogue import Context, Excuse, Question, Reply, Topic, intent
from voicecli.providers.assistant.durations import rough
from voicecli.providers.assistant.tables import phrases
from voicecli.providers.assistant.timeofday import parse, spoken
from voicecli.providers.assistant.timers import Timer
from voicecli.providers.assistant.wording import Wording, capital, listed
from voicecli.providers.language_model import Action

__all__ = ["Changed", "cancel", "running", "undo"]


@dataclass(frozen=True, slots=True)
class Changed(Topic):
    """A timer, an alarm or a reminder was set or cancelled, which can be undone."""


# Listing


@intent(
    "timers",
    r"(?:how (?:much (?:more )?(?:time|longer)|long|many (?:more )?(?:minutes|seconds"
    r"|hours))(?: do i have| is there| are there| have i got| is| are)?(?: still)? (?:left|remaining|remain"
    r"|to go)|how much longer|how long (?:to go|until (?:the|my) .*(?:timer|alarm).*)|time left"
    r"|how long is left|when (?:does|will|is) (?:the|my) .*\b(?:timer|alarm)\b.*)(?: (?:on|for|in|until|of"
    r"|with|till) (?:the |my )?(?P<which>.+?))?",
    phrases("timers"),
)
def running(match: re.Match[str], context: Context) -> str:
    """ "how much time is left", "what timers do I have"."""
    kind = next((kind for kind in ("alarm", "reminder") if re.search(rf"\b{kind}s?\b", match[0])), "")
    timers = [timer for timer in context.timers.running if kind in timer.label]
    if not timers:
        return f"No {kind or 'timer'} is running."
    if which := match.groupdict().get("which"):
        timers = _named(which, timers) or timers
    if len(timers) == 1:
        rest, due = _left(timers[0], context), timers[0].at or timers[0].label.startswith("reminder")
        return f"Your {timers[0].label} {f'is due {rest}' if due else f'has {rest} left'}."
    lefts = [(timer, _left(timer, context)) for timer in timers]
    lines = [
        f"the {one.label} {left}" if one.at else f"{left} left on the {one.label}" for one, left in lefts
    ]
    return f"You have {len(lines)} {kind or 'timer'}s: {listed(lines)}."


def _left(timer: Timer, context: Context) -> str:
    """ "3 minutes"; of what is due at a time of day "tomorrow, in about 16 hours"."""
    rest = rough(timer.left(context.clock, context.now))
    if timer.at is None:
        return f"in {rest}" if timer.label.startswith("reminder") else rest
    days = (timer.at.date() - context.now.date()).days
    return f"{({0: '', 1: 'tomorrow, '}).get(days, f'on {timer.at:%A}, ')}in {rest}"


def _named(words: str, timers: list[Timer]) -> list[Timer]:
    """Those that the words mean: by kind, by a part of the label, by the time of an alarm."""
    words = re.sub(r"^(?:the|my|that|this) | (?:1|one)$", "", words.strip())
    kind = re.search(r"\b(timer|alarm|reminder)s?$", words)
    name = re.sub(r" ?\b(?:timer|alarm|reminder)s?$", "", words).strip()
    pool = [timer for timer in timers if not kind or kind[1] in timer.label]
    of_day = parse(name)
    names = [name, *(spoken(half) for half in of_day.halves)] if of_day else [name]
    return [timer for timer in pool if any(f" {name}" in f" {timer.label}" for name in names)]


# Cancelling


@intent(
    "cancel",
    r"(?:cancel|stop|delete|clear|remove|end|kill|turn off|switch off|dismiss|abort|shut off|get rid of"
    r"|forget) (?P<all>all |every |both |all of )?(?:the |my |that |this |of )*(?P<which>.*?\b(?:timer|alarm"
    r"|reminder|countdown)(?P<many>s)?)(?: please)?",
)
def cancel(match: re.Match[str], context: Context) -> Reply:
    """ "cancel the timer", "stop the tea timer", "cancel all timers"."""
    timers = context.timers.running
    kind = next((kind for kind in ("alarm", "reminder") if kind in match["which"]), "timer")
    if not timers:
        raise Excuse(f"No {kind} is running.")
    chosen = _named(match["which"], timers)
    if not chosen:
        return _which(timers, f"There is no {match['which']}.")
    return _cancelled(chosen, context) if match["all"] or match["many"] else _one(chosen, context)


def _one(chosen: list[Timer], context: Context) -> Reply:
    return _cancelled(chosen, context) if len(chosen) == 1 else _which(chosen)


def _cancelled(chosen: list[Timer], context: Context) -> Reply:
    action = Action("cancel timer", partial(context.timers.cancel, tuple(chosen)))
    what = _counted(chosen)
    return Reply("cancel", f"I've cancelled {what}.", (action,), topic=Changed(), meant=f"to cancel {what}")


def _counted(timers: list[Timer]) -> str:
    return f"the {timers[0].label}" if len(timers) == 1 else f"{len(timers)} timers"


def _which(timers: list[Timer], before: str = "") -> Reply:
    """Ask which is to be cancelled."""
    labels = [f"the {timer.label}" for timer in timers]
    alike = timers[0].label if len(set(labels)) == 1 else ""  # only their order tells them apart

    def answer(said: Wording, context: Context) -> Reply | None:
        meant = [one for one in context.timers.running if alike in ("", one.label)]
        order = re.fullmatch(r"(?:the )?(first|1st|last|second|2nd|other)(?: 1| timer)*", said.core)
        if meant and said.core in ("all", "both", "all of them", "both of them", "every 1"):
            return _cancelled(meant, context)
        if meant and order and alike:
            return _cancelled([meant[0] if order[1] in ("first", "1st") else meant[-1]], context)
        chosen = _named(said.core, context.timers.running)
        return _one(chosen, context) if chosen else None

    if len(labels) == 1:
        raise Excuse(f"{before} Only {labels[0]} is running.".strip())
    text = f"{before} Which one: {listed(labels, 'or')}?".strip()
    if alike:
        text = f"There are {len(labels)} of that name. The first, the last, or all of them?"
    return Reply("cancel", text, topic=Question("cancel", answer))


@intent("undo", phrases("undo"))
def undo(match: re.Match[str], context: Context) -> Reply | None:
    """ "cancel that", after something was set or cancelled; what has rung cannot be undone."""
    timers = context.timers
    chosen = [one for one in timers.last_set if one in timers.running] or list(timers.last_cancelled)
    if not chosen or not isinstance(context.recall(), Changed):
        return None
    what, verb = _counted(chosen), "is" if len(chosen) == 1 else "are"
    text, meant = f"I've cancelled {what}.", f"to cancel {what}"
    if not timers.last_set:
        text, meant = f"{capital(what)} {verb} set again.", f"to set {what} again"
    return Reply("undo", text, (Action("undo", timers.undo),), topic=Changed(), meant=meant)
