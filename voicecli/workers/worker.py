"""A worker as its parent sees it: started, given jobs, asked whether it answers, ended; nothing blocks."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Self

import voicecli.errors
from voicecli.errors import ProviderError, Unavailable, VoiceError
from voicecli.secrets import without_secrets
from voicecli.workers.job import Job
from voicecli.workers.pipe import Frame, Order, Recipe, Report, pack, read_report

__all__ = ["LOOK", "Worker", "error_of"]

LOOK = 0.25  # seconds between two looks at a worker
PATIENCE = 2.0  # seconds that a worker has to end by itself
ROOM = 1 << 20  # bytes that may wait to be read by a worker
LAST_WORDS = 4096  # bytes of what a worker wrote to its standard error that are kept
# The worker finds the package where this process found it, not where its own environment says.
START = "import sys; sys.path[:] = {path!r}; from voicecli.workers.desk import main; main()"


class Worker:
    """One process with an open engine, and the jobs it has.

    It is asked for a sign of life, and again when that has come. Its pipe takes so many bytes; the rest of a
    job's sound follows when those have been read.
    """

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.born = asyncio.get_running_loop().time()
        self.reported = self.born  # loop's time of its last report about a job
        self.places = 1  # jobs that its engine hears at once
        self.jobs: dict[int, Job] = {}
        self.fruitless = 0  # jobs that it did nothing for, one after the other
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._hangs = False
        self._looks = 0  # since it was asked for a sign of life
        self._refilling: asyncio.Task[None] | None = None
        self._input.transport.set_write_buffer_limits(ROOM)
        self._words = b""
        self._listening = asyncio.create_task(self._listen(process.stderr))

    @classmethod
    async def start(cls, recipe: Recipe) -> Self:
        """Start a process and let it open its engine. Raises VoiceError, as the engine does."""
        command = (sys.executable, "-P", "-c", START.format(path=sys.path))
        try:
            # A session of its own: Ctrl-C is for the parent, which then hangs up.
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
                env=_environment(recipe.options),
            )
        except OSError as exc:
            raise Unavailable(f"A process for recognition cannot be started: {exc}.") from exc
        worker = cls(process)
        try:
            worker._send(Order.CONFIGURE, 0, pickle.dumps(recipe))
            frame = await read_report(worker._output)
            if frame is None:
                raise await worker.death()
            if Report(frame.kind) is Report.BROKEN:
                raise error_of(frame.fields)
            worker.places = frame.number
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error."""
        return self._words.decode(errors="replace").strip()

    def take(self, job: Job) -> None:
        """Begin `job`, with the sound it has so far."""
        self.jobs[job.number] = job
        job.begin()
        self._send(Order.OPEN, job.number)
        self.pump(job)

    def pump(self, job: Job) -> None:
        """Send what there is room for."""
        if self._refilling is not None:
            return
        while job.sent < len(job.pieces):
            if self._input.transport.get_write_buffer_size() >= ROOM:
                self._refilling = asyncio.get_running_loop().create_task(self._refill())
                return
            self._send(Order.AUDIO, job.number, job.pieces[job.sent])
            job.sent += 1
        if job.ended and job.sent == len(job.pieces):
            job.sent += 1  # the end is sent once
            self._send(Order.END, job.number)

    def leave(self, job: Job) -> None:
        """The worker need not go on with `job`; it may have ended it."""
        if self.jobs.pop(job.number, None) is not None:
            self._send(Order.CANCEL, job.number)

    @property
    def silence(self) -> float:
        """Seconds for which a sign of life has been missing; those in which nobody looked do not count."""
        return max(0, self._looks - 1) * LOOK

    def look(self) -> float:
        """Ask for a sign of life, unless one is owed; how long it is missing."""
        if not self._looks:
            self._send(Order.PING, 0)
        self._looks += 1
        return self.silence

    async def reports(self) -> AsyncIterator[tuple[Job, Frame]]:
        """Every report about a job that it has, until it ends."""
        while (frame := await read_report(self._output)) is not None:
            kind = Report(frame.kind)
            if kind is Report.ALIVE:
                self._looks = 0
                continue
            self.reported, self.fruitless = asyncio.get_running_loop().time(), 0
            over = kind in (Report.FINAL, Report.FAILED)
            job = self.jobs.pop(frame.job, None) if over else self.jobs.get(frame.job)
            if job is not None:
                yield job, frame

    def kill(self) -> None:
        """End a process that does not answer; it cannot be asked to."""
        self._hangs = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def death(self) -> Unavailable:
        """How it ended, as an error."""
        status = await self._process.wait()
        await asyncio.wait((self._listening,), timeout=PATIENCE)
        if self._hangs:
            return Unavailable("The recognition process did not answer any more.")
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return Unavailable(f"The recognition process ended by itself ({how}).")

    def stop(self) -> None:
        """Send nothing more."""
        if self._refilling is not None:
            self._refilling.cancel()

    async def close(self) -> None:
        """Hang up, and end the process if that does not."""
        self.stop()
        self._input.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        finally:
            if self._process.returncode is None:
                self._process.kill()
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening

    def _send(self, order: Order, job: int, data: bytes = b"") -> None:
        if not self._input.is_closing():
            self._input.write(pack(order, job, data))

    async def _refill(self) -> None:
        """Go on when the worker has read what it was sent."""
        with suppress(ConnectionError):
            await self._input.drain()
        self._refilling = None
        for job in list(self.jobs.values()):
            self.pump(job)

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(LAST_WORDS):
            self._words = (self._words + data)[-LAST_WORDS:]


def _environment(options: Any) -> dict[str, str]:
    """Of a worker: of all secrets, the engine's own."""
    every = dataclasses.fields(options) if dataclasses.is_dataclass(options) else ()
    names = [field.name for field in every if field.name.endswith("_env")]
    return without_secrets(os.environ, {getattr(options, name) for name in names})


def error_of(fields: dict[str, Any]) -> VoiceError:
    """An error of ours as the worker told it."""
    kind = getattr(voicecli.errors, fields["kind"], None)
    if not (isinstance(kind, type) and issubclass(kind, VoiceError)):
        kind = ProviderError
    error: VoiceError = kind(fields["message"], fields["hint"])
    return error
