"""Loading: every source in its order, checked, into one `Settings` whose every value knows its origin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from voicecli.config import origins, schema
from voicecli.config.key import Key
from voicecli.config.origins import Entry
from voicecli.config.schema import Table
from voicecli.config.settings import TIMEOUT, Engines, Settings
from voicecli.errors import SettingsError, UsageError
from voicecli.providers.registry import Stage, unknown_engine

__all__ = ["Item", "Loaded", "load_entries", "load_settings"]


class Item(NamedTuple):
    """One setting, what it is, and who said so."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each came from."""

    settings: Settings
    origins: Mapping[schema.Path, str]  # only of what somebody set

    def origin(self, key: str) -> str:
        """Who set the key: `file:line`, a variable, a flag, or "default". Raises SettingsError for no key."""
        found = schema.find(tuple(key.split(".")))
        if not isinstance(found, Key):
            raise schema.unknown(tuple(key.split(".")))
        return self.origins.get(found.path, "default")

    def items(self) -> Iterator[Item]:
        """Every key of every engine, in the order of the file."""
        for key in schema.every_key():
            here: Any = self.settings
            for name in key.way:
                here = getattr(here, name) if hasattr(here, name) else here.engines[name]
            yield Item(key.name, here, self.origins.get(key.path, "default"))


def load_settings(
    config: Path | None = None,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    user_file: Path | Literal["default"] | None = "default",
) -> Loaded:
    """Read everything: defaults < user file < `config` < `profile` < environment < `overrides`.

    `overrides` maps dotted keys to values or `Flag`s; text is read as the key's type. A `user_file` of None
    reads none. Raises SettingsError naming file and line, variable or flag, the key, and the nearest valid
    one; LibraryMissing or ProviderError for a table of a plug-in that is broken.
    """
    files = []
    user = origins.default_user_file() if user_file == "default" else user_file
    if user is not None and origins.is_there(user):
        files.append(origins.read_file(user))
    if config is not None:
        files.append(origins.read_file(config.expanduser()))
    entries = [entry for file in files for entry in file.entries()]
    if profile is not None:
        entries += origins.from_profile(profile, files)
    entries += origins.from_environment(os.environ if environ is None else environ)
    entries += origins.from_flags(overrides or {})
    return load_entries(entries)


def load_entries(entries: list[Entry]) -> Loaded:
    """Check the entries and build the settings from them, later ones over earlier ones."""
    values: dict[schema.Path, Any] = {}
    origins: dict[schema.Path, str] = {}
    for entry in entries:
        key, value = _check(entry)
        if key is None:
            continue
        if key.free and isinstance(value, dict) and isinstance(values.get(key.path), Mapping):
            value = {**values[key.path], **value}
        values[key.path] = value
        origins[key.path] = entry.origin
    settings = _build(schema.root(), values, origins)
    assert isinstance(settings, Settings)
    return Loaded(settings, origins)


def _check(entry: Entry) -> tuple[Key | None, Any]:
    """The key that the entry sets, and its value as that key's type; no key for an empty table."""
    if entry.value == {} and schema.is_engine_table(entry.path):
        return None, None  # without loading the engine: a file may have the headings of all of them
    found = schema.find(entry.path, loose=entry.loose)
    if found is None:
        problem = schema.unknown(entry.path)
        raise SettingsError(f"{entry.origin}: {problem.message}", problem.hint)
    if isinstance(found, Table):
        if entry.value == {}:
            return None, None
        raise SettingsError(
            f"{entry.origin}: {found.name} is a table, not a value.", f"It has {', '.join(found.names())}."
        )
    below = entry.path[len(found.path) :]
    value, text = entry.value, entry.text
    for name in reversed(below):
        value, text = {name: value}, False
    value = found.checked(value, entry.origin, text=text)
    stage, *key = found.path
    if key == ["engine"] and value != "auto" and not schema.is_engine_table((stage, value)):
        wrong = unknown_engine(cast(Stage, stage), value)
        raise SettingsError(f"{entry.origin}: {found.name}: {wrong.message}", wrong.hint)
    return found, value


def _build(table: Table, values: Mapping[schema.Path, Any], origins: Mapping[schema.Path, str]) -> Any:
    """The table's dataclass with the values that were set; the default object where none was."""
    depth = len(table.path)
    touched = {path[depth] for path in values if path[:depth] == table.path}
    built: dict[str, Any] = {}
    for name in touched:
        inner = table.step(name)
        assert inner is not None
        built[name] = values[inner.path] if isinstance(inner, Key) else _build(inner, values, origins)
    try:
        return _filled(table.default, built)
    except (ValueError, UsageError) as exc:
        raise _refused(table, exc, origins) from exc


def _filled(default: Any, built: Mapping[str, Any]) -> Any:
    """`default` with the fields in `built`, each in the part that has it."""
    given: dict[str, Any] = {}
    for field in fields(default):
        value = getattr(default, field.name)
        if field.metadata.get("flat"):
            given[field.name] = _filled(value, built)
        elif isinstance(value, Engines):
            tables = {name: options for name, options in built.items() if not hasattr(default, name)}
            given[field.name] = value.tailored(tables, timeout=built.get(TIMEOUT))
        elif field.name in built:
            given[field.name] = built[field.name]
    return replace(default, **given) if built and given else default


def _refused(table: Table, exc: ValueError | UsageError, origins: Mapping[schema.Path, str]) -> SettingsError:
    """What a dataclass says against its values, with the origin of those that it names."""
    own = {path[-1]: origin for path, origin in origins.items() if path[:-1] == table.path}
    said = exc.message if isinstance(exc, UsageError) else str(exc)
    named = {name: origin for name, origin in own.items() if name in said} or own
    where = ", ".join(dict.fromkeys(named.values()))
    names = ", ".join(f"{table.name}.{name}" for name in named)
    hint = exc.hint if isinstance(exc, UsageError) else ""
    return SettingsError(f"{where}: {names}: {said.rstrip('.')}.", hint)
