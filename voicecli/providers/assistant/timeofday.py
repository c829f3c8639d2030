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


_NAMED = {"noon": TimeOfDay(12), "midday": TimeOfDay(12), "midnight": TimeOfDay(0)}
_HALF = (
    r"(?: (?P<half>am|pm|in the morning|in the evening|in the afternoon|at night|at noon"
    r"|tonight|this morning|this evening|this afternoon))?"
)
_FIGURES = re.compile(rf"(?P<hour>\d{{1,2}})(?: (?P<minute>0 \d|\d{{1,2}}))?(?: oclock)?{_HALF}")
_PAST = re.compile(
    rf"(?P<before>half|(?:a )?quarter|\d{{1,2}}(?: minutes?)?) (?P<way>past|after|to|before"
    rf"|till|of) (?P<hour>\d{{1,2}})(?: oclock)?{_HALF}"
)


def parse(text: str) -> TimeOfDay | None:
    """The time that the whole text names, None when it names none."""
    text = text.removeprefix("exactly ").removeprefix("12 ") if text.endswith(("noon", "midnight")) else text
    if text in _NAMED:
        return _NAMED[text]
    if match := _FIGURES.fullmatch(text):
        minute = int((match["minute"] or "0").replace(" ", ""))
        return _placed(int(match["hour"]), minute, match["half"] or "", bare=match["minute"] is None)
    if match := _PAST.fullmatch(text):
        before = match["before"].split()
        minute = 30 if "half" in before else 15 if "quarter" in before else int(before[0])
        hour = int(match["hour"])
        if minute > 59 or hour > 23 or ("half" in before and match["way"] not in ("past", "after")):
            return None
        if match["way"] in ("past", "after"):
            return _placed(hour, minute, match["half"] or "", bare=False)
        if placed := _placed(hour, 0, match["half"] or "", bare=False):
            minutes = (placed.hour * 60 - minute) % (24 * 60)
            return TimeOfDay(minutes // 60, minutes % 60, placed.certain)
    return None


def _placed(hour: int, minute: int, half: str, *, bare: bool) -> TimeOfDay | None:
    if hour > 23 or minute > 59:
        return None
    if not half:
        certain = hour > 12 or (hour == 0 and not bare)
        return TimeOfDay(hour, minute, certain)
    if hour > 12 or (hour == 0 and half not in ("am", "in the morning", "at night")):
        return TimeOfDay(hour, minute)  # "19 30 in the evening": the figure already says it
    if half in ("at night", "tonight"):
        return TimeOfDay(hour, minute).halved(evening=5 <= hour < 12)
    return TimeOfDay(hour, minute).halved(
        evening=half in ("pm", "in the evening", "in the afternoon", "this evening", "this afternoon")
    )


def spoken(when: datetime | time) -> str:
    """ "3:45 PM"."""
    return f"{(when.hour - 1) % 12 + 1}:{when.minute:02d} {'AM' if when.hour < 12 else 'PM'}"


def moment(now: datetime, of_day: TimeOfDay, days: int = 0) -> datetime:
    """That time, `days` days from today, in the zone of `now`; clocks may change in between."""
    wall = datetime.combine(now.date() + timedelta(days=days), time(of_day.hour, of_day.minute))
    if isinstance(now.tzinfo, timezone) and now.utcoffset() == datetime.now().astimezone().utcoffset():
        return wall.astimezone()  # the system's own zone, of which `now` only carries today's offset
    return wall.replace(tzinfo=now.tzinfo)
