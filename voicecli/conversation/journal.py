"""Saved conversations: one folder each, its text and times as JSON Lines written while it happens."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from voicecli.conversation.context import History
from voicecli.errors import SaveError, UsageError
from voicecli.printable import json_line
from voicecli.providers.language_model import Message

__all__ = ["FILE", "Journal", "Saved", "earlier_messages", "find_saved", "saved_conversations"]

FILE = "conversation.jsonl"
_SAID = ("transcript", "heard", "text")  # what holds words, in a turn and in one that was cut off
_FORMAT = 1  # of the file; a later one may add fields, and must change this to take any away


class Journal:
    """Appends records to a new folder below `root`; synced to the disk at the end of each turn."""

    def __init__(self, root: Path, header: Mapping[str, Any]) -> None:
        """Raises SaveError when the folder cannot be made or written."""
        self.id = time.strftime("%Y%m%d-%H%M%S")
        try:
            self.folder = _new_folder(root, self.id)
            self.id = self.folder.name
            self._file: TextIO | None = (self.folder / FILE).open("w", encoding="utf-8")
        except OSError as error:
            raise SaveError(
                f"The conversation cannot be saved in {root}: {error.strerror or error}.",
                "Choose another folder with --save DIR, or keep nothing with --no-save.",
            ) from error
        self.write({"event": "conversation", "id": self.id, "format": _FORMAT, **header}, sync=True)

    def write(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        """Append one record; with `sync` it survives a power cut.

        Raises SaveError, and after that accepts and loses everything quietly.
        """
        if self._file is None:
            return
        try:
            self._file.write(json_line(record) + "\n")
            self._file.flush()
            if sync:
                os.fsync(self._file.fileno())
        except OSError as error:
            self.close()
            raise SaveError(
                f"The conversation is no longer saved in {self.folder}: {error.strerror or error}.",
                "What was saved before is kept.",
            ) from error

    def close(self) -> None:
        """Write no more."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()

    def has_sound(self) -> bool:
        """Whether anything stands beside the text."""
        return any(file.name != FILE for file in self.folder.iterdir())

    def discard(self) -> None:
        """Leave no trace: the conversation never began."""
        self.close()
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                file.unlink()
            self.folder.rmdir()


def _new_folder(root: Path, name: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = root / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return folder


@dataclass(frozen=True, slots=True)
class Saved:
    """A conversation on the disk."""

    id: str
    folder: Path

    def records(self) -> Iterator[dict[str, Any]]:
        """Every record that is whole; a last line that was cut off is left out. Raises SaveError."""
        try:
            with (self.folder / FILE).open(encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        record = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(record, dict):
                        yield record
        except OSError as error:
            raise SaveError(f"{self.folder / FILE} cannot be read: {error.strerror or error}.") from error

    def has_words(self) -> bool:
        """Whether anybody said anything. Raises SaveError."""
        return any(record.get(side) for record in self.records() for side in _SAID)


def saved_conversations(root: Path) -> list[Saved]:
    """Every conversation below `root`, the oldest first."""
    return [Saved(path.parent.name, path.parent) for path in sorted(root.glob(f"*/{FILE}"))]


def find_saved(root: Path, wanted: str = "") -> Saved:
    """The conversation of that id or beginning of one; "" is the latest in which something was said.

    Raises UsageError, and SaveError for one that has to be looked into and cannot be read.
    """
    found = saved_conversations(root)
    if not found:
        raise UsageError(f"No conversation is saved in {root}.")
    if not wanted:
        return next((saved for saved in reversed(found) if saved.has_words()), found[-1])
    fitting = [saved for saved in found if saved.id.startswith(wanted)]
    if not fitting:
        raise UsageError(
            f"No conversation {wanted!r} is saved in {root}.",
            f"The latest is {found[-1].id}: see `voicecli history`.",
        )
    return next((saved for saved in fitting if saved.id == wanted), fitting[-1])


def earlier_messages(saved: Saved) -> list[Message]:
    """What the model was told of a saved conversation, and of those that it went on with.

    One that is no longer there is left out. Raises SaveError.
    """
    history = History()
    for one in _chain(saved):
        for record in one.records():
            if record.get("event") == "turn":
                _tell(history, record)
    return list(history.messages)


def _tell(history: History, record: Mapping[str, Any]) -> None:
    asked, heard = str(record.get("transcript") or ""), str(record.get("heard") or "")
    if asked and record.get("dropped") is not True:
        history.add_user(asked)
        history.add_assistant(heard, interrupted=record.get("interrupted") is True)
    elif asked:
        history.add_user(asked)
        history.drop_question()
    elif heard:
        history.add_assistant(heard)


def _chain(saved: Saved) -> list[Saved]:
    """A conversation behind all those that it continues, the first one first."""
    chain = [saved]
    while (name := next(chain[-1].records(), {}).get("continues")) and isinstance(name, str):
        earlier = Saved(name, saved.folder.parent / name)
        if earlier in chain or not (earlier.folder / FILE).is_file():
            break
        chain.append(earlier)
    return chain[::-1]
