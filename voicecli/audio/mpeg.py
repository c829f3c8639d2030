"""Streams that are nothing but frames: MP3 (ISO 11172-3, 13818-3) and AAC in ADTS (ISO 13818-7).

A frame's header says how long it is, so a frame is decoded as soon as its last byte is there. The first
header is believed at the very start of the stream; after junk, only if another one follows where it should.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from voicecli.audio.format import Codec, id3_size, is_message, is_text, shown
from voicecli.audio.pcm import Sound
from voicecli.audio.track import PacketReader
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser, Reading

__all__ = [
    "Frames",
    "Header",
    "Info",
    "adts_header",
    "framed",
    "info_frame",
    "mp3_header",
    "read_info",
    "unpack_adts",
    "unpack_mp3",
]

_JUNK_BEFORE: Final = 16_384  # bytes without a frame before the first one
_JUNK_AFTER: Final = 262_144  # bytes without a frame between two
_LONGEST_HEADER: Final = 32  # bytes, of anything that is recognised between frames (an APE tag)

_BIT_RATES: Final = {  # kbit/s of layer III
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_ADTS_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_DECODER_DELAY: Final = 529  # samples that any MP3 decoder adds


@dataclass(frozen=True, slots=True)
class Header:
    """One frame's header."""

    size: int  # bytes, of the whole frame
    samples: int  # that the frame decodes to
    kind: tuple[int, ...]  # what does not change within a stream
    tag_at: int = 0  # where an MP3 frame would carry an Info tag
    hertz: int = 0  # samples a second


ReadHeader: TypeAlias = Callable[[bytes | bytearray, int], Header | None]


def mp3_header(data: bytes | bytearray, at: int) -> Header | None:
    """The layer III header at `at`, or None; needs four bytes."""
    if data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return None
    version = data[at + 1] >> 3 & 3
    bit_rate, rate = data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or rate == 3 or data[at + 3] & 3 == 2:
        return None
    halves = 2 if version == 3 else 1
    hertz = _MP3_RATES[version][rate]
    size = 72_000 * halves * _BIT_RATES[1 if version == 3 else 2][bit_rate] // hertz + (data[at + 2] >> 1 & 1)
    mono = data[at + 3] >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return Header(size, 576 * halves, (version, rate), 4 + side, hertz)


def adts_header(data: bytes | bytearray, at: int) -> Header | None:
    """The ADTS header at `at`, or None; needs seven bytes."""
    if data[at] != 0xFF or data[at + 1] & 0xF6 != 0xF0:
        return None
    rate = data[at + 2] >> 2 & 15
    size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
    if rate > 12 or size <= (7 if data[at + 1] & 1 else 9):
        return None
    samples = 1024 * (1 + (data[at + 6] & 3))
    return Header(size, samples, (data[at + 1] & 8, rate), hertz=_ADTS_RATES[rate])


def framed(data: bytes) -> Codec | None:
    """MP3 or AAC when `data` begins with two of their frames, one right behind the other; else None.

    What only begins like a frame can be anything, also samples: 2,048 bytes tell it of nearly every stream.
    """
    for codec, read, size in ((Codec.MP3, mp3_header, 4), (Codec.AAC, adts_header, 7)):
        first = read(data, 0) if len(data) >= size else None
        second = read(data, first.size) if first and len(data) >= first.size + size else None
        if first and second and first.kind == second.kind:
            return codec
    return None


class Frames:
    """Cuts bytes into frames, passing over tags and junk."""

    def __init__(self, read: ReadHeader, header_size: int) -> None:
        self._read = read
        self._header_size = header_size
        self._junk = 0  # bytes since the latest frame
        self.found = 0

    def parse(self, reader: ByteReader) -> Parser[tuple[bytes, Header]]:
        """Every whole frame. Raises DecodeError for text in their place, and after too much else."""
        buffer, read = reader.buffer, self._read
        kind: tuple[int, ...] | None = None
        sure = True  # whether a header right here needs no second one
        while True:
            tag = yield from _tag(reader)
            if tag:
                yield from reader.skip(tag)
                continue
            yield from reader.need(self._header_size)
            header = read(buffer, 0)
            if header is not None:
                yield from reader.need(header.size)
                if not (sure and kind in (None, header.kind)):
                    yield from reader.need(header.size + self._header_size)
                    after = read(buffer, header.size)
                    header = header if after and after.kind == header.kind else None
            if header is not None:
                kind, sure = header.kind, True
                self._junk = 0
                self.found += 1
                yield (yield from reader.take(header.size)), header
            elif sure and is_text(buffer[:_LONGEST_HEADER]) and buffer[:6] != b"LYRICS":
                if is_message(buffer):
                    raise self._text(buffer)
                yield None
            else:
                sure = False
                self._search(buffer)

    def close(self, rest: bytearray) -> None:
        """There is no more than `rest`. Raises DecodeError when there was no frame, or that is text."""
        if is_message(rest, whole=True):
            raise self._text(rest)
        if not self.found and (rest or self._junk):
            raise DecodeError("there is no whole frame in it")

    def _search(self, buffer: bytearray) -> None:
        """Drop what is no frame, up to the next place where one could begin."""
        places = [buffer.find(first, 1) for first in (b"\xff", b"ID3", b"APE", b"TAG")]
        # Two bytes stay: they may be the beginning of a tag.
        gone = min((place for place in places if place > 0), default=max(len(buffer) - 2, 1))
        del buffer[:gone]
        self._junk += gone
        limit = _JUNK_AFTER if self.found else _JUNK_BEFORE
        if self._junk > limit:
            raise DecodeError(f"no frame within {limit // 1024} kB")

    def _text(self, text: bytearray) -> DecodeError:
        said = f", {shown(text)}" if self.found else ""
        return DecodeError(f"there is text where a frame should begin{said}")


