"""Cities, countries and regions, and the time zone each one keeps.

The table is places.txt; its zone names are those of the IANA time zone database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Place", "famous", "find", "places"]

LONGEST = 12  # words: more than any place with its region has


@dataclass(frozen=True, slots=True)
class Place:
    """A name as it is answered, and its zone; one in several zones has none, but `examples` to ask with."""

    name: str
    zone: str = ""
    examples: tuple[str, ...] = ()


# Names that stand for several zones, or for several places: the answer is a question.
_SEVERAL = {
    "the United States=united states=united states of "
    "america=america=u s=usa=u s a=the states": "New York, Chicago, Denver, Los Angeles",
    "Canada": "Toronto, Winnipeg, Calgary, Vancouver",
    "Mexico": "Mexico City, Cancun, Tijuana",
    "Brazil": "Sao Paulo, Manaus",
    "Russia": "Moscow, Novosibirsk, Vladivostok",
    "Indonesia": "Jakarta, Bali",
    "Australia": "Sydney, Brisbane, Adelaide, Perth",
    "Mongolia": "Ulaanbaatar",
    "Congo=the congo": "Kinshasa",
    "Georgia": "Atlanta, Tbilisi",
    "Tennessee": "Nashville",
    "Kentucky": "Louisville",
    "Europe": "London, Paris, Athens, Moscow",
    "Asia": "Dubai, Delhi, Shanghai, Tokyo",
    "Africa": "Lagos, Cairo, Nairobi",
    "South America": "Bogota, Buenos Aires",
    "North America": "New York, Chicago, Denver, Los Angeles",
}


@cache
def places() -> dict[str, Place]:
    """Every name in lower case, as it is said, and its place."""
    table: dict[str, Place] = {}
    for zone, entry in _entries():
        name, *aliases = (part.strip(" *") for part in entry.split("="))
        place = Place(name.replace(" in ", ", "), zone)
        for spoken in (name, *aliases):
            table.setdefault(_spoken(spoken), place)
    for names, examples in _SEVERAL.items():
        name, *aliases = names.split("=")
        place = Place(name, examples=tuple(examples.split(", ")))
        for spoken in (name, *aliases):
            table[_spoken(spoken)] = place
    return table


@cache
def famous() -> tuple[str, ...]:
    """The names that the recogniser's grammar holds, in the words of the CMU dictionary."""
    names = (name for _, entry in _entries() for name in _starred(entry))
    return tuple(name.strip().removeprefix("*").lower() for name in names)


# An unknown city in a known country is up to three words that could be its name.
_NAMELIKE = re.compile(
    r"(?!.*\b(?:what|how|is|it|the|time|day|date|to|of|and|or|in|at|a|about|from|for|my)\b)[a-z ]{3,}"
)
_TRIMMED = re.compile(
    r"^(?:the city of |downtown |here in |over in |over there in )|(?: right now| now| today| currently| time"
    r"| at the moment)+$"
)


def find(text: str) -> Place | None:
    """The place that the whole text names: "paris", "paris france", "springfield illinois"; None if unknown.

    Behind a city, a region or country tells which one is meant; the region's zone then counts.
    """
    text, table = _TRIMMED.sub("", text).strip(), places()
    if place := table.get(text) or table.get(f"the {text}"):
        return place
    words = text.split()
    for split in range(1, len(words) if len(words) <= LONGEST else 0):
        city, region = " ".join(words[:split]), table.get(" ".join(words[split:]).removeprefix("in "))
        if region is None:
            continue
        known, partly = table.get(city), region.name.startswith("most of")
        if known and known.zone and (partly or region.zone in ("", known.zone)):
            return known
        if known or (split <= 3 and _NAMELIKE.fullmatch(city)):
            named = region.zone and not partly
            return Place(f"{city.title()}, {region.name}", region.zone) if named else region
    return None


@cache
def _entries() -> tuple[tuple[str, str], ...]:
    """Zone and names, entry by entry."""
    text = files(__package__).joinpath("places.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    split = (line.partition(": ") for line in lines)
    return tuple((zone, entry.strip()) for zone, _, entries in split for entry in entries.split(", "))


def _starred(entry: str) -> list[str]:
    """A star before the first name holds for it when nothing but it is starred, else for the aliases too."""
    name, *aliases = entry.split("=")
    starred = [alias for alias in aliases if alias.startswith("*")]
    return starred or ([name] if name.startswith("*") else [])


def _spoken(name: str) -> str:
    return re.sub(r"[^a-z ]", "", name.lower().replace("-", " "))
