"""Days as people name them: "tomorrow", "next friday", "december 25th", "a week from monday", "easter".

The door to dateutil.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from dateutil.easter import easter
from dateutil.relativedelta import FR, MO, SU, TH, relativedelta

from voicecli.providers.assistant.dialogue import Unanswerable
from voicecli.providers.assistant.durations import counted
from voicecli.providers.assistant.numbers import ordinal, suffixed

__all__ = ["MONTHS", "WEEKDAYS", "Day", "day", "distance", "long_date", "month_day"]

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
    """The day that the whole text names, None when it names none.

    Without a year it is the next such day, or the last one with `past`. Raises Unanswerable.
    """
    text = re.sub(r"^(?:on |this coming |the coming |coming )", "", text.strip())
    readings = (_relative, _counted, _weekday, _holiday, _dated)
    return next(filter(None, (reading(text, today, past) for reading in readings)), None)


_RELATIVE = {"today": 0, "tonight": 0, "now": 0, "tomorrow": 1, "yesterday": -1} | {
    "day after tomorrow": 2, "the day after tomorrow": 2,
    "day before yesterday": -2, "the day before yesterday": -2,
}  # fmt: skip


def _relative(text: str, today: date, past: bool) -> Day | None:
    return Day(today + timedelta(days=_RELATIVE[text]), text) if text in _RELATIVE else None


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
        raise Unanswerable("That is too far away for my calendar.") from exc
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


# A label, the names that mean it, and where it falls: seen from January 1st, or so many days from Easter.
_HOLIDAYS = {
    name: (label, rule)
    for label, names, rule in (
        ("Christmas", "christmas|xmas", relativedelta(month=12, day=25)),
        ("Christmas Day", "christmas day", relativedelta(month=12, day=25)),
        ("Christmas Eve", "christmas eve", relativedelta(month=12, day=24)),
        ("Boxing Day", "boxing day", relativedelta(month=12, day=26)),
        ("New Year's Eve", "new years eve", relativedelta(month=12, day=31)),
        ("New Year's Day", "new year|new years|new years day|next year", relativedelta()),
        ("Halloween", "halloween", relativedelta(month=10, day=31)),
        ("Valentine's Day", "valentines day|valentines", relativedelta(month=2, day=14)),
        ("Saint Patrick's Day", "saint patricks day|st patricks day", relativedelta(month=3, day=17)),
        ("April Fools' Day", "april fools day|april fools", relativedelta(month=4)),
        ("Independence Day in the United States", "independence day", relativedelta(month=7, day=4)),
        ("Juneteenth", "juneteenth", relativedelta(month=6, day=19)),
        ("Veterans Day", "veterans day", relativedelta(month=11, day=11)),
        ("Easter Sunday", "easter|easter sunday", 0),
        ("Easter Monday", "easter monday", 1),
        ("Good Friday", "good friday", -2),
        (
            "Thanksgiving in the United States",
            "thanksgiving|thanksgiving day",
            relativedelta(month=11, weekday=TH(4)),
        ),
        ("Black Friday", "black friday", relativedelta(month=11, day=23, weekday=FR)),
        ("Labor Day in the United States", "labor day|labour day", relativedelta(month=9, weekday=MO)),
        ("Memorial Day", "memorial day", relativedelta(month=5, day=31, weekday=MO(-1))),
        ("Mother's Day in the United States", "mothers day", relativedelta(month=5, weekday=SU(2))),
        ("Father's Day in the United States", "fathers day", relativedelta(month=6, weekday=SU(3))),
        ("Martin Luther King Day", "martin luther king day", relativedelta(month=1, weekday=MO(3))),
        ("Presidents' Day", "presidents day", relativedelta(month=2, weekday=MO(3))),
    )
    for name in names.split("|")
}
_STATED = re.compile(
    r"(next|this|last|)(.*?)(?: (?:of |in )?((?:\d+ ?){1,2}|this year|next year|last year))?"
)
_YEARS = {"this year": 0, "this": 0, "next year": 1, "last year": -1}


def _holiday(text: str, today: date, past: bool) -> Day | None:
    text = " ".join(text.removeprefix("the ").split())
    stated = _STATED.fullmatch(text)
    if not stated:
        return None
    which, name, year_words = stated[1], stated[2].strip(), stated[3] or ""
    if text in _HOLIDAYS:
        which, name, year_words = "", text, ""
    if name not in _HOLIDAYS:
        return None
    label, rule = _HOLIDAYS[name]

    def falls(year: int) -> date:
        when: date = easter(year) + timedelta(rule) if isinstance(rule, int) else date(year, 1, 1) + rule
        return when

    if which == "last" and not year_words:
        return Day(_nearest(falls, today, past=True), f"last {label}")
    if not year_words and which != "this":
        return Day(_nearest(falls, today, past=past), label)
    year = _year(year_words or which, today)
    return Day(falls(year), f"{label} {year}") if year else None


def _nearest(falls: Callable[[int], date], today: date, *, past: bool) -> date:
    """The next of a yearly day from today on, or the last one until today."""
    for year in range(today.year, today.year + (-9 if past else 9), -1 if past else 1):
        try:
            found = falls(year)
        except ValueError:
            continue  # February 29th
        if found <= today if past else found >= today:
            return found
    raise Unanswerable("There is no such day.")


def _year(words: str, today: date) -> int | None:
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
    """ "december 25th", "the 4th of july 2027", "june 3", "the 15th"."""
    words = [_SHORT_MONTHS.get(word, word) for word in text.split() if word not in ("in", "of", "the")]
    for at in range(len(words[:2])):
        if found := ordinal(words, at):
            words[at : at + found[1]] = [suffixed(found[0])]
    match = _DATED.fullmatch(" ".join(words))
    if not match:
        return None
    number = int(re.sub(r"\D", "", match["number"] or match["first"] or match["alone"]))
    if match["alone"]:
        return _of_month(number, today, past)
    month = MONTHS.index(match["month"] or match["of"]) + 1
    name = f"{MONTHS[month - 1].title()}"
    if not 1 <= number <= calendar.monthrange(2024, month)[1]:
        if number > 31 and not match["year"]:
            return None
        raise Unanswerable(f"{name} has no {suffixed(number)}.")
    if not match["year"]:
        when = _nearest(lambda year: date(year, month, number), today, past=past)
        return Day(when, month_day(when))
    if not (year := _year(match["year"], today)):
        return None
    if number > calendar.monthrange(year, month)[1]:
        raise Unanswerable(f"{name} has no {suffixed(number)} in {year}.")
    return Day(date(year, month, number), f"{name} {suffixed(number)}, {year}")


def _of_month(number: int, today: date, past: bool) -> Day | None:
    """The next month that has such a day."""
    for months in range(12):
        first = today.replace(day=1) + relativedelta(months=-months if past else months)
        if 1 <= number <= calendar.monthrange(first.year, first.month)[1]:
            when = first.replace(day=number)
            if when <= today if past else when >= today:
                return Day(when, month_day(when))
    return None
