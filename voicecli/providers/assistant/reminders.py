"""Setting timers, alarms and reminders; nothing happens before the turn is certain."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from voicecli.providers.assistant import durations
from voicecli.providers.assistant.dates import NoSuchDay, day
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.running import Changed, WhichTimer, cancelled, named, which
from voicecli.providers.assistant.timeofday import TimeOfDay, moment, parse, spoken
from voicecli.providers.assistant.timers import Timer
from voicecli.providers.assistant.utterance import Utterance
from voicecli.providers.language_model import Action

__all__ = ["alarm", "answered", "reminder", "timer"]

LONGEST_ANSWER = 8  # words; what is longer is no answer to a question of ours
LONGEST = 7 * 86400.0  # seconds; nobody keeps a conversation open for longer


@dataclass(frozen=True, slots=True)
class HowLong(Topic):
    """We asked how long the timer should run."""

    lasting: ClassVar[bool] = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class WhenRemind(Topic):
    """We asked when to remind of something."""

    lasting: ClassVar[bool] = False
    chore: str = ""


@dataclass(frozen=True, slots=True)
class WhichHalf(Topic):
    """We asked whether an hour is meant in the morning or in the evening; without an hour, for the time."""

    lasting: ClassVar[bool] = False
    of_day: TimeOfDay | None = None
    date: str = ""
    chore: str = ""


@dataclass(frozen=True, slots=True)
class LengthOnly(Topic):
    """A length of time was said alone, and we asked whether to set a timer."""

    lasting: ClassVar[bool] = False
    seconds: float = 0.0


# Setting

_SET = (
    r"(?:set|start|create|make|begin|give me|add|put on|put|run|i need|i want|i would like"
    r"|can i have|can i get|let us have|have|get me|do|use|open|new)"
)
_TIMER = re.compile(
    rf"(?:{_SET}(?: up| me| us)* ?)?(?:(?:a|an|the|my|another|new|1|2nd"
    rf"|second) )*(?P<before>[a-z ]*?) ?(?:timer|countdown|stopwatch)"
    r"(?: (?:called|named|labeled|labelled|with the name|for|as|to)(?: (?:the|my|a|an"
    r"|some))? (?P<after>[a-z][a-z ]*?))?"
    r"(?: (?:for|of|with|to|at|on|that lasts|lasting|that is|which is))*"
)
_COUNT_DOWN = re.compile(r"(?:count ?down (?:from|for)?|time me for|timer?)")
_SECOND = re.compile(r"\b(?:a|another) second timer\b")  # in number, not in length
_NOT_A_TIMER = re.compile(
    r"\b(?:cancel|stop|delete|clear|remove|left|list|how|what|which|any|pause|resume"
    r"|extend|timers|is|are|reset|restart|off)\b"
)
_CHANGE = re.compile(
    r"(?:pause|resume|extend|restart|reset|change|update|add .+ to|continue|unpause"
    r"|shorten|lengthen) (?:the |my )?.*\b(?:timer|alarm)\b.*|snooze.*"
)


_BACKWARDS = re.compile(
    r"(?=.*\b(?:timer|alarm|remind|wake|count ?down)).*\b(?:minus|negative) (?:[\d.]+|an?) "
    r"(?:second|minute|hour|day|week)s?\b.*"
)


def timer(utterance: Utterance, context: Context) -> Reply | None:
    """ "set a timer for five minutes", "a 10 second timer called tea", "set a timer"."""
    core = _SECOND.sub("a timer", utterance.core)
    if _BACKWARDS.fullmatch(core):
        return Reply("timer", "I can't count backwards: please say a time that is still to come.")
    if _CHANGE.fullmatch(core):
        return Reply("timer", "I can't change a timer. I can cancel it and set another one.")
    if _NOT_A_TIMER.search(core):
        return None
    found = durations.find(core)
    seconds, before, behind = found or (None, core, "")
    if found and _COUNT_DOWN.fullmatch(before) and not behind:
        return _started(found[0], "", context)
    rest = f"{re.sub(r'(?:^| )(?:for|of|in|from|lasting)$', '', before)} {behind}".strip()
    match = _TIMER.fullmatch(rest)
    if not match or (not found and re.search(r"\d", rest)):
        return _unclear(core, context)
    name = (match["before"] or match["after"] or "").strip()
    if seconds is None:
        what = f"the {name} timer" if name else "the timer"
        return Reply("timer", f"How long should {what} be?", topic=HowLong(name))
    return _started(seconds, name, context)


def _unclear(core: str, context: Context) -> Reply | None:
    """A timer whose length is missing, said as a time of day, or not understood."""
    if bare := re.fullmatch(rf"(?:{_SET} )?(?:me )?(?:a |the )?timer (?:for |of )?(\d{{1,4}})", core):
        minutes = int(bare[1])
        return Reply(
            "timer", f"Do you mean {durations.counted(minutes, 'minute')}?", topic=LengthOnly(60.0 * minutes)
        )
    if (of_day := re.search(r"\btimer (?:for|at|to) (.+)$", core)) and parse(of_day[1]):
        when = f"alarm at {of_day[1]}"
        return alarm(Utterance(when, when, when), context)
    if re.match(rf"{_SET}\b.*\b(?:timer|countdown)\b", core):
        return Reply("timer", "How long should the timer be?", topic=HowLong())
    return None


def _started(seconds: float, name: str, context: Context) -> Reply:
    if seconds < 1:
        return Reply("timer", "A timer needs at least one second.")
    if seconds > LONGEST:
        return Reply("timer", "That is too long for a timer: it only runs as long as this conversation does.")
    label = f"{name} timer" if name else f"{durations.label(seconds)} timer"
    new = Timer(label, f"Your {label} is done.", context.clock + seconds)
    article = "an" if label[0] in "aeiou8" or label.startswith(("11 ", "18 ")) else "a"
    length = f" for {durations.spell_out(seconds)}" if name else ""
    action = Action("set timer", partial(context.timers.set, new))
    what = f"{article} {label}{length}"
    return Reply("timer", f"I've set {what}.", (action,), topic=Changed(), meant=what)


_ALARM = re.compile(
    rf"(?:(?:{_SET}(?: me| up)* ?)?(?:an |the |my |another )?alarm|wake me(?: up)?"
    rf"|get me up)(?: (?:clock|called alarm))?(?P<when>(?: (?:for|at|in|on|to|by))? .+)?"
)
_WHEN = re.compile(
    r"(?:(?P<first>tomorrow|today|tonight|(?:on |next |this )?[a-z]+day)(?: (?:morning"
    r"|evening|afternoon))? ?)?(?:(?:for|at|by|on|to) )*(?P<time>.*?)"
    r"(?: (?P<last>tomorrow(?: morning| evening| afternoon)?|today|(?:on |next "
    r"|this )[a-z]+day(?: morning| evening)?))?"
)


def alarm(utterance: Utterance, context: Context) -> Reply | None:
    """ "wake me at seven thirty a m", "set an alarm for noon tomorrow", "wake me in ten minutes"."""
    match = _ALARM.fullmatch(utterance.core)
    if not match:
        return None
    if not match["when"]:
        return Reply("alarm", "For what time?", topic=WhichHalf())
    when = match["when"].strip()
    if (found := durations.find(when)) and found[1] in ("", "in", "for") and not found[2]:
        return replace(_started(found[0], "", context), intent="alarm")
    return _at(when, "", context) or Reply(
        "alarm", "I didn't get the time. For what time?", topic=WhichHalf()
    )


def _at(words: str, chore: str, context: Context) -> Reply | None:
    """An alarm or a reminder at the day and time that the words name."""
    intent = "reminder" if chore else "alarm"
    match = _WHEN.fullmatch(re.sub(r"^(?:for|at|by|on) ", "", words))
    if not match:
        return None
    time_words, which = match["time"].strip(), (match["last"] or match["first"] or "")
    date = re.sub(r"^on | morning$| evening$| afternoon$", "", which)
    of_day = parse(time_words)
    if of_day and not of_day.certain:
        half = re.search(r"\b(morning|evening|afternoon|tonight)\b", words)
        if not half:
            text = (
                f"Do you mean {spoken(moment(context.now, of_day.halved(False)))} or "
                f"{spoken(moment(context.now, of_day.halved(True)))}?"
            )
            return Reply(intent, text, topic=WhichHalf(of_day, date, chore))
        of_day = of_day.halved(evening=half[1] != "morning")
    if not of_day:
        return None
    return _ringing(of_day, date, chore, context)


def _ringing(of_day: TimeOfDay, date: str, chore: str, context: Context) -> Reply | None:
    intent = "reminder" if chore else "alarm"
    today = context.now.date()
    try:
        named = day(date, today) if date else None
    except NoSuchDay as none:
        return Reply(intent, str(none))
    if date and not named:
        return None
    when = moment(context.now, of_day, (named.when - today).days if named else 0)
    if when <= context.now:
        if named and named.when == today and date in ("today", "tonight"):
            return Reply(intent, f"{spoken(when)} is already over today.")
        when = moment(context.now, of_day, 7 if named else 1)
    days = (when.date() - today).days
    where = {0: "", 1: " tomorrow"}.get(days, f" on {when:%A}")
    seconds = (when - context.now).total_seconds()
    label = f"reminder at {spoken(when)}" if chore else f"{spoken(when)} alarm"
    announcement = f"Reminder: {chore}." if chore else f"It's {spoken(when)}. This is your alarm."
    new = Timer(label, announcement, context.clock + seconds, at=when)
    action = Action("set reminder" if chore else "set alarm", partial(context.timers.set, new))
    if chore:
        what = f"to {chore} at {spoken(when)}{where}"
        text, meant = f"I'll remind you {what}.", f"a reminder {what}"
    else:
        what = f"for {spoken(when)}{where}"
        text, meant = f"Your alarm is set {what}.", f"an alarm {what}"
    return Reply(intent, text, (action,), topic=Changed(), meant=meant)


_REMIND = re.compile(
    r"(?:(?:set|make|create|add) (?:a |me a )?reminder|remind me|give me a reminder|reminder)(?P<rest> .+)?"
)


def reminder(utterance: Utterance, context: Context) -> Reply | None:
    """ "remind me in ten minutes to call mom", "remind me to leave at noon"."""
    match = _REMIND.fullmatch(utterance.core)
    if not match:
        return None
    rest = (match["rest"] or "").strip()
    if found := durations.find(rest):
        seconds, before, behind = found
        if before == "in" or before.endswith(" in"):
            chore = _chore(before.removesuffix("in").strip() or behind)
            return _reminded(seconds, chore, context)
    for pattern in (
        r"(?P<chore>(?:to|about|that) .+?) (?P<when>(?:at|on|by|tomorrow|today|tonight) .+)",
        r"(?P<when>.+?) (?P<chore>(?:to|about|that) .+)",
    ):
        if (parts := re.fullmatch(pattern, rest)) and (
            reply := _at(parts["when"], _chore(parts["chore"]), context)
        ):
            return reply
    if reply := _at(rest, _chore(""), context):
        return reply
    chore = _chore(rest)
    return Reply("reminder", f"When should I remind you to {chore}?", topic=WhenRemind(chore))


def _chore(words: str) -> str:
    """What to be reminded of, seen from our side; something to say where nothing was named."""
    words = re.sub(r"^(?:to|that|about|of|for) ", "", words)
    words = re.sub(r"\bmy\b", "your", words)
    return re.sub(r"\b(?:me|i)\b", "you", words) or "do what you wanted to do"


def _reminded(seconds: float, chore: str, context: Context) -> Reply:
    if not 1 <= seconds <= LONGEST:
        return Reply("reminder", "I can only remind you as long as this conversation runs.")
    new = Timer(f"reminder to {chore}", f"Reminder: {chore}.", context.clock + seconds)
    action = Action("set reminder", partial(context.timers.set, new))
    what = f"to {chore} in {durations.spell_out(seconds)}"
    text, meant = f"I'll remind you {what}.", f"a reminder {what}"
    return Reply("reminder", text, (action,), topic=Changed(), meant=meant)


# Answers to what we asked

_HALVES = re.compile(
    r"(?:in )?(?:the )?(?P<half>morning|evening|afternoon|am|pm|a|p|night|at night"
    r"|the first|the second|tonight)(?: please)?|(?P<time>.+)"
)


def answered(utterance: Utterance, context: Context) -> Reply | None:
    """What follows on a question of ours ("five minutes", "in the morning"), or a length of time alone."""
    core = utterance.core
    seconds = durations.parse(re.sub(r"^(?:for|in|and|make it|after|about) ", "", core))
    half = _HALVES.fullmatch(core)
    if (seconds is None and half is None) or len(core.split()) > LONGEST_ANSWER:
        return None
    topic = context.recall()
    if isinstance(topic, LengthOnly) and utterance.plain in (
        "yes",
        "yeah",
        "sure",
        "okay",
        "yes please",
        "yep",
        "do it",
        "please do",
        "right",
    ):
        return _started(topic.seconds, "", context)
    if isinstance(topic, HowLong) and seconds is not None:
        return _started(seconds, topic.name, context)
    if isinstance(topic, WhenRemind):
        return (
            _reminded(seconds, topic.chore, context)
            if seconds is not None
            else _at(core, topic.chore, context)
        )
    if isinstance(topic, WhichHalf):
        return _half(half, seconds, topic, context)
    if isinstance(topic, WhichTimer):
        alike = [one for one in context.timers.running if topic.label in ("", one.label)]
        order = re.fullmatch(r"(?:the )?(first|1st|last|second|2nd|other)(?: 1| timer)*", core)
        if core in ("all", "both", "all of them", "both of them", "every 1") and alike:
            return cancelled(alike, context)
        if order and topic.label and alike:
            return cancelled([alike[0] if order[1] in ("first", "1st") else alike[-1]], context)
        if chosen := named(core, context.timers.running):
            return cancelled(chosen, context) if len(chosen) == 1 else which(chosen, "")
    if seconds is not None and _free(core):
        text = f"Do you want a timer for {durations.spell_out(seconds)}?"
        return Reply("timer", text, topic=LengthOnly(seconds))
    if core in ("in the morning", "in the evening"):
        return Reply(
            "alarm", "I'm not sure what you mean. For an alarm, say: wake me at seven in the morning."
        )
    return None


def _free(core: str) -> bool:
    """Whether a length of time stands by itself; behind "in", it may go on from another question."""
    return not core.startswith(("in ", "and ", "after "))


def _half(
    half: re.Match[str] | None, seconds: float | None, topic: WhichHalf, context: Context
) -> Reply | None:
    if half and half["half"] and topic.of_day:
        morning = half["half"] in ("morning", "am", "a", "the first")
        evening = not morning and not (
            half["half"] in ("night", "at night") and topic.of_day.hour in (12, 1, 2, 3, 4)
        )
        return _ringing(topic.of_day.halved(evening=evening), topic.date, topic.chore, context)
    if seconds is not None and not topic.of_day:
        return replace(_started(seconds, "", context), intent="alarm")
    return _at(half["time"], topic.chore, context) if half and half["time"] else None
