"""The process that decodes, so that the one that plays sound keeps its interpreter to itself.

It ends when its standard input does: however its parent dies, it does not outlive it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeAlias

from voicecli.providers.sphinx.decoder import Models, Search
from voicecli.providers.sphinx.domain import prepare
from voicecli.providers.sphinx.frames import Kind, line, read
from voicecli.providers.sphinx.listener import SECOND, Finding, Listener

__all__ = ["main"]

Frame: TypeAlias = tuple[Kind, int, bytes]

EVERY = SECOND // 5  # of audio between partial transcripts


def main() -> None:
    """Serve one parent over standard input and output until it hangs up."""
    # The C library may print; only our lines belong on the pipe.
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    first = read(sys.stdin.buffer)
    if first is None:
        return
    try:
        listener = _load(json.loads(first[2]))
    except ValueError as exc:
        reports.write(line({"failed": "grammar", "message": str(exc)}))
        return
    except (RuntimeError, OSError) as exc:
        reports.write(line({"failed": "models", "message": str(exc)}))
        return
    reports.write(line({"ready": True}))
    frames: queue.SimpleQueue[Frame] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, frames), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        Desk(listener, reports).serve(frames)


def _load(settings: dict[str, str | float]) -> Listener:
    """Raises ValueError for a bad grammar, RuntimeError or OSError for models that cannot be used."""
    acoustic, dictionary, language = (
        Path(str(settings[key])) for key in ("acoustic", "dictionary", "language")
    )
    models = Models(acoustic, dictionary, language)
    commands = None
    if text := str(settings["domain"]):
        try:
            commands = _commands(models, text, Path(str(settings["cache"])))
        except OSError:  # the cache cannot be written; once loaded, the files are not needed
            with tempfile.TemporaryDirectory() as folder:
                commands = _commands(models, text, Path(folder))
    return Listener(Search(models), commands, float(settings["threshold"]))


def _commands(models: Models, text: str, cache: Path) -> Search:
    domain = prepare(text, models.dictionary, cache)
    return Search(replace(models, dictionary=domain.dictionary), grammar=domain.grammar)


def _receive(stream: BinaryIO, frames: queue.SimpleQueue[Frame]) -> None:
    while (frame := read(stream)) is not None:
        frames.put(frame)
    os._exit(0)  # nobody listens any more, and the decoder may be in the middle of something long


class Desk:
    """Takes frames as they come and reports on the utterance under way."""

    def __init__(self, listener: Listener, reports: BinaryIO) -> None:
        self._listener = listener
        self._reports = reports
        self._utterance: int | None = None
        self._ended = False
        self._unreported = 0  # bytes of audio since the last partial transcript
        self._shown = ""

    def serve(self, frames: queue.SimpleQueue[Frame]) -> None:
        """Never returns; the end of the input ends the process."""
        busy = False
        while True:
            if not busy:
                self.take(frames.get())
            while not frames.empty():  # all there is, so that what was abandoned is not decoded first
                self.take(frames.get())
            busy = self.work()

    def take(self, frame: Frame) -> None:
        """Note a frame; decoding comes in `work`."""
        kind, utterance, data = frame
        if kind is Kind.START:
            self._utterance, self._ended, self._shown, self._unreported = utterance, False, "", 0
            self._listener.start()
        elif utterance != self._utterance:
            pass  # of one that is over
        elif kind is Kind.AUDIO:
            self._listener.hear(data)
            self._unreported += len(data)
        elif kind is Kind.END:
            self._ended = True
        elif kind is Kind.ABANDON:
            self._utterance = None

    def work(self) -> bool:
        """Decode a little; return whether there is more to decode."""
        if self._utterance is None:
            return False
        if self._listener.follow():
            return True
        if self._ended:
            self._report(self._listener.finish(), final=True)
            self._utterance = None
        elif self._unreported >= EVERY:
            self._unreported = 0
            finding = self._listener.partial()
            if finding.text and finding.text != self._shown:
                self._shown = finding.text
                self._report(finding, final=False)
        return False

    def _report(self, finding: Finding, *, final: bool) -> None:
        report = {"utterance": self._utterance, "text": finding.text, "final": final}
        self._reports.write(line({**report, "confidence": finding.confidence}))
