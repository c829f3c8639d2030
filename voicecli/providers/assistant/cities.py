"""Cities, countries and regions, and the time zone each one keeps.

The table is places.txt; its zone names are those of the IANA time zone database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from voicecli.providers.assistant.tables import rows

__all__ = ["Place", "famous", "find", "places"]

LONGEST = 12  # words: more than any place with its region has


@dataclass(frozen=True, slots=True)
class Place:
    """A name as it is answered, and its zone; one in several zones has none, but `examples` to ask with."""

    name: str
    zone: str = ""
    examples: tuple[str, ...] = ()


@cache
def places() -> dict[str, Place]:
    """Every name in lower case, as it is said, and its place."""
    table: dict[str, Place] = {}
    for zone, entries in rows("places.txt"):
        for names in [zone.removeprefix("? ")] if zone.startswith("?") else entries:
            name, *aliases = (part.strip(" *") for part in names.split("="))
            place = Place(name.replace(" in ", ", "), zone)
            if zone.startswith("?"):
                place = Place(name, examples=tuple(entries))
            for spoken in (name, *aliases):
                table.setdefault(re.sub(r"[^a-z ]", "", spoken.lower().replace("-", " ")), place)
    return table


@cache
def famous() -> tuple[str, ...]:
    """The names that the recogniser's grammar holds, in the words of the CMU dictionary.

    A star before the first name holds for it when nothing but it is starred, else for the aliases too.
    """
    found: list[str] = []
    for entry in (entry.strip() for _, entries in rows("places.txt") for entry in entries):
        name, *aliases = entry.split("=")
        found += [alias for alias in aliases if alias.startswith("*")] or [name] * name.startswith("*")
    return tuple(name.strip().removeprefix("*").lower() for name in found)


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
