"""Numbers: as they are said ("twenty three point five"), as figures, and as the assistant writes them.

The door to text_to_num.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

__all__ = ["SCALES", "figures", "is_number", "rounded", "written"]

SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_DIGITS = dict(
    zip(
        ["zero", "oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        "00123456789",
        strict=True,
    )
)
_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_CARDINALS = frozenset([*_DIGITS, *_TEENS, *_TENS, *SCALES]) - {"zero", "oh"}
_FIGURE = re.compile(r"\d+(\.\d+)?")
_LONGEST = 24  # words: more than any number below a quadrillion needs

PLAIN = 10**15  # from here on, numbers are said as powers of ten


def is_number(word: str) -> bool:
    """Whether `word` is a number in figures."""
    return _FIGURE.fullmatch(word) is not None


def figures(words: Sequence[str]) -> list[str]:
    """The words with every cardinal number in figures: "one hundred and five miles" to "105 miles".

    Numbers that do not belong together stay apart ("seven thirty" is "7 30"). Ordinals stay words.
    """
    found: list[str] = []
    at = 0
    while at < len(words):
        text, length = _number(words, at)
        found.append(text or words[at])
        at += max(length, 1)
    return found


def _number(words: Sequence[str], at: int) -> tuple[str, int]:
    """The number that begins at `at` in figures, and how many words it took; "" and 0 for none."""
    word = words[at]
    if word == "point" and at + 1 < len(words) and words[at + 1] in _DIGITS:
        decimals, length = _decimals(words, at + 1)
        return f"0.{decimals}", length + 1
    if is_number(word):
        text, length = word, 1
        while at + length < len(words) and words[at + length] in SCALES:
            text = _plain(Fraction(text) * SCALES[words[at + length]])
            length += 1
    elif word == "zero":
        text, length = "0", 1
    elif word == "oh":
        # Nought between digits ("seven oh five"), a sigh elsewhere.
        if at == 0 or not (is_number(words[at - 1]) or words[at - 1] in _CARDINALS | {"zero", "oh"}):
            return "", 0
        text, length = "0", 1
    else:
        text, length = _cardinal(words, at)
    if text and at + length + 1 < len(words) and words[at + length] == "point" and "." not in text:
        decimals, taken = _decimals(words, at + length + 1)
        if decimals:
            text, length = f"{text}.{decimals}", length + 1 + taken
            while at + length < len(words) and words[at + length] in SCALES:
                text = _plain(Fraction(text) * SCALES[words[at + length]])
                length += 1
    return text, length


def _cardinal(words: Sequence[str], at: int) -> tuple[str, int]:
    """The longest cardinal number in words from `at` on."""
    start = words[at]
    if start in ("a", "an"):
        if at + 1 == len(words) or words[at + 1] not in SCALES:
            return "", 0
        start = "one"
    if start not in _CARDINALS:
        return "", 0
    span = [start]
    for word in words[at + 1 : at + _LONGEST]:
        # "and" belongs to a number only behind a scale: "a hundred and two", but "between twenty and two".
        if word not in _CARDINALS and not (word == "and" and span[-1] in SCALES):
            break
        span.append(word)
    from text_to_num import text2num

    for length in range(len(span), 0, -1):
        following = words[at + length] if at + length < len(words) else ""
        if span[length - 1] == "and" or following in SCALES:
            continue  # "a hundred and two hundred" is 100 and 200, never 102 hundreds
        try:
            return str(text2num(" ".join(span[:length]), "en")), length
        except ValueError:
            continue
    return "", 0


def _decimals(words: Sequence[str], at: int) -> tuple[str, int]:
    """The digits behind a point: said one by one, or as in "three point twenty five"."""
    digits = ""
    length = 0
    while at + length < len(words) and words[at + length] in _DIGITS:
        digits += _DIGITS[words[at + length]]
        length += 1
    if not digits and at < len(words):
        if words[at].isdigit():
            return words[at], 1
        if words[at] in _TENS or words[at] in _TEENS:
            return _cardinal(words, at)
    return digits, length


def _plain(value: Fraction) -> str:
    """The value as an unformatted figure."""
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.12f}".rstrip("0").rstrip(".")


def rounded(value: Fraction, places: int = 4) -> tuple[Fraction, bool]:
    """The value as it should be said, and whether nothing was lost: at least `places` significant figures."""
    if value.denominator == 1:
        return value, True
    size = abs(value)
    digits = places if size >= 1 else min(places - 1 - math.floor(_log10(size)), 15)
    short = Fraction(round(value * 10**digits), 10**digits)
    exact = Fraction(round(value * 10**6), 10**6)
    if exact == value:
        return value, True
    return short, False


def written(value: Fraction, places: int = 4) -> tuple[str, bool]:
    """The value in figures, "minus" in words, and whether it is exact.

    A number too large or too small to be said in full becomes a power of ten.
    """
    sign = "minus " if value < 0 else ""
    size = abs(value)
    if size >= PLAIN or 0 < size < Fraction(1, 10**6):
        text, exact = _power_of_ten(size)
        return sign + text, exact
    short, exact = rounded(size, places)
    if short.denominator == 1:
        return f"{sign}{short.numerator:,}", exact
    digits = 1
    while (short * 10**digits).denominator != 1:
        digits += 1
    whole, part = divmod(short.numerator * 10**digits // short.denominator, 10**digits)
    return f"{sign}{whole:,}.{part:0{digits}d}", exact


def _power_of_ten(size: Fraction) -> tuple[str, bool]:
    exponent = math.floor(_log10(size))
    mantissa = 10 ** (_log10(size) - exponent)
    if round(mantissa, 2) >= 10:
        mantissa, exponent = mantissa / 10, exponent + 1
    power = f"minus {-exponent}" if exponent < 0 else str(exponent)
    figure = f"{mantissa:.2f}".rstrip("0").rstrip(".")
    return f"{figure} times 10 to the power of {power}", _is_power(size, Fraction(figure), exponent)


def _is_power(size: Fraction, mantissa: Fraction, exponent: int) -> bool:
    """Whether `size` is exactly so many times a power of ten."""
    over, under = size.as_integer_ratio()
    large = over if exponent > 0 else under
    if (large & -large).bit_length() < abs(exponent) - 8:  # a power of ten holds as many twos
        return False
    power = int(10 ** abs(exponent))
    more, less = (power, 1) if exponent > 0 else (1, power)
    return mantissa.numerator * more * under == over * mantissa.denominator * less


def _log10(size: Fraction) -> float:
    """The logarithm of any positive fraction, also of one that no float can hold."""
    return math.log10(size.numerator) - math.log10(size.denominator)
