"""A small HTTP server on loopback that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Reply = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request, and the connection on which to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    server: Server

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        boundary = self.headers["content-type"].partition("boundary=")[2].encode()
        fields = {}
        for part in self.body.split(b"--" + boundary)[1:-1]:
            head, _, value = part.strip(b"\r\n").partition(b"\r\n\r\n")
            fields[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value
        return fields

    def head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.writer.write("\r\n".join(lines).encode())

    def chunk(self, data: bytes) -> None:
        self.writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def left(self) -> None:
        """Wait until the client has closed the connection."""
        while await self.reader.read(1024):
            pass
        self.server.leave()


@dataclass
class Server:
    """`replies` maps the end of a path to what answers there: one after the other, the last one for good."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[Exchange] = field(default_factory=list)
    connections: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)  # the first POST is here
    left: int = 0  # clients that closed the connection while the answer was under way
    has_left: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def posts(self) -> list[Exchange]:
        return [request for request in self.requests if request.method == "POST"]

    def leave(self) -> None:
        self.left += 1
        self.has_left.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (exchange := await self.receive(reader, writer)) is not None:
                self.requests.append(exchange)
                if exchange.method == "POST":
                    self.asked.set()
                await self.choose(exchange.path)(exchange)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.leave()
        except asyncio.CancelledError:
            pass  # the end of the test; the task's own callback would complain about it in Python 3.11
        finally:
            writer.close()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
        line = await reader.readline()
        if not line or writer.is_closing():
            return None
        method, path, _ = line.decode().split()
        headers: dict[str, str] = {}
        while (line := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Exchange(method, path, headers, body, reader, writer, self)

    def choose(self, path: str) -> Reply:
        for end, replies in self.replies.items():
            if path.endswith(end):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return say({"error": {"message": f"no {path} here"}}, 404)


@contextlib.asynccontextmanager
async def serving(**replies: Reply | Sequence[Reply]) -> AsyncIterator[Server]:
    """A server whose `chat`, `speech`, `transcriptions`, `models` and `voices` answer with these replies."""
    ends = {"chat": "/chat/completions", "models": "/models", "voices": "/audio/voices"}
    server = Server({"/models": [models()]})
    for name, reply in replies.items():
        end = ends.get(name, f"/audio/{name}")
        server.replies[end] = [reply] if callable(reply) else list(reply)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        tasks = [task for task in asyncio.all_tasks() if "Server.serve" in repr(task.get_coro())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def say(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Reply:
    """All of the answer at once."""
    text = body if isinstance(body, str | bytes) else json.dumps(body)
    data = text.encode() if isinstance(text, str) else text

    async def reply(exchange: Exchange) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kinds = {"content-type": kind} if kind else {}
        exchange.head(status, {"content-length": str(len(data)), **kinds, **named})
        exchange.writer.write(data)

    return reply


def models(*names: str) -> Reply:
    return say({"object": "list", "data": [{"id": name} for name in names or ("small", "large")]})


def flow(pieces: Iterable[bytes], kind: str, end: str = "") -> Reply:
    """Pieces in chunks of their own; then it ends well, or at the `end` "drop"s or "stall"s."""

    async def reply(exchange: Exchange) -> None:
        exchange.head(200, {"content-type": kind, "transfer-encoding": "chunked"})
        for piece in pieces:
            exchange.chunk(piece)
            await exchange.writer.drain()
            await asyncio.sleep(0.002)  # so that the pieces are read one by one
        if end == "drop":
            exchange.writer.transport.abort()
        elif end == "stall":
            await exchange.left()
        else:
            exchange.writer.write(b"0\r\n\r\n")

    return reply


def events(*items: object, end: str = "") -> Reply:
    """Server-sent events; what is no bytes is JSON."""
    lines = [
        item if isinstance(item, bytes) else b"data: " + json.dumps(item).encode() + b"\n\n" for item in items
    ]
    return flow(lines, "text/event-stream; charset=utf-8", end)


def talk(*words: str, end: str = "") -> Reply:
    """A reply of a language model."""
    first = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}
    items: list[object] = [
        first,
        *({"choices": [{"index": 0, "delta": {"content": word}}]} for word in words),
    ]
    if not end:
        items += [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, b"data: [DONE]\n\n"]
    return events(*items, end=end)


async def hang(exchange: Exchange) -> None:
    """Nothing at all."""
    await exchange.left()


async def hang_up(exchange: Exchange) -> None:
    """The connection, closed before the answer."""
    exchange.writer.transport.abort()


async def gather(items: AsyncIterator[Any], into: list[Any]) -> None:
    """Read to the end, keeping what came before an error."""
    async for item in items:
        into.append(item)  # noqa: PERF401 - a comprehension would lose it
