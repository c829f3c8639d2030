"""Numbers in English text: times, dates, years, ordinals, fractions, ranges, versions and telephone numbers.

Plain numbers stay digits, which every engine reads; what engines read badly becomes words.
"""

from __future__ import annotations

import re
from datetime import date

from voicecli.reply.codes import said_codes
from voicecli.reply.quantities import NUMBER, said_units
from voicecli.reply.rules import rules

__all__ = ["cardinal", "fraction", "ordinal", "said_numbers", "year"]

_MONTHS_WORDS = """
    January February March April May June July August September October November December
"""
_MONTHS = _MONTHS_WORDS.split()
_MONTH = (
    r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_YEAR = r"(1[0-9]\d\d|20\d\d)"
_DASH = r"\s?[-–—]\s?"
_AMPM = r"(?:\s?([apAP])\.?\s?[mM]\b(\.)?)"
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅖": (2, 5), "⅗": (3, 5),
    "⅘": (4, 5), "⅙": (1, 6), "⅚": (5, 6), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8), "⅞": (7, 8), "⅐": (1, 7),
    "⅑": (1, 9), "⅒": (1, 10),
}  # fmt: skip
_BELOW = frozenset((2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 20, 32, 64, 100))

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


def said_numbers(text: str) -> str:
    """English `text` with its numbers as they are said."""
    if not any(c.isnumeric() for c in text):
        return text
    return _COUNTED(said_units(_WRITTEN(said_codes(text))))


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


def _date(number: int, month: int, day: int) -> str | None:
    try:
        date(number, month, day)
    except ValueError:
        return None
    if not 1000 <= number <= 2099:
        return None
    return f"{_MONTHS[month - 1]} {ordinal(day)}, {year(number)}"


def _iso(match: re.Match[str]) -> str:
    said = _date(int(match[1]), int(match[3]), int(match[4]))
    return match.group() if said is None else f"{said}, " if match.group()[-1] in "T " else said


def _slashed_date(match: re.Match[str]) -> str:
    first, second, number = int(match[1]), int(match[3]), int(match[4])
    month, day = (second, first) if match[2] == "." or first > 12 else (first, second)
    return _date(number, month, day) or match.group()


def _month(name: str) -> str:
    return next(month for month in _MONTHS if month.startswith(name[:3]))


def _month_day(match: re.Match[str]) -> str:
    day = int(match[3])
    if not 1 <= day <= 31:
        return match.group()
    said = f"{_month(match[1])} {ordinal(day)}"
    return f"{said}, {year(int(match[5]))}" if match[5] else said


def _decade(words: str) -> str:
    return f"{words[:-1]}ies" if words.endswith("y") else f"{words}s"


def _time(match: re.Match[str]) -> str:
    hour, minute, second = match[1], match[2], match[3]
    half = _half(match, 6, 7)
    said = str(int(hour))
    if minute != "00":
        said += f" {f'oh {int(minute)}' if minute[0] == '0' else minute}"
    elif said in ("0", "24") and not half and not second:
        said = "midnight"
    elif not half and not second:
        said += " o'clock" if int(hour) < 13 else " hundred"
    if second and second != "00":
        said += f" and {int(second)} seconds"
    if match[4]:  # how far the zone is ahead
        said += f" UTC plus {int(match[4])}" + ("" if match[5] == "00" else f" {match[5]}")
    return said + half


def _half(match: re.Match[str], letter: int, stop: int) -> str:
    """AM or PM, with the full stop that also ends the sentence."""
    if not match[letter]:
        return ""
    rest = match.string[match.end() :]
    ends = bool(match[stop]) and (not rest.strip() or re.match(r"[\"'”’)]*\s+[A-Z]", rest) is not None)
    return f" {match[letter].upper()}M" + ("." if ends else "")


def _slashed(match: re.Match[str]) -> str:
    above, below = int(match[2]), int(match[3])
    if 0 < above < below and below in _BELOW:
        return _mixed(match[1], above, below)
    return f"{match[1] + ' ' if match[1] else ''}{match[2]} {match[3]}"


def _mixed(whole: str | None, above: int, below: int) -> str:
    return f"{whole} and {fraction(above, below)}" if whole else fraction(above, below)


def _power_of_ten(match: re.Match[str]) -> str:
    return f"{match[1]} times 10 to the power of {'minus ' if match[2] == '-' else ''}{int(match[3])}"


def _dotted(match: re.Match[str]) -> str:
    return ("version " if match[1] else "") + match[2].replace(".", " point ")


