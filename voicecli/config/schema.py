"""Which keys there are: a tree grown from the dataclass `Settings`, engine by engine as it is asked for."""

from __future__ import annotations

import functools
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeAlias

from voicecli.config.key import Key
from voicecli.config.settings import TIMEOUT, Engines, Settings
from voicecli.errors import SettingsError, VoiceError
from voicecli.providers.registry import BUILT_IN, closest, engine_class, engines, is_engine

__all__ = [
    "Key",
    "Path",
    "Table",
    "every_key",
    "find",
    "is_engine_table",
    "root",
    "unknown",
]

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Something that has keys."""

    path: Path
    default: Any  # an object of its dataclass
    without: frozenset[str] = frozenset()  # fields that are not keys here

    @property
    def name(self) -> str:
        return ".".join(self.path)

    @property
    def cls(self) -> type:
        return type(self.default)

    @property
    def engines(self) -> Engines | None:
        """The engines whose tables it has, if it is a stage."""
        found = getattr(self.default, "engines", None)
        return found if isinstance(found, Engines) else None

    def children(self) -> Iterator[Key | Table]:
        """What its dataclass says; the tables of engines come from `engine`."""
        yield from self._of(self.default, self.without, self.path)

    def _of(self, part: Any, without: frozenset[str], way: Path) -> Iterator[Key | Table]:
        owner: type = type(part)
        hints = _hints(owner)
        # The engine is what is looked for first; a base class would have its fields before it.
        for field in sorted(fields(part), key=lambda field: field.name != "engine"):
            if not field.init or not field.metadata.get("setting", True) or field.name in without:
                continue
            path, value = (*self.path, field.name), getattr(part, field.name)
            below = field.metadata.get("without", frozenset())
            if field.metadata.get("flat"):
                yield from self._of(value, below, (*way, field.name))
            elif is_dataclass(value) and not isinstance(value, type):
                yield Table(path, value, below)
            else:
                yield Key(path, (*way, field.name), owner, hints[field.name], value)

    def engine(self, name: str) -> Table:
        """The table of an engine. Raises LibraryMissing or ProviderError when a plug-in is broken."""
        assert self.engines is not None
        options = engine_class(self.engines.stage, name).Options
        shared = frozenset({TIMEOUT} if hasattr(self.default, TIMEOUT) else ())
        return Table((*self.path, name), options(), shared)

    def step(self, name: str, *, loose: bool = False) -> Key | Table | None:
        """The key or table of that name; `loose` takes an underscore for a hyphen as well."""
        for child in self.children():
            if child.path[-1] == name:
                return child
        if self.engines is None:
            return None
        stage = self.engines.stage
        if loose:
            name = next((own for own in BUILT_IN[stage] if own.replace("-", "_") == name), name)
        return self.engine(name) if is_engine(stage, name) else None

    def names(self) -> list[str]:
        """Every name that may stand in it."""
        own = [child.path[-1] for child in self.children()]
        return own + (engines(self.engines.stage) if self.engines is not None else [])


def root() -> Table:
    return Table((), Settings())


def find(path: Path, *, loose: bool = False) -> Key | Table | None:
    """What stands at `path`; None when nothing may.

    What is below a free table is that table's key.
    """
    here: Key | Table = root()
    for name in path:
        if isinstance(here, Key):
            return here if here.free else None
        below = here.step(name, loose=loose)
        if below is None:
            return None
        here = below
    return here


def is_engine_table(path: Path) -> bool:
    """Whether the table at `path` is an engine's, without loading the engine."""
    if len(path) != 2:
        return False
    stage = root().step(path[0])
    return isinstance(stage, Table) and stage.engines is not None and is_engine(stage.engines.stage, path[1])


def every_key(below: Table | None = None, *, bundled: bool = False) -> Iterator[Key]:
    """Every key of every engine that can be loaded, or is `bundled`, in the order of the file."""
    table = below or root()
    tables: list[Table] = []
    for child in table.children():
        if isinstance(child, Key):
            yield child
        else:
            tables.append(child)
    if table.engines is not None:
        stage = table.engines.stage
        for name in BUILT_IN[stage] if bundled else engines(stage):
            with suppress(VoiceError):  # a broken plug-in has no keys; `doctor` says what is wrong with it
                tables.append(table.engine(name))
    for inner in tables:
        yield from every_key(inner, bundled=bundled)


def unknown(path: Path) -> SettingsError:
    """The error for a key that does not exist, with the nearest one that does."""
    here = root()
    for name in path:
        below = here.step(name)
        if isinstance(below, Key):
            return SettingsError(f"{below.name} is a value, so there is no {'.'.join(path)}.")
        if below is None:
            break
        here = below
    close = _nearest(path, here)
    hint = f"Did you mean {close}?" if close else f"{here.name or 'The file'} has {', '.join(here.names())}."
    return SettingsError(f"There is no setting {'.'.join(path)}.", hint)


def _nearest(path: Path, here: Table) -> str | None:
    """The key or table that was probably meant: a neighbour, or else one of the same name elsewhere."""
    wrong = path[len(here.path)]
    close = closest(wrong, here.names())
    if close:
        rest = (*here.path, close, *path[len(here.path) + 1 :])
        return ".".join(rest) if find(rest) else ".".join(rest[: len(here.path) + 1])
    everything = [key.name for key in every_key(here)] + [key.name for key in every_key()]
    for name in everything:
        if name.endswith(f".{path[-1]}"):
            return name
    return closest(".".join(path), everything)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)
