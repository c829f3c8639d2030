"""The files beside this one: what people say and what is answered, places, units."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["named", "phrases", "rows", "table", "text"]


@cache
def table(name: str) -> dict[str, Any]:
    """A file in TOML."""
    return tomllib.loads(text(name))


def phrases(name: str) -> str:
    """The pattern of a request without details, which is one of the phrases in phrases.toml."""
    return "|".join(table("phrases.toml")[name]["said"])


def named(name: str, pattern: str) -> str:
    """The pattern with the words of a file for the names in angle brackets."""
    words = table(name).get("words", {})
    return re.sub(r"(?<!P)<(\w+)>", lambda found: f"(?:{'|'.join(words[found[1]])})", pattern)


def rows(name: str) -> list[tuple[str, list[str]]]:
    """A file with a row a line: what stands before the colon, and the entries behind it."""
    lines = (line for line in text(name).splitlines() if line and not line.startswith("#"))
    split = (line.partition(": ") for line in lines)
    return [(before, behind.split(", ")) for before, _, behind in split]


def text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