_WRITTEN = rules(
    (r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,]\d)", lambda match: match.group().replace(",", "")),
    (r"(?<![\w.])\.(?=\d)", "0."),
    # dates
    (rf"(?<![\w/-]){_YEAR}([-/])(\d\d)\2(\d\d)(?![\d/-])(?:[T ](?=\d\d:\d\d))?", _iso),
    (r"(?<![\w/.])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?![\w/])", _slashed_date),
    (
        rf"(?<![\w/-]){_YEAR}-(0[1-9]|1[0-2])(?![\w-]|[.,]\d)",
        lambda match: f"{_MONTHS[int(match[2]) - 1]} {year(int(match[1]))}",
    ),
    (
        rf"\b{_MONTH}(\.?\s+)(\d{{1,2}})(?:st|nd|rd|th)?(?:(,?)\s+{_YEAR})?(?![\w:%]|[.,]\d|\s?(?:am|pm|a\.m|p\.m)\b)",
        _month_day,
    ),
    (
        rf"\b{_MONTH}(\.?,?\s+){_YEAR}(?!\w|[.,]\d)",
        lambda match: f"{_month(match[1])} {year(int(match[3]))}",
    ),
    (
        rf"(?<![\w.,$€£-]){_YEAR}(?:{_DASH}|\s+to\s+){_YEAR}(?![\w-]|[.,]\d)",
        lambda match: f"{year(int(match[1]))} to {year(int(match[2]))}",
    ),
    (
        r"(?i)\b(in|since|until|till|by|from|during|year|before|after|around|circa|early|late|mid|the)(\s+)"
        rf"{_YEAR}(?!\w|[.,:]\d|[-/]|\s+(?!to\b)[a-z]+s\b|\s?[%°$€£×+*/=])",
        lambda match: f"{match[1]}{match[2]}{year(int(match[3]))}",
    ),
    (r"\b(1[0-9]|20)(\d0)['’]?s\b", lambda match: _decade(year(int(match[1] + match[2])))),
    (r"(?<![\w$])['’]([2-9]0)s\b|\b([2-9]0)s\b", lambda match: _decade(cardinal(int(match[1] or match[2])))),
    # times
    (
        rf"(?<![\d:])(\d{{1,2}}(?::\d\d)?{_AMPM}?){_DASH}(?=\d{{1,2}}:\d\d|\d{{1,2}}\s?[apAP]\.?[mM]\b)",
        r"\1 to ",
    ),
    (r"(?<![\w:])(\d{1,3}):(\d{1,3})[-–](\d{1,3})(?![\w:])", r"\1 \2 to \3"),  # verses
    (
        rf"(?<![\d:.])([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?(?![\d:]|\.\d)(?:Z|\+(\d\d):?(\d\d)(?!\d))?{_AMPM}?",
        _time,
    ),
    (rf"(?<![\d:.$])(1[0-2]|0?[1-9]){_AMPM}", lambda match: str(int(match[1])) + _half(match, 2, 3)),
    (r"(?<![\w:])(\d+):(\d+)(?![\w:])", r"\1 to \2"),
    # versions, fractions, ranges
    (r"(?<![\w.])(\d+(?:\.\d+)?)[eE]([+-]?)(\d{1,3})(?![\w]|\.\d)", _power_of_ten),
    (r"(?<![\w.,])[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\w.]|,\d)", lambda match: match.group().replace(".", "")),
    (r"(?<![\w.])([vV])?(\d+(?:\.\d+){2,})(?![\w]|\.\d)", _dotted),
    (
        f"(?:(?<!\\d)(\\d{{1,9}})\\s?)?([{''.join(_VULGAR)}])",
        lambda match: _mixed(match[1], *_VULGAR[match[2]]),
    ),
    (r"(?<![\w/.])(?:(\d+)\s+(?:and\s+)?)?(\d{1,3})\s?[/⁄]\s?(\d{1,3})(?![\w/]|\.\d)", _slashed),
    (r"\b[vV](?=\d+(?:\.\d+)?(?!\w))", "version "),
    (
        rf"(?<=\d)\s*[-–−]\s*(?={NUMBER}\s*[=+*×])|(?<=\d)\s+[-–−]\s+(?={NUMBER}\s*(?:[/)]|is\b))|(?<=[=+*×]\s)[-−](?=\d)",
        " minus ",
    ),
    (r"(?<=\d)\s*−\s*(?=\d)", " minus "),
    (rf"(?<![\w.,/+-])({NUMBER})([%°]?[CF]?)\s?[-–]\s?({NUMBER})(?![\d-]|[.,]\d)", r"\1\2 to \3"),
    (r"(?<![\w.)\]%°])[-−](?=[$€£]?\.?\d)", "minus "),
)
_COUNTED = rules(
    (r"(?<![\w.,])(\d{1,6})(?:st|nd|rd|th)\b", lambda match: ordinal(int(match[1]))),
    (r"(?<=\d)\s?x\s?(?=\d)|(?<=\d{3})\s?×\s?(?=\d{3})", " by "),
)
