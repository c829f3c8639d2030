"""Numbers: said ("twenty three point five"), in figures, and as written; the door to text_to_num."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction

__all__ = ["PARTS", "QUANTITY", "figures", "is_number", "ordinal", "quantity", "suffixed", "written"]

_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ONES = "zero one two three four five six seven eight nine"
_DIGITS = {word: str(digit) for digit, word in enumerate(_ONES.split(" "))} | {"oh": "0"}
_SCALE, _DIGIT = "|".join(_SCALES), "|".join(_DIGITS)
_WORD = (
    rf"(?:{_SCALE}|one|two|ten|eleven|twelve|three|four|five|six|seven|eight|nine"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen|(?:twen|thir|fou?r|fif|six|seven|eigh|nine)ty)"
)
# "and" belongs to a number only behind a scale: "a hundred and two", but "between twenty and two".
_BEHIND = "|".join(f"(?<={scale})" for scale in _SCALES)
_NUMBER = re.compile(
    rf"(?<!\S)(?:(?P<figure>[\d.]+(?: (?:{_SCALE}))+)|(?:an? (?=(?:{_SCALE})(?!\S)))?"
    rf"{_WORD}(?:(?:(?:{_BEHIND}) and)? {_WORD})*)(?!\S)"
)
_DECIMALS = re.compile(rf"(?<!\S)point ((?:(?:{_DIGIT}) )*(?:{_DIGIT}))(?!\S)")
_SCALED = re.compile(rf"(?<!\S)(\d+(?:\.\d+)?)((?: (?:{_SCALE}))+)(?!\S)")
_LONGEST = 24  # words: more than any number below a quadrillion needs

PLAIN = 10**15  # from here on, numbers are said as powers of ten


def is_number(word: str) -> bool:
    """Whether `word` is a number in figures."""
    return re.fullmatch(r"\d+(\.\d+)?", word) is not None


def figures(words: Sequence[str]) -> list[str]:
    """The words with cardinal numbers in figures: "one hundred and five miles" to "105 miles"."""
    text = _DECIMALS.sub(
        lambda found: "." + "".join(_DIGITS[one] for one in found[1].split()), " ".join(words)
    )
    text = re.sub(r"(?<!\S)zero(?!\S)", "0", _NUMBER.sub(_cardinals, text))
    # "oh" is nought between digits ("seven oh five"), a sigh elsewhere.
    text = re.sub(r"(?<=\d)(?: oh)+(?!\S)", lambda match: match[0].replace("oh", "0"), text)
    text = re.sub(r"(?<!\S)(\d+) (?:point (?=\d+(?!\S))(?!100+(?!\S))|\.(?=\d))", r"\1.", text)
    text = re.sub(r"(?<!\S)\.(?=\d)", "0.", text)
    return _SCALED.sub(_scaled, text).split(" ")


def _scaled(match: re.Match[str]) -> str:
    value = Fraction(match[1]) * math.prod(_SCALES[scale] for scale in match[2].split())
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.12f}".rstrip("0").rstrip(".")


def _cardinals(match: re.Match[str]) -> str:
    """Each of the numbers that stand in a row, the longest from its first word on."""
    from text_to_num import text2num

    words, found = re.sub(r"^an? ", "one ", match[0]).split(" "), []
    if match["figure"]:
        return match[0]
    while words:
        figure, length = words[0], 1
        for longer in range(min(_LONGEST, len(words)), 0, -1):
            following = words[longer] if longer < len(words) else ""
            if words[longer - 1] != "and" and following not in _SCALES:
                # "a hundred and two hundred" is 100 and 200, never 102 hundreds
                with suppress(ValueError):
                    figure, length = str(text2num(" ".join(words[:longer]), "en")), longer
                    break
        found.append(figure)
        words = words[length:]
    return " ".join(found)


PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
# A pattern of how many of something there are: "2 and a half", "3 quarters of an", "a couple of", "an".
QUANTITY = (
    r"(?:(?P<number>\d+(?:\.\d+)?)(?: (?:(?P<parts>halve|third|quarter|fourth|fifth|eighth"
    r"|tenth)s(?: of)?(?: an?)?|and a (?P<more>half|quarter)))?|(?:(?:a|1) )?(?P<part>quarter|third"
    r"|tenth) of(?: an?)?|(?P<half>half)(?: an?)?|(?:a )?(?P<couple>couple)(?: of)?|an?)"
)


def quantity(match: re.Match[str], under: int = 1) -> Fraction:
    """What was matched by QUANTITY, divided by `under`, and by a part that came `behind` it."""
    count = Fraction(match["number"] or (2 if match["couple"] else 1)) / under
    if part := match["parts"] or match["part"] or match["half"]:
        count /= PARTS[part.replace("halve", "half")]
    return count + sum(Fraction(1, PARTS[more]) for more in (match["more"], match["behind"]) if more)


_FIRSTS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = {word: number for number, word in enumerate(_FIRSTS.split(" "), 1)} | {"thirtieth": 30}
_TYPED = re.compile(r"(\d+)(?:st|nd|rd|th)")


def ordinal(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """The ordinal that begins at `at`, "20 fifth" (up to 39) or "25th", and how many words it has."""
    word, following = [*words[at : at + 2], "", ""][:2]
    if typed := _TYPED.fullmatch(word):
        return int(typed[1]), 1
    if word in _ORDINALS:
        return _ORDINALS[word], 1
    if word in ("20", "30") and 0 < (ones := _ORDINALS.get(following, 0)) < 10:
        return int(word) + ones, 2
    return None


def suffixed(number: int) -> str:
    """ "25th"."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def written(value: Fraction, places: int = 4) -> tuple[str, bool]:
    """In figures, "minus" in words, to so many places or as a power of ten; and whether that is exact."""
    sign, size = "minus " if value < 0 else "", abs(value)
    if size >= PLAIN or 0 < size < Fraction(1, 10**6):
        text, exact = _power_of_ten(size)
        return sign + text, exact
    exact = (size * 10**6).denominator == 1
    if not exact:
        digits = places if size >= 1 else min(places - 1 - math.floor(_log10(size)), 15)
        size = Fraction(round(size * 10**digits), 10**digits)
    return f"{sign}{Decimal(size.numerator) / size.denominator:,f}", exact


def _power_of_ten(size: Fraction) -> tuple[str, bool]:
    exponent = math.floor(_log10(size))
    mantissa, carried = f"{10 ** (_log10(size) - exponent):.2e}".split("e")
    figure, exponent = f"{float(mantissa):g}", exponent + int(carried)
    power = f"minus {-exponent}" if exponent < 0 else str(exponent)
    exact = size == Fraction(figure) * Fraction(10) ** exponent
    return f"{figure} times 10 to the power of {power}", exact


def _log10(size: Fraction) -> float:
    """The logarithm of any positive fraction, also of one that no float can hold."""
    return math.log10(size.numerator) - math.log10(size.denominator)
