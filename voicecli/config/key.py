"""A key of the settings: what its value may be, the value of it in a text, and the text of a value.

The one file that imports msgspec. Anything in the key's `Annotated` that has `least` and `most` bounds its
numbers; where nothing is stated, a number whose default is 0 or more may not be negative.
"""

from __future__ import annotations

import enum
import json
import math
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicecli.config.comments import comments
from voicecli.errors import SettingsError
from voicecli.providers.bounds import Within
from voicecli.providers.registry import closest

__all__ = ["Key", "described", "toml"]


@dataclass(frozen=True, slots=True)
class Key:
    """Something that has a value."""

    path: tuple[str, ...]
    way: tuple[str, ...]  # the attributes of `Settings` that lead to it, engines by their name
    owner: type  # the dataclass whose field it is
    hint: Any  # its annotation, evaluated
    default: Any

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The parts of its type, if that is a union, without their bounds."""
        hint = _plain(self.hint)
        parts = (
            typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        )
        return tuple(map(_plain, parts))

    @property
    def free(self) -> bool:
        """Whether it holds a table in which any key may stand."""
        return any(typing.get_origin(kind) in (dict, Mapping) for kind in self.kinds)

    @property
    def comment(self) -> str:
        """What its source says of it."""
        return comments(self.owner).get(self.path[-1], "")

    @property
    def stated(self) -> Within | None:
        """The bounds in its annotation, if there are any."""
        for part in (self.hint, *typing.get_args(self.hint)):  # a union may hold the annotated number
            for about in typing.get_args(part)[1:]:
                if hasattr(about, "least") and hasattr(about, "most"):
                    return Within(about.least, about.most)
        return None

    @property
    def limits(self) -> Within:
        """What is stated, or what the default suggests."""
        sign = isinstance(self.default, (int, float)) and self.default >= 0
        return self.stated or Within(0 if sign else -math.inf, math.inf)

    @property
    def choices(self) -> list[str]:
        """The values that its type enumerates; none where it does not."""
        return [choice for kind in self.kinds for choice in _choices(kind)]

    def checked(self, value: Any, origin: str, *, text: bool = False) -> Any:
        """`value` as its type; `text` says that it was written as text, whatever its type is.

        Raises SettingsError naming the origin, the key and what is expected.
        """
        for candidate in _readings(value) if text else (value,):
            try:
                converted = self._converted(candidate)
            except (ValueError, TypeError):
                continue
            if self._within(converted):
                return converted
        raise self._bad(value, origin)

    def _converted(self, value: Any) -> Any:
        if value == "" and type(None) in self.kinds:
            return None  # TOML has no other way to say it
        import msgspec  # 15 ms that settings nobody changed do not need

        return msgspec.convert(value, self.hint, strict=True, dec_hook=_path)

    def _within(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True
        return math.isfinite(value) and self.limits.least <= value <= self.limits.most

    def _bad(self, value: Any, origin: str) -> SettingsError:
        close = closest(str(value), self.choices)
        hint = f"Did you mean {close}?" if close else f"{self.name}: {self.comment}." if self.comment else ""
        expected = " or ".join(self._expected(kind) for kind in self.kinds if kind is not type(None))
        shown = repr(value) if isinstance(value, str) else toml(value)
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        where = f"{origin}: " if origin else ""
        return SettingsError(f"{where}{self.name} must be {expected}, not {shown}.", hint.replace("..", "."))

    def _expected(self, kind: Any) -> str:
        """A part of its type in words."""
        if choices := _choices(kind):
            return f"one of {', '.join(choices)}"
        unit = " of seconds" if self.comment.startswith("second") else ""
        limits = described(self.limits)
        words = {
            bool: "true or false",
            str: "text",
            int: f"a whole number{unit}{limits}",
            float: f"a number{unit}{limits}",
            Path: "a path",
        }
        if kind in words:
            return words[kind]
        return "a table" if (typing.get_origin(kind) or kind) in (dict, Mapping) else "a list"


def described(limits: Within) -> str:
    """The bounds in words, with a space before them; empty where there are none."""
    if math.isfinite(limits.least) and math.isfinite(limits.most):
        return f" from {limits.least:g} to {limits.most:g}"
    if math.isfinite(limits.least):
        return f" of {limits.least:g} or more"
    return f" of {limits.most:g} or less" if math.isfinite(limits.most) else ""


def toml(value: Any) -> str:
    """The value as TOML writes it; None, which TOML lacks, is empty text."""
    match value:
        case None:
            return '""'
        case enum.Enum():
            return toml(value.value)
        case bool() | str() | Path():
            # JSON writes them alike, but for one character that it takes as it is.
            text = value if isinstance(value, bool) else str(value)
            return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            pairs = ", ".join(f"{_name(name)} = {toml(inner)}" for name, inner in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case Sequence() | set() | frozenset():
            return "[" + ", ".join(toml(inner) for inner in value) + "]"
        case _:
            return str(value)  # a number, a date or a time


def _name(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else toml(name)


def _readings(text: str) -> Iterator[Any]:
    """What a text may mean: a TOML value, or itself."""
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        pass
    else:
        if len(document) == 1:
            yield document["value"]
    yield text


def _path(kind: type, value: Any) -> Any:
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value).expanduser()
    raise NotImplementedError(f"{kind} cannot stand in settings")


def _choices(kind: Any) -> list[str]:
    if typing.get_origin(kind) is typing.Literal:
        return [str(choice) for choice in typing.get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [str(choice.value) for choice in kind]
    return []


def _plain(hint: Any) -> Any:
    """An annotation without its bounds."""
    return _plain(typing.get_args(hint)[0]) if typing.get_origin(hint) is typing.Annotated else hint
