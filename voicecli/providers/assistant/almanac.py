"""What the calendar says: dates, weekdays, holidays, the lengths of months."""

from __future__ import annotations

import calendar
import re
from dataclasses import replace
from datetime import date, timedelta

from voicecli.providers.assistant.cities import find
from voicecli.providers.assistant.clock import PREPOSITION, ClockTopic, capital, here_or_there, unknown
from voicecli.providers.assistant.dates import MONTHS, WEEKDAYS, Day, NoSuchDay, day, long_date, month_day
from voicecli.providers.assistant.reply import Context, Reply
from voicecli.providers.assistant.timeofday import spoken
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["also", "weekend", "which_day"]

_DAY = re.compile(
    r"(?:(?:what|which) (?P<what>day|date|weekday)(?: of (?:the week|the month|week"
    r"|month))?(?: (?:is|was|will|does|did|are))"
    r"(?P<it> it| this| we| today)?(?: be| fall| on)*"
    r"|(?:what is |what was |what |tell me |give me )?(?:the |(?P<whose>todays|tomorrows"
    r"|yesterdays) )?(?:current |exact )?(?P<named>date|day|weekday)"
    r"(?: of the week| of the month)?(?: is it| it is| is| was| today| now)*)"
    r"(?P<rest>(?: (?:on|in|for|of|at))?(?: .+)?)"
)
_PERIOD = re.compile(
    r"(?:what|which) (?P<a>year|month|week|century|season) (?:is it|is this|are we in"
    r"|it is|is it now)(?: now)?(?: in)?|(?:what is )?the (?:current )?(?P<b>year|month"
    r"|week)"
)
_WHEN_IS = re.compile(
    r"(?:when|what date|what day|on what day|on what date|which day) (?:is|was|will|does"
    r"|are|do)(?: it)?(?: be)? (?P<day>.+?)(?: fall| be| celebrated| this year)?"
)
_NAMED = re.compile(r"what (?:is|was) (?P<day>[a-z].+)")
_MONTH_LENGTH = re.compile(
    r"how many days (?:(?:are|is) (?:there )?|does |do "
    r"|has )?(?:in )?(?:the month of )?(?P<month>[a-z]+|this month|next month|this year"
    r"|next year|the year \d+|\d{4})(?: \d+| have| has)?"
)


def which_day(utterance: Utterance, context: Context) -> Reply | None:
    """ "what day is it", "what's the date in tokyo", "what day is december 25th", "when is easter"."""
    core, today = utterance.core, context.now.date()
    if match := _PERIOD.fullmatch(core):
        return _period(match["a"] or match["b"], context)
    if match := _MONTH_LENGTH.fullmatch(core):
        return _length(match["month"], core, today)
    try:
        if (match := _DAY.fullmatch(core)) and (reply := _dated(match, context)):
            return reply
        match = _NAMED.fullmatch(core) or _WHEN_IS.fullmatch(core)
        if match and (found := day(match["day"], today, past=core.split()[1] == "was")):
            return Reply("date", _falls(found, today), topic=ClockTopic("date"))
    except NoSuchDay as none:
        return Reply("date", str(none))
    return None


def _dated(match: re.Match[str], context: Context) -> Reply | None:
    today = context.now.date()
    rest = (match["rest"] or "").strip()
    relative = {"todays": "today", "tomorrows": "tomorrow", "yesterdays": "yesterday"}.get(
        match["whose"] or "", ""
    )
    if (
        not match["what"]
        and not relative
        and rest
        and match["named"] == "day"
        and not match[0].startswith(("what", "tell", "give", "the day"))
    ):
        return None
    bare = PREPOSITION.sub("", rest)
    if relative in ("", "today") and rest and (place := find(bare)):
        return here_or_there("date", place, bare, context)
    if relative or not rest or bare in ("now", "here", "right now"):
        found = day(relative or "today", today)
    else:
        past = match[0].startswith(
            (
                "what day was",
                "what date was",
                "what was",
                "what day of the week was",
                "which day was",
                "what weekday was",
            )
        )
        found = day(rest, today, past=past) or day(bare, today, past=past)
    if found:
        return Reply("date", _falls(found, today), topic=ClockTopic("date"))
    place = find(bare)
    if place is None and bare == rest:
        return None
    return here_or_there("date", place, bare, context)


def _falls(found: Day, today: date) -> str:
    """Where a named day lies in the calendar."""
    when, name = found.when, found.name
    verb = "was" if when < today else "is"
    if name in ("today", "now", "tonight"):
        return f"It's {long_date(when)}."
    if name.removeprefix("the ") in ("tomorrow", "yesterday", "day after tomorrow", "day before yesterday"):
        return f"{capital(name)} {verb} {long_date(when)}."
    if name.startswith(month_day(when)):
        year = f", {when.year}," if when.year != today.year and str(when.year) not in name else ""
        article = "a " if verb == "was" or when != today else "today, a "
        comma = "," if str(when.year) in name and not year else ""
        return f"{name}{year}{comma} {verb} {article}{when:%A}."
    if found.sooner:
        coming = found.sooner
        return f"This {coming:%A} is {month_day(coming)}, and {name} is {month_day(when)}."
    if f"{when:%A}" in name:
        return (
            f"{capital(name)} {verb} {month_day(when)}, {when.year}."
            if when != today
            else f"Today is {name}, {month_day(when)}."
        )
    if not name[0].isupper():
        return (
            f"{capital(name)} it {verb} {long_date(when)}."
            if verb == "is"
            else f"{capital(name)}, it was {long_date(when)}."
        )
    return f"{name} {verb} on {long_date(when)}." if when != today else f"{name} is today."


