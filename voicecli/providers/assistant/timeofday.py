"""Times of day: "seven thirty p m", "half past eight in the evening", "noon"; and how they are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, timezone

__all__ = ["TimeOfDay", "moment", "parse", "spoken"]


@dataclass(frozen=True, slots=True)
class TimeOfDay:
    """Hour (0 to 23) and minute; not `certain` when it can be meant in the morning or in the evening."""

    hour: int
    minute: int = 0
    certain: bool = True

    def halved(self, evening: bool) -> TimeOfDay:
        """The same figure in the half of the day that was meant."""
        return replace(self, hour=self.hour % 12 + (12 if evening else 0), certain=True)

    @property
    def halves(self) -> list[TimeOfDay]:
        """What it can mean."""
        return [self] if self.certain else [self.halved(evening=False), self.halved(evening=True)]


_NAMED = {"noon": TimeOfDay(12), "midday": TimeOfDay(12), "midnight": TimeOfDay(0)}
_HALF = (
    r"(?: oclock)?(?: (?P<half>am|pm|in the (?:morning|evening|afternoon)|at night|at noon|tonight"
    r"|this (?:morning|evening|afternoon)))?"
)
_FIGURES = re.compile(rf"(?P<hour>\d{{1,2}})(?: (?P<minute>0 \d|\d{{1,2}}))?{_HALF}")
_PAST = re.compile(
    r"(?P<minute>half(?= past| after)|(?:a )?quarter|\d{1,2}(?: minutes?)?) (?P<way>past|after|to|before|till"
    r"|of) "
    rf"(?P<hour>\d{{1,2}}){_HALF}"
)


def parse(text: str) -> TimeOfDay | None:
    """The time that the whole text names, None when it names none."""
    text = text.removeprefix("exactly ").removeprefix("12 ") if text.endswith(("noon", "midnight")) else text
    if text in _NAMED:
        return _NAMED[text]
    if match := _FIGURES.fullmatch(text):
        minute = int((match["minute"] or "0").replace(" ", ""))
        return _placed(match, minute, bare=match["minute"] is None)
    if not (match := _PAST.fullmatch(text)):
        return None
    word = match["minute"].removeprefix("a ").split()[0]
    minute = {"half": 30, "quarter": 15}.get(word) or int(word)
    if match["way"] in ("past", "after"):
        return _placed(match, minute, bare=False)
    if minute > 59 or not (placed := _placed(match, 0, bare=False)):
        return None
    hour, minute = divmod((placed.hour * 60 - minute) % (24 * 60), 60)
    return TimeOfDay(hour, minute, placed.certain)


def _placed(match: re.Match[str], minute: int, *, bare: bool) -> TimeOfDay | None:
    hour, half = int(match["hour"]), match["half"] or ""
    if hour > 23 or minute > 59:
        return None
    if not half:
        return TimeOfDay(hour, minute, certain=hour > 12 or (hour == 0 and not bare))
    if hour > 12 or (hour == 0 and half not in ("am", "in the morning", "at night")):
        return TimeOfDay(hour, minute)  # "19 30 in the evening": the figure already says it
    at_night = half in ("at night", "tonight")
    return TimeOfDay(hour, minute).halved(
        evening=5 <= hour < 12 if at_night else half == "pm" or half.endswith(("evening", "afternoon"))
    )


def spoken(when: datetime | time | TimeOfDay) -> str:
    """ "3:45 PM"."""
    return f"{(when.hour - 1) % 12 + 1}:{when.minute:02d} {'AM' if when.hour < 12 else 'PM'}"


def moment(now: datetime, of_day: TimeOfDay, days: int = 0) -> datetime:
    """That time, `days` days from today, in the zone of `now`; clocks may change in between."""
    wall = datetime.combine(now.date() + timedelta(days=days), time(of_day.hour, of_day.minute))
    if isinstance(now.tzinfo, timezone) and now.utcoffset() == datetime.now().astimezone().utcoffset():
        return wall.astimezone()  # the system's own zone, of which `now` only carries today's offset
    return wall.replace(tzinfo=now.tzinfo)
