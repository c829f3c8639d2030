"""A small recognition server over real sockets: it understands how much it was sent."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response


@dataclass
class Heard:
    """What a client has sent, and how it came in."""

    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[dict[str, Any]] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)  # bytes of each binary message
    times: list[float] = field(default_factory=list)  # when each came
    audio: bytearray = field(default_factory=bytearray)
    code: int | None = None  # with which the client closed


Handler = Callable[[ServerConnection, Heard], Awaitable[None]]


async def say(socket: ServerConnection, **event: Any) -> None:
    await socket.send(json.dumps(event))


async def understand(socket: ServerConnection, heard: Heard) -> None:
    """An interim after each 8,000 bytes if asked for, and at the stop a segment that counts the bytes."""
    start: dict[str, Any] = {}
    told = 0
    async for message in socket:
        if isinstance(message, bytes):
            if not heard.audio:
                await say(socket, type="active", time=0.0, channel=0)
            heard.messages.append(len(message))
            heard.times.append(asyncio.get_running_loop().time())
            heard.audio += message
            while start.get("interim_results") and len(heard.audio) - told >= 8000:
                told += 8000
                await say(
                    socket,
                    type="segment",
                    start_time=0.0,
                    end_time=1.0,
                    is_final=False,
                    text=f"{told}",
                    channel=0,
                )
            continue
        request = json.loads(message)
        heard.requests.append(request)
        if request["request"] == "start":
            start = request
            continue
        format = start["format"]
        seconds = len(heard.audio) / (format["sample_rate"] * format["channels"] * format["bit_depth"] / 8)
        await say(socket, type="inactive", time=seconds, channel=0)
        for channel in range(format["channels"]):
            await say(
                socket,
                type="segment",
                start_time=0.0,
                end_time=seconds,
                is_final=True,
                text=f"{len(heard.audio)} bytes",
                channel=channel,
            )
        if request["disconnect"]:
            return


@dataclass
class Running:
    """A server that runs."""

    port: int
    heard: list[Heard]

    @property
    def address(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@asynccontextmanager
async def recognition_server(
    handler: Handler = understand, refuse: tuple[int, dict[str, str], str] | None = None
) -> AsyncIterator[Running]:
    """Runs on the event loop; `refuse` answers every request with a status, headers and a body."""
    heard: list[Heard] = []

    async def handle(socket: ServerConnection) -> None:
        assert socket.request is not None
        heard.append(
            Heard(
                socket.request.path, {name.lower(): text for name, text in socket.request.headers.raw_items()}
            )
        )
        await handler(socket, heard[-1])
        await socket.close()
        heard[-1].code = socket.close_code

    def answer(socket: ServerConnection, request: Request) -> Response | None:
        if refuse is None:
            return None
        status, headers, body = refuse
        return Response(status, HTTPStatus(status).phrase, Headers(headers), body.encode())

    server: Server
    async with serve(handle, "127.0.0.1", 0, process_request=answer, close_timeout=1.0) as server:
        yield Running(server.sockets[0].getsockname()[1], heard)


@contextmanager
def running_server(
    handler: Handler = understand, refuse: tuple[int, dict[str, str], str] | None = None
) -> Iterator[Running]:
    """The same in a thread, for programs that are processes of their own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    done = asyncio.Event()
    found: list[Running] = []

    async def run() -> None:
        async with recognition_server(handler, refuse) as running:
            found.append(running)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()