def _period(name: str, context: Context) -> Reply | None:
    today = context.now.date()
    text = {
        "year": f"It's {today.year}.",
        "month": f"It's {today:%B}.",
        "week": f"It's week {today.isocalendar().week} of {today.isocalendar().year}.",
        "century": f"It's the {(today.year - 1) // 100 + 1}st century." if 2001 <= today.year <= 2100 else "",
    }.get(name, "")
    return Reply("date", text, topic=ClockTopic("date")) if text else None


def _length(name: str, core: str, today: date) -> Reply | None:
    """How many days a month or a year has."""
    year = int(stated[0]) if (stated := re.findall(r"\b\d{4}\b", core)) else today.year
    if name in ("this year", "next year") or (stated and not any(month in core for month in MONTHS)):
        year += name == "next year"
        return Reply("date", f"{year} has {366 if calendar.isleap(year) else 365} days.") if year else None
    if name in ("this month", "next month"):
        when = today.replace(day=1) + timedelta(days=31 if name == "next month" else 0)
        return Reply("date", f"{when:%B} has {calendar.monthrange(when.year, when.month)[1]} days.")
    if name not in MONTHS:
        return None
    if name == "february" and not stated:
        return Reply("date", "February has 28 days, and 29 in a leap year.")
    days = calendar.monthrange(year or today.year, MONTHS.index(name) + 1)[1]
    return Reply("date", f"{name.title()} has {days} days.")


_LEAP = re.compile(r"is (?:it|this|(?P<year>\d+(?: \d+)?|this year|next year)) (?:going to be )?a leap year")
_IS_IT = re.compile(
    r"is (?:it|today|this) (?:a |already |still )?(?P<what>the weekend|weekend|weekday"
    r"|morning|afternoon|evening|night|[a-z]+day)(?: yet| today| already| now)?"
)


def weekend(utterance: Utterance, context: Context) -> Reply | None:
    """ "is it the weekend", "is 2028 a leap year", "is it friday"."""
    today = context.now.date()
    if match := _LEAP.fullmatch(utterance.core):
        stated = match["year"] or ""
        year = int(stated.replace(" ", "")) if stated[:1].isdigit() else today.year + (stated == "next year")
        return Reply(
            "weekend",
            f"{'Yes' if calendar.isleap(year) else 'No'}, {year} is "
            f"{'' if calendar.isleap(year) else 'not '}a leap year.",
        )
    match = _IS_IT.fullmatch(utterance.core)
    if not match:
        return None
    what, hour = match["what"], context.now.hour
    if what in ("morning", "afternoon", "evening", "night"):
        part = (
            "morning"
            if 5 <= hour < 12
            else "afternoon"
            if 12 <= hour < 18
            else "evening"
            if 18 <= hour < 22
            else "night"
        )
        return Reply("weekend", f"{'Yes' if part == what else 'No'}, it's {spoken(context.now)}.")
    true = {
        "the weekend": today.weekday() > 4,
        "weekend": today.weekday() > 4,
        "weekday": today.weekday() < 5,
    }
    if what not in true and what not in WEEKDAYS:
        return None
    yes = true.get(what, f"{today:%A}".lower() == what)
    return Reply("weekend", f"{'Yes' if yes else 'No'}, it's {today:%A}.")


# Follow-ups

_ALSO = re.compile(
    r"(?:(?:and|or|what about|how about|then|what if it is|no|i mean|i meant"
    r"|make that) )*(?P<in>in |at |for |on |over in )?(?P<what>.+)"
)


def also(utterance: Utterance, context: Context) -> Reply | None:
    """ "and in paris", "what about tomorrow": the last question for another place or day."""
    match = _ALSO.fullmatch(utterance.core)
    if not match:
        return None
    words, topic = match["what"], context.recall()
    question = topic.question if isinstance(topic, ClockTopic) else ""
    if place := find(words):
        return here_or_there("date" if question == "date" else "time", place, words, context)
    if topic is not None and not question:
        return None
    try:
        found = day(words, context.now.date()) or day((match["in"] or "") + words, context.now.date())
        if found:
            return Reply("date", _falls(found, context.now.date()), topic=ClockTopic("date"))
    except NoSuchDay as none:
        return Reply("date", str(none))
    if match["in"] and question:
        return replace(unknown(words, question, question), intent=question)
    return None
