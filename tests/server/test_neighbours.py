"""What a flood does to others: the delay of an honest client's events, and of a page, while it lasts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.server.served import Raw, Served, served, silence, start, stop, tone

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
FLOODERS = 2  # processes that flood at once
NOISE = 1.0  # seconds for which a busy machine may hold up anybody; a flood did for 10
SPOKEN = tone(0.2) + silence(0.5)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("home")) as server:
        yield server
        ended = server.stop()
        assert (ended.status, ended.errors) == (0, "")


class Probe:
    """Asks again and again, and notes how long each answer takes."""

    def __init__(self, server: Served) -> None:
        self._server = server

    async def page(self) -> float:
        """Seconds that a page takes, from the connection on."""
        began = _now()
        raw = await Raw.open(self._server)
        await raw.send(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"healthy" in await raw.closed()
        raw.writer.close()
        return _now() - began

    async def delays(self, over: asyncio.Task[Any] | None = None, least: int = 20) -> tuple[float, float]:
        """The longest delay of an event, and of a page, until `over` is and there are enough of both."""
        pages: list[float] = []
        events: list[float] = []

        def going(measured: list[float]) -> bool:
            return len(measured) < least or not (over is None or over.done())

        async def ask() -> None:
            while going(pages):
                pages.append(await self.page())
                await asyncio.sleep(0.02)

        asking = asyncio.create_task(ask())
        async with connect(f"{self._server.address}/api/v1/segmented") as websocket:
            await websocket.send(start())
            while going(events):
                began = _now()
                await websocket.send(SPOKEN)
                while json.loads(await websocket.recv())["type"] != "segment":
                    pass
                events.append(_now() - began)
                await asyncio.sleep(0.02)
            await websocket.send(stop())
        await asking
        return max(events), max(pages)


async def flooded(kind: str, server: Served) -> dict[str, Any]:
    """Flood it from a process of its own; what became of that."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.flood", kind, str(server.port)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 50)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("kind", ["pings", "crumbs", "starts", "chunks"])
def test_flood_delays_nobody_else(server: Served, kind: str):
    async def flood() -> list[dict[str, Any]]:
        return await asyncio.gather(*(flooded(kind, server) for _ in range(FLOODERS)))

    async def run() -> list[dict[str, Any]]:
        async with asyncio.timeout(60), Raw.dropping():
            probe = Probe(server)
            idle = await probe.delays()
            flooding = asyncio.create_task(flood())
            busy = await probe.delays(flooding)
            for before, during in zip(idle, busy, strict=True):
                assert during < NOISE + 5 * before, (idle, busy)
            print(kind, flooding.result(), idle, busy)
            return flooding.result()

    ends = asyncio.run(run())
    if kind == "pings":
        assert {end["code"] for end in ends} <= {1008, None}  # None: a reset overtook it
        assert server.numbers()['voicecli_refused_total{reason="flood"}'] >= FLOODERS


def _now() -> float:
    return asyncio.get_running_loop().time()
