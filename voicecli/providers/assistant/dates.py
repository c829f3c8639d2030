"""Days as people name them: "tomorrow", "next friday", "december 25th", "a week from monday", "easter"."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from voicecli.providers.assistant.ordinals import ordinal, suffixed

__all__ = ["MONTHS", "WEEKDAYS", "Day", "NoSuchDay", "day", "long_date", "month_day"]

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_SHORT_MONTHS = {name[:3]: name for name in MONTHS} | {"sept": "september"}


class NoSuchDay(Exception):
    """The calendar has no such day; the text says why, as a sentence."""


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


def day(text: str, today: date, *, past: bool = False) -> Day | None:
    """The day that the whole text names, None when it names none.

    Without a year it is the next such day, or the last one with `past`. Raises NoSuchDay.
    """
    text = re.sub(r"^(?:on |this coming |the coming |coming )", "", text.strip())
    for reading in (_relative, _counted, _weekday, _holiday, _dated):
        if found := reading(text, today, past):
            return found
    return None


_RELATIVE = {
    "today": 0, "tonight": 0, "now": 0, "tomorrow": 1, "yesterday": -1,
    "day after tomorrow": 2, "the day after tomorrow": 2,
    "day before yesterday": -2, "the day before yesterday": -2,
}  # fmt: skip


def _relative(text: str, today: date, past: bool) -> Day | None:
    if text in _RELATIVE:
        return Day(today + timedelta(days=_RELATIVE[text]), text)
    return None


_PERIODS = {"day": 1, "week": 7, "fortnight": 14}
_COUNTED = re.compile(
    r"(?:in |after )?(?P<count>\d+|an?) (?P<unit>day|week|fortnight|month|year)s?(?: time)?"
    r"(?P<way> from(?: now)?| after| before| ago| earlier)?(?: (?P<base>.+))?"
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
    name = f"{text} now" if text.endswith(" from") else text
    sign = -1 if way in ("ago", "before", "earlier") else 1
    try:
        if match["unit"] in _PERIODS:
            return Day(base + timedelta(days=sign * count * _PERIODS[match["unit"]]), name)
        months = sign * count * (12 if match["unit"] == "year" else 1)
        year, month = divmod(base.year * 12 + base.month - 1 + months, 12)
        last = calendar.monthrange(year, month + 1)[1]
        return Day(date(year, month + 1, min(base.day, last)), name)
    except (ValueError, OverflowError) as exc:
        raise NoSuchDay("That is too far away for my calendar.") from exc


def _weekday(text: str, today: date, past: bool) -> Day | None:
    which, _, name = text.rpartition(" ")
    if name not in WEEKDAYS or which not in ("", "this", "next", "last"):
        return None
    ahead = (WEEKDAYS.index(name) - today.weekday()) % 7
    coming = today + timedelta(days=ahead)
    if which == "last" or (past and not which):
        return Day(coming - timedelta(days=7), f"last {name.title()}")
    if which == "next":
        later = coming + timedelta(days=7)
        if ahead == 0:
            return Day(later, f"next {name.title()}")
        # In some mouths "next friday" is the coming one, in others that of next week.
        if today.weekday() + ahead <= 6:
            return Day(later, f"{name.title()} next week", sooner=coming)
        return Day(coming, f"next {name.title()}")
    return Day(coming, name.title())


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm, Nature, 20 April 1876)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (b - (b + 8) // 25 + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    weekday = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * weekday) // 451
    month, rest = divmod(h + weekday - 7 * m + 114, 31)
    return date(year, month, rest + 1)


def _nth(month: int, weekday: int, n: int) -> Callable[[int], date]:
    """The nth such weekday of a month, counted from its end where n is negative."""

    def found(year: int) -> date:
        days = [week[weekday] for week in calendar.monthcalendar(year, month) if week[weekday]]
        return date(year, month, days[n - 1 if n > 0 else n])

    return found


def _fixed(month: int, number: int) -> Callable[[int], date]:
    return lambda year: date(year, month, number)


_HOLIDAYS: dict[str, tuple[str, Callable[[int], date]]] = {
    "christmas": ("Christmas", _fixed(12, 25)),
    "christmas day": ("Christmas Day", _fixed(12, 25)),
    "xmas": ("Christmas", _fixed(12, 25)),
    "christmas eve": ("Christmas Eve", _fixed(12, 24)),
    "boxing day": ("Boxing Day", _fixed(12, 26)),
    "new years eve": ("New Year's Eve", _fixed(12, 31)),
    "new year": ("New Year's Day", _fixed(1, 1)),
    "new years": ("New Year's Day", _fixed(1, 1)),
    "new years day": ("New Year's Day", _fixed(1, 1)),
    "next year": ("New Year's Day", _fixed(1, 1)),
    "halloween": ("Halloween", _fixed(10, 31)),
    "valentines day": ("Valentine's Day", _fixed(2, 14)),
    "valentines": ("Valentine's Day", _fixed(2, 14)),
    "saint patricks day": ("Saint Patrick's Day", _fixed(3, 17)),
    "st patricks day": ("Saint Patrick's Day", _fixed(3, 17)),
    "april fools day": ("April Fools' Day", _fixed(4, 1)),
    "april fools": ("April Fools' Day", _fixed(4, 1)),
    "independence day": ("Independence Day in the United States", _fixed(7, 4)),
    "juneteenth": ("Juneteenth", _fixed(6, 19)),
    "veterans day": ("Veterans Day", _fixed(11, 11)),
    "easter": ("Easter Sunday", _easter),
    "easter sunday": ("Easter Sunday", _easter),
    "easter monday": ("Easter Monday", lambda year: _easter(year) + timedelta(days=1)),
    "good friday": ("Good Friday", lambda year: _easter(year) - timedelta(days=2)),
    "thanksgiving": ("Thanksgiving in the United States", _nth(11, 3, 4)),
    "thanksgiving day": ("Thanksgiving in the United States", _nth(11, 3, 4)),
    "black friday": ("Black Friday", lambda year: _nth(11, 3, 4)(year) + timedelta(days=1)),
    "labor day": ("Labor Day in the United States", _nth(9, 0, 1)),
    "labour day": ("Labor Day in the United States", _nth(9, 0, 1)),
    "memorial day": ("Memorial Day", _nth(5, 0, -1)),
    "mothers day": ("Mother's Day in the United States", _nth(5, 6, 2)),
    "fathers day": ("Father's Day in the United States", _nth(6, 6, 3)),
    "martin luther king day": ("Martin Luther King Day", _nth(1, 0, 3)),
    "presidents day": ("Presidents' Day", _nth(2, 0, 3)),
}


def _holiday(text: str, today: date, past: bool) -> Day | None:
    words = text.removeprefix("the ").split()
    stated = re.fullmatch(
        r"(next|this|last|)(.*?)(?: (?:of |in )?((?:\d+ ?){1,2}|this year|next year|last year))?",
        " ".join(words),
    )
    if not stated:
        return None
    which, name, year_words = stated[1], stated[2].strip(), stated[3] or ""
    if " ".join(words) in _HOLIDAYS:
        which, name, year_words = "", " ".join(words), ""
    if name not in _HOLIDAYS:
        return None
    label, falls = _HOLIDAYS[name]
    if year_words or which in ("this", "last"):
        shift = {"this year": 0, "next year": 1, "last year": -1, "this": 0}.get(year_words or which)
        if which == "last":
            return Day(_nearest(falls, today, past=True), f"last {label}")
        year = today.year + shift if shift is not None else _year(year_words.split())
        return Day(falls(year), f"{label} {year}") if year else None
    return Day(_nearest(falls, today, past=past), label)


def _nearest(falls: Callable[[int], date], today: date, *, past: bool) -> date:
    """The next of a yearly day from today on, or the last one until today."""
    for year in range(today.year, today.year + (-9 if past else 9), -1 if past else 1):
        try:
            found = falls(year)
        except ValueError:
            continue  # February 29th
        if found <= today if past else found >= today:
            return found
    raise NoSuchDay("There is no such day.")


def _year(words: list[str]) -> int | None:
    """A year in figures, in one word or in two ("20 26")."""
    if len(words) == 1 and words[0].isdigit() and 1 <= int(words[0]) <= 9999:
        return int(words[0])
    if len(words) == 2 and all(word.isdigit() and len(word) == 2 for word in words):
        return int("".join(words))
    return None


def _dated(text: str, today: date, past: bool) -> Day | None:
    """ "december 25th", "the 4th of july 2027", "june 3", "the 15th"."""
    words = [
        _SHORT_MONTHS.get(word, word)
        for word in text.removeprefix("the ").split()
        if word not in ("in", "of", "the")
    ]
    if not words:
        return None
    if words[0] in MONTHS:
        found = ordinal(words, 1) or ((int(words[1]), 1) if len(words) > 1 and words[1].isdigit() else None)
        if not found:
            return None
        month, (number, length) = MONTHS.index(words[0]) + 1, found
        rest = words[1 + length :]
    elif found := ordinal(words, 0) or ((int(words[0]), 1) if words[0].isdigit() else None):
        number, length = found
        if len(words) == length and not words[0].isdigit():
            return _of_month(number, today, past)
        if len(words) == length or words[length] not in MONTHS:
            return None
        month, rest = MONTHS.index(words[length]) + 1, words[length + 1 :]
    else:
        return None
    name = MONTHS[month - 1].title()
    if not 1 <= number <= calendar.monthrange(2024, month)[1]:
        if number > 31 and not rest:
            return None
        raise NoSuchDay(f"{name} has no {suffixed(number)}.")
    if not rest:
        when = _nearest(lambda year: date(year, month, number), today, past=past)
        return Day(when, month_day(when))
    stated = {"next year": today.year + 1, "this year": today.year, "last year": today.year - 1}
    year = stated.get(" ".join(rest)) or _year(rest)
    if not year:
        return None
    if number > calendar.monthrange(year, month)[1]:
        raise NoSuchDay(f"{name} has no {suffixed(number)} in {year}.")
    return Day(date(year, month, number), f"{name} {suffixed(number)}, {year}")


def _of_month(number: int, today: date, past: bool) -> Day | None:
    """The next month that has such a day."""
    if not 1 <= number <= 31:
        return None
    year, month = today.year, today.month
    for _ in range(12):
        if number <= calendar.monthrange(year, month)[1]:
            when = date(year, month, number)
            if when <= today if past else when >= today:
                return Day(when, month_day(when))
        year, month = (
            (year + (month == 12), month % 12 + 1)
            if not past
            else (year - (month == 1), (month - 2) % 12 + 1)
        )
    return None