def _tag(reader: ByteReader) -> Reading[int]:
    """The length of the tag that comes next; 0 when there is none."""
    buffer = reader.buffer
    while not buffer:
        yield
    if buffer[0] == 0xFF:
        return 0
    if (yield from reader.begins(b"ID3")):
        yield from reader.need(10)
        return id3_size(buffer)
    if (yield from reader.begins(b"TAG")):
        return 128
    if (yield from reader.begins(b"APETAGEX")):
        yield from reader.need(_LONGEST_HEADER)
        return 32 + int.from_bytes(buffer[12:16], "little")
    return 0


@dataclass(frozen=True, slots=True)
class Info:
    """What a frame of facts says (the Xing, Info and LAME tags)."""

    frames: int = 0  # of sound; 0: unsaid
    start: int = 0  # samples before the sound, the decoder's own delay included
    padding: int = 0  # samples after the sound, the decoder's own delay taken off; 0 or less: unsaid
    delay: int = 0  # samples that the encoder put first; 0: unsaid

    def ends(self, header: Header) -> tuple[int, int]:
        """Where the sound ends and where the last frame does; zeros where that is unsaid."""
        total = self.frames * header.samples
        return (total - self.padding, total) if 0 < self.padding < total else (0, 0)


def read_info(frame: bytes, header: Header) -> Info | None:
    """The facts that this frame carries instead of sound; None for a frame of sound."""
    at = header.tag_at
    if frame[at : at + 4] not in (b"Xing", b"Info"):
        return Info() if frame[36:40] == b"VBRI" else None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    frames = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    lame = at + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    gap = frame[lame + 21 : lame + 24]
    if len(gap) < 3 or not any(frame[lame : lame + 4]):
        return Info(frames)
    delay, padding = gap[0] << 4 | gap[1] >> 4, (gap[1] & 15) << 8 | gap[2]
    return Info(frames, delay + _DECODER_DELAY, padding - _DECODER_DELAY, delay)


def unpack_mp3(reader: ByteReader, decoder: PacketReader) -> Parser[Sound]:
    """MP3, without the silence that the encoder added at both ends, where a LAME tag says how much.

    `decoder` is for layer III. Raises DecodeError.
    """
    position = 0  # samples since the Info frame
    start, ends = 0, (0, 0)  # the first that is sound; from the end of sound to the end of the last frame
    for found in Frames(mp3_header, 4).parse(reader):
        if found is None:
            yield None
            continue
        frame, header = found
        info = read_info(frame, header)
        if info is not None:
            position, start, ends = 0, info.start, info.ends(header)
            continue
        samples = decoder.decode(frame)
        if len(samples) == header.samples:
            last = ends[0] - position if position < ends[1] else len(samples)
            samples = samples[max(start - position, 0) : max(last, 0)]
        position += header.samples
        if decoder.rate is not None:
            yield samples, decoder.rate


def unpack_adts(reader: ByteReader, decoder: PacketReader) -> Parser[Sound]:
    """AAC. The first frame has nothing before it to overlap with, so it holds no sound and is dropped.

    Raises DecodeError.
    """
    primed = False
    for found in Frames(adts_header, 7).parse(reader):
        if found is None:
            yield None
            continue
        samples = decoder.decode(found[0])
        if decoder.rate is not None:
            yield samples if primed else samples[:0], decoder.rate
        primed = primed or len(samples) > 0


def info_frame(first: bytes, delay: int) -> bytes:
    """A frame to go before `first`: it tells players that the first `delay` samples are not sound.

    `delay` is the encoder's own, at most 4095. The length of the stream is left unsaid. Format: the tag
    that LAME writes, without the optional fields.
    """
    header = mp3_header(first, 0)
    if header is None:
        return b""
    lame = b"LAME3.100" + bytes(12) + bytes([delay >> 4, (delay & 15) << 4, 0]) + bytes(12)
    needed = header.tag_at + 8 + len(lame)
    # The smallest bit rate whose frame has room for the tag, without a checksum and without padding.
    for index in range(1, 15):
        head = bytes([0xFF, first[1] | 1, index << 4 | first[2] & 0x0C, first[3]])
        room = mp3_header(head, 0)
        if room is not None and room.size >= needed:
            body = head + bytes(room.tag_at - 4) + b"Info" + bytes(4) + lame
            return body + bytes(room.size - len(body))
    return b""
