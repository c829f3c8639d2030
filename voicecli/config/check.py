"""Values: each is turned into the type that its key's annotation states, or refused in words.

The one file that imports msgspec.
"""

from __future__ import annotations

import enum
import math
import tomllib
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from voicecli.config.bounds import bounds, describe
from voicecli.config.comments import comments
from voicecli.config.schema import Key, alternatives
from voicecli.errors import SettingsError
from voicecli.providers.registry import closest

__all__ = ["checked", "toml", "values_of"]


def checked(key: Key, value: Any, origin: str, *, text: bool = False) -> Any:
    """`value` as the type of `key`; `text` says that it was written as text, whatever its type is.

    Raises SettingsError naming the origin, the key and what is expected.
    """
    for candidate in _readings(value) if text else (value,):
        try:
            converted = _converted(candidate, key)
        except (ValueError, TypeError):
            continue
        if _within(converted, key):
            return converted
    raise _bad(key, value, origin)


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


def _converted(value: Any, key: Key) -> Any:
    if value == "" and type(None) in alternatives(key.hint):
        return None  # TOML has no other way to say it
    import msgspec  # 15 ms that settings nobody changed do not need

    return msgspec.convert(value, key.hint, strict=True, dec_hook=_path)


def _path(kind: type, value: Any) -> Any:
    if issubclass(kind, Path) and isinstance(value, str):
        return kind(value).expanduser()
    raise NotImplementedError(f"{kind} cannot stand in settings")


def _within(value: Any, key: Key) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    limits = bounds(key.hint, key.default)
    return math.isfinite(value) and limits.least <= value <= limits.most


def _bad(key: Key, value: Any, origin: str) -> SettingsError:
    comment = comments(key.owner).get(key.path[-1], "")
    choices = [choice for part in alternatives(key.hint) for choice in values_of(part)]
    close = closest(str(value), choices)
    hint = f"Did you mean {close}?" if close else f"{key.name}: {comment}." if comment else ""
    return SettingsError(
        f"{origin}{': ' if origin else ''}{key.name} must be {_expected(key, comment)}, not {_shown(value)}.",
        hint.replace("..", "."),
    )


def _expected(key: Key, comment: str) -> str:
    parts = [_kind(part, key, comment) for part in alternatives(key.hint) if part is not type(None)]
    return " or ".join(parts)


def _kind(part: Any, key: Key, comment: str) -> str:
    """A type in words."""
    if choices := values_of(part):
        return f"one of {', '.join(choices)}"
    unit = " of seconds" if comment.startswith("second") else ""
    limits = describe(bounds(key.hint, key.default))
    words = {
        bool: "true or false",
        str: "text",
        int: f"a whole number{unit}{limits}",
        float: f"a number{unit}{limits}",
        Path: "a path",
    }
    if part in words:
        return words[part]
    container = typing.get_origin(part) or part
    return "a table" if container in (dict, Mapping) else "a list"


def values_of(part: Any) -> Sequence[str]:
    """The values that a type enumerates; none where it does not."""
    if typing.get_origin(part) is typing.Literal:
        return [str(choice) for choice in typing.get_args(part)]
    if isinstance(part, type) and issubclass(part, enum.Enum):
        return [str(choice.value) for choice in part]
    return []


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else toml(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def toml(value: Any) -> str:
    """The value as TOML writes it; None, which TOML lacks, is empty text."""
    match value:
        case None:
            return '""'
        case bool():
            return str(value).lower()
        case enum.Enum():
            return toml(value.value)
        case int() | float():
            return repr(value)
        case str() | Path():
            return _quoted(str(value))
        case Mapping():
            return (
                "{ " + ", ".join(f"{_name(k)} = {toml(v)}" for k, v in value.items()) + " }"
                if value
                else "{}"
            )
        case Sequence() | set() | frozenset():
            return "[" + ", ".join(toml(inner) for inner in value) + "]"
        case _:
            return str(value)  # a date or a time


def _name(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    named = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return (
        '"'
        + "".join(named.get(c) or (f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else c) for c in text)
        + '"'
    )
