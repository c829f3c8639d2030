"""The client of questions: what goes wrong on the way, with real sockets."""

import asyncio
import socket as sockets
from collections.abc import AsyncIterator

import pytest

from voicecli.errors import Dropped, NotFound, RateLimited, TimedOut, Unavailable, VoiceError, WireError
from voicecli.server.query_client import AskOptions, ask, written
from voicecli.server.server_address import parse_address
from voicecli.wire.frames import AudioFrame, FrameDecoder, ObjectFrame, encode

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n\r\n"
FIRST, LAST = encode(AudioFrame(answer="a", payload=b"ab")), encode(AudioFrame(sign=3, order=2))


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


END = b"0\r\n\r\n"


def answered(*answer: bytes, wait: bool = False, requests: list[bytes] | None = None) -> list[AudioFrame]:
    """What the client makes of raw bytes."""
    frames: list[AudioFrame] = []
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n0\r\n\r\n")
        if requests is not None:
            requests.append(request)
        writer.write(b"".join(answer))
        await writer.drain()
        if wait:
            await reader.read()
        writer.close()
        done.set()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            address = parse_address(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            options = AskOptions(progress=0.3)
            try:
                async for frame in ask(
                    address, written("why?"), token="secret", traceparent="00-t", options=options
                ):
                    frames.append(frame)  # noqa: PERF401 - what came before an error counts
            finally:
                await done.wait()

    try:
        asyncio.run(run())
    except VoiceError as error:
        error.add_note(f"after {len(frames)} frames")
        raise
    return frames


def test_question_goes_and_frames_come() -> None:
    requests: list[bytes] = []
    frames = answered(HEAD + chunk(FIRST[:50]), chunk(FIRST[50:] + LAST), END, requests=requests)
    assert [(frame.answer, frame.sign) for frame in frames] == [("a", 1), ("", 3)]
    head, _, body = requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /api/v1/query http/1.1"
    assert {"authorization: bearer secret", "traceparent: 00-t"} <= set(lines)
    assert FrameDecoder().decode(body.partition(b"\r\n")[2].partition(b"\r\n0\r\n")[0]) == [
        ObjectFrame({"kind": "question"}, {"question": "why?"})
    ]


@pytest.mark.parametrize(
    ("answer", "kind", "said", "before"),
    [
        ([HEAD, chunk(FIRST), END], Dropped, "before its last frame", 1),
        ([HEAD, END], Dropped, "before its last frame", 0),
        ([HEAD, chunk(FIRST + LAST[:9]), END], WireError, "breaks off", 1),
        ([HEAD, chunk(FIRST)], Dropped, "broke the connection", 1),
        ([HEAD, chunk(FIRST + bytes(4)), END], WireError, "Frame 2 is broken", 1),
        ([HEAD, chunk(b"<html>"), END], WireError, "Frame 1 is broken", 0),
        ([HEAD, chunk(encode(ObjectFrame()))], WireError, "an object", 0),
        ([b""], Dropped, "broke the connection", 0),
        ([b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n"], NotFound, "no such path", 0),
        ([b"HTTP/1.1 503 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"], RateLimited, "7 s", 0),
        ([b"HTTP/1.1 500 No\r\ncontent-length: 15\r\n\r\n{\"detail\": \"X\"}"], Unavailable, "X", 0),
        ([HEAD, chunk(encode(AudioFrame(sign=3, extra={"error": "gone"})))], Unavailable, "gone", 1),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told(answer: list[bytes], kind: type[VoiceError], said: str, before: int) -> None:
    with pytest.raises(kind, match=said) as caught:
        answered(*answer)
    assert caught.value.__notes__ == [f"after {before} frames"]


def test_silence_times_out() -> None:
    with pytest.raises(TimedOut, match=r"0\.3 seconds"):
        answered(HEAD, chunk(FIRST), wait=True)


def test_nobody_there_is_unavailable() -> None:
    async def run(port: int) -> None:
        async for _ in ask(parse_address(f"127.0.0.1:{port}"), written("x")):
            pass

    with sockets.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="cannot be reached"):
            asyncio.run(run(closed.getsockname()[1]))


def test_question_that_breaks_is_raised() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"some"
        raise WireError("It broke.")

    async def run() -> None:
        async with await asyncio.start_server(
            lambda reader, writer: writer.close(), "127.0.0.1", 0
        ) as server:
            async for _ in ask(parse_address(f"127.0.0.1:{server.sockets[0].getsockname()[1]}"), body()):
                pass

    with pytest.raises(WireError, match="It broke"):
        asyncio.run(run())
