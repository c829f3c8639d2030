"""The process that recognises, so that the one that serves keeps its interpreter to itself.

It ends when its standard input does: however the server dies, it does not outlive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import from_s16
from voicecli.errors import VoiceError
from voicecli.flow.steps import scoped
from voicecli.providers.recognizer import HEARING_RATE, Recognizer, Transcript
from voicecli.providers.registry import engine_class
from voicecli.server.pipe import Frame, Order, Report, pack, read_order, text

__all__ = ["Recipe", "main"]

log = logging.getLogger(__name__)

_TOLD = HEARING_RATE // 4  # samples between two reports of what the engine has taken
_POLITENESS = 5  # the server's event loop comes first on a busy machine
_LONGEST = 32_768  # characters of a transcript that are passed on
_PLACES = 32  # jobs at once, for an engine that does not say


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which engine to open, and how."""

    name: str
    options: Any  # an object of the engine's Options
    domain: str | None = None  # what to expect, for an engine that takes it


def main() -> None:
    """Serve one parent over standard input and output until it hangs up."""
    # The engine's library may print; only our reports belong on the pipe.
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    with contextlib.suppress(OSError):
        os.nice(_POLITENESS)
    first = read_order(sys.stdin.buffer)
    if first is None:
        return
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        asyncio.run(_serve(first.data, reports))


async def _serve(recipe: bytes, reports: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    desk = Desk(reports)
    try:
        engine = _engine(pickle.loads(recipe))  # our own parent wrote it
    except (VoiceError, ImportError, AttributeError, ValueError, TypeError) as exc:
        reports.write(pack(Report.BROKEN, data=text(_account(exc))))
        return
    # From here on, so that the parent's death is noticed while a large model loads.
    threading.Thread(target=_receive, args=(sys.stdin.buffer, loop, desk), daemon=True).start()
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(engine)
        except VoiceError as error:
            reports.write(pack(Report.BROKEN, data=text(_account(error))))
            return
        except Exception as exc:  # whatever a library raises while it loads its model
            log.exception("the engine does not open")
            reports.write(pack(Report.BROKEN, data=text(_account(exc))))
            return
        desk.open(engine)
        places = getattr(engine, "places", _PLACES)
        reports.write(pack(Report.READY, data=struct.pack("<I", max(1, places))))
        await desk.gone.wait()


def _engine(recipe: Recipe) -> Recognizer:
    cls = engine_class("asr", recipe.name)
    more = {}
    if recipe.domain is not None:
        import inspect

        if "domain" in inspect.signature(cls).parameters:
            more["domain"] = recipe.domain
    engine: Recognizer = cls(recipe.options, **more)
    return engine


def _receive(stream: BinaryIO, loop: asyncio.AbstractEventLoop, desk: Desk) -> None:
    while (frame := read_order(stream)) is not None:
        loop.call_soon_threadsafe(desk.take, frame)
    os._exit(0)  # nobody listens any more, and the engine may be in the middle of something long


class Desk:
    """Takes orders as they come; each job is a task."""

    def __init__(self, reports: BinaryIO) -> None:
        self.gone = asyncio.Event()  # the parent takes no more reports
        self._reports = reports
        self._engine: Recognizer | None = None
        self._sounds: dict[int, Sound] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def open(self, engine: Recognizer) -> None:
        """From now on jobs can be done; orders come after the parent was told so."""
        self._engine = engine

    def take(self, frame: Frame) -> None:
        """Note an order; nothing here waits."""
        order, job = Order(frame.kind), frame.job
        if order is Order.OPEN:
            self._sounds[job] = Sound(job, self._report)
            self._tasks[job] = asyncio.get_running_loop().create_task(self._hear(job))
        elif order is Order.PING:
            self._report(pack(Report.ALIVE))  # so the loop goes round, and the engine does not hold it up
        elif job not in self._sounds:
            pass  # of one that is over
        elif order is Order.AUDIO:
            self._sounds[job].push(from_s16(frame.data))
        elif order is Order.END:
            self._sounds[job].end()
        elif order is Order.CANCEL:
            self._tasks[job].cancel()

    async def _hear(self, job: int) -> None:
        assert self._engine is not None
        sound = self._sounds[job]
        try:
            final = None
            async with scoped(self._engine.transcribe(sound)) as transcripts:
                async for transcript in transcripts:
                    if transcript.final:
                        final = transcript
                        break
                    self._report(pack(Report.PARTIAL, job, text({"text": transcript.text[:_LONGEST]})))
            self._report(self._answer(job, sound, final))
        except VoiceError as error:
            self._report(pack(Report.FAILED, job, text(_account(error))))
        except Exception as exc:  # an engine's defect fails its utterance, not those of the others
            log.exception("the engine has a defect")
            self._report(pack(Report.FAILED, job, text(_account(exc))))
        finally:
            del self._sounds[job], self._tasks[job]

    def _answer(self, job: int, sound: Sound, final: Transcript | None) -> bytes:
        if final is None:
            return pack(Report.FAILED, job, text(_account(RuntimeError("it gave no final transcript"))))
        said = {"text": final.text[:_LONGEST], "confidence": final.confidence, "seconds": sound.worked}
        return pack(Report.FINAL, job, text(said))

    def _report(self, data: bytes) -> None:
        try:
            self._reports.write(data)
        except BrokenPipeError:
            self.gone.set()


class Sound(AsyncIterator[Samples]):
    """The audio of one job as the engine reads it; knows how much it has taken and how long it worked."""

    def __init__(self, job: int, report: Any) -> None:
        self._job = job
        self._report = report
        self._waiting: deque[Samples] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._taken = 0  # samples
        self._told = 0  # samples
        self._began = time.perf_counter()
        self._idle = 0.0  # seconds that the engine waited for sound

    @property
    def worked(self) -> float:
        """Seconds since the beginning in which it was not the sound that was waited for."""
        return time.perf_counter() - self._began - self._idle

    def push(self, samples: Samples) -> None:
        self._waiting.append(samples)
        self._arrived.set()

    def end(self) -> None:
        self._ended = True
        self._arrived.set()

    async def __anext__(self) -> Samples:
        while not self._waiting:
            if self._ended:
                raise StopAsyncIteration
            self._arrived.clear()
            began = time.perf_counter()
            await self._arrived.wait()
            self._idle += time.perf_counter() - began
        samples = self._waiting.popleft()
        self._taken += len(samples)
        if self._taken - self._told >= _TOLD:
            self._told = self._taken
            self._report(pack(Report.TAKEN, self._job, struct.pack("<I", self._taken)))
        return np.ascontiguousarray(samples, np.float32)


def _account(exc: Exception) -> dict[str, Any]:
    """An exception for the other side; what is no error of ours is a defect."""
    if isinstance(exc, VoiceError):
        return {"kind": exc.kind, "message": exc.message, "hint": exc.hint, "defect": False}
    said = str(exc) or type(exc).__name__
    return {"kind": "Unavailable", "message": f"The engine failed: {said}.", "hint": "", "defect": True}
