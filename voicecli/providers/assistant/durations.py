"""Lengths of time, said and written: "an hour and a half", "2 minutes and 30 seconds"."""

from __future__ import annotations

import re
from fractions import Fraction

from voicecli.providers.assistant.numbers import QUANTITY, quantity
from voicecli.providers.assistant.wording import listed

__all__ = ["counted", "find", "label", "parse", "rough", "spell_out"]

LONG = 6 * 3600.0  # seconds; of what is longer nobody wants to know the minutes
FOREVER = 1e10  # seconds; what is longer is as good as this

_SIZES = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_TERM = re.compile(
    rf"(?<![^ ]){QUANTITY} (?P<unit>seconds?|minutes?|hours?|days?|weeks?|secs?|mins?|hrs?|[hms])"
    r"(?: and a (?P<behind>half|quarter))?(?= |$)"
)
_JOINT = re.compile(r" and | ")
_BARE_REST = re.compile(r"(?: and)? (\d+)(?=$)")


def parse(text: str) -> float | None:
    """Seconds, when the whole text is a length of time."""
    found = find(text)
    return found[0] if found and found[1:] == ("", "") else None


def find(text: str) -> tuple[float, str, str] | None:
    """The first length of time in the text: seconds, the words before, the words behind; None without one."""
    match = first = _TERM.search(text)
    if first is None:
        return None
    end, total, smallest = 0, Fraction(0), 10**9
    while match and (size := _SIZES[match["unit"][0]]) < smallest:
        smallest = size
        total += quantity(match) * size
        end = match.end()
        joint = _JOINT.match(text, end)
        match = _TERM.match(text, joint.end()) if joint else None
    # "one hour thirty": what is left bare counts in the next smaller unit
    if smallest in (60, 3600) and (rest := _BARE_REST.match(text, end)) and int(rest[1]) < 60:
        total += int(rest[1]) * smallest // 60
        end = rest.end()
    return float(min(total, Fraction(FOREVER))), text[: first.start()].strip(), text[end:].strip()


def counted(amount: float, noun: str) -> str:
    """ "1 minute", "1.5 hours", "1,200 seconds"."""
    return f"{amount:,.10g} {noun}" + ("" if amount == 1 else "s")


def spell_out(seconds: float) -> str:
    """ "1 hour and 30 minutes", to the second."""
    rest = max(round(seconds), 0)
    parts: list[str] = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(counted(amount, unit))
    return listed(parts or ["0 seconds"])


def rough(seconds: float) -> str:
    """As one says it: "9 minutes and 30 seconds", "4 hours and 15 minutes", "about 16 hours"."""
    if seconds < 3600:
        return spell_out(seconds)
    if seconds < LONG:
        return spell_out(60 * round(seconds / 60))
    unit, size = ("day", 86400) if seconds >= 2 * 86400 else ("hour", 3600)
    return f"about {counted(round(seconds / size), unit)}"


def label(seconds: float) -> str:
    """As an adjective: "90 second" would be "1 minute and 30 second"."""
    return re.sub(r"(\d [a-z]+?)s\b", r"\1", spell_out(seconds))
