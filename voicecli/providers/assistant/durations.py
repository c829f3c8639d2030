"""Lengths of time, said and written: "an hour and a half", "2 minutes and 30 seconds"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["counted", "find", "label", "listed", "parse", "rough", "spell_out"]

LONG = 6 * 3600.0  # seconds; of what is longer nobody wants to know the minutes
FOREVER = 1e10  # seconds; what is longer is as good as this

_SIZES = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_SHORT = {"sec": "second", "min": "minute", "hr": "hour", "s": "second", "h": "hour", "m": "minute"}
_UNIT = r"(?:seconds?|minutes?|hours?|days?|weeks?|secs?|mins?|hrs?|[hms])"
_TERM = re.compile(
    rf"(?<![^ ])(?P<count>(?P<number>\d+(?:\.\d+)?)(?P<plus> and a half| and a quarter)?"
    rf"|half(?: an?)?|(?:a |1 )?quarter of an|3 quarters of an|(?:a )?couple(?: of)?|an?)"
    rf" (?P<unit>{_UNIT})(?P<more> and a half| and a quarter)?(?= |$)"
)
_EXTRA = {" and a half": Fraction(1, 2), " and a quarter": Fraction(1, 4)}
_COUNTS = {
    "a": Fraction(1), "an": Fraction(1), "half": Fraction(1, 2),
    "half a": Fraction(1, 2), "half an": Fraction(1, 2), "quarter of an": Fraction(1, 4),
    "a quarter of an": Fraction(1, 4), "1 quarter of an": Fraction(1, 4), "3 quarters of an": Fraction(3, 4),
    "couple": Fraction(2), "couple of": Fraction(2), "a couple": Fraction(2), "a couple of": Fraction(2),
}  # fmt: skip
_JOINT = re.compile(r" and | ")
_BARE_REST = re.compile(r"(?: and)? (\d+)(?=$)")


def parse(text: str) -> float | None:
    """Seconds, when the whole text is a length of time."""
    found = find(text)
    return found[0] if found and found[1:] == ("", "") else None


def find(text: str) -> tuple[float, str, str] | None:
    """The first length of time in the text: seconds, the words before, the words behind; None without one."""
    match = _TERM.search(text)
    if match is None:
        return None
    begin, total, smallest = match.start(), Fraction(0), 10**9
    end = begin
    while match and _SIZES[_unit(match["unit"])] < smallest:
        smallest = _SIZES[_unit(match["unit"])]
        total += _seconds(match)
        end = match.end()
        joint = _JOINT.match(text, end)
        match = _TERM.match(text, joint.end()) if joint else None
    # "one hour thirty": what is left bare counts in the next smaller unit
    if smallest in (60, 3600) and (rest := _BARE_REST.match(text, end)) and int(rest[1]) < 60:
        total += int(rest[1]) * smallest // 60
        end = rest.end()
    return float(min(total, Fraction(FOREVER))), text[:begin].strip(), text[end:].strip()


def _unit(word: str) -> str:
    stem = word.removesuffix("s") if len(word) > 1 else word
    return _SHORT.get(stem, stem)


def _seconds(match: re.Match[str]) -> Fraction:
    count = Fraction(match["number"]) if match["number"] else _COUNTS[match["count"]]
    count += _EXTRA.get(match["plus"] or "", Fraction(0)) + _EXTRA.get(match["more"] or "", Fraction(0))
    return count * _SIZES[_unit(match["unit"])]


def counted(amount: float, noun: str) -> str:
    """ "1 minute", "1.5 hours", "1,200 seconds"."""
    return f"{amount:,g} {noun}" if amount == 1 else f"{amount:,.10g} {noun}s"


def spell_out(seconds: float) -> str:
    """ "1 hour and 30 minutes", to the second."""
    rest = max(round(seconds), 0)
    parts: list[str] = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        amount, rest = divmod(rest, size)
        if amount:
            parts.append(counted(amount, unit))
    if not parts:
        return "0 seconds"
    return listed(parts)


def rough(seconds: float) -> str:
    """As one says it: "9 minutes and 30 seconds", "4 hours and 15 minutes", "about 16 hours"."""
    if seconds < 3600:
        return spell_out(seconds)
    if seconds < LONG:
        return spell_out(60 * round(seconds / 60))
    unit, size = ("day", 86400) if seconds >= 2 * 86400 else ("hour", 3600)
    return f"about {counted(round(seconds / size), unit)}"


def listed(parts: Sequence[str]) -> str:
    """ "one", "one and two", "one, two and three"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def label(seconds: float) -> str:
    """As an adjective: "90 second" would be "1 minute and 30 second"."""
    return re.sub(r"(\d [a-z]+?)s\b", r"\1", spell_out(seconds))
