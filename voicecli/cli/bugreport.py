"""A report that can be pasted into a bug report: what the doctor found, without anything that is secret."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from voicecli.cli.check import Check, Level
from voicecli.config import Loaded
from voicecli.printable import json_line, without_credentials

__all__ = ["Redaction", "bug_report"]

_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[?&])([^=&\s]*(?:key|token|secret|sig|auth)[^=&\s]*)=[^&\s]+", re.IGNORECASE)
_KEYS = re.compile(r"\b(?:sk|pk|hf|gsk|xai|ghp)[-_][\w-]{8,}")  # how the keys of well-known services begin
_BEARER = re.compile(r"(?i)\b(bearer)\s+\S+")
_ENTRIES = re.compile(r"[,;\s]+")
_SHORTEST = 6  # characters: a shorter value of a secret variable would blot out ordinary words
_PRIVATE = ("conversation.system",)
_MARKS = {Level.OK: "ok", Level.NOTE: "**note**", Level.PROBLEM: "**problem**"}


class Redaction:
    """Takes out of a text what identifies somebody or opens something."""

    def __init__(self, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        named = {
            part: f"[{name}]"
            for name, value in environ.items()
            if _SECRET_NAME.search(name)
            for part in (value, *_parts(value))
        }
        self._values = {value: name for value, name in named.items() if len(value) >= _SHORTEST}
        home = home or Path.home()
        # What is longer goes first: a home folder holds the user's name.
        self._places = [(str(home), "~")] if home != Path("/") else []
        self._words = [
            (re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w-])"), name)
            for word, name in ((_user(), "[user]"), (socket.gethostname(), "[this machine]"))
            if word and word not in ("root", "localhost")
        ]

    def clean(self, text: str) -> str:
        """The text without secrets, names and the home folder."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, self._values[value])
        text = without_credentials(text)
        text = _QUERY.sub(r"\1=[hidden]", text)
        text = _BEARER.sub(r"\1 [hidden]", text)
        text = _KEYS.sub("[key]", text)
        for place, name in self._places:
            text = re.sub(rf"{re.escape(place)}(?![\w-])", name, text)
        for pattern, name in self._words:
            text = pattern.sub(name, text)
        return text


def _parts(value: str) -> Iterator[str]:
    """What may be shown of it by itself: one of several tokens, one without its name, the half of one."""
    for entry in _ENTRIES.split(value):
        yield entry
        yield entry.partition(":")[2]
        yield from entry.split(":")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def bug_report(
    sections: Sequence[tuple[str, Sequence[Check]]], loaded: Loaded | None, redaction: Redaction
) -> str:
    """Markdown: a table for each section, and the settings that differ from the defaults."""
    lines = ["## voicecli doctor", ""]
    for title, checks in sections:
        lines += [f"### {title}", "", "| | what | how it is |", "|---|---|---|", *map(_row, checks), ""]
    lines += ["### Settings that differ from the defaults", "", *_settings(loaded), ""]
    return redaction.clean("\n".join(lines))


def _row(check: Check) -> str:
    told = f"{check.detail} → {check.remedy}" if check.remedy else check.detail
    return f"| {_MARKS[check.level]} | {_cell(check.name)} | {_cell(told)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _settings(loaded: Loaded | None) -> list[str]:
    if loaded is None:
        return ["They cannot be read, so all of the above is for the defaults."]
    changed = [
        f"{key} = {_value(key, value)}  # {origin}"
        for key, value, origin in loaded.items()
        if origin != "default"
    ]
    return ["```toml", *changed, "```"] if changed else ["None."]


def _value(key: str, value: object) -> str:
    """What was set; of what the model is told only how long it is, for that is nobody's business."""
    return f"({len(str(value))} characters)" if key in _PRIVATE else json_line(value, default=str)
