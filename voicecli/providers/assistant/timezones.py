"""Cities, countries and regions, their zones of the IANA database, and what the clock says there and here."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicecli.providers.assistant import durations
from voicecli.providers.assistant.dates import long_date
from voicecli.providers.assistant.dialogue import Context, Excuse, Reply, Topic, intent
from voicecli.providers.assistant.tables import rows
from voicecli.providers.assistant.timeofday import parse, spoken
from voicecli.providers.assistant.wording import capital, listed

__all__ = ["PREPOSITION", "difference", "elsewhere", "famous", "find", "places", "times"]

LONGEST = 7 * 86400.0  # seconds; beyond a week people ask for a date
LONGEST_PLACE = 12  # words: more than any place with its region has


@dataclass(frozen=True, slots=True)
class Place:
    """A name as it is answered, and its zone; one in several zones has none, but `examples` to ask with."""

    name: str
    zone: str = ""
    examples: tuple[str, ...] = ()


@cache
def places() -> dict[str, Place]:
    """Every name in lower case, as it is said, and its place."""
    table: dict[str, Place] = {}
    for zone, entries in rows("places.txt"):
        several = zone.startswith("? ")
        for names in [zone[2:]] if several else entries:
            name, *aliases = (part.strip(" *") for part in names.split("="))
            one = Place(name.replace(" in ", ", "), zone)
            place = Place(name, examples=tuple(entries)) if several else one
            for said in (name, *aliases):
                table.setdefault(re.sub(r"[^a-z ]", "", said.lower().replace("-", " ")), place)
    return table


@cache
def famous() -> tuple[str, ...]:
    """The starred names of the recogniser's grammar, which starred aliases stand for."""
    found: list[str] = []
    for entry in (entry.strip() for _, entries in rows("places.txt") for entry in entries):
        name, *aliases = entry.split("=")
        found += [alias for alias in aliases if alias.startswith("*")] or [name] * name.startswith("*")
    return tuple(name.strip().removeprefix("*").lower() for name in found)


# An unknown city in a known country is up to three words that could be its name.
_NAMELIKE = re.compile(
    r"(?!.*\b(?:what|how|is|it|the|time|day|date|to|of|and|or|in|at|a|about|from|for|my)\b)[a-z ]{3,}"
)
_TRIMMED = re.compile(
    r"^(?:the city of |downtown |here in |over in |over there in )|(?: right now| now| today| currently| time"
    r"| at the moment)+$"
)


def find(text: str) -> Place | None:
    """The place that the whole text names: "paris", "paris france", "springfield illinois", or None."""
    text, table = _TRIMMED.sub("", text).strip(), places()
    if place := table.get(text) or table.get(f"the {text}"):
        return place
    words = text.split()  # behind a city, a region tells which one is meant; its zone then counts
    for split in range(1, len(words) if len(words) <= LONGEST_PLACE else 0):
        city, region = " ".join(words[:split]), table.get(" ".join(words[split:]).removeprefix("in "))
        if region is None:
            continue
        known, partly = table.get(city), region.name.startswith("most of")
        if known and known.zone and (partly or region.zone in ("", known.zone)):
            return known
        if known or (split <= 3 and _NAMELIKE.fullmatch(city)):
            named = region.zone and not partly
            return Place(f"{city.title()}, {region.name}", region.zone) if named else region
    return None


def _there(words: str, context: Context, question: str = "time", intent: str = "") -> tuple[str, datetime]:
    """The place that the words name and the time there; raises Excuse for none and for several."""
    place = find(words)
    text = f"I don't know the time zone of {words.title()}. Try the nearest large city."
    if place and place.examples:
        cities = listed(place.examples, "or")
        text = f"{capital(place.name)} can mean several time zones. Which city: {cities}, for example?"
    elif place:
        with suppress(ZoneInfoNotFoundError):
            return place.name, context.now.astimezone(ZoneInfo(place.zone))
    raise Excuse(text, Topic(about=question), intent)


def elsewhere(question: str, words: str, context: Context) -> Reply:
    """The time, or the date, at the place that the words name."""
    name, there = _there(words, context, question, question)
    text = f"It's {spoken(there)}{_weekday(there, context)} in {name}."
    if question == "date":
        text = f"In {name}, it's {long_date(there.date())}."
    return Reply(question, text, topic=Topic(about=question))


def _weekday(when: datetime, context: Context) -> str:
    """ " on Saturday", of another day than today."""
    return f" on {when:%A}" if when.date() != context.now.date() else ""


PREPOSITION = re.compile(r"^(?:(?:over|over there|here|back|out|down) in|in|at|for|of|on)(?: the)?(?: |$)")


@intent(
    "time",
    r"what time is it in (?P<there>.+) when it is (?P<time>.+?) in (?P<here>.+)",
    r"(?:when|if) it is (?P<time>.+?) in (?P<here>.+?) what time is it in (?P<there>.+)",
    r"what is (?P<time>\d.*?) in (?P<here>\D+?) in (?P<there>.+)",
)
def _converted(match: re.Match[str], context: Context) -> str | None:
    """The time there when it is that time here; of an hour without its half of the day, both."""
    of_day = parse(match["time"])
    if of_day is None:
        return None
    (near, start), (far, target) = (_there(match[name], context) for name in ("here", "there"))
    sentences: list[str] = []
    for half in of_day.halves:
        begin = start.replace(hour=half.hour, minute=half.minute, second=0, microsecond=0)
        end = begin.astimezone(target.tzinfo)
        shift = {-1: " the day before", 1: " the next day"}.get((end.date() - begin.date()).days, "")
        sentences.append(f"When it's {spoken(begin)} in {near}, it's {spoken(end)}{shift} in {far}.")
    return " ".join(sentences)


