"""What the clock and the calendar say: times and dates, here and elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from voicecli.providers.assistant.cities import Place, find
from voicecli.providers.assistant.dates import long_date
from voicecli.providers.assistant.durations import parse as parse_length
from voicecli.providers.assistant.durations import spell_out
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.timeofday import parse, spoken
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["PREPOSITION", "ClockTopic", "capital", "difference", "here_or_there", "time_of", "unknown"]


LONGEST = 7 * 86400.0  # seconds; beyond a week people ask for a date


@dataclass(frozen=True, slots=True)
class ClockTopic(Topic):
    """The last question was for the time or for a day; "and in Paris?" asks for the same there."""

    question: str  # "time" or "date"


def _elsewhere(place: Place, context: Context) -> datetime | None:
    try:
        return context.now.astimezone(ZoneInfo(place.zone))
    except ZoneInfoNotFoundError:
        return None


def _which_zone(place: Place, intent: str, question: str) -> Reply:
    cities = " or ".join([*filter(None, [", ".join(place.examples[:-1])]), place.examples[-1]])
    name = place.name[0].upper() + place.name[1:]
    text = f"{name} can mean several time zones. Which city: {cities}, for example?"
    return Reply(intent, text, topic=ClockTopic(question))


def unknown(words: str, intent: str, question: str) -> Reply:
    text = f"I don't know the time zone of {words.title()}. Try the nearest large city."
    return Reply(intent, text, topic=ClockTopic(question))


# The time

_TIME = re.compile(
    r"(?:(?:what is|what are|what|whats|tell me|tell|give me|have you got|have you|do you have"
    r"|you have|got|say|check|show me|read me|and)"
    r" )*(?:the )?(?:current |exact |local |right |actual )?(?:times?|hour)"
    r"(?: is it| it is| is| do you have| have you got| of day is it| is that)?(?: now"
    r"| right now| today| currently| there| here| please)*"
    r"(?P<place> .+)?"
)
PREPOSITION = re.compile(
    r"^(?:over in|over there in|here in|back in|out in|down in|in|at|for|of|on)(?: the)?(?: |$)"
)
_BOTH = re.compile(
    r"(?:what is |tell me |tell |give me |say )?(?:the )?(?:current )?(?:time and (?:the )?date"
    r"|date and (?:the )?time)(?: is it| now| today)*"
)
_LATER = re.compile(
    r"what time (?:is it|will it be|was it|is) (?:in )?(?P<length>.*\d.*?|an? .+?|half .+?)"
    r"(?: from(?: now)?| later|(?P<ago> ago))?"
)
_OTHER_TIME = re.compile(r"\b(?:zone|difference|timer|when)\b")
_WHEN = (
    re.compile(r"what time is it in (?P<there>.+) when it is (?P<time>.+?) in (?P<here>.+)"),
    re.compile(r"(?:when|if) it is (?P<time>.+?) in (?P<here>.+?) what time is it in (?P<there>.+)"),
    re.compile(r"what is (?P<time>\d.*?) in (?P<here>\D+?) in (?P<there>.+)"),
)


def time_of(utterance: Utterance, context: Context) -> Reply | None:
    """ "what time is it", "what is the time in tokyo", "what time is it in x when it is 3 pm in y"."""
    for pattern in _WHEN:
        if match := pattern.fullmatch(utterance.core):
            return _converted(match["time"], match["here"], match["there"], context)
    if _BOTH.fullmatch(utterance.core):
        return Reply("time", f"It's {spoken(context.now)} on {long_date(context.now.date())}.")
    if match := _LATER.fullmatch(utterance.core):
        return _later(match["length"], match["ago"] is not None, context)
    match = _TIME.fullmatch(utterance.core)
    if not match or _OTHER_TIME.search(utterance.core):
        return None
    words = (match["place"] or "").strip()
    bare = PREPOSITION.sub("", words)
    if not bare or bare in ("here", "this place", "my city", "morning", "evening", "afternoon"):
        return Reply("time", f"It's {spoken(context.now)}.", topic=ClockTopic("time"))
    place = find(bare)
    several = re.split(r" and (?:in )?", bare)
    if place is None and len(several) > 1 and all(map(find, several)):
        replies = [here_or_there("time", find(one), one, context) for one in several]
        return Reply("time", " ".join(reply.text for reply in replies), topic=ClockTopic("time"))
    if place is None and bare == words:
        return None  # "what time does it open": a question for something else
    return here_or_there("time", place, bare, context)


def _later(words: str, ago: bool, context: Context) -> Reply | None:
    """The time so much later, or earlier."""
    seconds = parse_length(words)
    if seconds is None or seconds > LONGEST:
        return None
    when = context.now + timedelta(seconds=-seconds if ago else seconds)
    weekday = f" on {when:%A}" if when.date() != context.now.date() else ""
    if ago:
        return Reply("time", f"{capital(spell_out(seconds))} ago it was {spoken(when)}{weekday}.")
    return Reply("time", f"In {spell_out(seconds)} it will be {spoken(when)}{weekday}.")


def here_or_there(question: str, place: Place | None, words: str, context: Context) -> Reply:
    """The time, or the date, at a place that was named by `words`."""
    if place is None:
        return unknown(words, question, question)
    if not place.zone:
        return _which_zone(place, question, question)
    there = _elsewhere(place, context)
    if there is None:
        return unknown(words, question, question)
    topic = ClockTopic(question)
    if question == "date":
        return Reply("date", f"In {place.name}, it's {long_date(there.date())}.", topic=topic)
    weekday = f" on {there:%A}" if there.date() != context.now.date() else ""
    return Reply("time", f"It's {spoken(there)}{weekday} in {place.name}.", topic=topic)


def _converted(said: str, here: str, there: str, context: Context) -> Reply | None:
    """The time there when it is that time here; of an hour without its half of the day, both."""
    of_day = parse(said)
    if of_day is None:
        return None
    found: list[tuple[Place, datetime]] = []
    for words in (here, there):
        place = find(words)
        if place is not None and not place.zone:
            return _which_zone(place, "time", "time")
        moment = _elsewhere(place, context) if place else None
        if place is None or moment is None:
            return unknown(words, "time", "time")
        found.append((place, moment))
    (near, start), (far, target) = found
    halves = [of_day] if of_day.certain else [of_day.halved(False), of_day.halved(True)]
    sentences: list[str] = []
    for half in halves:
        begin = start.replace(hour=half.hour, minute=half.minute, second=0, microsecond=0)
        end = begin.astimezone(target.tzinfo)
        shift = {-1: " the day before", 1: " the next day"}.get((end.date() - begin.date()).days, "")
        sentences.append(
            f"When it's {spoken(begin)} in {near.name}, it's {spoken(end)}{shift} in {far.name}."
        )
    return Reply("time", " ".join(sentences))


_BETWEEN = re.compile(
    r"(?:what is |what |how much is "
    r"|how big is )?(?:the )?time (?:zone )?difference (?:is there |is )?(?:between"
    r"|from) (?P<one>.+?) (?:and|to) (?P<two>.+)"
    r"|(?:what is |what |how much is )?(?:the )?time difference (?:is there )?(?:with|to"
    r"|from|in|here and) (?P<with>.+)"
    r"|how (?:many hours|far|much) (?:ahead|behind) (?:of us |of me "
    r"|of here )?is (?P<ahead>.+?)(?: of (?P<of>.+))?"
)
_ZONE = re.compile(
    r"(?:what|which) time ?zone (?:is|are) (?P<in>.+?)(?: in)?"
    r"|what is (?:the |my )?(?:current |local )?time ?zone(?: (?:of|in|for) (?P<of>.+))?"
    r"|(?:what|which) time ?zone (?:am i|are we) in"
)


_NOWHERE = re.compile(r"(?:what is )?(?:the )?time (?:zone )?difference")


def difference(utterance: Utterance, context: Context) -> Reply | None:
    """ "what's the time difference between tokyo and london", "what time zone is paris in"."""
    if _NOWHERE.fullmatch(utterance.core):
        return Reply("difference", "The time difference between which places?")
    if match := _BETWEEN.fullmatch(utterance.core):
        one = match["one"] or match["with"] or match["ahead"]
        two = match["two"] or match["of"] or ""
        if two in ("here", "us", "me", "you", "this place", "my place"):
            two = ""
        if one == "here":
            one, two = two, ""
        return _compared(one, two, context)
    match = _ZONE.fullmatch(utterance.core)
    if not match:
        return None
    words = (match["in"] or match["of"] or "").removeprefix("it in ").removesuffix(" in")
    if words in ("", "it", "we", "here", "this"):
        return Reply("difference", f"You are {_from_utc(context.now)}.")
    place = find(words)
    if place is None or not place.zone:
        return (
            unknown(words, "difference", "time")
            if place is None
            else _which_zone(place, "difference", "time")
        )
    there = _elsewhere(place, context)
    if there is None:
        return unknown(words, "difference", "time")
    return Reply("difference", f"{capital(place.name)} is {_from_utc(there)}.", topic=ClockTopic("time"))


def _compared(one: str, two: str, context: Context) -> Reply:
    moments: list[tuple[str, datetime]] = []
    for words in filter(None, (one, two)):
        place = find(words)
        if place is None or not place.zone:
            return (
                unknown(words, "difference", "time")
                if place is None
                else _which_zone(place, "difference", "time")
            )
        there = _elsewhere(place, context)
        if there is None:
            return unknown(words, "difference", "time")
        moments.append((place.name, there))
    if len(moments) < 2:
        moments.append(("here", context.now))
    (name, there), (other, base) = moments
    seconds = ((there.utcoffset() or timedelta()) - (base.utcoffset() or timedelta())).total_seconds()
    if not seconds:
        where = "here" if other == "here" else f"in {other}"
        return Reply("difference", f"It's the same time in {name} as {where}.", topic=ClockTopic("time"))
    way = "ahead of" if seconds > 0 else "behind"
    whom = "you" if other == "here" else other
    return Reply(
        "difference", f"{capital(name)} is {spell_out(abs(seconds))} {way} {whom}.", topic=ClockTopic("time")
    )


def _from_utc(when: datetime) -> str:
    seconds = (when.utcoffset() or timedelta()).total_seconds()
    if not seconds:
        return "on coordinated universal time"
    return f"{spell_out(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'} coordinated universal time"


def capital(text: str) -> str:
    return text[0].upper() + text[1:]
