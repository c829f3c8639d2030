"""WAV as a stream of samples; `wire/riff.py` reads the header."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.format import Codec, unlike
from voicecli.audio.pcm import NOTHING, Sound, from_mulaw, mixed
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser, Parsing
from voicecli.wire.riff import BrokenRiff, RiffHeader, WavLayout, read_riff

__all__ = ["find_sound", "remove_wav_header", "unpack_samples", "unpack_wav"]

_READ: Final = 1 << 16  # bytes of a file at once


def find_sound(file: IO[bytes], name: str = "This WAV file") -> RiffHeader:
    """Read a WAV file's header and go to where its sound begins. Raises DecodeError, with its `name`."""
    parsing, head = Parsing(_header), b""
    while data := file.read(_READ):
        head = head or data
        try:
            found = parsing.push(data)
        except BrokenRiff as exc:
            raise unlike(Codec.WAV, head, exc.reason) from exc
        if found:
            file.seek(found[0].start)
            return found[0]
    raise DecodeError(f"{name} has no sound in it.", "It may have been cut off.")


def _header(reader: ByteReader) -> Parser[RiffHeader]:
    yield (yield from read_riff(reader, lambda layout: None))


def remove_wav_header(wav_bytes: bytes) -> bytes:
    """The sound of a WAV file as its bytes are, without what comes before and behind it.

    Raises DecodeError when it is no WAV file, or one without sound.
    """
    file = BytesIO(wav_bytes)
    return file.read(find_sound(file).size)


def unpack_wav(reader: ByteReader) -> Parser[Sound]:
    """8 to 32-bit integers, 32 and 64-bit floats, a-law and mu-law. Raises DecodeError.

    A data size of 0 or "unknown", or one that is too large, means "to the end". What follows data of a
    true size is skipped when it is a chunk, is another file when it begins so, and is sound otherwise.
    """
    buffer = reader.buffer
    while True:
        try:
            header = yield from read_riff(reader, _width)
        except BrokenRiff as exc:
            raise DecodeError(exc.reason) from exc
        yield NOTHING, header.layout.rate  # it is known even if there is no sound
        yield from _sound(reader, header.layout, header.size)
        yield from reader.need(5)
        if header.size and header.size % 2 and _is_name(buffer[1:5]):
            del buffer[:1]
        if not _is_name(buffer[:4]):
            yield from _sound(reader, header.layout, None)
        while True:
            yield from reader.need(8)
            if bytes(buffer[:4]) in (b"RIFF", b"RF64"):
                break
            (size,) = struct.unpack_from("<I", buffer, 4)
            yield from reader.skip(8 + size + size % 2)


def _sound(reader: ByteReader, layout: WavLayout, left: int | None) -> Parser[Sound]:
    """So many bytes of sound; None: to the end."""
    buffer, width = reader.buffer, _width(layout)
    while left is None or left > 0:
        usable = len(buffer) if left is None else min(len(buffer), left)
        whole = usable - usable % (width * layout.channels)
        gone = usable if usable == left else whole
        if not gone:
            yield None
            continue
        data = bytes(buffer[:whole])
        del buffer[:gone]
        left = None if left is None else left - gone
        if whole:
            yield mixed(unpack_samples(data, layout, width).reshape(-1, layout.channels)), layout.rate


def _is_name(name: bytearray) -> bool:
    return len(name) == 4 and all(
        byte == 0x20 or (chr(byte).isascii() and chr(byte).isalnum()) for byte in name
    )


def _width(layout: WavLayout) -> int:
    """Bytes of one sample. Raises DecodeError when it cannot be read here."""
    channels, bits = layout.channels, layout.bits
    if not 1 <= channels <= 64 or not 1000 <= layout.rate <= 768_000:
        raise DecodeError(f"{channels} channels at {layout.rate} Hz")
    known = {"integer": (1, 2, 3, 4), "float": (4, 8), "a-law": (1,), "mu-law": (1,)}.get(layout.coding)
    if known is None:
        raise DecodeError(f"coded as {layout.coding}, not as plain samples")
    width = layout.align // channels or (bits + 7) // 8
    if width not in known or bits > width * 8:
        raise DecodeError(f"{bits} bits in {width} bytes")
    return width


def unpack_samples(data: bytes, layout: WavLayout, width: int) -> NDArray[np.float32] | NDArray[np.float64]:
    """The values of samples of `width` bytes, -1 to 1; those of 32-bit integers are exact in 64 bits."""
    values: NDArray[np.float32] | NDArray[np.float64]
    if layout.coding == "float":
        with np.errstate(over="ignore"):  # beyond what 32 bits can say is infinite, and dealt with below
            values = np.frombuffer(data, f"<f{width}").astype(np.float32)
        if not np.isfinite(values).all():
            values = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=-1.0)
    elif layout.coding == "a-law":
        values = _ALAW_VALUES[np.frombuffer(data, np.uint8)]
    elif layout.coding == "mu-law":
        values = from_mulaw(data)
    elif width == 1:
        values = (np.frombuffer(data, np.uint8).astype(np.float32) - 128.0) / np.float32(128.0)
    elif width == 2:
        values = np.frombuffer(data, "<i2") / np.float32(32768.0)
    elif width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        values = wide.reshape(-1).view("<i4") / np.float64(2**31)
    else:
        values = np.frombuffer(data, "<i4") / np.float64(2**31)
    return values


def _alaw() -> NDArray[np.float32]:
    """ITU-T G.711, table 1: sign, three bits of segment, four of step; even bits inverted."""
    code = np.arange(256) ^ 0x55
    segment, step = (code >> 4) & 7, code & 15
    size = np.where(segment == 0, step * 16 + 8, (step * 16 + 264) << np.maximum(segment - 1, 0))
    return (np.where(code & 0x80, size, -size) / 32768.0).astype(np.float32)


_ALAW_VALUES: Final = _alaw()