@intent(
    "time",
    r"(?:what is |tell me |tell |give me |say )?(?:the )?(?:current )?(?:time and (?:the )?date"
    r"|date and (?:the )?time)(?: is it| now| today)*",
)
def _both(match: re.Match[str], context: Context) -> str:
    return f"It's {spoken(context.now)} on {long_date(context.now.date())}."


@intent(
    "time",
    r"what time (?:is it|will it be|was it|is) (?:in )?(?P<length>.*\d.*?|an? .+?|half .+?)(?: from(?: now)?"
    r"| later|(?P<ago> ago))?",
)
def _later(match: re.Match[str], context: Context) -> str | None:
    """The time so much later, or earlier."""
    seconds = durations.parse(match["length"])
    if seconds is None or seconds > LONGEST:
        return None
    length = durations.spell_out(seconds)
    when = context.now + timedelta(seconds=-seconds if match["ago"] else seconds)
    start = f"{capital(length)} ago it was" if match["ago"] else f"In {length} it will be"
    return f"{start} {spoken(when)}{_weekday(when, context)}."


@intent(
    "time",
    r"(?!.*\b(?:zone|difference|timer|when)\b)(?:(?:what is|what are|what|whats|tell me|tell|give me"
    r"|have you got|have you|do you have|you have|got|say|check|show me|read me|and) )*(?:the )?(?:current "
    r"|exact |local |right |actual )?(?:times?|hour)(?: is it| it is| is| do you have| have you got"
    r"| of day is it| is that)?(?: now| right now| today| currently| there| here"
    r"| please)*(?: (?P<place>.+))?",
    topic=Topic(about="time"),
)
def _time(match: re.Match[str], context: Context) -> Reply | str | None:
    words = match["place"] or ""
    bare = PREPOSITION.sub("", words)
    if bare in ("", "here", "this place", "my city", "morning", "evening", "afternoon"):
        return f"It's {spoken(context.now)}."
    several = [bare] if find(bare) else re.split(r" and (?:in )?", bare)
    if len(several) > 1 and all(map(find, several)):
        return " ".join(elsewhere("time", one, context).text for one in several)
    if bare == words and not find(bare):
        return None  # "what time does it open": a question for something else
    return elsewhere("time", bare, context)


times = (_converted, _both, _later, _time)


_HERE = ("", "it", "we", "here", "this", "us", "me", "you", "this place", "my place")


@intent(
    "difference",
    r"(?:what is |what |how much is |how big is )?(?:the )?time (?:zone )?difference (?:is there "
    r"|is )?(?:between|from) (?P<one>.+?) (?:and|to) (?P<two>.+)",
    r"(?:what is |what |how much is )?(?:the )?time difference (?:is there )?(?:with|to|from|in"
    r"|here and) (?P<one>.+)",
    r"how (?:many hours|far|much) (?:ahead|behind) (?:of us |of me |of here )?is (?P<one>.+?)(?: of "
    r"(?P<two>.+))?",
    r"(?:what|which) time ?zone (?:is|are) (?P<zone>.+?)(?: in)?",
    r"what is (?:the |my )?(?:current |local )?time ?zone(?: (?:of|in|for) (?P<zone>.+))?",
    r"(?P<zone>)(?:what|which) time ?zone (?:am i|are we) in",
    topic=Topic(about="time"),
)
def difference(match: re.Match[str], context: Context) -> str:
    """ "what's the time difference between tokyo and london", "what time zone is paris in"."""
    found = match.groupdict()
    if "one" in found:
        return _compared(found["one"], found.get("two") or "", context)
    words = (found["zone"] or "").removeprefix("it in ").removesuffix(" in")
    if words in _HERE[:5]:
        raise Excuse(f"You are {_apart(context.now)} coordinated universal time.")
    name, there = _there(words, context)
    return f"{capital(name)} is {_apart(there)} coordinated universal time."


def _compared(one: str, two: str, context: Context) -> str:
    if one == "here":
        one, two = two, one
    name, there = _there(one, context)
    other, base = ("here", context.now) if two in _HERE else _there(two, context)
    if there.utcoffset() == base.utcoffset():
        return f"It's the same time in {name} as {'here' if other == 'here' else f'in {other}'}."
    return f"{capital(name)} is {_apart(there, base)} {'you' if other == 'here' else other}."


def _apart(there: datetime, base: datetime | None = None) -> str:
    """ "9 hours ahead of", seen from another zone or from coordinated universal time."""
    offset = (there.utcoffset() or timedelta()) - ((base and base.utcoffset()) or timedelta())
    seconds = offset.total_seconds()
    way = "ahead of" if seconds > 0 else "behind"
    return f"{durations.spell_out(abs(seconds))} {way}" if seconds else "on"
