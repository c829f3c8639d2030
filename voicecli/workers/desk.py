"""The inside of a worker: an engine in a process of its own, so that others keep their interpreter.

It ends when its standard input does: however its parent dies, it does not outlive it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from voicecli.audio.block import Samples
from voicecli.audio.pcm import from_s16
from voicecli.errors import VoiceError
from voicecli.flow.feeds import Feed
from voicecli.flow.scope import scoped
from voicecli.speech.vad import RATE
from voicecli.workers.pipe import Frame, Order, Report, pack, read_order, text

__all__ = ["main"]

log = logging.getLogger(__name__)

_TOLD = RATE // 4  # samples between two reports of what the engine has taken
_LONGEST = 32_768  # characters of a transcript that are passed on
_PLACES = 32  # jobs at once, for an engine that does not say


def main() -> None:
    """Serve one parent over standard input and output until it hangs up."""
    # The engine's library may print; only our reports belong on the pipe.
    reports = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    first = read_order(sys.stdin.buffer)
    if first is None:
        return
    with contextlib.suppress(BrokenPipeError):  # the parent is gone
        asyncio.run(_serve(first.data, reports))


async def _serve(recipe: bytes, reports: BinaryIO) -> None:
    desk = Desk(reports)
    async with contextlib.AsyncExitStack() as stack:
        try:
            wanted = pickle.loads(recipe)  # our own parent wrote it
            with contextlib.suppress(OSError):
                os.nice(wanted.politeness)
            engine = wanted.engine(wanted.options, **wanted.more)
            # From here on, so that the parent's death is noticed while a large model loads.
            loop = asyncio.get_running_loop()
            threading.Thread(target=_receive, args=(sys.stdin.buffer, loop, desk), daemon=True).start()
            await stack.enter_async_context(engine)
        except Exception as exc:  # whatever a library raises while it loads its model
            if not isinstance(exc, VoiceError):
                log.exception("the engine does not open")
            reports.write(pack(Report.BROKEN, data=text(_account(exc))))
            return
        desk.engine = engine
        places = getattr(engine, "places", _PLACES)
        reports.write(pack(Report.READY, data=_number(max(1, places))))
        await desk.gone.wait()


def _receive(stream: BinaryIO, loop: asyncio.AbstractEventLoop, desk: Desk) -> None:
    while (frame := read_order(stream)) is not None:
        loop.call_soon_threadsafe(desk.take, frame)
    os._exit(0)  # nobody listens any more, and the engine may be in the middle of something long


class Desk:
    """Takes orders as they come, once there is an engine; each job is a task."""

    def __init__(self, reports: BinaryIO) -> None:
        self.gone = asyncio.Event()  # the parent takes no more reports
        self.engine: Any = None
        self._reports = reports
        self._sounds: dict[int, JobSound] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def take(self, frame: Frame) -> None:
        """Note an order; nothing here waits."""
        order, job = Order(frame.kind), frame.job
        if order is Order.OPEN:
            self._sounds[job] = JobSound(lambda taken: self._report(Report.TAKEN, job, _number(taken)))
            self._tasks[job] = asyncio.get_running_loop().create_task(self._recognise(job))
        elif order is Order.PING:
            self._report(Report.ALIVE)  # so the loop goes round, and the engine does not hold it up
        elif job not in self._sounds:
            pass  # of one that is over
        elif order is Order.AUDIO:
            self._sounds[job].push(from_s16(frame.data))
        elif order is Order.END:
            self._sounds[job].close()
        elif order is Order.CANCEL:
            self._tasks[job].cancel()

    async def _recognise(self, job: int) -> None:
        sound = self._sounds[job]
        try:
            async with scoped(self.engine.transcribe(sound)) as transcripts:
                async for transcript in transcripts:
                    said = {"text": transcript.text[:_LONGEST]}
                    if transcript.final:
                        said |= {"confidence": transcript.confidence, "seconds": sound.worked}
                        self._report(Report.FINAL, job, text(said))
                        return
                    self._report(Report.PARTIAL, job, text(said))
            raise RuntimeError("it gave no final transcript")
        except Exception as exc:  # an engine's defect fails its utterance, not those of the others
            if not isinstance(exc, VoiceError):
                log.exception("the engine has a defect")
            self._report(Report.FAILED, job, text(_account(exc)))
        finally:
            del self._sounds[job], self._tasks[job]

    def _report(self, kind: Report, job: int = 0, data: bytes = b"") -> None:
        try:
            self._reports.write(pack(kind, job, data))
        except BrokenPipeError:
            self.gone.set()


class JobSound(Feed[Samples]):
    """The audio of one job as the engine reads it; knows how much it has taken and how long it worked."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        super().__init__()
        self._tell = tell  # how many samples have been taken, four times a second of sound
        self._taken = 0  # samples
        self._told = 0  # samples
        self._began = time.perf_counter()
        self._idle = 0.0  # seconds that the engine waited for sound

    @property
    def worked(self) -> float:
        """Seconds since the beginning in which it was not the sound that was waited for."""
        return time.perf_counter() - self._began - self._idle

    async def __anext__(self) -> Samples:
        asked = time.perf_counter()
        try:
            samples = await super().__anext__()
        finally:
            self._idle += time.perf_counter() - asked
        self._taken += len(samples)
        if self._taken - self._told >= _TOLD:
            self._told = self._taken
            self._tell(self._taken)
        return samples


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _account(exc: Exception) -> dict[str, Any]:
    """An exception for the other side; what is no error of ours is a defect."""
    if isinstance(exc, VoiceError):
        return {"kind": exc.kind, "message": exc.message, "hint": exc.hint, "defect": False}
    said = str(exc) or type(exc).__name__
    return {"kind": "Unavailable", "message": f"The engine failed: {said}.", "hint": "", "defect": True}
