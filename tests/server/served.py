"""`voicecli serve` as a real process, and clients of it that mind no manners."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
import os
import signal
import socket
import struct
import subprocess
import time
import urllib.request
from array import array
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, ClassVar

from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.cli.program import QUICK as AT_ONCE
from tests.cli.program import SIMULATED, Ended, Program, await_event, ended

QUICK = (*SIMULATED, *AT_ONCE, "--vad", "energy", "--workers", 1)
RATE = 16_000
FORMAT = {"channels": 1, "sample_rate": RATE, "bit_depth": 16, "is_float": False}
FLOATS = {"channels": 1, "sample_rate": RATE, "bit_depth": 32, "is_float": True}


class Served:
    """A server that listens."""

    def __init__(self, process: subprocess.Popen[bytes], ready: dict[str, Any]) -> None:
        self.process = process
        self.ready = ready
        self.url: str = ready["url"]
        self.port: int = ready["port"]
        self.headers: dict[str, str] = {}  # that open /metrics

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        """Status and body of a page."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def numbers(self) -> dict[str, float]:
        """What /metrics shows, as `name{label="value"}`."""
        return numbers(self.get("/metrics", **self.headers)[1].decode())

    def await_sessions(self, count: int) -> None:
        """Until so many are open: the end of one is noticed a moment after the socket's."""
        for _ in range(1000):
            found = self.numbers()
            if sum(value for name, value in found.items() if name.startswith("voicecli_sessions{")) == count:
                return
            time.sleep(0.01)
        raise AssertionError(f"There are never {count} sessions.")

    def memory(self) -> float:
        """MB of the process that serves."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    async def unready(self) -> tuple[int, bytes]:
        """What /ready says, once it is not "ready" any more."""
        for _ in range(1000):
            answer = await asyncio.to_thread(self.get, "/api/v1/ready")
            if answer[0] != 200:
                return answer
            await asyncio.sleep(0.01)
        raise AssertionError("It stays ready.")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        self.process.send_signal(number)
        return ended(self.process)


def numbers(page: str) -> dict[str, float]:
    """Every number of a page for Prometheus."""
    found = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@contextlib.contextmanager
def served(home: Path, *words: object, env: dict[str, str] | None = None) -> Iterator[Served]:
    """Start a server on a free port; it is killed if it is still there at the end."""
    program = Program(home)
    program.env |= env or {}
    process = program.start("serve", "--port", 0, "--json", *QUICK, *words, stderr=subprocess.PIPE)
    try:
        yield Served(process, await_event(process, lambda event: event["event"] == "ready"))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def start(format: dict[str, Any] = FORMAT, **more: Any) -> str:
    return json.dumps({"request": "start", "format": format, **more})


def stop(disconnect: bool = True) -> str:
    return json.dumps({"request": "stop", "disconnect": disconnect})


def tone(seconds: float) -> bytes:
    """What the energy detector takes for speech."""
    return array(
        "h", (int(9000 * math.sin(2 * math.pi * 220 * n / RATE)) for n in range(int(seconds * RATE)))
    ).tobytes()


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


async def said(websocket: ClientConnection) -> list[dict[str, Any]]:
    """Every event until the server closes."""
    events = []
    with contextlib.suppress(ConnectionClosed):  # for a reason that is not its usual end
        async for message in websocket:
            events.append(json.loads(message))  # noqa: PERF401  (what came before counts)
    return events


class Neighbour:
    """A well-behaved session that goes on while others misbehave."""

    def __init__(self) -> None:
        self.bursts = 0  # how often it spoke
        self.events: list[dict[str, Any]] = []

    @property
    def segments(self) -> int:
        return sum(event["type"] == "segment" for event in self.events)


@contextlib.asynccontextmanager
async def neighbour(server: Served) -> AsyncIterator[Neighbour]:
    """Speaks in real time, and at the end has been answered every time, without an error."""
    found, begun, over = Neighbour(), asyncio.Event(), asyncio.Event()

    async def speak() -> None:
        async with connect(f"{server.address}/api/v1/segmented", max_queue=None) as websocket:
            await websocket.send(start())
            reading = asyncio.create_task(said(websocket))
            while not over.is_set():
                for piece in (tone(0.2), tone(0.2), *[silence(0.1)] * 5):
                    await websocket.send(piece)
                    begun.set()
                    await asyncio.sleep(len(piece) / RATE / 2)
                found.bursts += 1
            await websocket.send(stop())
            found.events = await reading
            assert websocket.close_code == 1000

    speaking = asyncio.create_task(speak())
    try:
        await begun.wait()
        yield found
    finally:
        over.set()
        await speaking
    assert [event["type"] for event in found.events] == ["active", "inactive", "segment"] * found.bursts


class Raw:
    """A socket that speaks HTTP and WebSocket by hand, right or wrong."""

    opened: ClassVar[list[Raw]] = []  # those that `dropping` has to close

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, server: Served, small: bool = False) -> Raw:
        """`small` makes the system keep little of what is not read."""
        made = socket.socket()
        if small:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", server.port))
        raw = cls(*await asyncio.open_connection(sock=made, limit=2**16))
        cls.opened.append(raw)
        return raw

    @classmethod
    @contextlib.asynccontextmanager
    async def dropping(cls) -> AsyncIterator[None]:
        """Drop all that were opened inside."""
        try:
            yield
        finally:
            opened, cls.opened = cls.opened, []
            for raw in opened:
                raw.writer.transport.abort()
            await asyncio.sleep(0.01)  # transports close in the next round of the loop

    async def upgrade(self, path: str = "/api/v1/segmented") -> None:
        """Become a WebSocket."""
        key = base64.b64encode(os.urandom(16)).decode()
        self.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        assert b" 101 " in await self.reader.readuntil(b"\r\n\r\n")

    async def send(self, data: bytes) -> bool:
        """Whether the server still takes it."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return False
        return True

    async def flood(self, data: bytes) -> None:
        """Send it again and again until the server takes no more."""
        for _ in range(100_000):
            if not await self.send(data):
                return
            await asyncio.sleep(0)
        raise AssertionError("The server takes anything.")

    async def closed(self) -> bytes:
        """What was still said until the server closed."""
        with contextlib.suppress(ConnectionError):
            return await self.reader.read(-1)
        return b""

    def abort(self) -> None:
        """Vanish with a reset."""
        made = self.writer.get_extra_info("socket")
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, length: int | None = None) -> bytes:
    """A frame of a client; `length` is what its header says, if not the truth."""
    size = len(payload) if length is None else length
    head = bytes([opcode | (0x80 if final else 0)])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 65_536:
        head += bytes([0x80 | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([0x80 | 127]) + size.to_bytes(8, "big")
    return head + bytes(4) + payload  # masked with zeros


CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def close_code(data: bytes) -> int | None:
    """The code of the close frame in what a server said last."""
    for at in range(len(data)):
        if data[at] == 0x80 | CLOSE and at + 4 <= len(data) and data[at + 1] == len(data) - at - 2:
            return int.from_bytes(data[at + 2 : at + 4], "big")
    return None
