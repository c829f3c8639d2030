"""Where in a TOML file each key stands: tomllib does not say, and an error should."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

__all__ = ["locate"]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)+")
_VALUE_PART = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|'  # a string of several lines may end in up to two quotes of its own
    r"'''.*?'{3,5}|"
    r'"(?:[^"\\\n]|\\.)*"|'
    r"'[^'\n]*'|"
    r"#[^\n]*|"
    r"[\[\]{}\n]|"
    r"[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
_NAME = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[A-Za-z0-9_-]+")


def locate(text: str) -> dict[tuple[str, ...], int]:
    """The line, from 1, of every table and key in `text`, which must be valid TOML.

    A key inside an inline table stands on the line of that table's own key, and is not listed.
    """
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    position, line, counted = 0, 1, 0
    while True:
        blank = _BLANK.match(text, position)
        position = blank.end() if blank else position
        if position >= len(text):
            return found
        line += text.count("\n", counted, position)
        counted = position
        if text[position] == "[":
            double = text.startswith("[[", position)
            names, position = _path(text, position + 1 + double)
            position = text.index("]", position) + 1 + double
            table = names
            found.setdefault(table, line)
        else:
            names, position = _path(text, position)
            found.setdefault((*table, *names), line)
            position = _after_value(text, text.index("=", position) + 1)


def _path(text: str, position: int) -> tuple[tuple[str, ...], int]:
    """The dotted name that begins at `position`, and where it ends."""
    names: list[str] = []
    while True:
        while text[position] in " \t":
            position += 1
        name = _NAME.match(text, position)
        if name is None:  # only in what is not TOML
            return tuple(names), position
        names.append(_unquoted(name.group()))
        position = name.end()
        while text[position : position + 1] in (" ", "\t"):
            position += 1
        if text[position : position + 1] != ".":
            return tuple(names), position
        position += 1


def _unquoted(name: str) -> str:
    return next(iter(tomllib.loads(f"{name} = 0"))) if name[0] in "\"'" else name


def _after_value(text: str, position: int) -> int:
    """The end of the line on which the value that begins at `position` ends."""
    depth = 0
    for part in _parts(text, position):
        if part.group() in "[{":
            depth += 1
        elif part.group() in "]}":
            depth -= 1
        elif part.group() == "\n" and depth == 0:
            return part.start()
        position = part.end()
    return position


def _parts(text: str, position: int) -> Iterator[re.Match[str]]:
    while part := _VALUE_PART.match(text, position):
        yield part
        position = part.end()
