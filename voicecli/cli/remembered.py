"""What was typed before: the history of lines that the Up key goes through."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prompt_toolkit.history import FileHistory, History, InMemoryHistory

__all__ = ["remembered_lines"]


def remembered_lines(path: Path | None, warn: Callable[[str], None]) -> History:
    """The history in the file `path`, which only its owner may read; None forgets everything at the end.

    `warn` is told once when the file cannot be read or written.
    """
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.fchmod(number, 0o600)
        finally:
            os.close(number)
    except OSError as error:
        warn(_forgotten(path, error))
        return InMemoryHistory()
    return _Remembered(path, warn)


class _Remembered(FileHistory):
    """A history that a full disk does not end."""

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        super().__init__(path)
        self._warn: Callable[[str], None] | None = warn

    def load_history_strings(self) -> Iterable[str]:
        """The lines of the file, the newest first."""
        try:
            return list(super().load_history_strings())
        except OSError as error:
            self._lose(error)
            return []

    def store_string(self, string: str) -> None:
        """Add a line to the file."""
        try:
            super().store_string(string)
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        warn, self._warn = self._warn, None
        if warn is not None:
            warn(_forgotten(Path(os.fsdecode(self.filename)), error))


def _forgotten(path: Path, error: OSError) -> str:
    return f"What you type is not remembered: {path}: {error.strerror}."
