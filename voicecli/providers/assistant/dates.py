"""Days as people name them: "tomorrow", "next friday", "a week from monday"; the door to dateutil."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from dateutil.relativedelta import relativedelta
from dateutil.rrule import rrulestr

from voicecli.providers.assistant.dialogue import Excuse
from voicecli.providers.assistant.durations import counted
from voicecli.providers.assistant.numbers import ordinal, suffixed
from voicecli.providers.assistant.tables import rows

__all__ = ["MONTHS", "WEEKDAYS", "Day", "day", "distance", "long_date", "month_day", "stated_year"]

WEEKDAYS = [name.lower() for name in calendar.day_name]
MONTHS = [name.lower() for name in calendar.month_name[1:]]
_SHORT_MONTHS = {name[:3]: name for name in MONTHS} | {"sept": "september"}


@dataclass(frozen=True, slots=True)
class Day:
    """A date and its name; `sooner` is the other day that "next friday" can mean."""

    when: date
    name: str
    sooner: date | None = None


def month_day(when: date) -> str:
    """ "December 25th"."""
    return f"{when:%B} {suffixed(when.day)}"


def long_date(when: date) -> str:
    """ "Friday, December 25th, 2026"."""
    return f"{when:%A}, {month_day(when)}, {when.year}"


def distance(start: date, end: date, unit: str) -> str:
    """The time between two days in the unit that was asked for, its rest in the next smaller."""
    start, end = sorted((start, end))
    span, days = relativedelta(end, start), (end - start).days
    parts = [(days, "sleep" if unit == "sleeps" else "day")]
    if unit == "weeks" and days >= 7:
        parts = [(days // 7, "week"), (days % 7, "day")]
    elif unit == "years" and span.years:
        parts = [(span.years, "year"), (span.months, "month")]
    elif unit in ("months", "years") and (months := 12 * span.years + span.months):
        parts = [(months, "month"), (span.days, "day")]
    return " and ".join(counted(*part) for at, part in enumerate(parts) if part[0] or not at)


def day(text: str, today: date, *, past: bool = False) -> Day | None:
    """The day that the whole text names, the next or, with `past`, the last such; or None. Raises Excuse."""
    text = re.sub(r"^(?:on |this coming |the coming |coming )", "", text.strip())
    if (relative := text.removeprefix("the ")) in _RELATIVE:
        return Day(today + timedelta(days=_RELATIVE[relative]), text)
    readings = (_counted, _weekday, _holiday, _dated)
    return next(filter(None, (reading(text, today, past) for reading in readings)), None)


_RELATIVE = {
    "today": 0, "tonight": 0, "now": 0, "tomorrow": 1, "yesterday": -1, "day after tomorrow": 2,
    "day before yesterday": -2,
}  # fmt: skip
_COUNTED = re.compile(
    r"(?:in |after )?(?P<count>\d+|an?) (?P<unit>day|week|fortnight|month|year)s?(?: time)?(?P<way> from(?: "
    r"now)?| after| before| ago| earlier)?(?: (?P<base>.+))?"
)


def _counted(text: str, today: date, past: bool) -> Day | None:
    match = _COUNTED.fullmatch(text)
    if not match or not (text.startswith("in ") or match["way"]):
        return None
    way = (match["way"] or "").strip()
    base = today
    if match["base"]:
        if way not in ("from", "after", "before") or not (named := day(match["base"], today)):
            return None
        base = named.when
    elif way in ("before", "after"):
        return None
    count = 1 if match["count"].startswith("a") else int(match["count"])
    count *= -1 if way in ("ago", "before", "earlier") else 1
    unit, size = ("week", 2) if match["unit"] == "fortnight" else (match["unit"], 1)
    try:
        when = base + relativedelta(**{f"{unit}s": size * count})
    except (ValueError, OverflowError) as exc:
        raise Excuse("That is too far away for my calendar.") from exc
    return Day(when, f"{text} now" if text.endswith(" from") else text)


def _weekday(text: str, today: date, past: bool) -> Day | None:
    which, _, name = text.rpartition(" ")
    if name not in WEEKDAYS or which not in ("", "this", "next", "last"):
        return None
    ahead = (WEEKDAYS.index(name) - today.weekday()) % 7
    coming, title = today + timedelta(days=ahead), name.title()
    if which == "last" or (past and not which):
        return Day(coming - timedelta(days=7), f"last {title}")
    if which != "next":
        return Day(coming, title)
    # In some mouths "next friday" is the coming one, in others that of next week.
    later = coming + timedelta(days=7)
    if ahead and today.weekday() + ahead <= 6:
        return Day(later, f"{title} next week", sooner=coming)
    return Day(coming if ahead else later, f"next {title}")


@cache
def _holidays() -> dict[str, tuple[str, str]]:
    """What is said, the name, and the rule of when it falls."""
    found: dict[str, tuple[str, str]] = {}
    for names, (rule,) in rows("holidays.txt"):
        name, *aliases = names.split("=")
        found |= dict.fromkeys([name.lower().replace("'", ""), *aliases], (name, f"FREQ=YEARLY;{rule}"))
    return found


def _falls(rule: str, today: date, *, past: bool = False) -> date:
    """The next such day from today on, or the last one until today."""
    now = datetime(today.year, today.month, today.day)
    days = rrulestr(rule, dtstart=now - relativedelta(years=9 * past))
    found: datetime | None = (days.before if past else days.after)(now, inc=True)
    if found is None:
        raise Excuse("There is no such day.")
    return found.date()


_STATED = re.compile(r"(next|this|last|) ?(.*?)(?: (?:of |in )?((?:\d+ ?){1,2}|(?:this|next|last) year))?$")
_YEARS = {"this year": 0, "this": 0, "next year": 1, "last year": -1}


def _holiday(text: str, today: date, past: bool) -> Day | None:
    text = " ".join(text.removeprefix("the ").split())
    which, name, year_words = ("", text, "") if text in _holidays() else _STATED.findall(text)[0]
    if name not in _holidays():
        return None
    label, rule = _holidays()[name]
    if which == "last" and not year_words:
        return Day(_falls(rule, today, past=True), f"last {label}")
    if not year_words and which != "this":
        return Day(_falls(rule, today, past=past), label)
    year = stated_year(year_words or which, today)
    return Day(_falls(rule, date(year, 1, 1)), f"{label} {year}") if year else None


def stated_year(words: str, today: date) -> int | None:
    """A year as it is said: "next year", or in figures, in one word or in two ("20 26")."""
    if words in _YEARS:
        return today.year + _YEARS[words]
    return int(words.replace(" ", "")) or None if re.fullmatch(r" ?(?:\d{1,4}|\d\d \d\d)", words) else None


_MONTH = "|".join(MONTHS)
_DATED = re.compile(
    rf"(?:(?P<month>{_MONTH}) (?P<number>\d+(?:st|nd|rd|th)?)|(?P<first>\d+(?:st|nd|rd"
    rf"|th)?) (?P<of>{_MONTH}))"
    r"(?: (?P<year>.+))?|(?P<alone>\d+(?:st|nd|rd|th))"
)


def _dated(text: str, today: date, past: bool) -> Day | None:
    words = [_SHORT_MONTHS.get(word, word) for word in text.split() if word not in ("in", "of", "the")]
    for at in (0, 1):
        if found := ordinal(words, at):
            words[at : at + found[1]] = [suffixed(found[0])]
    match = _DATED.fullmatch(" ".join(words))
    number = int(re.sub(r"\D", "", match["number"] or match["first"] or match["alone"])) if match else 0
    if not match or (match["alone"] and not 1 <= number <= 31):
        return None
    if match["alone"]:
        when = _falls(f"FREQ=MONTHLY;BYMONTHDAY={number}", today, past=past)
        return Day(when, month_day(when))
    month = MONTHS.index(match["month"] or match["of"]) + 1
    name = MONTHS[month - 1].title()
    if not 1 <= number <= calendar.monthrange(2024, month)[1]:
        if number > 31 and not match["year"]:
            return None
        raise Excuse(f"{name} has no {suffixed(number)}.")
    if not match["year"]:
        when = _falls(f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={number}", today, past=past)
        return Day(when, month_day(when))
    if not (year := stated_year(match["year"], today)):
        return None
    if number > calendar.monthrange(year, month)[1]:
        raise Excuse(f"{name} has no {suffixed(number)} in {year}.")
    return Day(date(year, month, number), f"{name} {suffixed(number)}, {year}")
