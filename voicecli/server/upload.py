"""Sound as a recognition server takes it: interleaved s16 or f32, a piece at a time, as exact as it was.

A WAV keeps its channels and its rate. 8 and 16-bit integers go as s16, deeper ones and floats as f32; any
other recording is decoded to mono and goes as s16.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from voicecli.audio.microphone import Microphone
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.recording import open_recording
from voicecli.audio.wav import unpack_samples
from voicecli.errors import DecodeError, UsageError, WireError, read_failure
from voicecli.flow.awaitables import finish_in_thread
from voicecli.flow.scope import scoped
from voicecli.flow.steps import map_step
from voicecli.wire.recognition import Format
from voicecli.wire.riff import RiffReader, WavLayout

__all__ = ["Upload", "cut", "paced", "upload_file", "upload_microphone"]

_READ: Final = 65_536  # bytes of a file at once
_BITS: Final = {"integer": (8, 16, 24, 32), "float": (32, 64)}  # of samples that are sent as they are


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
    return Upload(str(path), format, map_step(recording, s16_bytes))


def upload_microphone(microphone: Microphone) -> Upload:
    """What an open microphone hears, until it ends."""
    sound = map_step(microphone.blocks(), lambda block: s16_bytes(block.samples))
    return Upload(microphone.name, Format(1, microphone.rate, 16, is_float=False), sound)


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
    reader, first = RiffReader(), b""
    with ExitStack() as stack:
        stack.callback(file.close)
        try:
            while not reader.began and (data := _read(file, path)):
                first += reader.push(data)
            reader.close()
        except WireError:
            return None  # the decoders say what is wrong with it
        layout = reader.layout
        if layout is None or layout.bits not in _BITS.get(layout.coding, ()):
            return None
        stack.pop_all()
    bits, is_float = (16, False) if layout.bits <= 16 else (32, True)
    return Format(layout.channels, layout.rate, bits, is_float), _sound(file, path, reader, layout, first)


def _sound(
    file: FileIO, path: Path, reader: RiffReader, layout: WavLayout, waiting: bytes
) -> Generator[bytes, None, None]:
    with closing(file):
        while True:
            whole = len(waiting) - len(waiting) % layout.frame
            if whole:
                yield _exact(waiting[:whole], layout)
            data = _read(file, path)
            if not data:
                return
            waiting = waiting[whole:] + reader.push(data)


def _read(file: FileIO, path: Path) -> bytes:
    try:
        return file.read(_READ) or b""
    except OSError as error:
        raise DecodeError(f"{path} cannot be read any further: {error.strerror or error}.") from error


def _exact(data: bytes, layout: WavLayout) -> bytes:
    """As s16, or as f32 where that is not enough."""
    if layout.bits == 16:
        return data
    values = unpack_samples(data, layout, layout.bits // 8)
    return (values * 2**15).astype("<i2").tobytes() if layout.bits == 8 else values.astype("<f4").tobytes()


async def _threaded(pieces: Generator[bytes, None, None]) -> AsyncIterator[bytes]:
    """Read and converted in a thread, so that the event loop waits for no disk."""
    try:
        # A generator that runs cannot be closed.
        while (piece := await finish_in_thread(next, pieces, None)) is not None:
            yield piece
    finally:
        pieces.close()
