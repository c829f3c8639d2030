"""The client of a recognition server, against a real one."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection

from tests.server.recognition_server import Handler, Heard, recognition_server, say, understand
from voicecli.errors import (
    BadRequest,
    Dropped,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    UsageError,
    VoiceError,
    WireError,
)
from voicecli.server.recognition_client import ClientOptions, RecognitionClient, refusal
from voicecli.server.server_address import parse_address
from voicecli.wire.recognition import Active, Event, Format, Inactive, Other, Segment

QUICK = ClientOptions(connect=2.0, finish=2.0)


async def converse(
    address: str, audio: bytes = b"abcd", *, options: ClientOptions = QUICK, channels: int = 1
) -> list[Event]:
    """Everything that the server says to `audio`."""
    async with RecognitionClient(parse_address(address), options=options) as client:
        await client.start(Format(channels))
        await client.send(audio)
        await client.stop()
        return [event async for event in client.events()]


@asynccontextmanager
async def connected(handler: Handler = understand) -> AsyncIterator[RecognitionClient]:
    """A client whose stream has begun."""
    async with (
        recognition_server(handler) as server,
        RecognitionClient(parse_address(server.address), options=QUICK) as client,
    ):
        await client.start(Format(), interim=True)
        yield client


def against(handler: Handler, **options: float) -> list[Event]:
    async def run() -> list[Event]:
        async with recognition_server(handler) as server:
            return await converse(server.address, options=ClientOptions(**{"finish": 2.0, **options}))

    return asyncio.run(run())


def test_sound_goes_and_events_come() -> None:
    async def run() -> tuple[list[Event], Heard]:
        async with recognition_server() as server:
            events = await converse(server.address, bytes(320), channels=2)
            return events, server.heard[0]

    events, heard = asyncio.run(run())
    assert events == [
        Active(0.0),
        Inactive(0.005),
        Segment(0.0, 0.005, "320 bytes", 0, is_final=True),
        Segment(0.0, 0.005, "320 bytes", 1, is_final=True),
    ]
    assert heard.path == "/api/v1/segmented"
    assert [request["request"] for request in heard.requests] == ["start", "stop"]
    assert heard.requests[0]["format"] == {
        "channels": 2, "sample_rate": 16_000, "bit_depth": 16, "is_float": False,
    }  # fmt: skip
    assert heard.code == 1000


def test_token_and_trace_go_along() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    async def run() -> Heard:
        async with recognition_server() as server:
            address = parse_address(f"127.0.0.1:{server.port}/own/path?x=1")
            client = RecognitionClient(address, "/api/v1/simple", token="secret", traceparent=trace)
            async with client:
                await client.start(Format(), trace_id=trace, interim=True)
                await client.stop()
                assert [event async for event in client.events()]
            return server.heard[0]

    heard = asyncio.run(run())
    assert heard.path == "/own/path?x=1"
    assert heard.headers["authorization"] == "Bearer secret"
    assert heard.headers["traceparent"] == trace
    assert heard.requests[0]["trace_id"] == trace
    assert heard.requests[0]["interim_results"] is True
    assert "token" not in heard.requests[0]


def test_events_come_while_sound_goes() -> None:
    async def run() -> str:
        async with connected() as client:
            await client.send(bytes(8000))
            async for event in client.events():
                if isinstance(event, Segment):
                    return event.text
        return ""

    assert asyncio.run(run()) == "8000"


async def until_final(events: AsyncIterator[Event]) -> str:
    async for event in events:
        if isinstance(event, Segment):
            return event.text
    return ""


def test_stream_may_follow_a_stream() -> None:
    async def run() -> list[str]:
        async with connected() as client:
            events = client.events()
            await client.send(bytes(2))
            await client.stop(disconnect=False)
            texts = [await until_final(events)]
            await client.start(Format())
            await client.send(bytes(2))
            await client.stop()
            return [*texts, await until_final(events)]

    assert asyncio.run(run()) == ["2 bytes", "4 bytes"]


async def _unknown(socket: ServerConnection, heard: Heard) -> None:
    await say(socket, type="weather", sky="blue")
    await understand(socket, heard)


def test_unknown_events_are_passed_on() -> None:
    assert against(_unknown)[0] == Other("weather", {"sky": "blue"})


# What goes wrong


async def _nonsense(socket: ServerConnection, heard: Heard) -> None:
    for _ in range(3):
        await socket.recv()
    await socket.send("no event")


def closing(code: int, reason: str = "the reason") -> Handler:
    async def close(socket: ServerConnection, heard: Heard) -> None:
        await socket.recv()
        await socket.close(code, reason)

    return close


async def _abort(socket: ServerConnection, heard: Heard) -> None:
    await socket.recv()
    socket.transport.abort()


async def _silence(socket: ServerConnection, heard: Heard) -> None:
    await socket.wait_closed()


def test_nonsense_is_told() -> None:
    with pytest.raises(WireError, match="not JSON"):
        against(_nonsense)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1008, Refused),
        (1009, BadRequest),
        (1013, RateLimited),
        (1001, Unavailable),
        (1011, Unavailable),
        (4000, Dropped),
    ],
)
def test_closing_codes_have_their_error(code: int, kind: type[ProviderError]) -> None:
    with pytest.raises(kind, match="the reason"):
        against(closing(code))


def test_broken_connection_is_dropped() -> None:
    with pytest.raises(Dropped, match="broke the connection"):
        against(_abort)


def test_closing_before_the_end_is_dropped() -> None:
    async def run() -> None:
        async with connected(closing(1000)) as client:
            assert [event async for event in client.events()] == []

    with pytest.raises(Dropped, match="before the end"):
        asyncio.run(run())


def test_sending_into_a_closed_connection_is_dropped() -> None:
    async def run() -> None:
        async with connected(closing(1000)) as client:
            while True:
                await client.send(bytes(2))
                await asyncio.sleep(0.01)

    with pytest.raises(Dropped, match="before the end"):
        asyncio.run(run())


def test_silence_after_the_stop_times_out() -> None:
    with pytest.raises(TimedOut, match=r"0\.1 seconds after the end"):
        against(_silence, finish=0.1)


@pytest.mark.parametrize(
    ("status", "headers", "kind", "said"),
    [
        (401, {}, Refused, "--token-env"),
        (403, {}, Refused, "does not let us in"),
        (404, {}, NotFound, "--path"),
        (429, {}, RateLimited, "too much"),
        (503, {"Retry-After": "5"}, RateLimited, "again in 5 s"),
        (503, {}, Unavailable, "failed"),
        (500, {}, Unavailable, "failed"),
        (400, {}, BadRequest, "rejected"),
        (302, {}, NotFound, "elsewhere"),
    ],
)
def test_refusals_have_their_error(
    status: int, headers: dict[str, str], kind: type[ProviderError], said: str
) -> None:
    async def run() -> None:
        async with recognition_server(refuse=(status, headers, '{"detail": "Because of X."}')) as server:
            await converse(server.address)

    with pytest.raises(kind, match="Because of X") as caught:
        asyncio.run(run())
    assert said in str(caught.value)


def test_nobody_there_is_unavailable() -> None:
    with sockets.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="cannot be reached") as caught:
            asyncio.run(converse(f"127.0.0.1:{closed.getsockname()[1]}"))
    assert "voicecli serve" in caught.value.hint


def test_who_says_nothing_times_out() -> None:
    with sockets.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(TimedOut, match=r"0\.1 seconds"):
            asyncio.run(converse(address, options=ClientOptions(connect=0.1)))


def test_who_speaks_something_else_is_told() -> None:
    async def run() -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example.org ESMTP\r\n")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            await converse(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")

    with pytest.raises(VoiceError, match="not as a WebSocket does"):
        asyncio.run(run())


def test_body_of_a_refusal_may_be_anything() -> None:
    assert "HTTP 500" in str(refusal("h", 500, b""))
    assert "sorry" in str(refusal("h", 500, b"<html><title>sorry</title></html>"))
    assert len(str(refusal("h", 500, b"[" * 100_000))) < 500


# Addresses


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("localhost", "ws://localhost:8080/p"),
        ("example.org:9000", "ws://example.org:9000/p"),
        ("ws://example.org", "ws://example.org/p"),
        ("http://example.org:81/", "ws://example.org:81/p"),
        ("https://example.org", "wss://example.org/p"),
        ("wss://example.org/asr?x=1", "wss://example.org/asr?x=1"),
        ("[::1]:8080", "ws://[::1]:8080/p"),
        ("[::1]", "ws://[::1]:8080/p"),
    ],
)
def test_addresses_are_understood(text: str, url: str) -> None:
    address = parse_address(text)
    assert address.websocket("/p") == url
    assert address.http("/p") == url.replace("ws", "http", 1)


@pytest.mark.parametrize(
    "text", ["", "ftp://x", "http://", "h:port", "ws://[::1", "a b", "u:p@host", "h:99999"]
)
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "own"),
    [("localhost", True), ("127.8.8.8:1", True), ("[::1]", True), ("10.0.0.1", False), ("a.b", False)],
)
def test_own_machine_is_known(text: str, own: bool) -> None:
    assert parse_address(text).is_loopback is own
