"""Conversion between units of measure; the door to pint, which is told to reckon in fractions.

Which words are units is our own table: no everyday word is taken for one of pint's thousand names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from voicecli.providers.assistant.dialogue import Context, Excuse, Question, Reply, Topic, intent
from voicecli.providers.assistant.numbers import QUANTITY, is_number, quantity, written
from voicecli.providers.assistant.tables import rows
from voicecli.providers.assistant.wording import Wording, capital

if TYPE_CHECKING:
    import pint

__all__ = ["also", "conversion", "units", "warm"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is said, as pint names it, and how many of pint's it is."""

    kind: str
    name: str
    plural: str
    pint: str
    factor: int = 1


_ENTRY = re.compile(r"([^/=\n]+)(?:/([^=\n]+))?(?:=(?:(\d+)\*)?([^+\n]+)(.*))?")


@cache
def units() -> dict[str, Unit]:
    """Every word for a unit."""
    found: dict[str, Unit] = {}
    for kind, entries in rows("measures.txt"):
        for name, plural, factor, pint_name, more in _ENTRY.findall("\n".join(entries)):
            unit = Unit(kind, name, plural or f"{name}s", pint_name or name, int(factor or 1))
            aliases = more.split("+")[1:]
            plurals = [f"{alias}s" for alias in aliases if len(alias) > 2 and not alias.endswith("s")]
            for words in (name, unit.plural, *aliases, *plurals):
                for spelled in (words, words.replace("meter", "metre"), words.replace("liter", "litre")):
                    found.setdefault(spelled.lower(), unit)
    return found


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


# Months and years differ in length, so days in them are "about" so many.
_ROUGH = re.compile(r"month|year|decade|century|millennium")
_MONEY = re.compile(r"(?:dollar|euro|pound|franc|peso|rupee|bitcoin|cent)s?|yen|yuan|sterling")
_PREFIX = re.compile(
    r"^(?:(?:and|convert|change|turn|transform|express|calculate|what is|what are|what would|how much (?:is"
    r"|are)|how (?:far|long|hot|cold|warm|heavy|tall|high|big|fast|deep|wide) (?:is|are)|what|give me) )+"
)
_HOW_MANY = re.compile(
    r"(?:(?:and|or) )?how (?:many|much) (?P<target>.+?) (?:(?:are|is) there in|there (?:are|is) in"
    r"|do you (?:have|get) in|fit (?:in|into)|(?:are|is) in|are|is|in|to|per|equals?|make up|makes?|does|do"
    r"|for|go into|would be|there are) (?P<amount>.+?)(?: (?:have|has|contain|contains|equal|make|be|hold"
    r"|in it|make up|convert to))?"
)
_INTO = re.compile(r" (?:to|into|in|as|(?:is|are|equals) how many|converted to) ")
_VERB = re.compile(r"(?:convert|change|turn|transform)\b")
_ASKED = re.compile(r"(?:what (?:is|are)|convert|how (?:much|far|hot|cold|warm|heavy|tall|fast|long) is)\b")
_DEGREES = re.compile(r"(minus |negative )?(\d+(?:\.\d+)?) degrees?")
_UNKNOWN = re.compile(r"\d+(?:\.\d+)? ([a-z]+)")


@intent("units", r".+")
def conversion(match: re.Match[str], context: Context) -> Reply | None:
    """ "how many kilometers is five miles", "convert 100 fahrenheit to celsius", "six feet two in meters"."""
    core = match[0]
    bare = _PREFIX.sub("", core)
    readings = [(bare[: m.start()], bare[m.end() :]) for m in _INTO.finditer(f"{bare} ")]
    if many := _HOW_MANY.fullmatch(core):
        readings.insert(0, (many["amount"], many["target"]))
    for words, target in readings:
        if reply := _read(words.strip(), target.strip(), verb=bool(_VERB.match(core))):
            return reply
    return _which(amounts) if _ASKED.match(core) and (amounts := _amounts(bare)) else None


def _which(amounts: tuple[Amount, ...]) -> Reply:
    return Reply("units", f"{_said(amounts)} in which unit?", topic=Conversion(amounts))


def _read(words: str, target_words: str, *, verb: bool) -> Reply | None:
    target_words = re.sub(r"^(?:the |how many )", "", target_words)
    target, source = units().get(target_words), units().get(words)
    amounts = _amounts(words, target.kind if target else "")
    unknown = ""
    if target is None:
        if target_words in ("degree", "degrees") and amounts and amounts[0].unit.kind == "temperature":
            raise Excuse("In degrees Celsius or Fahrenheit?", Conversion(amounts))
        unknown = target_words if amounts else ""
    elif amounts:
        return _converted(amounts, target)
    elif target.kind == "temperature" and (degrees := _DEGREES.fullmatch(words)):
        return _scale(Fraction(degrees[2]) * (-1 if degrees[1] else 1), target)
    elif source and (verb or source.kind == target.kind) and words not in ("a", "in"):
        if source.kind == "temperature":
            raise Excuse(f"How many {source.plural}?")
        return _converted((Amount(Fraction(1), source),), target)
    elif found := _UNKNOWN.fullmatch(words):
        unknown = found[1]
    if verb and unknown and not _MONEY.fullmatch(unknown):
        raise Excuse(f"I don't know the unit {unknown}.")
    return None


