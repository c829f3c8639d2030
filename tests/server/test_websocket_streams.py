"""The ends of a flow on a WebSocket: a real server, a real client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI, WebSocket
from pydantic import BaseModel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.server.listening import listening
from voicecli.errors import UsageError, WireError
from voicecli.server.websocket_streams import (
    fastapi_websocket_bytes_sink,
    fastapi_websocket_bytes_source,
    fastapi_websocket_json_sink,
    fastapi_websocket_json_source,
    fastapi_websocket_text_sink,
    fastapi_websocket_text_source,
)

Endpoint = Callable[[WebSocket], Awaitable[None]]
Talk = Callable[[ClientConnection], Awaitable[None]]


def talk(endpoint: Endpoint, client: Talk) -> BaseException | None:
    """Let `client` talk to `endpoint`; what the endpoint ended with."""
    ends: list[BaseException | None] = []

    async def run() -> None:
        app = FastAPI()
        over = asyncio.Event()

        @app.websocket("/")
        async def serve(websocket: WebSocket) -> None:
            try:
                await endpoint(websocket)
            except (UsageError, WireError, KeyError) as error:
                ends.append(error)
            else:
                ends.append(None)
            finally:
                over.set()

        async with listening(app) as address:
            async with connect(address) as connection:
                await client(connection)
            await asyncio.wait_for(over.wait(), 5)

    asyncio.run(run())
    (end,) = ends
    return end


async def given(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


async def left(connection: ClientConnection) -> None:
    """Wait until the server has ended it."""
    with contextlib.suppress(ConnectionClosed):
        await connection.recv()


@pytest.mark.parametrize(
    ("source", "sink", "sent"),
    [
        (fastapi_websocket_text_source, fastapi_websocket_text_sink, ["one", "", "zwölf ☂"]),
        (fastapi_websocket_bytes_source, fastapi_websocket_bytes_sink, [b"\x00\xff", b"", bytes(70_000)]),
        (fastapi_websocket_json_source, fastapi_websocket_json_sink, ['{"a":[1,null]}', '"text"', "7"]),
    ],
)
def test_messages_go_both_ways(source: Any, sink: Any, sent: list[Any]):
    got: list[Any] = []

    async def client(connection: ClientConnection) -> None:
        for message in sent:
            await connection.send(message)
            got.append(await connection.recv())

    assert talk(lambda websocket: sink(source(websocket), websocket), client) is None
    assert got == sent


def test_json_in_bytes_is_read():
    got: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        got.extend([value async for value in fastapi_websocket_json_source(websocket)])

    async def client(connection: ClientConnection) -> None:
        await connection.send(b'{"a": 1}')

    assert talk(endpoint, client) is None
    assert got == [{"a": 1}]


@dataclass(frozen=True, slots=True)
class Started:
    time: float


class Model(BaseModel):
    name: str


@pytest.mark.parametrize("sink", [fastapi_websocket_text_sink, fastapi_websocket_json_sink])
def test_objects_are_sent_as_json(sink: Any):
    got: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        await sink(given({"a": "ü"}, Started(1.5), Model(name="x"), {"in": Started(2)}), websocket)

    async def client(connection: ClientConnection) -> None:
        got.extend([json.loads(await connection.recv()) for _ in range(4)])

    assert talk(endpoint, client) is None
    assert got == [{"a": "ü"}, {"time": 1.5}, {"name": "x"}, {"in": {"time": 2}}]


def test_arrays_are_sent_as_samples():
    got: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        samples = np.arange(6, dtype="<i2")
        await fastapi_websocket_bytes_sink(given(samples, samples[::2], bytearray(b"x")), websocket)

    async def client(connection: ClientConnection) -> None:
        got.extend([await connection.recv() for _ in range(3)])

    assert talk(endpoint, client) is None
    assert got == [b"\0\0\1\0\2\0\3\0\4\0\5\0", b"\0\0\2\0\4\0", b"x"]


@pytest.mark.parametrize(
    ("sink", "item"),
    [
        (fastapi_websocket_text_sink, object()),
        (fastapi_websocket_json_sink, float("nan")),
        (fastapi_websocket_json_sink, {"a": np.ones(2)}),
        (fastapi_websocket_bytes_sink, "text"),
    ],
)
def test_what_cannot_be_sent_is_an_error(sink: Any, item: Any):
    assert isinstance(talk(lambda websocket: sink(given(item), websocket), left), UsageError)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (fastapi_websocket_text_source, b"bytes"),
        (fastapi_websocket_bytes_source, "text"),
        (fastapi_websocket_json_source, "{"),
        (fastapi_websocket_json_source, b"\xff\xfe\xfd"),
        (fastapi_websocket_json_source, "[" * 50_000),
    ],
)
def test_wrong_message_is_an_error(source: Any, message: str | bytes):
    async def endpoint(websocket: WebSocket) -> None:
        async for _ in source(websocket):
            pass

    async def client(connection: ClientConnection) -> None:
        await connection.send(message)
        await left(connection)

    assert isinstance(talk(endpoint, client), WireError)


def test_client_that_goes_ends_the_source():
    got: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        got.extend([text async for text in fastapi_websocket_text_source(websocket)])
        assert [text async for text in fastapi_websocket_text_source(websocket)] == []

    async def client(connection: ClientConnection) -> None:
        await connection.send("last")
        connection.transport.abort()  # no closing handshake

    assert talk(endpoint, client) is None
    assert got == ["last"]


def test_client_that_goes_ends_the_sink():
    ended: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(1000)
                await asyncio.sleep(0.001)
        finally:
            ended.append(True)

    async def client(connection: ClientConnection) -> None:
        await connection.recv()

    assert talk(lambda websocket: fastapi_websocket_bytes_sink(endless(), websocket), client) is None
    assert ended == [True]


def test_error_of_the_stream_passes():
    got: list[Any] = []

    async def broken() -> AsyncIterator[str]:
        yield "first"
        raise KeyError("stream")

    async def client(connection: ClientConnection) -> None:
        got.append(await connection.recv())
        await left(connection)

    error = talk(lambda websocket: fastapi_websocket_text_sink(broken(), websocket), client)
    assert isinstance(error, KeyError)
    assert got == ["first"]


def test_ends_that_begin_together_accept_once():
    got: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        async def read() -> None:
            got.extend([text async for text in fastapi_websocket_text_source(websocket)])

        await asyncio.gather(
            read(),
            fastapi_websocket_text_sink(given("a"), websocket),
            fastapi_websocket_json_sink(given({}), websocket),
        )

    async def client(connection: ClientConnection) -> None:
        assert sorted([await connection.recv(), await connection.recv()]) == ["a", "{}"]
        await connection.send("heard")

    assert talk(endpoint, client) is None
    assert got == ["heard"]


def test_accepting_may_take_time():
    """On a server that lets others run while it accepts, the second end waits for the first."""
    sent: list[str] = []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        sent.append(message.get("text") or message["type"])

    async def run() -> None:
        websocket = WebSocket({"type": "websocket", "path": "/", "headers": []}, receive, send)
        await asyncio.gather(
            fastapi_websocket_text_sink(given("a"), websocket),
            fastapi_websocket_text_sink(given("b"), websocket),
        )

    asyncio.run(run())
    assert sent[0] == "websocket.accept"
    assert sorted(sent[1:]) == ["a", "b"]


def test_sink_leaves_the_socket_open():
    async def endpoint(websocket: WebSocket) -> None:
        await fastapi_websocket_text_sink(given("a"), websocket)
        await fastapi_websocket_text_sink(given("b"), websocket)

    async def client(connection: ClientConnection) -> None:
        assert [await connection.recv(), await connection.recv()] == ["a", "b"]

    assert talk(endpoint, client) is None


def test_nothing_is_read_before_the_socket_is_open():
    read: list[str] = []

    async def source() -> AsyncIterator[str]:
        read.append("a")
        yield "a"

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.close()  # refused
        await fastapi_websocket_text_sink(source(), websocket)

    async def run() -> None:
        app = FastAPI()
        app.websocket("/")(endpoint)
        async with listening(app) as address:
            with pytest.raises(Exception, match="403"):
                await connect(address)

    asyncio.run(run())
    assert read == []


def test_waiting_for_a_message_can_be_cancelled():
    async def endpoint(websocket: WebSocket) -> None:
        stream = fastapi_websocket_text_source(websocket)
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await fastapi_websocket_text_sink(given("still here"), websocket)
        assert [text async for text in fastapi_websocket_text_source(websocket)] == ["and me"]

    async def client(connection: ClientConnection) -> None:
        assert await connection.recv() == "still here"
        await connection.send("and me")

    assert talk(endpoint, client) is None
