"""Where settings come from: files, profiles, the environment and flags, each as entries with an origin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicecli.config import schema
from voicecli.errors import SettingsError
from voicecli.folders import settings_folder
from voicecli.printable import credentials_in
from voicecli.providers.registry import closest

__all__ = [
    "Entry",
    "Flag",
    "SettingsFile",
    "bundled",
    "bundled_names",
    "default_user_file",
    "from_environment",
    "from_flags",
    "from_profile",
    "locate",
    "read_file",
    "refuse_secret",
]

PREFIX = "VOICECLI_"
PROFILES = "profiles"

_SECRET_NAMES = {"api_key", "apikey", "key", "password", "secret", "token", "access_token", "auth_token"}
_SECRET_VALUE = re.compile(r"(?:sk|pk|rk|gsk|hf|xai|key)[-_][A-Za-z0-9_-]{16,}|sk-\S{4,}|AIza\S{20,}")
_ENDS = ('"""', "'''", "]")  # of what goes over several lines
_LINE_IN_ERROR = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Flag:
    """A value given on the command line, and by which flag."""

    name: str  # as typed: "--voice"
    value: Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One value on its way into the settings."""

    path: schema.Path
    value: Any
    origin: str  # for people: "config.toml:12", "VOICECLI_TTS__ENGINE", "--tts"
    text: bool = False  # written as text, whatever its type is
    loose: bool = False  # a name in which an underscore may stand for a hyphen


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file, read."""

    path: Path
    text: str
    document: Mapping[str, Any]
    lines: Mapping[schema.Path, int]

    def profiles(self) -> Mapping[str, Any]:
        """The tables under `[profiles]`. Raises SettingsError when they are not tables."""
        found = self.document.get(PROFILES, {})
        for name, table in found.items() if isinstance(found, dict) else [("", found)]:
            if not isinstance(table, dict):
                where = self.origin((PROFILES, name) if name else (PROFILES,))
                raise SettingsError(f"{where}: a profile is a table.", "For example: [profiles.home.tts]")
        return dict(found)

    def entries(self) -> list[Entry]:
        """Every value outside the profiles."""
        outside = {name: value for name, value in self.document.items() if name != PROFILES}
        return [Entry(path, value, self.origin(path)) for path, value in _flat(outside)]

    def profile(self, name: str) -> list[Entry]:
        """Every value of the profile `name`; none when the file has no such profile."""
        return [
            Entry(path, value, f"{self.origin((PROFILES, name, *path))} (profile {name})")
            for path, value in _flat(self.profiles().get(name, {}))
        ]

    def origin(self, path: schema.Path) -> str:
        """`file:line` of the key, or of the nearest table around it that is written out."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.path}:{self.lines[path[:length]]}"
        return str(self.path)


def is_there(path: Path) -> bool:
    """Whether the file exists. Raises SettingsError where nobody may look."""
    try:
        return path.exists()
    except OSError as exc:
        raise SettingsError(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def default_user_file() -> Path:
    """The user's own settings, where the system keeps such files (on Linux `$XDG_CONFIG_HOME`)."""
    return settings_folder() / "config.toml"


def bundled(name: str) -> Path:
    """A settings file that ships with voicecli; it need not exist."""
    inside = Path(__file__).with_name("files")  # in the wheel
    folder = inside if inside.is_dir() else Path(__file__).parents[2] / "config"  # in a checkout
    return folder / f"{name}.toml"


def bundled_names() -> list[str]:
    """The profiles that ship with voicecli."""
    return sorted(file.stem for file in bundled("default").parent.glob("*.toml") if file.stem != "default")


def read_file(path: Path, text: str | None = None) -> SettingsFile:
    """Read the file, or `text` as if it stood there.

    Raises SettingsError for what cannot be read, is not TOML, or holds a secret.
    """
    if text is None:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as exc:
            raise SettingsError(
                f"There is no settings file {path}.", "`voicecli config init` makes one."
            ) from exc
        except OSError as exc:
            raise SettingsError(f"{path} cannot be read: {exc.strerror}.") from exc
        except UnicodeDecodeError as exc:
            line = exc.object[: exc.start].count(b"\n") + 1
            raise SettingsError(f"{path}:{line}: this is not UTF-8 text.", "Save the file as UTF-8.") from exc
    text = text.replace("\r\n", "\n")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise _not_toml(path, text, str(exc)) from exc
    file = SettingsFile(path, text, document, locate(text))
    for key, value in _flat(document):
        refuse_secret(key, value, file.origin(key))
    return file


def from_profile(name: str, files: list[SettingsFile]) -> list[Entry]:
    """The entries of a profile: of the files that have it, later ones last, or else the bundled one.

    Raises SettingsError for a name that nobody knows.
    """
    having = [file for file in files if name in file.profiles()]
    if having:
        return [entry for file in having for entry in file.profile(name)]
    if name in bundled_names():
        file = read_file(bundled(name))
        return [
            Entry(entry.path, entry.value, f"{entry.origin} (profile {name})") for entry in file.entries()
        ]
    known = [*dict.fromkeys(own for file in files for own in file.profiles()), *bundled_names()]
    close = closest(name, known)
    hint = f"Did you mean {close}? " if close else ""
    raise SettingsError(f"There is no profile {name!r}.", f"{hint}Known: {', '.join(known)}.")


