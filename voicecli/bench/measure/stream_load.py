"""Many clients of a recognition server in one process: `python -m voicecli.bench.measure.stream_load`.

It is told what to do in lines of JSON on standard input and answers each with a line. A process of its own,
so that what the clients cost is not taken for the server's, nor the other way round.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from voicecli.errors import VoiceError
from voicecli.server.recognition_client import RecognitionClient
from voicecli.server.server_address import parse_address
from voicecli.wire.recognition import Active, Failure, Format, Inactive, Segment

__all__ = ["EVENTS", "StreamOrder", "Watched", "main"]

EVENTS = ("active", "inactive", "segment")
_PATIENCE = 30.0  # seconds for an idle connection to stand
_AT_ONCE = 50  # connections that are being made at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOrder:
    """What every stream sends, and from which message of it the server could know of an event."""

    url: str
    sound: str  # file of raw s16le at `rate`, sent again and again
    rate: int  # samples a second
    chunk: int  # samples of a message
    starts: Sequence[int]  # by utterance: the message with which its beginning was decided
    ends: Sequence[int]  # and its end


@dataclass(slots=True)
class Watched:
    """What was seen while it was open; seconds."""

    # From the deciding message's time to the event, by what that is.
    delays: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in EVENTS})
    sent: int = 0  # messages
    late: int = 0  # messages that were taken more than a message's length after their time
    lateness: float = 0.0  # the worst of them
    failures: list[str] = field(default_factory=list)


class _Load:
    def __init__(self, order: StreamOrder) -> None:
        self._order = order
        self._address = parse_address(order.url)
        sound = Path(order.sound).read_bytes()
        size = 2 * order.chunk
        self._messages = [sound[at : at + size] for at in range(0, len(sound) // size * size, size)]
        self._length = order.chunk / order.rate
        self._window = Watched()
        self._tasks: list[asyncio.Task[None]] = []
        self._idle: list[RecognitionClient] = []

    async def raise_to(self, streams: int, settle: float, hold: float) -> Watched:
        """Let there be so many streams, the new ones spread over `settle` seconds; watch for `hold` more."""
        new = streams - len(self._tasks)
        for index in range(new):
            self._tasks.append(asyncio.create_task(self._stream(index * settle / new)))
        await asyncio.sleep(settle + 2 * self._length)
        self._window = window = Watched()
        await asyncio.sleep(hold)
        self._window = Watched()
        return window

    async def idle(self, connections: int) -> int:
        """Open connections that have started a stream and say nothing; how many of them stand."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def one() -> bool:
            client = RecognitionClient(self._address)
            async with places:
                try:
                    async with asyncio.timeout(_PATIENCE):
                        await client.__aenter__()
                        await client.start(Format(1, self._order.rate))
                except (VoiceError, TimeoutError):
                    return False
            self._idle.append(client)
            return True

        return sum(await asyncio.gather(*(one() for _ in range(connections))))

    async def close(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(client.__aexit__() for client in self._idle), return_exceptions=True)

    async def _stream(self, wait: float) -> None:
        await asyncio.sleep(wait)
        try:
            async with RecognitionClient(self._address) as client:
                await client.start(Format(1, self._order.rate))
                began = asyncio.get_running_loop().time()
                reading = asyncio.create_task(self._read(client, began))
                try:
                    await self._send(client, began)
                finally:
                    reading.cancel()
        except VoiceError as error:
            self._window.failures.append(str(error))

    async def _send(self, client: RecognitionClient, began: float) -> None:
        now = asyncio.get_running_loop().time
        number = 0
        while True:
            due = began + (number + 1) * self._length  # when its last sample was spoken
            await asyncio.sleep(due - now())
            await client.send(self._messages[number % len(self._messages)])
            late = now() - due
            window = self._window
            window.sent += 1
            window.late += late > self._length
            window.lateness = max(window.lateness, late)
            number += 1

    async def _read(self, client: RecognitionClient, began: float) -> None:
        now = asyncio.get_running_loop().time
        counts = {kind: itertools.count() for kind in EVENTS}
        try:
            async for event in client.events():
                if isinstance(event, Failure):
                    self._window.failures.append(event.message)
                    continue
                if not isinstance(event, Active | Inactive | Segment):
                    continue
                kind = type(event).__name__.lower()
                number = next(counts[kind])
                decided = self._order.starts if kind == "active" else self._order.ends
                if number >= len(decided):
                    self._window.failures.append(f"an event too many: {event}")
                    continue
                due = began + (decided[number] + 1) * self._length
                self._window.delays[kind].append(now() - due)
        except VoiceError as error:
            self._window.failures.append(str(error))


async def _obey() -> None:
    load = _Load(StreamOrder(**json.loads(await _line())))
    try:
        while line := await _line():
            wanted: dict[str, Any] = json.loads(line)
            if "idle" in wanted:
                answer: dict[str, Any] = {"idle": await load.idle(wanted["idle"])}
            else:
                answer = asdict(await load.raise_to(wanted["streams"], wanted["settle"], wanted["hold"]))
            print(json.dumps(answer), flush=True)
    finally:
        await load.close()


async def _line() -> str:
    return await asyncio.to_thread(sys.stdin.readline)


def main() -> None:
    """Obey until standard input ends."""
    with suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(_obey())


if __name__ == "__main__":
    main()
