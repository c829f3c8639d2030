"""Ordinal numbers, said ("twenty fifth") or typed ("25th"), as far as days and powers need them."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["ordinal", "suffixed"]

_FIRSTS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_WORDS = {word: number for number, word in enumerate(_FIRSTS, 1)} | {"thirtieth": 30}
_TYPED = re.compile(r"(\d+)(?:st|nd|rd|th)")


def ordinal(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The ordinal that begins at `at`, from 1 to 39 where said, and how many words it has.

    Cardinals are in figures already: "twenty fifth" arrives as "20 fifth".
    """
    if at >= len(words):
        return None
    if typed := _TYPED.fullmatch(words[at]):
        return int(typed[1]), 1
    if words[at] in _WORDS:
        return _WORDS[words[at]], 1
    if words[at] in ("20", "30") and at + 1 < len(words) and 0 < _WORDS.get(words[at + 1], 0) < 10:
        return int(words[at]) + _WORDS[words[at + 1]], 2
    return None


def suffixed(number: int) -> str:
    """ "25th"."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
