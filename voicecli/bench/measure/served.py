"""A server in a process of its own, and what it costs."""

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
from typing import Self

from voicecli.errors import Unavailable

__all__ = ["ServerProcess", "Usage"]

_START = 60.0  # seconds for the server to be ready; an engine may have to load a model
_STOP = 15.0  # seconds for it to end
_PROC = Path("/proc")


class Usage:
    """What a process and its children have taken, where /proc says so (Linux)."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._taken = self._time()
        self._since = time.monotonic()

    def memory(self) -> int | None:
        """Bytes in memory of the process itself."""
        try:
            lines = (_PROC / str(self._pid) / "status").read_text().splitlines()
        except OSError:
            return None
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:")), None)

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


class ServerProcess:
    """`voicecli serve` on a free port of this machine; used with `async with`."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        """Start it and wait until it is ready. Raises Unavailable."""
        # A file, for a pipe that nobody reads holds up who writes.
        with tempfile.TemporaryFile() as said:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "voicecli", "serve", "--host", "127.0.0.1", "--port", "0", "--json",
                *self._words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=said,
            )  # fmt: skip
            assert self._process.stdout is not None
            try:
                async with asyncio.timeout(_START):
                    line = await self._process.stdout.readline()
            except TimeoutError:
                await self.close()
                raise Unavailable(f"The server was not ready within {_START:.0f} seconds.") from None
            except BaseException:
                await self.close()
                raise
            if not line:
                await self._process.wait()
                said.seek(0)
                words = said.read().decode(errors="replace").strip()
                await self.close()
                raise Unavailable(f"The server did not start: {words.removeprefix('error').strip()}")
        self.url = json.loads(line)["url"]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def close(self) -> None:
        """End it, if need be at once."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
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
