"""The settings as a text that people read and edit: the default file, and changes that keep its comments.

The one file that imports tomlkit. `python -m voicecli.config.document` prints `config/default.toml`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from voicecli.config import schema
from voicecli.config.comments import summary
from voicecli.config.key import Key, described, toml
from voicecli.config.load import load_entries
from voicecli.config.origins import PROFILES, bundled, locate, read_file, refuse_secret
from voicecli.config.ranges import LONG, MANY
from voicecli.config.schema import Table
from voicecli.config.settings import Settings
from voicecli.errors import SaveError, SettingsError

__all__ = ["changes", "default_text", "first_text", "write"]

WIDTH = 110  # characters; a longer line has its comment above
HEAD = """\
# Every setting of voicecli with its default. Times are in seconds. Keys and passwords stand in the
# environment or in the system's keyring, never here.
"""
FIRST_HEAD = """\
# The settings of voicecli. A line without its # is in force; what stands here are the defaults. Times are in
# seconds. Keys and passwords stand in the environment or in the system's keyring, never here.
# [profiles.NAME.tts], and so on, holds what `--profile NAME` sets.
"""


def default_text() -> str:
    """Every setting with its default and what it is, generated from the dataclasses."""
    return HEAD + "".join(line + "\n" for line in _lines())


def first_text() -> str:
    """What a user's file begins as: the default file with every value commented out."""
    text = bundled("default").read_text(encoding="utf-8")
    return FIRST_HEAD + re.sub(r"(?m)^(?=[A-Za-z0-9_-]+ = )", "#", text.removeprefix(HEAD))


def changes(path: Path, wanted: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """The text of the file at `path` with every key of `wanted` set, and the values set; writes nothing.

    `profiles.NAME.KEY` sets a key of a profile. Raises SettingsError for a wrong key or value, and for a file
    that is or would become wrong.
    """
    text = read_file(path).text if path.exists() else ""
    values = {}
    for key, given in wanted.items():
        full = tuple(key.split("."))
        inner = full[2:] if full[0] == PROFILES else full
        values[key] = _value(inner, given, key)
        text = _with_value(text, full, values[key])
    file = read_file(path, text)
    for profile in (None, *file.profiles()):
        load_entries(file.entries() + (file.profile(profile) if profile else []))
    return text, values


def write(path: Path, text: str) -> None:
    """Replace the file in one step, a new one for its owner alone; a link stays one. Raises SaveError."""
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600  # it may name private servers
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise SaveError(f"{path} cannot be written: {exc.strerror}.") from exc


def _value(path: schema.Path, text: str, key: str) -> Any:
    """The text as the type of the key at `path`. Raises SettingsError."""
    if path:
        refuse_secret(path, text, key)
    found = schema.find(path)
    if found is None:
        raise schema.unknown(path)
    if isinstance(found, Table) or len(path) > len(found.path) + 1:
        raise SettingsError(f"{key} is a table, not a value.", "Set one of its keys.")
    return text if path != found.path else found.checked(text, "", text=True)


def _with_value(text: str, path: schema.Path, value: Any) -> str:
    """Where the line stands commented out it is uncommented; otherwise it joins its table."""
    text = _uncommented(text, path)
    import tomlkit

    document = tomlkit.parse(text)
    here: MutableMapping[str, Any] = document
    for index, name in enumerate(path[:-1]):
        if name not in here:
            here[name] = tomlkit.table(is_super_table=index < len(path) - 2)
        here = here[name]
    here[path[-1]] = tomlkit.value(toml(value))
    return tomlkit.dumps(document)


def _uncommented(text: str, path: schema.Path) -> str:
    lines = locate(text)
    if path in lines or path[:-1] not in lines:
        return text
    rows = text.split("\n")
    off = re.compile(rf"#\s*({re.escape(path[-1])}\s*=)")
    for number in range(lines[path[:-1]], len(rows)):
        if rows[number].lstrip().startswith("["):
            break
        if off.match(rows[number]):
            rows[number] = off.sub(r"\1", rows[number], count=1)
            return "\n".join(rows)
    return text


def _lines() -> Iterator[str]:
    """Every key, below the name of its table."""
    table: schema.Path = ()
    for key in schema.every_key(bundled=True):
        section, *below = key.path[:-1]
        if key.path[:-1] != table:
            table = key.path[:-1]
            text = "" if below else summary(type(getattr(Settings(), section)))
            yield from ("", *([f"# {text}"] if text else []), f"[{'.'.join(table)}]")
        line, comment = f"{key.path[-1]} = {toml(key.default)}", _comment(key)
        whole = f"{line}  # {comment}" if comment else line
        yield from [whole] if len(whole) <= WIDTH else [f"# {comment}", line]


def _comment(key: Key) -> str:
    """What the source says, and the bounds and choices that stand in its annotation."""
    said = re.sub(r"\bNone\b", "empty", key.comment)
    limits = key.stated
    allowed = described(limits).strip() if limits and limits.most not in (LONG, MANY) else ""
    return "; ".join(part for part in (said, allowed, ", ".join(key.choices)) if part)


if __name__ == "__main__":
    print(default_text(), end="")