def from_environment(environ: Mapping[str, str]) -> list[Entry]:
    """Every `VOICECLI_SECTION__KEY`.

    Raises SettingsError for a name that is a setting's but for its underscores.
    """
    entries = []
    for name, value in sorted(environ.items()):
        if not name.upper().startswith(PREFIX):
            continue
        path = tuple(name[len(PREFIX) :].lower().split("__"))
        if len(path) > 1:
            refuse_secret(path, value, name)
            entries.append(Entry(path, value, name, text=True, loose=True))
        else:
            _refuse_single_underscores(name, path[0])
    return entries


def from_flags(overrides: Mapping[str, Any]) -> list[Entry]:
    """Values by dotted key, each a `Flag` or bare."""
    entries = []
    for key, given in overrides.items():
        flag = given if isinstance(given, Flag) else Flag("--set", given)
        path = tuple(key.split("."))
        for below, value in _flat_value(path, flag.value):
            refuse_secret(below, value, flag.name)
            entries.append(Entry(below, value, flag.name, text=isinstance(value, str)))
    return entries


def refuse_secret(path: schema.Path, value: Any, origin: str) -> None:
    """Raise SettingsError for what is, or looks like, a key or a password; it never repeats the value."""
    texts = value if isinstance(value, list) else [value]
    secret = path[-1].lower().replace("-", "_") in _SECRET_NAMES and value not in ("", {})
    if not secret and not any(isinstance(text, str) and _looks_secret(text) for text in texts):
        return
    wanted = ".".join((*path[:-1], "api_key_env"))
    raise SettingsError(
        f"{origin}: {'.'.join(path)} holds a secret, and settings are no place for one.",
        "Put it into an environment variable (OPENAI_API_KEY, or the one that "
        f"{wanted} names) or into the system's keyring, and remove it here.",
    )


def _looks_secret(text: str) -> bool:
    return bool(_SECRET_VALUE.fullmatch(text.strip()) or credentials_in(text))


def _refuse_single_underscores(name: str, rest: str) -> None:
    """VOICECLI_TTS_ENGINE is most likely meant; other names of ours, like a test's, are not settings."""
    sections = [child.path[0] for child in schema.root().children()]
    if rest in sections:
        raise SettingsError(f"{name} names a whole section.", f"Two underscores lead to a key: {name}__...")
    if not any(rest.startswith(f"{section}_") for section in sections):
        return
    for key in schema.every_key():
        if "_".join(key.path).replace("-", "_") == rest:
            right = PREFIX + "__".join(key.path).upper().replace("-", "_")
            raise SettingsError(f"{name} is not read as {key.name}.", f"Two underscores a level: {right}")


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[schema.Path, Any]]:
    for name, value in table.items():
        yield from _flat_value((name,), value)


def _flat_value(path: schema.Path, value: Any) -> Iterator[tuple[schema.Path, Any]]:
    """Every value below `path`; an empty table counts as one, so that its name is checked too."""
    if isinstance(value, Mapping) and value:
        for below, inner in _flat(value):
            yield (*path, *below), inner
    else:
        yield path, value


def locate(text: str) -> dict[schema.Path, int]:
    """The line, from 1, of every table and key in `text`, which must be TOML: its reader does not say.

    A statement ends with the first line at which all of it can be read.
    """
    found: dict[schema.Path, int] = {}
    table: schema.Path = ()
    statement, began = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if statement and not any(end in line for end in _ENDS):
            statement += f"{line}\n"
            continue
        began = began if statement else number
        statement += f"{line}\n"
        try:
            inner: Any = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue
        path: schema.Path = ()
        while isinstance(inner, dict) and len(inner) == 1:
            ((name, inner),) = inner.items()
            path = (*path, name)
        if statement.lstrip().startswith("["):
            table = path
            found.setdefault(table, began)
        elif path:
            found.setdefault((*table, *path), began)
        statement = ""
    return found


def _not_toml(path: Path, text: str, message: str) -> SettingsError:
    where = _LINE_IN_ERROR.search(message)
    line = int(where[1]) if where and where[1] else text.count("\n") + 1
    what = _LINE_IN_ERROR.sub("", message)
    wrong = text.splitlines()[line - 1].strip() if 0 < line <= len(text.splitlines()) else ""
    shown = "" if not wrong or "key" in wrong.lower() else f" in: {wrong[:80]}"
    return SettingsError(
        f"{path}:{line}: this is not TOML: {what[0].lower() + what[1:]}{shown}.",
        'Text stands in quotes: voice = "nova".',
    )
