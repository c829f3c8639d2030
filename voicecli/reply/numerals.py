"""Numerals: English words for ordinals, years and fractions."""

from __future__ import annotations

__all__ = ["cardinal", "fraction", "ordinal", "year"]

_SMALL_WORDS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_SMALL = _SMALL_WORDS.split()
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_IRREGULAR = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def cardinal(number: int) -> str:
    """`number` in words, from 0 to 999,999."""
    if not 0 <= number < 1_000_000:
        raise ValueError("only numbers from 0 to 999,999 are spelled")
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[rest]}" if rest else "")
    unit, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    high, rest = divmod(number, unit)
    return f"{cardinal(high)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Which one: "twenty-first"."""
    words = cardinal(number)
    split = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[split:]
    if last in _IRREGULAR:
        return words[:split] + _IRREGULAR[last]
    return words[:-1] + "ieth" if words.endswith("y") else words + "th"


def year(number: int) -> str:
    """A year from 1000 to 2099 as it is said: "nineteen oh five", "twenty twenty-four"."""
    century, rest = divmod(number, 100)
    if century == 20 and rest < 10:
        return "two thousand" + (f" {cardinal(rest)}" if rest else "")
    if rest == 0:
        return f"{cardinal(number)}" if century % 10 == 0 else f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {cardinal(rest)}' if rest < 10 else cardinal(rest)}"


def fraction(above: int, below: int) -> str:
    """`above`/`below`: "one half", "three quarters"."""
    name = {2: "half", 4: "quarter"}.get(below) or ordinal(below)
    if above != 1:
        name = "halves" if below == 2 else f"{name}s"
    return f"{cardinal(above)} {name}"
