"""The parent's end of the worker process: started, spoken to and stopped without blocking the event loop."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping
from typing import Any, Self

from voicecli.audio.block import Samples
from voicecli.errors import BadRequest, ProviderError, Unavailable
from voicecli.flow.steps import scoped
from voicecli.providers.recognizer import Transcript
from voicecli.providers.sphinx.floor import Floor
from voicecli.providers.sphinx.frames import Kind, pack

__all__ = ["Worker"]

PATIENCE = 1.0  # seconds that a worker has to end by itself
# The worker finds the package where this process found it, not where its own environment says.
START = "import sys; sys.path[:] = {path!r}; from voicecli.providers.sphinx.worker import main; main()"
FAILURES: Mapping[str, tuple[type[ProviderError], str]] = {
    "grammar": (BadRequest, "The grammar of what to expect is not one that pocketsphinx can use"),
    "models": (Unavailable, "pocketsphinx cannot load its models"),
}


class Worker:
    """One process; hears one utterance at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._input = process.stdin
        self._output = process.stdout
        self._numbers = itertools.count(1)

    @classmethod
    async def open(cls, settings: Mapping[str, str | float]) -> Self:
        """Start a process and let it load its models. Raises BadRequest, Unavailable."""
        command = (sys.executable, "-P", "-c", START.format(path=sys.path))
        try:
            # A session of its own: Ctrl-C is for the parent, which then hangs up.
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
            )
        except OSError as exc:
            raise Unavailable(f"The process for pocketsphinx cannot be started: {exc}.") from exc
        worker = cls(process)
        try:
            worker._input.write(pack(Kind.CONFIGURE, data=json.dumps(dict(settings)).encode()))
            report = await worker._report()
            if "failed" in report:
                kind, what = FAILURES[report["failed"]]
                raise kind(f"{what}: {report['message'].rstrip('.')}.")
        except BaseException:
            await worker.close()
            raise
        return worker

    @property
    def alive(self) -> bool:
        return self._process.returncode is None and not self._output.at_eof()

    async def close(self) -> None:
        """Hang up, and end the process if that does not."""
        self._input.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        except asyncio.CancelledError:
            if self._process.returncode is None:
                self._process.kill()
            raise

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """As Recognizer.transcribe."""
        number = next(self._numbers)
        sending = asyncio.create_task(self._send(number, audio))
        receiving: asyncio.Task[Transcript] | None = None
        try:
            while True:
                receiving = asyncio.create_task(self._receive(number))
                if not sending.done():
                    await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    sending.result()  # what the microphone raised
                transcript = await receiving
                yield transcript
                if transcript.final:
                    return
        finally:
            if not self._input.is_closing():
                self._input.write(pack(Kind.ABANDON, number))  # nothing to it after the final one
            await _cancel(sending, receiving)

    async def _send(self, number: int, audio: AsyncIterator[Samples]) -> None:
        floor = Floor()
        async with scoped(audio) as pieces:
            self._input.write(pack(Kind.START, number))
            async for samples in pieces:
                self._input.write(pack(Kind.AUDIO, number, floor.push(samples)))
                await self._drain()
            self._input.write(pack(Kind.END, number))
            await self._drain()

    async def _drain(self) -> None:
        try:
            await self._input.drain()
        except ConnectionError as exc:
            raise await self._death() from exc

    async def _receive(self, number: int) -> Transcript:
        while True:
            report = await self._report()
            if report.get("utterance") == number:
                return Transcript(report["text"], report["final"], report["confidence"])

    async def _report(self) -> dict[str, Any]:
        text = await self._output.readline()
        if not text.endswith(b"\n"):
            raise await self._death()
        report: dict[str, Any] = json.loads(text)
        return report

    async def _death(self) -> Unavailable:
        status = await self._process.wait()
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return Unavailable(
            f"The process of pocketsphinx ended by itself ({how}).", "The next turn starts it again."
        )


async def _cancel(*tasks: asyncio.Task[Any] | None) -> None:
    for task in tasks:
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.exception()  # seen: what matters was raised already
