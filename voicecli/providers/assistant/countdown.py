"""How long until a day or a time, and how long since."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time

from voicecli.providers.assistant.cities import find
from voicecli.providers.assistant.clock import capital
from voicecli.providers.assistant.dates import MONTHS, NoSuchDay, day, month_day
from voicecli.providers.assistant.durations import counted, spell_out
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.timeofday import TimeOfDay, moment, parse, spoken
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["Counting", "also", "countdown"]


@dataclass(frozen=True, slots=True)
class Counting(Topic):
    """The last question was how long it is until something."""


_UNTIL = re.compile(
    r"(?:how (?:many (?P<unit>days|weeks|months|hours|minutes|seconds|sleeps|years)|long"
    r"|much time|much longer)|the days|days|count the days)"
    r"(?: more)?(?: (?:are there|is there|are|is it|is|do we have|do i have|we have|it is"
    r"|left|away|remain|remaining|to go|there are|will it be|does it take))*"
    r" (?:until|till|til|to|before|untill) (?P<day>.+)"
)
_SINCE = re.compile(
    r"how (?:many (?P<unit>days|weeks|months|hours|years)|long)(?: (?:has it been"
    r"|have passed|passed|is it|it has been|ago was|ago is|it is|went by"
    r"|have gone by))?(?: since)? (?P<day>.+)"
)
_SPAN = re.compile(
    r"how (?:many (?P<unit>days|weeks|months|years|hours|minutes)|long)(?: (?:are there|is it|are|is"
    r"|there are))? (?:between|from) (?P<one>.+?) (?:and|to|until|till) (?P<two>.+)"
)
_AWAY = re.compile(r"how (?:many (?P<unit>days|weeks|months) away|far away|far off|soon) is (?P<day>.+)")


def countdown(utterance: Utterance, context: Context) -> Reply | None:
    """ "how many days until christmas", "how long until 5 pm", "how many weeks since january first"."""
    core, today = utterance.core, context.now.date()
    try:
        if match := _SPAN.fullmatch(core):
            begin, end = parse(match["one"]), parse(match["two"])
            if begin and end and begin.certain and end.certain:
                minutes = (end.hour - begin.hour) * 60 + end.minute - begin.minute
                text = spell_out(minutes % (24 * 60) * 60)
                return Reply("countdown", f"From {_shown(begin)} to {_shown(end)} it's {text}.")
            one, two = day(match["one"], today), day(match["two"], today)
            if one and two:
                if two.when < one.when:  # "from november to january": the january after it
                    two = day(match["two"], one.when) or two
                text = _length_of(one.when, two.when, match["unit"] or "days")
                verb = "are" if text[:2] != "1 " else "is"
                return Reply(
                    "countdown", f"There {verb} {text} from {month_day(one.when)} to {month_day(two.when)}."
                )
        if match := _UNTIL.fullmatch(core) or _AWAY.fullmatch(core):
            return _until(match["day"], match["unit"] or "", context)
        match = _SINCE.fullmatch(core)
        if match and (" since " in core or "ago" in core) and (found := day(match["day"], today, past=True)):
            if found.when > today:
                return _until(match["day"], match["unit"] or "", context)
            text = _length_of(found.when, today, match["unit"] or "days")
            return Reply("countdown", f"{capital(found.name)} was {text} ago.", topic=Counting())
    except NoSuchDay as none:
        return Reply("countdown", str(none))
    return None


def _shown(of_day: TimeOfDay) -> str:
    return spoken(time(of_day.hour, of_day.minute))


def _until(words: str, unit: str, context: Context) -> Reply | None:
    today = context.now.date()
    topic = Counting()
    tomorrow = re.fullmatch(r"(?:tomorrow (?:at )?(?P<a>.+)|(?P<b>.+) tomorrow)", words)
    of_day = parse((tomorrow["a"] or tomorrow["b"]) if tomorrow else words)
    if of_day and unit in ("", "hours", "minutes", "seconds"):
        when = moment(context.now, of_day, days=1) if tomorrow else _next(of_day, context.now)
        seconds = (when - context.now).total_seconds()
        text = (
            _in(seconds, unit) if unit else spell_out(round(seconds / 60) * 60 if seconds > 90 else seconds)
        )
        return Reply(
            "countdown", f"It's {text} until {spoken(when)}{' tomorrow' if tomorrow else ''}.", topic=topic
        )
    words = words.removesuffix(" comes").removesuffix(" starts")
    if words in ("the weekend", "weekend", "next weekend"):
        if today.weekday() > 4:
            return Reply("countdown", f"It's {today:%A}: the weekend is here.", topic=topic)
        words = "saturday"
    found = day(f"{words} 1" if words in MONTHS else words, today)
    if found is None:
        if find(words):
            return None  # "how long to paris" is about the way
        return Reply(
            "countdown",
            f"I don't know when that is: {words}. Say a date, such as December 25th.",
            topic=topic,
        )
    if found.when <= today:
        how = "is today" if found.when == today else f"was {_length_of(found.when, today, 'days')} ago"
        return Reply("countdown", f"{capital(found.name)} {how}.", topic=topic)
    if unit in ("hours", "minutes", "seconds"):
        seconds = (moment(context.now, TimeOfDay(0), (found.when - today).days) - context.now).total_seconds()
        return Reply("countdown", f"It's {_in(seconds, unit)} until {found.name} begins.", topic=topic)
    text = _length_of(today, found.when, unit or "days")
    if found.sooner:
        sooner = _length_of(today, found.sooner, unit or "days")
        return Reply(
            "countdown",
            f"It's {sooner} until this {found.sooner:%A}, and {text} until {found.name}.",
            topic=topic,
        )
    return Reply("countdown", f"It's {text} until {found.name}.", topic=topic)


def _next(of_day: TimeOfDay, now: datetime) -> datetime:
    """The next time the clock shows this; of an uncertain one, whichever half of the day comes first."""
    readings = [of_day] if of_day.certain else [of_day.halved(evening=False), of_day.halved(evening=True)]
    return min(when for reading in readings for days in (0, 1) if (when := moment(now, reading, days)) > now)


def _in(seconds: float, unit: str) -> str:
    size = {"hours": 3600, "minutes": 60, "seconds": 1}[unit]
    amount = round(seconds / size, 1) if seconds < 10 * size and size > 60 else round(seconds / size)
    return counted(amount, unit.removesuffix("s"))


def _length_of(start: date, end: date, unit: str) -> str:
    """The days from `start` to `end`, in the unit that was asked for."""
    if end < start:
        start, end = end, start
    days = (end - start).days
    if unit == "weeks" and days >= 7:
        weeks, rest = divmod(days, 7)
        return counted(weeks, "week") + (f" and {counted(rest, 'day')}" if rest else "")
    if unit in ("months", "years"):
        months = (end.year - start.year) * 12 + end.month - start.month
        if end.day < start.day and end.day != calendar.monthrange(end.year, end.month)[1]:
            months -= 1
        if unit == "years" and months >= 12:
            odd = f" and {counted(months % 12, 'month')}" if months % 12 else ""
            return counted(months // 12, "year") + odd
        if months:
            year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
            from_there = date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
            rest_days = (end - from_there).days
            return counted(months, "month") + (f" and {counted(rest_days, 'day')}" if rest_days else "")
    return counted(days, "sleep" if unit == "sleeps" else "day")


_ALSO = re.compile(
    r"(?:and|or|what about|how about|until|to|till) (?:until |till |to |what about |how about )?(?P<day>.+)"
)


def also(utterance: Utterance, context: Context) -> Reply | None:
    """ "what about easter", after another countdown."""
    match = _ALSO.fullmatch(utterance.core)
    if not match or not isinstance(context.recall(), Counting):
        return None
    try:
        return (
            _until(match["day"], "", context)
            if day(match["day"], context.now.date()) or parse(match["day"])
            else None
        )
    except NoSuchDay as none:
        return Reply("countdown", str(none))
