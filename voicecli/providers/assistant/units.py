"""Conversion between units of measure; the door to pint.

Which words are units is our own table, so that no everyday word is taken for one of pint's thousand names,
and understanding needs no pint. It is told to reckon in fractions: a mile has 5,280 feet and not 5,279.9999.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from voicecli.providers.assistant.measures import Unit, units
from voicecli.providers.assistant.numbers import is_number, written
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.utterance import Utterance

if TYPE_CHECKING:
    import pint

__all__ = ["also", "conversion", "warm"]


@dataclass(frozen=True, slots=True)
class Amount:
    """So many of a unit."""

    count: Fraction
    unit: Unit


@dataclass(frozen=True, slots=True)
class Conversion(Topic):
    """The last thing converted, and into what; "and in meters?" converts it again."""

    amounts: tuple[Amount, ...]
    target: Unit | None = None


_SCALES_ONLY = ("degree", "degrees")  # of which scale? Asked, unless the other side tells
# Months and years differ in length, so days in them are "about" so many.
_ROUGH = frozenset(("month", "year", "decade", "century", "millennium"))
_MONEY = frozenset(
    [
        "dollar",
        "dollars",
        "euro",
        "euros",
        "yen",
        "pound",
        "pounds",
        "sterling",
        "franc",
        "francs",
        "peso",
        "pesos",
        "rupee",
        "rupees",
        "yuan",
        "bitcoin",
        "cents",
        "cent",
    ]
)


@dataclass(frozen=True, slots=True)
class Degrees(Topic):
    """We asked of which scale so many degrees are."""

    lasting: ClassVar[bool] = False
    count: Fraction
    target: Unit


# Reading

_PREFIX = re.compile(
    r"^(?:(?:and|convert|change|turn|transform|express|calculate|what is|what are"
    r"|what would|how much (?:is|are)|how (?:far|long|hot|cold|warm|heavy|tall|high|big"
    r"|fast|deep|wide) (?:is|are)|what|give me) )+"
)
_HOW_MANY = re.compile(
    r"(?:(?:and|or) )?how (?:many|much) (?P<target>.+?)"
    r"(?: (?:are there in|is there in|there are in|there is in|do you have in"
    r"|do you get in|fit in|fit into|are in|is in|are|is|in|to|per|equals?|make up|makes?"
    r"|does|do|for|go into|would be|there are) )"
    r"(?P<amount>.+?)(?: (?:have|has|contain|contains|equal|make|be|hold|in it|make up|convert to))?"
)
_INTO = re.compile(
    r"(?P<amount>.+?) (?:to|into|in|as|is how many|are how many|equals how many"
    r"|expressed in|in how many|converted to) (?:the )?(?P<target>.+)"
)
_VERB = re.compile(r"^(?:convert|change|turn|transform)\b")
_ASKED = re.compile(
    r"^(?:what is|what are|how much is|convert|how (?:far|hot|cold|warm|heavy|tall|fast|long) is)\b"
)


def conversion(utterance: Utterance, context: Context) -> Reply | None:
    """ "how many kilometers is five miles", "convert 100 fahrenheit to celsius", "six feet two in meters"."""
    core = utterance.core
    readings: list[tuple[str, str]] = []
    if match := _HOW_MANY.fullmatch(core):
        readings.append((match["amount"], match["target"]))
    bare = _PREFIX.sub("", core)
    readings += [
        (bare[: m.start()], bare[m.end() :])
        for m in re.finditer(
            r" (?:to|into|in|as|is how many|are how many|equals how many|converted to) ", f"{bare} "
        )
    ]
    for words, target_words in readings:
        if reply := _read(words.strip(), target_words.strip(), verb=bool(_VERB.match(core))):
            return reply
    if _ASKED.match(core) and (amounts := _amounts(bare)):
        return Reply("units", f"{_said(amounts)} in which unit?", topic=Conversion(amounts))
    return None


def _read(words: str, target_words: str, *, verb: bool) -> Reply | None:
    target_words = re.sub(r"^(?:the |how many )", "", target_words)
    target = units().get(target_words)
    partner = target.kind if target else ""
    amounts = _amounts(words, partner)
    if target is None:
        if target_words in _SCALES_ONLY and amounts and amounts[0].unit.kind == "temperature":
            return Reply("units", "In degrees Celsius or Fahrenheit?", topic=Conversion(amounts))
        if verb and amounts and target_words not in _MONEY:
            return Reply("units", f"I don't know the unit {target_words}.")
        return None
    if not amounts:
        if target.kind == "temperature" and (degrees := _DEGREES.fullmatch(words)):
            count = Fraction(degrees[2]) * (-1 if degrees[1] else 1)
            return Reply(
                "units", "Degrees of which scale: Celsius or Fahrenheit?", topic=Degrees(count, target)
            )
        source = units().get(words)
        if source and (verb or source.kind == target.kind) and words not in ("a", "in"):
            if source.kind == "temperature":
                return Reply("units", f"How many {source.plural}?")
            return _converted((Amount(Fraction(1), source),), target)
        if verb and (unknown := _UNKNOWN.fullmatch(words)) and unknown["unit"] not in _MONEY:
            return Reply("units", f"I don't know the unit {unknown['unit']}.")
        return None
    return _converted(amounts, target)


_DEGREES = re.compile(r"(minus |negative )?(\d+(?:\.\d+)?) degrees?")
_UNKNOWN = re.compile(r"\d+(?:\.\d+)? (?P<unit>[a-z]+)")
_PARTS = {"halves": 2, "thirds": 3, "quarters": 4, "fourths": 4, "fifths": 5, "eighths": 8, "tenths": 10}
_ONE = ("a", "an", "1", "one", "the", "each", "every", "per")


def _amounts(words: str, partner: str = "") -> tuple[Amount, ...] | None:
    """The amounts that the words are, all of one kind: "5 feet and 10 inches"."""
    rest = words.split()
    found: list[Amount] = []
    while rest:
        count, rest = _count(rest)
        if count is None:
            return None
        if not rest and found and found[-1].unit.pint == "foot":
            found.append(Amount(count, units()["inch"]))  # "six feet two"
            break
        length = next((n for n in range(min(4, len(rest)), 0, -1) if " ".join(rest[:n]) in units()), 0)
        if not length:
            return None
        unit = units()[" ".join(rest[:length])]
        rest = rest[length:]
        if rest[:3] == ["and", "a", "half"]:
            count, rest = count + Fraction(1, 2), rest[3:]
        if unit.kind == "mass" and unit.name == "ounce" and partner == "volume":
            unit = units()["fluid ounce"]
        found.append(Amount(count, unit))
        if rest[:1] == ["and"]:
            rest = rest[1:]
            if not rest:
                return None
    if (
        not found
        or len({amount.unit.kind for amount in found}) > 1
        or (len(found) > 1 and found[0].unit.kind == "temperature")
    ):
        return None
    return tuple(found)


def _count(rest: list[str]) -> tuple[Fraction | None, list[str]]:
    """How many, and the words behind."""
    sign = 1
    if len(rest) > 1 and rest[0] in ("minus", "negative"):
        sign, rest = -1, rest[1:]
    if rest and is_number(rest[0]):
        count, rest = Fraction(rest[0]), rest[1:]
        if rest[:2] == ["divided", "by"] and is_number(" ".join(rest[2:3])) and Fraction(rest[2]):
            count, rest = count / Fraction(rest[2]), rest[3:]  # typed: "1/2 cup"
        if (
            rest
            and rest[0] in _PARTS
            and (behind := rest[1:3] if rest[2:3] in (["a"], ["an"]) else rest[1:2])
        ):
            return sign * count / _PARTS[rest[0]], rest[1 + len(behind) :]
        if rest[:3] == ["and", "a", "half"]:
            return sign * (count + Fraction(1, 2)), rest[3:]
        if rest[:3] == ["and", "a", "quarter"]:
            return sign * (count + Fraction(1, 4)), rest[3:]
        return sign * count, rest
    if rest[:1] == ["half"]:
        return Fraction(1, 2), rest[2:] if rest[1:2] in (["a"], ["an"]) else rest[1:]
    if (
        rest[:1] in (["a"], ["1"])
        and rest[1:2] in (["quarter"], ["third"], ["tenth"])
        and rest[2:3] == ["of"]
    ):
        return Fraction(1, _PARTS[f"{rest[1]}s"]), rest[4:] if rest[3:4] in (["a"], ["an"]) else rest[3:]
    if rest and rest[0] in _ONE:
        return Fraction(1), rest[1:]
    return None, rest


# Converting


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


def warm() -> None:
    """Load pint and its definitions: half a second that no answer should wait for."""
    _magnitude((Amount(Fraction(1), units()["mile"]),), units()["meter"])


def _magnitude(amounts: tuple[Amount, ...], target: Unit) -> Fraction:
    """So many of the target; the kinds are the same."""
    registry = _registry()
    total = Fraction(0)
    for amount in amounts:
        quantity = registry.Quantity(amount.count * amount.unit.factor, amount.unit.pint)
        total += Fraction(quantity.to(target.pint).magnitude)
    return total / target.factor


def _converted(amounts: tuple[Amount, ...], target: Unit) -> Reply:
    source = amounts[0].unit
    if target.name == "ounce" and source.kind == "volume":
        target = units()["fluid ounce"]
    topic = Conversion(amounts, target)
    said = _said(amounts)
    if source.kind != target.kind:
        text = (
            f"{_titled(source.plural)} measure {source.kind} and {target.plural} measure "
            f"{target.kind}, so I can't convert one to the other."
        )
        return Reply("units", text, topic=topic)
    if source.kind == "temperature" and _magnitude(amounts, units()["kelvin"]) < 0:
        return Reply("units", f"{_titled(said)} is below absolute zero.", topic=topic)
    value = _magnitude(amounts, target)
    rough = source.kind == "time" and (source.name in _ROUGH) != (target.name in _ROUGH)
    if len(amounts) == 1 and amounts[0] == Amount(Fraction(1), units()["year"]) and target.name == "day":
        return Reply("units", "A year has 365 days, and 366 when it is a leap year.", topic=topic)
    text, exact = _short(value)
    about = "" if exact and not rough else "about "
    us = source.name.startswith("US ") and target.name.startswith("US ")
    name = target.name if value in (1, -1) else target.plural
    if us:
        name, said = name.removeprefix("US "), said.replace("US ", "")
    return Reply("units", f"{_titled(said)} is {about}{text} {name}.", topic=topic)


def _short(value: Fraction) -> tuple[str, bool]:
    """Two decimals are enough to say, more below one; whole and short numbers stay exact."""
    thousandth = Fraction(round(value * 1000), 1000)
    if thousandth == value:
        return written(value)
    size = abs(value)
    places = 2 if size >= 1 else 4
    text, exact = (
        written(Fraction(round(value * 10**places), 10**places), places)
        if size >= Fraction(1, 100)
        else written(value, 3)
    )
    return text, False if size >= Fraction(1, 100) else exact


def _said(amounts: tuple[Amount, ...]) -> str:
    parts: list[str] = []
    for amount in amounts:
        count, exact = written(amount.count)
        name = amount.unit.name if amount.count == 1 else amount.unit.plural
        parts.append(f"{'' if exact else 'about '}{count} {name}")
    return " ".join(parts)


def _titled(text: str) -> str:
    return text[0].upper() + text[1:]


# Follow-ups

_ALSO = re.compile(
    r"(?:(?:and|or|what about|how about|then) )*(?:in|into|to|as) (?:the )?(?P<target>.+)"
    r"|(?:(?:and|or|what about|how about) )+(?P<amount>.+)|(?P<bare>.+)"
)


def also(utterance: Utterance, context: Context) -> Reply | None:
    """ "and in meters", "what about ten miles", after another conversion."""
    match = _ALSO.fullmatch(utterance.core)
    if not match:
        return None
    words = match["target"] or match["amount"] or match["bare"]
    if target := units().get(words):
        topic = context.recall()
        if isinstance(topic, Degrees) and target.kind == "temperature":
            return _converted((Amount(topic.count, target),), topic.target)
        if isinstance(topic, Conversion):
            return _converted(topic.amounts, target)
        if not match["target"]:
            return None
        return Reply("units", f"What should I convert to {target.plural}?")
    if amounts := _amounts(words):
        topic = context.recall()
        if isinstance(topic, Conversion) and topic.target and topic.target.kind == amounts[0].unit.kind:
            return _converted(amounts, topic.target)
        return Reply("units", f"{_said(amounts)} in which unit?", topic=Conversion(amounts))
    return None
