"""Clients that mean harm, or know no better: each costs little, and its neighbour notices nothing."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.server.served import (
    BINARY,
    CONT,
    FLOATS,
    PING,
    PONG,
    TEXT,
    Neighbour,
    Raw,
    Served,
    close_code,
    frame,
    neighbour,
    said,
    served,
    silence,
    start,
    stop,
    tone,
)

PATIENCE = 30.0  # seconds in which the server has to get rid of somebody
SHORT = {"header_timeout": 0.5, "body_timeout": 0.5, "send_timeout": 0.5, "waiting": 64}
COST = 16.0  # MB that an attack may cost the server

Attack = Callable[[Served], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    words = [
        word for name, value in SHORT.items() for word in ("--set", f"server.connections.{name}={value}")
    ]
    with served(tmp_path_factory.mktemp("home"), *words) as server:
        asyncio.run(polite(server))  # what is loaded at the first session is nobody's attack
        yield server
        ended = server.stop()
        assert ended.status == 0
        assert ended.errors == ""


async def polite(server: Served) -> list[dict[str, Any]]:
    """A short session; its events."""
    async with connect(f"{server.address}/api/v1/segmented") as websocket:
        for message in (start(), tone(0.4), silence(0.5), stop()):
            await websocket.send(message)
        return await said(websocket)


def endure(server: Served, attack: Attack, cost: float = COST) -> None:
    """Make the attack beside a neighbour, and look at what it cost."""

    async def run() -> Neighbour:
        async with asyncio.timeout(60), neighbour(server) as found, Raw.dropping():
            await attack(server)
        return found

    before = server.memory()
    found = asyncio.run(run())
    assert found.segments == found.bursts > 0
    assert server.memory() - before < cost
    assert [event["type"] for event in asyncio.run(polite(server))] == ["active", "inactive", "segment"]
    server.await_sessions(0)
    after = server.numbers()
    assert after["service_panics"] == 0
    assert after['voicecli_queue_depth{queue="recognition"}'] == 0


async def gone(raw: Raw) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await raw.closed()


def test_slow_loris(server: Served):
    async def attack(server: Served) -> None:
        opened = [await Raw.open(server) for _ in range(50)]
        for byte in b"GET / HTTP/1.1\r\nHost: us":
            for raw in opened:
                await raw.send(bytes([byte]))
            await asyncio.sleep(0.05)
        answers = [await gone(raw) for raw in opened]
        assert {answer[:13] for answer in answers} <= {b"HTTP/1.1 408 ", b""}  # lost where more was sent

    endure(server, attack)
    assert server.numbers()['voicecli_refused_total{reason="header"}'] >= 50


def test_slow_body(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.send(b"POST /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nab")
        assert b" 405 " in await gone(raw)

    endure(server, attack)


def test_thousands_of_half_open_sockets(server: Served):
    async def attack(server: Served) -> None:
        silent = [await Raw.open(server) for _ in range(1000)]
        begun = [await Raw.open(server) for _ in range(1000)]
        for raw in begun:
            await raw.send(b"GET /api/v1/segmented HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        # Somebody can still come in.
        assert [event["type"] for event in await polite(server)][-1] == "segment"
        for _ in range(100):
            if server.numbers()["voicecli_connections"] < 80:
                break
            await asyncio.sleep(0.05)
        assert server.numbers()["voicecli_connections"] < 80
        for raw in (*silent, *begun):
            await gone(raw)

    endure(server, attack)


def test_giant_message(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.upgrade()
        piece = bytes(65_536)
        await raw.send(frame(TEXT, start().encode()))
        await raw.send(frame(BINARY, piece, length=1 << 30))
        await raw.flood(piece)
        assert close_code(await gone(raw)) in (1009, None)  # None: a reset overtook it
        # In fragments: none is too large, together they are.
        raw = await Raw.open(server)
        await raw.upgrade()
        await raw.send(frame(BINARY, piece, final=False))
        await raw.flood(frame(CONT, piece, final=False))
        await gone(raw)

    endure(server, attack)


def test_who_breaks_a_rule_is_told_which(server: Served):
    async def attack(server: Served) -> None:
        for _ in range(5):
            raw = await Raw.open(server)
            await raw.upgrade()
            too_long = frame(BINARY, bytes(1_500_000))
            await raw.send(frame(TEXT, start().encode()) + frame(BINARY, tone(0.4) + silence(0.5)) + too_long)
            assert close_code(await gone(raw)) == 1009

    endure(server, attack)


def test_fragments_without_end(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.upgrade()
        await raw.send(frame(BINARY, final=False))
        flood = frame(CONT, final=False) * 5000
        await raw.flood(flood)
        await gone(raw)

    endure(server, attack)
    assert server.numbers()['voicecli_refused_total{reason="flood"}'] >= 1


def test_wrong_utf8(server: Served):
    async def attack(server: Served) -> None:
        for wrong in (b'{"request": "\xff\xfe"}', b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"):
            raw = await Raw.open(server)
            await raw.upgrade()
            await raw.send(frame(TEXT, wrong))
            assert close_code(await gone(raw)) == 1007
        raw = await Raw.open(server)
        await raw.upgrade()
        await raw.send(frame(8, b"\x03\xe8\xff"))
        assert close_code(await gone(raw)) == 1007
        raw = await Raw.open(server)
        await raw.send(b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n")
        assert b" 4" in await gone(raw)

    endure(server, attack)


LIES = {
    "far too long": (b"Content-Length: 1000000000000\r\n\r\nab", b" 413 "),
    "no number": (b"Content-Length: -5\r\n\r\nab", b" 400 "),
    "twice": (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b" 400 "),
    "both ways": (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab", b" 400 "),
    "too short": (b"Content-Length: 1\r\n\r\nabcdefgh", b" 400 "),
    "chunk of no size": (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
    "never comes": (b"Content-Length: 10\r\n\r\nab", b""),
}


@pytest.mark.parametrize("name", sorted(LIES))
def test_header_lies_about_its_length(server: Served, name: str):
    lie, answer = LIES[name]

    async def attack() -> None:
        async with Raw.dropping():
            raw = await Raw.open(server)
            await raw.send(b"POST /api/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n" + lie)
            assert answer in await gone(raw)

    asyncio.run(attack())
    assert server.get("/api/v1/health")[0] == 200


def test_frame_lies_about_its_length(server: Served):
    async def attack(server: Served) -> None:
        for length in (1 << 63, (1 << 63) - 1, 1 << 32, 2_000_000):
            raw = await Raw.open(server)
            await raw.upgrade()
            await raw.send(frame(BINARY, b"ab", length=length))
            assert close_code(await gone(raw)) in (1002, 1009)
        for _ in range(20):  # says a megabyte and stops
            raw = await Raw.open(server)
            await raw.upgrade()
            await raw.send(frame(TEXT, start().encode()) + frame(BINARY, bytes(100), length=1_000_000))
            raw.abort()

    endure(server, attack)


def test_head_without_end(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        await raw.flood(b"a" * 65_536)
        raw = await Raw.open(server)
        await raw.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"a: b\r\n" * 5000 + b"\r\n")
        assert b" 431 " in await gone(raw)

    endure(server, attack)


def test_requests_without_reading_answers(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server, small=True)
        flood = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500
        async with asyncio.timeout(PATIENCE):
            await raw.flood(flood)

    endure(server, attack)


def test_samples_that_are_no_numbers(server: Served):
    wrong = struct.pack("<4f", float("nan"), float("inf"), float("-inf"), 3e38)

    async def attack(server: Served) -> None:
        for path in ("segmented", "simple"):
            async with connect(f"{server.address}/api/v1/{path}") as websocket:
                await websocket.send(start(FLOATS))
                for _ in range(200):
                    await websocket.send(wrong * 400)
                loud = struct.pack("<6400f", *(0.3 if n % 80 < 40 else -0.3 for n in range(6400)))
                await websocket.send(loud + bytes(4 * 8000))
                await websocket.send(stop())
                events = await said(websocket)
            errors = [event for event in events if event["type"] == "error"]
            assert 1 <= len(errors) <= 200
            assert "segment" in [event["type"] for event in events]  # it goes on where it can

    endure(server, attack)


STATES: dict[str, list[bytes]] = {
    "nothing": [],
    "started": [frame(TEXT, start().encode())],
    "silent": [frame(TEXT, start().encode()), frame(BINARY, silence(0.5))],
    "speaking": [frame(TEXT, start().encode()), frame(BINARY, tone(1.0))],
    "answering": [frame(TEXT, start().encode()), frame(BINARY, tone(1.0)), frame(TEXT, stop(False).encode())],
    "leaving": [frame(TEXT, start().encode()), frame(BINARY, tone(1.0)), frame(TEXT, stop().encode())],
    "closing": [frame(TEXT, start().encode()), frame(BINARY, tone(1.0)), frame(8, b"\x03\xe8")],
    "restarted": [frame(TEXT, start().encode()), frame(BINARY, tone(1.0)), frame(TEXT, start().encode())],
    "in a frame": [frame(TEXT, start().encode()), frame(BINARY, tone(0.1), length=50_000)],
    "in a message": [frame(TEXT, start().encode()), frame(BINARY, tone(0.1), final=False)],
    "without a start": [frame(BINARY, tone(0.5))],
    "upload": [frame(TEXT, start().encode()), *[frame(BINARY, tone(1.0) * 10)] * 3],
}


def test_abort_in_every_state(server: Served):
    async def one(path: str, frames: list[bytes], wait: float) -> None:
        raw = await Raw.open(server)
        await raw.upgrade(f"/api/v1/{path}")
        for data in frames:
            await raw.send(data)
        await asyncio.sleep(wait)
        raw.abort()

    async def attack(server: Served) -> None:
        for path in ("simple", "segmented"):
            for frames in STATES.values():
                await asyncio.gather(*(one(path, frames, wait) for wait in (0.0, 0.01, 0.1)))
        raw = await Raw.open(server)  # in the middle of the handshake
        await raw.send(b"GET /api/v1/simple HTTP/1.1\r\nUpgrade: websocket\r\n")
        raw.abort()
        for _ in range(200):
            if server.numbers()['voicecli_sessions{mode="simple"}'] == 0:
                break
            await asyncio.sleep(0.05)

    endure(server, attack)


def test_client_that_never_reads(server: Served):
    async def shout(data: bytes) -> None:
        """Have something answered, and answered, and never look."""
        raw = await Raw.open(server, small=True)
        await raw.upgrade()
        async with asyncio.timeout(PATIENCE):
            await raw.flood(data)

    async def attack(server: Served) -> None:
        nonsense = frame(TEXT, json.dumps({"request": "x" * 50}).encode()) * 200
        await asyncio.gather(shout(nonsense), shout(frame(PING, bytes(125)) * 500))

    def sent_away() -> float:
        found = server.numbers()
        return sum(found[f'voicecli_refused_total{{reason="{reason}"}}'] for reason in ("unread", "flood"))

    before = sent_away()
    endure(server, attack)
    assert sent_away() == before + 2


def test_crumbs(server: Served):
    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.upgrade("/api/v1/segmented")
        await raw.send(frame(TEXT, start().encode()))
        for _ in range(2):  # messages of one byte, and some of none
            await raw.send(frame(BINARY, b"\0") * 4000 + frame(BINARY) * 500)
        await raw.send(frame(TEXT, stop().encode()))
        assert close_code(await gone(raw)) == 1000

    endure(server, attack)


@pytest.mark.parametrize("nothing", [frame(PING), frame(PONG), frame(BINARY)])
def test_frames_that_say_nothing_are_a_flood(server: Served, nothing: bytes):
    before = server.numbers()['voicecli_refused_total{reason="flood"}']

    async def attack(server: Served) -> None:
        raw = await Raw.open(server)
        await raw.upgrade()
        await raw.send(frame(TEXT, start().encode()))
        await raw.send(nothing * 3000)
        assert close_code(await gone(raw)) == 1008

    endure(server, attack)
    assert server.numbers()['voicecli_refused_total{reason="flood"}'] == before + 1


NONSENSE = [
    "",
    "null",
    "[" * 30_000,
    '{"request": "start"}',
    start({**FLOATS, "channels": 0}),
    start({**FLOATS, "sample_rate": -1}),
    '{"request": "start", "format": {"channels": 1e9, "sample_rate": 1, "bit_depth": 7, "is_float": 0}}',
    '{"request": "stop", "disconnect": "yes"}',
    '{"request": 1e999}',
    '{"a": ' + "9" * 10_000 + "}",
    "\\ud800",
    "x" * 100_000,
]


def test_nonsense_is_answered(server: Served):
    async def attack(server: Served) -> None:
        async with connect(f"{server.address}/api/v1/segmented") as websocket:
            for text in NONSENSE:
                await websocket.send(text)
                assert json.loads(await websocket.recv())["type"] == "error"
            for message in (start(), tone(0.4), silence(0.5), stop()):
                await websocket.send(message)
            assert [event["type"] for event in await said(websocket)] == ["active", "inactive", "segment"]

    endure(server, attack)