def _scale(count: Fraction, target: Unit) -> Reply:
    """Ask of which scale so many degrees are."""

    def answer(said: Wording, context: Context) -> Reply | None:
        scale = units().get(re.sub(r"^(?:(?:and|or|then) )*(?:in |into |to |as )?(?:the )?", "", said.core))
        if scale is None or scale.kind != "temperature":
            return None
        return _converted((Amount(count, scale),), target)

    return Reply("units", "Degrees of which scale: Celsius or Fahrenheit?", topic=Question("units", answer))


@cache
def _amount() -> re.Pattern[str]:
    names = "|".join(sorted(units(), key=len, reverse=True))
    return re.compile(
        rf"(?P<sign>(?:minus|negative) )?(?:{QUANTITY}|one|the|each|every|per)(?: divided by "
        rf"(?P<under>\d*[1-9]\d*))? (?P<unit>{names})(?: and a (?P<behind>half|quarter))?(?: and(?= .))?(?: "
        r"|$)"
    )


def _amounts(words: str, partner: str = "") -> tuple[Amount, ...] | None:
    """The amounts that the words are, all of one kind: "5 feet and 10 inches"."""
    found: list[Amount] = []
    at = 0
    while at < len(words) or not found:
        if found and found[-1].unit.pint == "foot" and is_number(words[at:]):
            found.append(Amount(Fraction(words[at:]), units()["inch"]))  # "six feet two"
            break
        match = _amount().match(words, at)
        if match is None:
            return None
        unit = units()[match["unit"]]
        if unit.name == "ounce" and partner == "volume":
            unit = units()["fluid ounce"]
        count = quantity(match, int(match["under"] or 1))  # typed: "1/2 cup"
        found.append(Amount(-count if match["sign"] else count, unit))
        at = match.end()
    kinds = {amount.unit.kind for amount in found}
    return tuple(found) if len(kinds) == 1 and (len(found) == 1 or kinds != {"temperature"}) else None


@cache
def _registry() -> pint.UnitRegistry[Fraction]:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)


def warm() -> None:
    """Load pint and its definitions: half a second that no answer should wait for."""
    _magnitude((Amount(Fraction(1), units()["mile"]),), units()["meter"])


def _magnitude(amounts: tuple[Amount, ...], target: Unit) -> Fraction:
    """So many of the target; the kinds are the same."""
    quantities = (_registry().Quantity(one.count * one.unit.factor, one.unit.pint) for one in amounts)
    return sum((Fraction(one.to(target.pint).magnitude) for one in quantities), Fraction(0)) / target.factor


def _converted(amounts: tuple[Amount, ...], target: Unit) -> Reply:
    source = amounts[0].unit
    if target.name == "ounce" and source.kind == "volume":
        target = units()["fluid ounce"]
    topic, said = Conversion(amounts, target), capital(_said(amounts))
    if source.kind != target.kind:
        what = f"{capital(source.plural)} measure {source.kind} and {target.plural} measure {target.kind}"
        raise Excuse(f"{what}, so I can't convert one to the other.", topic)
    if source.kind == "temperature" and _magnitude(amounts, units()["kelvin"]) < 0:
        raise Excuse(f"{said} is below absolute zero.", topic)
    if amounts == (Amount(Fraction(1), units()["year"]),) and target.name == "day":
        raise Excuse("A year has 365 days, and 366 when it is a leap year.", topic)
    value = _magnitude(amounts, target)
    rough = source.kind == "time" and bool(_ROUGH.match(source.name)) != bool(_ROUGH.match(target.name))
    text, exact = _short(value)
    about = "" if exact and not rough else "about "
    name = target.name if value in (1, -1) else target.plural
    if source.name.startswith("US ") and target.name.startswith("US "):
        name, said = name.removeprefix("US "), said.replace("US ", "")
    return Reply("units", f"{said} is {about}{text} {name}.", topic=topic)


def _short(value: Fraction) -> tuple[str, bool]:
    """Two decimals are enough to say, more below one; whole and short numbers stay exact."""
    if (value * 1000).denominator == 1:
        return written(value)
    if abs(value) < Fraction(1, 100):
        return written(value, 3)
    places = 2 if abs(value) >= 1 else 4
    return written(Fraction(round(value * 10**places), 10**places), places)[0], False


def _said(amounts: tuple[Amount, ...]) -> str:
    counts = [(written(one.count), one.unit.name if one.count == 1 else one.unit.plural) for one in amounts]
    return " ".join(f"{'' if exact else 'about '}{count} {name}" for (count, exact), name in counts)


@intent(
    "units",
    r"(?:(?:and|or|what about|how about|then) )*(?P<to>in|into|to|as) (?:the )?(?P<what>.+)",
    r"(?:(?:and|or|what about|how about) )*(?P<what>.+)(?P<to>)",
)
def also(match: re.Match[str], context: Context) -> Reply | None:
    """ "and in meters", "what about ten miles", after another conversion."""
    words, topic = match["what"], context.recall()
    last = topic if isinstance(topic, Conversion) else None
    if target := units().get(words):
        if last:
            return _converted(last.amounts, target)
        if match["to"]:
            raise Excuse(f"What should I convert to {target.plural}?")
    elif amounts := _amounts(words):
        if last and last.target and last.target.kind == amounts[0].unit.kind:
            return _converted(amounts, last.target)
        return _which(amounts)
    return None
