"""What the calendar says: dates, weekdays, lengths of months, and how long it is until a day or since."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime, timedelta

from voicecli.providers.assistant.dates import (
    MONTHS,
    WEEKDAYS,
    Day,
    day,
    distance,
    long_date,
    month_day,
    stated_year,
)
from voicecli.providers.assistant.dialogue import Context, Reply, Topic, intent
from voicecli.providers.assistant.durations import counted, spell_out
from voicecli.providers.assistant.timeofday import TimeOfDay, moment, parse, spoken
from voicecli.providers.assistant.timezones import PREPOSITION, elsewhere, find
from voicecli.providers.assistant.wording import capital

__all__ = ["also", "countdown", "days"]


@intent(
    "date",
    r"(?:what|which) (?P<a>year|month|week|century|season) (?:is it|is this|are we in|it is"
    r"|is it now)(?: now)?(?: in)?|(?:what is )?the (?:current )?(?P<b>year|month|week)",
    topic=Topic(about="date"),
)
def _period(match: re.Match[str], context: Context) -> str | None:
    today = context.now.date()
    texts = {"year": f"It's {today.year}.", "month": f"It's {today:%B}.", "century": "It's the 21st century."}
    texts["week"] = f"It's week {today.isocalendar().week} of {today.isocalendar().year}."
    return texts.get(match["a"] or match["b"])


@intent(
    "date",
    r"how many days (?:(?:are|is) (?:there )?|does |do |has )?(?:in )?(?:the month of )?(?:(?P<name>[a-z]+"
    r"|this month|next month)(?: (?P<of>\d{4}|\d+))?|(?P<year>this year|next year"
    r"|(?:the year )?\d+))(?: have| has)?",
)
def _length(match: re.Match[str], context: Context) -> str | None:
    """How many days a month or a year has."""
    today, name, stated = context.now.date(), match["name"], match["of"] or ""
    if match["year"]:
        which = stated_year(match["year"].removeprefix("the year "), today)
        return f"{which} has {365 + calendar.isleap(which)} days." if which else None
    if name == "february" and len(stated) != 4:
        return "February has 28 days, and 29 in a leap year."
    if name not in (*MONTHS, "this month", "next month"):
        return None
    first = today.replace(day=1) + timedelta(days=31 * (name == "next month"))
    if name in MONTHS:
        first = date(int(stated) or 1 if len(stated) == 4 else today.year, MONTHS.index(name) + 1, 1)
    return f"{first:%B} has {calendar.monthrange(first.year, first.month)[1]} days."


_POSSESSIVE = {"todays": "today", "tomorrows": "tomorrow", "yesterdays": "yesterday"}
_WAS = re.compile(r"what (?:day |date |weekday |day of the week )?was|which day was")


@intent(
    "date",
    r"(?:(?:what|which) (?P<what>day|date|weekday)(?: of (?:the week|the month|week|month))?(?: (?:is|was"
    r"|will|does|did|are))(?: it| this| we| today)?(?: be| fall| on)*|(?:what is |what was |what |tell me "
    r"|give me )?(?:the |(?P<whose>todays|tomorrows|yesterdays) )?(?:current |exact )?(?P<named>date|day"
    r"|weekday)(?: of the week| of the month)?(?: is it| it is| is| was| today| now)*)(?P<rest>(?: (?:on|in"
    r"|for|of|at))?(?: .+)?)",
    topic=Topic(about="date"),
)
def _dated(match: re.Match[str], context: Context) -> Reply | str | None:
    today, rest = context.now.date(), match["rest"].strip()
    relative, bare = _POSSESSIVE.get(match["whose"] or "", ""), PREPOSITION.sub("", rest)
    if match["named"] == "day" and rest and not relative and match[0].startswith("day"):
        return None
    if relative in ("", "today") and rest and find(bare):
        return elsewhere("date", bare, context)
    if relative or bare in ("", "now", "here", "right now"):
        return _falls(day(relative or "today", today), today)
    past = bool(_WAS.match(match[0]))
    if text := _falls(day(rest, today, past=past) or day(bare, today, past=past), today):
        return text
    return elsewhere("date", bare, context) if bare != rest else None


@intent(
    "date",
    r"what (?:is|was) (?P<day>[a-z].+)",
    r"(?:when|what date|what day|on what day|on what date|which day) (?:is|was|will|does|are"
    r"|do)(?: it)?(?: be)? (?P<day>.+?)(?: fall| be| celebrated| this year)?",
    topic=Topic(about="date"),
)
def _named(match: re.Match[str], context: Context) -> str | None:
    today = context.now.date()
    return _falls(day(match["day"], today, past=match[0].split()[1] == "was"), today)


def _falls(found: Day | None, today: date) -> str | None:
    """Where a named day lies in the calendar."""
    if found is None:
        return None
    when, name, title = found.when, found.name, capital(found.name)
    verb, is_today, stated = "was" if when < today else "is", when == today, str(when.year) in name
    if name in ("today", "now", "tonight"):
        return f"It's {long_date(when)}."
    if name.endswith(("tomorrow", "yesterday")) and " from " not in name:
        return f"{title} {verb} {long_date(when)}."
    if name.startswith(month_day(when)):
        year = "," if stated else f", {when.year}," if when.year != today.year else ""
        return f"{name}{year} {verb} {'today, ' if is_today else ''}a {when:%A}."
    if found.sooner:
        return f"This {when:%A} is {month_day(found.sooner)}, and {name} is {month_day(when)}."
    if f"{when:%A}" in name:
        text = f"{title} {verb} {month_day(when)}, {when.year}."
        return f"Today is {name}, {month_day(when)}." if is_today else text
    if not name[0].isupper():
        return f"{title} it is {long_date(when)}." if verb == "is" else f"{title}, it was {long_date(when)}."
    return f"{name} is today." if is_today else f"{name} {verb} on {long_date(when)}."


@intent("weekend", r"is (?:it|this|(?P<year>\d+(?: \d+)?|(?:this|next) year)) (?:going to be )?a leap year")
def _leap(match: re.Match[str], context: Context) -> str:
    stated = (match["year"] or "this year").removesuffix(" year").replace(" ", "")
    year = int(stated) if stated.isdigit() else context.now.year + (stated == "next")
    return f"Yes, {year} is a leap year." if calendar.isleap(year) else f"No, {year} is not a leap year."


@intent(
    "weekend",
    r"is (?:it|today|this) (?:a |already |still )?(?:the )?(?P<what>weekend|weekday|morning|afternoon"
    rf"|evening|night|{'|'.join(WEEKDAYS)})(?: yet| today| already| now)?",
)
def _is_it(match: re.Match[str], context: Context) -> str:
    what, now = match["what"], context.now
    hours = {"morning": (5, 12), "afternoon": (12, 18), "evening": (18, 22)}
    part = next((part for part, (begin, end) in hours.items() if begin <= now.hour < end), "night")
    yes = what in (part, f"{now:%A}".lower(), "weekend" if now.weekday() > 4 else "weekday")
    shown = spoken(now) if what in (*hours, "night") else f"{now:%A}"
    return f"{'Yes' if yes else 'No'}, it's {shown}."


days = (_period, _length, _dated, _named, _leap, _is_it)

_MANY = r"how (?:many (?P<unit>days|weeks|months|hours|minutes|seconds|sleeps|years)|long"


@intent(
    "countdown",
    rf"{_MANY})(?: (?:are there|is it|are|is|there are))? (?:between|from) (?P<one>.+?) (?:and|to|until"
    r"|till) (?P<two>.+)",
    rf"(?:{_MANY}|much time|much longer)|(?:the |count the )?days)(?: more)?(?: (?:are there|is there|are"
    r"|is it|is|do we have|do i have|we have|it is|left|away|remain|remaining|to go|there are|will it be"
    r"|does it take))* (?:until|till|til|to|before|untill) (?P<until>.+)",
    r"how (?:many (?P<unit>days|weeks|months) away|far away|far off|soon) is (?P<until>.+)",
    rf"(?=.* since |.*ago){_MANY})(?: (?:has it been|have passed|passed|is it|it has been|ago was|ago is"
    r"|it is|went by|have gone by))?(?: since)? (?P<since>.+)",
    topic=Topic(about="countdown"),
)
def countdown(match: re.Match[str], context: Context) -> str | None:
    """ "how many days until christmas", "how long until 5 pm", "how many weeks since january first"."""
    groups, today = match.groupdict(), context.now.date()
    unit = groups.get("unit") or ""
    if "one" in groups:
        return _between(groups["one"], groups["two"], unit, today)
    if "until" in groups:
        return _until(groups["until"], unit, context.now)
    found = day(groups["since"], today, past=True)
    if found and found.when > today:
        return _until(groups["since"], unit, context.now)
    return f"{capital(found.name)} was {distance(found.when, today, unit)} ago." if found else None


def _between(first: str, second: str, unit: str, today: date) -> str | None:
    begin, end = parse(first), parse(second)
    if begin and end and begin.certain and end.certain:
        minutes = (end.hour - begin.hour) * 60 + end.minute - begin.minute
        return f"From {spoken(begin)} to {spoken(end)} it's {spell_out(minutes % (24 * 60) * 60)}."
    one, two = day(first, today), day(second, today)
    if not one or not two:
        return None
    if two.when < one.when:  # "from november to january": the january after it
        two = day(second, one.when) or two
    text = distance(one.when, two.when, unit)
    verb = "is" if text.startswith("1 ") else "are"
    return f"There {verb} {text} from {month_day(one.when)} to {month_day(two.when)}."


def _until_time(words: str, unit: str, now: datetime) -> str | None:
    if unit not in ("", "hours", "minutes", "seconds"):
        return None
    time_words = re.sub(r"^tomorrow (?:at )?| tomorrow$", "", words)
    of_day, tomorrow = parse(time_words), time_words != words
    if of_day is None:
        return None
    # the next time the clock shows this; of an uncertain one, whichever half of the day comes first
    halves = [of_day] if tomorrow else of_day.halves
    moments = [moment(now, half, days) for half in halves for days in ((1,) if tomorrow else (0, 1))]
    when = min(when for when in moments if when > now)
    return f"It's {_in(when - now, unit)} until {spoken(when)}{' tomorrow' if tomorrow else ''}."


def _until(words: str, unit: str, now: datetime) -> str | None:
    if text := _until_time(words, unit, now):
        return text
    today, words = now.date(), words.removesuffix(" comes").removesuffix(" starts")
    if words in ("the weekend", "weekend", "next weekend"):
        if today.weekday() > 4:
            return f"It's {today:%A}: the weekend is here."
        words = "saturday"
    found = day(f"{words} 1" if words in MONTHS else words, today)
    if found is None:  # "how long to paris" is about the way
        text = f"I don't know when that is: {words}. Say a date, such as December 25th."
        return None if find(words) else text
    name, when = found.name, found.when
    if when == today:
        return f"{capital(name)} is today."
    if when < today:
        return f"{capital(name)} was {distance(when, today, '')} ago."
    if unit in ("hours", "minutes", "seconds"):
        midnight = moment(now, TimeOfDay(0), (when - today).days)
        return f"It's {_in(midnight - now, unit)} until {name} begins."
    text = f"{distance(today, when, unit)} until {name}."
    if found.sooner:
        return f"It's {distance(today, found.sooner, unit)} until this {found.sooner:%A}, and {text}"
    return f"It's {text}"


def _in(span: timedelta, unit: str) -> str:
    """So many of the unit; without one, in words, to the minute."""
    seconds = span.total_seconds()
    if not unit:
        return spell_out(round(seconds / 60) * 60 if seconds > 90 else seconds)
    size = {"hours": 3600, "minutes": 60, "seconds": 1}[unit]
    amount = round(seconds / size, 1) if seconds < 10 * size and size > 60 else round(seconds / size)
    return counted(amount, unit.removesuffix("s"))


@intent(
    "date",
    r"(?:(?:and|or|what about|how about|then|what if it is|no|i mean|i meant|make that) )*(?P<until>(?:until"
    r"|till|to) )?(?:(?:what|how) about )*(?P<in>in |at |for |on |over in )?(?P<what>.+)",
)
def also(match: re.Match[str], context: Context) -> Reply | None:
    """ "and in paris", "what about tomorrow": what was asked last, for another place or day."""
    words, today, topic = match["what"], context.now.date(), context.recall()
    asked = topic.about if topic else "nothing"
    if asked == "countdown" and (day(words, today) or parse(words)):
        text = _until(words, "", context.now)
        return Reply("countdown", text, topic=topic) if text else None
    if not match["until"] and find(words):
        return elsewhere(asked if asked == "date" else "time", words, context)
    if match["until"] or asked not in ("time", "date", "nothing"):
        return None
    if text := _falls(day(words, today) or day((match["in"] or "") + words, today), today):
        return Reply("date", text, topic=Topic(about="date"))
    return elsewhere(asked, words, context) if match["in"] and topic else None
