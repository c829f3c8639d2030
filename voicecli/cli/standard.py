"""Standard input, output and error: there when a command begins, and missed when they take no more."""

from __future__ import annotations

import contextlib
import os
import sys
from io import TextIOWrapper

from voicecli.errors import OutputLost

__all__ = ["open_standard_streams"]


def open_standard_streams() -> None:
    """Open those that were closed, and let output that nobody took end the command with a reason.

    A closed input has ended, a closed output takes nothing, a closed error output takes all. Without this the
    next file that is opened would get their numbers.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = _open(sys.stdout, 1, _Output)
    sys.stderr = _open(sys.stderr, 2, _Errors)


class _Output(TextIOWrapper):
    def write(self, text: str) -> int:
        if text == "":  # Typer asks whether this is text, and drops what that raises
            return 0
        try:
            return super().write(text)
        except OSError as error:
            raise self._lost(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise self._lost(error) from error

    def _lost(self, error: OSError) -> Exception:
        # It is told once: what still waits is not written again when the program ends.
        _swallow(self.fileno())
        if isinstance(error, BrokenPipeError):
            return error
        return OutputLost(f"Standard output cannot be written: {error.strerror}.")


class _Errors(TextIOWrapper):
    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):  # there is nowhere left to say so
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def _open(stream: object, number: int, kind: type[TextIOWrapper]) -> TextIOWrapper:
    there = stream if isinstance(stream, TextIOWrapper) else None
    return kind(
        open(number, "wb", closefd=False) if there is None else there.buffer,
        encoding="utf-8" if there is None else there.encoding,
        errors="replace",  # what somebody said must not end the program because a terminal lacks a letter
        line_buffering=there is not None and there.line_buffering,
        write_through=there is not None and there.write_through,
    )


def _swallow(number: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
