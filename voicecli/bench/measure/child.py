"""A process of its own beside the one that measures, and what it costs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from voicecli.errors import Unavailable

__all__ = ["Child", "ServerProcess", "Usage"]

_START = 60.0  # seconds for the server to be ready; an engine may have to load a model
_STOP = 15.0  # seconds for a process to end
_LINE = 1 << 24  # bytes of an answer at the most
_PROC = Path("/proc")


class Usage:
    """What a process and its children have taken, where /proc says so (Linux)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._empty = self.memory()
        self._taken = self._time()
        self._since = time.monotonic()

    def memory(self) -> int | None:
        """Bytes in memory of the process itself."""
        try:
            lines = (_PROC / str(self._pid) / "status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), None)

    def memory_each(self, count: int) -> float | None:
        """Bytes that each of so many things takes, which were not there at first."""
        full = self.memory()
        return (
            None if full is None or self._empty is None or not count else max(0, full - self._empty) / count
        )

    def share(self) -> float | None:
        """Of one processor, since the last call: 1.5 is one and a half; children included."""
        taken, now = self._time(), time.monotonic()
        before, self._taken = self._taken, taken
        seconds, self._since = now - self._since, now
        return None if taken is None or before is None else (taken - before) / max(seconds, 1e-9)

    def _time(self) -> float | None:
        try:
            return sum(_seconds(pid) for pid in (self._pid, *_children(self._pid)))
        except (OSError, ValueError, IndexError):
            return None


def _seconds(pid: int) -> float:
    words = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    found = []
    for path in _PROC.glob(f"{pid}/task/*/children"):
        for child in map(int, path.read_text().split()):
            found += [child, *_children(child)]
    return found


class Child:
    """`python -m` with some words, which says things in lines of JSON; used with `async with`."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        # A file, for a pipe that nobody reads holds up who writes.
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)

    async def __aenter__(self) -> Self:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._words, stdin=pipe, stdout=pipe, stderr=self._complaints, limit=_LINE
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        """End it, if need be at once."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STOP):
                        await process.wait()
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.kill()
                    await process.wait()
        self._complaints.close()

    @property
    def process(self) -> asyncio.subprocess.Process:
        """While it runs."""
        assert self._process is not None
        return self._process

    async def tell(self, wanted: dict[str, Any]) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(wanted) + "\n").encode())
        with suppress(ConnectionError):  # that it has gone is found when it is to answer
            await self.process.stdin.drain()

    async def answer(self, failed: str) -> dict[str, Any]:
        """What it says next. Raises Unavailable, `failed` and its own last words, when it has ended."""
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line:
            await self.process.wait()
            self._complaints.seek(0)
            words = self._complaints.read().decode(errors="replace").strip()
            raise Unavailable(f"{failed}: {words.removeprefix('error').strip() or 'without a word.'}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class ServerProcess(Child):
    """`voicecli serve` on a free port of this machine."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(["voicecli", "serve", "--host", "127.0.0.1", "--port", "0", "--json", *words])
        self.url = ""

    async def __aenter__(self) -> Self:
        """Start it and wait until it is ready. Raises Unavailable."""
        await super().__aenter__()
        try:
            async with asyncio.timeout(_START):
                self.url = (await self.answer("The server did not start"))["url"]
        except TimeoutError:
            await self.__aexit__()
            raise Unavailable(f"The server was not ready within {_START:.0f} seconds.") from None
        except BaseException:
            await self.__aexit__()
            raise
        return self
