"""The server's end of a worker process: started, spoken to and stopped without blocking the event loop."""

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
from voicecli.providers.secrets import without_secrets
from voicecli.server.pipe import Frame, Order, Report, fields_of, pack, read_report
from voicecli.server.worker import Recipe

__all__ = ["Worker", "error_of"]

PATIENCE = 2.0  # seconds that a worker has to end by itself
ROOM = 1 << 20  # bytes that may wait to be read by a worker
LAST_WORDS = 4096  # bytes of what a worker wrote to its standard error that are kept
# The worker finds the package where this process found it, not where its own environment says.
START = "import sys; sys.path[:] = {path!r}; from voicecli.server.worker import main; main()"


class Worker:
    """One process with an open engine."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.born = asyncio.get_running_loop().time()
        self.places = 1  # jobs that its engine hears at once
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._hangs = False
        self._input.transport.set_write_buffer_limits(ROOM)
        self._words = b""
        self._listening = asyncio.create_task(self._listen(process.stderr))

    @classmethod
    async def start(cls, recipe: Recipe) -> Self:
        """Start a process and let it open its engine. Raises VoiceError, as the engine does."""
        command = (sys.executable, "-P", "-c", START.format(path=sys.path))
        try:
            # A session of its own: Ctrl-C is for the server, which then hangs up.
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
                env=_environment(recipe),
            )
        except OSError as exc:
            raise Unavailable(f"A process for recognition cannot be started: {exc}.") from exc
        worker = cls(process)
        try:
            worker.send(Order.CONFIGURE, 0, pickle.dumps(recipe))
            frame = await read_report(worker._output)
            if frame is None:
                raise await worker.death()
            if Report(frame.kind) is Report.BROKEN:
                raise error_of(fields_of(frame))
            worker.places = int.from_bytes(frame.data, "little")
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

    def send(self, order: Order, job: int, data: bytes = b"") -> None:
        """Write without waiting; what is more than a few bytes only where there is room."""
        if not self._input.is_closing():
            self._input.write(pack(order, job, data))

    @property
    def has_room(self) -> bool:
        """Whether it reads what it is sent."""
        return self._input.transport.get_write_buffer_size() < ROOM

    async def drained(self) -> None:
        """Wait until it has read most of it, or is gone."""
        with suppress(ConnectionError):
            await self._input.drain()

    def kill(self) -> None:
        """End a process that does not answer; it cannot be asked to."""
        self._hangs = True
        with suppress(ProcessLookupError):
            self._process.kill()

    async def reports(self) -> AsyncIterator[Frame]:
        """Every report until it ends."""
        while (frame := await read_report(self._output)) is not None:
            yield frame

    async def death(self) -> Unavailable:
        """How it ended, as an error."""
        status = await self._process.wait()
        await asyncio.wait((self._listening,), timeout=PATIENCE)
        if self._hangs:
            return Unavailable("The recognition process did not answer any more.")
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return Unavailable(f"The recognition process ended by itself ({how}).")

    async def close(self) -> None:
        """Hang up, and end the process if that does not."""
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

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while data := await stream.read(LAST_WORDS):
            self._words = (self._words + data)[-LAST_WORDS:]


def _environment(recipe: Recipe) -> dict[str, str]:
    """Of a worker: of all secrets, the engine's own."""
    options = recipe.options
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
