"""Many clients of a recognition server that share nothing with it but the protocol: a process of its own.

`python recognition_clients.py URL FILE STREAMS SECONDS MILLISECONDS` sends FILE (raw s16le mono 16 kHz, again
and again) at the pace of time through as many WebSockets, in messages of so many milliseconds, and prints as
JSON when each event came, in seconds after the beginning of its stream, and how late messages were sent.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import connect

RATE = 16_000
PATIENCE = 10.0  # seconds that a message may be late before a stream gives up
FORMAT = {"channels": 1, "sample_rate": RATE, "bit_depth": 16, "is_float": False}


async def stream(url: str, sound: bytes, wait: float, seconds: float, size: int) -> dict[str, Any]:
    """One stream: its events as (kind, second), and the worst delay of a message."""
    await asyncio.sleep(wait)
    events: list[tuple[str, float]] = []
    late = 0.0
    async with connect(url, compression=None, open_timeout=60) as socket:
        await socket.send(json.dumps({"request": "start", "format": FORMAT}))
        began = time.monotonic()

        async def read() -> None:
            while True:
                text = await socket.recv()
                events.append((json.loads(text)["type"], time.monotonic() - began))

        reader = asyncio.create_task(read())
        step = size / 2 / RATE
        for number in range(round(seconds / step)):
            await asyncio.sleep(began + (number + 1) * step - time.monotonic())
            first = number * size % len(sound)
            await socket.send((sound + sound)[first : first + size])
            late = max(late, time.monotonic() - began - (number + 1) * step)
            if late > PATIENCE:
                break
        reader.cancel()
    return {"events": events, "late": late}


async def main(url: str, sound: bytes, streams: int, seconds: float, milliseconds: int) -> None:
    size = 2 * RATE * milliseconds // 1000
    sound = sound[: len(sound) // size * size]
    before, began = os.times(), time.monotonic()
    found = await asyncio.gather(
        *(stream(url, sound, index * 5.0 / streams, seconds, size) for index in range(streams)),
        return_exceptions=True,
    )
    after = os.times()
    share = (after.user + after.system - before.user - before.system) / (time.monotonic() - began)
    failed = [repr(one) for one in found if isinstance(one, BaseException)]
    told = [one for one in found if not isinstance(one, BaseException)]
    print(json.dumps({"streams": told, "failed": failed, "cpu": share}))


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(main(given[0], Path(given[1]).read_bytes(), int(given[2]), float(given[3]), int(given[4])))
