"""Sound as a recognition server takes it: interleaved s16 or f32, a piece at a time, as exact as it was.

A WAV keeps its channels and its rate. 8 and 16-bit integers go as s16, deeper ones and floats as f32; any
other recording is decoded to mono and goes as s16.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.microphone import Microphone
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.recording import open_recording
from voicecli.errors import DecodeError, UsageError, WireError, read_failure
from voicecli.flow.scope import scoped
from voicecli.wire.recognition import Format
from voicecli.wire.riff import RiffReader, WavLayout

__all__ = ["Upload", "cut", "paced", "upload_file", "upload_microphone"]

_READ: Final = 65_536  # bytes of a file at once
_HEAD: Final = 12  # bytes that tell a WAV


@dataclass(frozen=True, slots=True)
class Upload:
    """What the start says, and the bytes that follow it; they may be split anywhere."""

    name: str
    format: Format
    pieces: AsyncIterator[bytes]


async def upload_file(path: Path) -> Upload:
    """A recording in any format. Raises UsageError when it cannot be opened, DecodeError when it is none."""
    found = await asyncio.to_thread(_wav, path)
    if found is not None:
        format, pieces = found
        return Upload(str(path), format, _threaded(pieces))
    recording = await open_recording(path)
    format = Format(1, recording.rate, 16, is_float=False)
    return Upload(str(path), format, _decoded(recording))


def upload_microphone(microphone: Microphone) -> Upload:
    """What an open microphone hears, until it ends."""
    return Upload(microphone.name, Format(1, microphone.rate, 16, is_float=False), _heard(microphone))


async def cut(pieces: AsyncIterator[bytes], size: int, frame: int) -> AsyncIterator[bytes]:
    """Yield messages of `size` bytes, less where that would part a `frame`, and what is left at the end.

    Half a frame at the very end is dropped: no server can make anything of it.
    """
    size = max(frame, size - size % frame)
    waiting = bytearray()
    async with scoped(pieces) as source:
        async for piece in source:
            waiting += piece
            start = 0
            while len(waiting) - start >= size:
                yield bytes(waiting[start : start + size])
                start += size
            del waiting[:start]
    if rest := bytes(waiting[: len(waiting) - len(waiting) % frame]):
        yield rest


async def paced(
    messages: AsyncIterator[bytes],
    byte_rate: int,
    *,
    now: Callable[[], float] | None = None,
) -> AsyncIterator[bytes]:
    """Yield each message when a microphone would have heard its last sample.

    `byte_rate` counts every channel. `now` is the clock, the event loop's by default. A message that could
    not be sent in time shifts nothing: those after it catch up, as a network does with a live stream.
    """
    clock = now or asyncio.get_running_loop().time
    began = clock()
    sent = 0
    async with scoped(messages) as source:
        async for message in source:
            sent += len(message)
            await asyncio.sleep(max(0.0, began + sent / byte_rate - clock()))
            yield message


def _wav(path: Path) -> tuple[Format, Generator[bytes, None, None]] | None:
    """The format and the sound of a WAV of plain samples; None for any other file, which needs decoding."""
    if path.is_fifo():
        raise UsageError(f"{path} is a pipe.", "Give raw sound on standard input: -i -")
    try:
        file = FileIO(path, "rb")
    except OSError as error:
        raise read_failure(path, error) from error
    reader = RiffReader()
    try:
        first = b""
        while not reader.began and (data := _read(file, path)):
            first += reader.push(data)
        reader.close()
        if reader.layout is None or (convert := _converter(reader.layout)) is None:
            file.close()
            return None
    except WireError:
        file.close()
        return None  # the decoders say what is wrong with it
    except BaseException:
        file.close()
        raise
    layout = reader.layout
    bits, is_float = (16, False) if layout.bits <= 16 else (32, True)
    format = Format(layout.channels, layout.rate, bits, is_float)
    return format, _sound(file, path, reader, first, convert)


def _sound(
    file: FileIO, path: Path, reader: RiffReader, first: bytes, convert: Callable[[bytes], bytes]
) -> Generator[bytes, None, None]:
    assert reader.layout is not None  # `_wav` has seen to it
    width = reader.layout.frame
    waiting = first
    with closing(file):
        while True:
            whole = len(waiting) - len(waiting) % width
            if whole:
                yield convert(waiting[:whole])
            data = _read(file, path)
            if not data:
                return
            waiting = waiting[whole:] + reader.push(data)


def _read(file: FileIO, path: Path) -> bytes:
    try:
        return file.read(_READ) or b""
    except OSError as error:
        raise DecodeError(f"{path} cannot be read any further: {error.strerror or error}.") from error


def _converter(layout: WavLayout) -> Callable[[bytes], bytes] | None:
    """How samples of this coding become s16 or f32; None where that takes a decoder."""
    return _CONVERTERS.get((layout.coding, layout.bits))


def _from_8(data: bytes) -> bytes:
    return ((np.frombuffer(data, np.uint8).astype("<i2") - 128) << 8).astype("<i2").tobytes()


def _from_24(data: bytes) -> bytes:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return _from_32(wide.tobytes())


def _from_32(data: bytes) -> bytes:
    return (np.frombuffer(data, "<i4") / np.float64(2**31)).astype("<f4").tobytes()


def _from_float(data: bytes, kind: str = "<f4") -> bytes:
    with np.errstate(over="ignore"):  # beyond what 32 bits can say is infinite, and dealt with below
        values = np.frombuffer(data, kind).astype("<f4")
    if not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
    return values.tobytes()


_CONVERTERS: Final[dict[tuple[str, int], Callable[[bytes], bytes]]] = {
    ("integer", 8): _from_8,
    ("integer", 16): bytes,
    ("integer", 24): _from_24,
    ("integer", 32): _from_32,
    ("float", 32): _from_float,
    ("float", 64): lambda data: _from_float(data, "<f8"),
}


async def _threaded(pieces: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """Read and converted in a thread, so that the event loop waits for no disk."""
    try:
        while True:
            reading = asyncio.ensure_future(asyncio.to_thread(next, pieces, None))
            try:
                piece = await asyncio.shield(reading)
            except asyncio.CancelledError:
                await asyncio.wait([reading])  # a generator that runs cannot be closed
                raise
            if piece is None:
                return
            yield piece
    finally:
        pieces.close()


async def _decoded(recording: AsyncIterator[Samples]) -> AsyncIterator[bytes]:
    async for samples in recording:
        yield s16_bytes(samples)


async def _heard(microphone: Microphone) -> AsyncIterator[bytes]:
    async for block in microphone.blocks():
        yield s16_bytes(block.samples)
