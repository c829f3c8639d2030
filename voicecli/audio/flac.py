"""FLAC as a stream (RFC 9639): a frame is decoded as soon as its last byte is there.

A frame does not say how long it is. It has ended where the next one begins (with the number that is due
and a checksum over its header), or where its own checksum comes out even and the decoder agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voicecli.audio.format import id3_size
from voicecli.audio.packets import PacketDecoder, Patch
from voicecli.audio.pcm import Sound
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser, Reading

__all__ = ["length_patch", "unpack_flac"]

_LONGEST_HEADER: Final = 16  # bytes of a frame header
_JUNK: Final = 1 << 20  # bytes without a frame: more is no FLAC
_STREAMINFO: Final = 34  # bytes


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    """What each byte does to a checksum of so many bits, most significant bit first."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return tuple(table)


_CRC8: Final = _table(0x07, 8)
_CRC16: Final = _table(0x8005, 16)


@dataclass(frozen=True, slots=True)
class _Frame:
    size: int  # bytes of the header
    number: int  # of the frame, or of its first sample where frames differ in length
    samples: int
    kind: tuple[int, int]  # how the frames are numbered; rate and channels

    @property
    def next_number(self) -> int:
        return self.number + (self.samples if self.kind[0] else 1)


def unpack_flac(reader: ByteReader) -> Parser[Sound]:
    """Native FLAC, with or without sizes in its header; pictures and tags are passed over.

    What is behind a damaged frame comes at the end of the stream. Raises DecodeError.
    """
    decoder, largest = yield from _opened(reader)
    buffer, junk = reader.buffer, 0
    while True:
        if (frame := _read_header(buffer, 0)) is None:
            if len(buffer) < _LONGEST_HEADER:
                yield None
                continue
            place = buffer.find(b"\xff", 1)
            gone = place if place > 0 else len(buffer)
            del buffer[:gone]
            junk += gone
            if junk > _JUNK:
                raise DecodeError(f"no frame within {_JUNK // 1024} kB")
            continue
        scanned, checked, checksum = frame.size, 0, 0
        lost = False  # the next header is damaged or gone: any later one will do
        while True:
            if not lost and (reader.ended or len(buffer) > largest + _LONGEST_HEADER):
                lost, scanned = True, frame.size  # later headers have been passed over
            end, scanned = _next_frame(buffer, frame, scanned, lost)
            samples = decoder.decode(bytes(buffer[:end])) if end else None
            while samples is None and checked < min(len(buffer), largest):
                checked, checksum = _checked(buffer, checked, largest, checksum)
                if not checksum and checked > frame.size + 2:
                    # One checksum in 65,536 comes out by chance, so the decoder has the last word.
                    samples = decoder.attempt(bytes(buffer[:checked]))
                    samples = samples if samples is not None and len(samples) == frame.samples else None
                    end = checked
            if samples is not None:
                del buffer[:end]
                junk = 0
                if decoder.rate is not None:
                    yield samples, decoder.rate
                break
            if lost:  # nothing follows and its checksum never came out: what is here is damaged
                del buffer[:scanned]
                junk += scanned
                break
            yield None


def _opened(reader: ByteReader) -> Reading[tuple[PacketDecoder, int]]:
    """Read up to the first frame: its decoder, and the bytes that a frame can have."""
    buffer = reader.buffer
    while (yield from reader.begins(b"ID3")):
        yield from reader.need(10)
        if not (size := id3_size(buffer)):
            break
        yield from reader.skip(size)
    if not (yield from reader.begins(b"fLaC")):
        raise DecodeError("no fLaC marker")
    yield from reader.take(4)
    opened: tuple[PacketDecoder, int] | None = None
    last = False
    while not last:
        yield from reader.need(4)
        last, size = bool(buffer[0] & 0x80), int.from_bytes(buffer[1:4], "big")
        if not buffer[0] & 0x7F:
            yield from reader.need(4 + _STREAMINFO)
            info = bytes(buffer[4 : 4 + _STREAMINFO])
            packed = int.from_bytes(info[10:18], "big")
            channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
            block = int.from_bytes(info[2:4], "big")
            # No encoder makes a frame larger than the plain samples, which FLAC can always carry as they are.
            opened = PacketDecoder("flac", info), max(block, 4096) * channels * (bits + 1) // 8 + 64
        if last and opened is None:
            raise DecodeError("no stream information")
        yield from reader.skip(4 + size)
    assert opened is not None  # as just seen
    return opened


def _next_frame(buffer: bytearray, frame: _Frame, scanned: int, lost: bool) -> tuple[int, int]:
    """Where the frame after `frame` begins (0: not yet known), and up to where none does."""
    sync = bytes(buffer[:2])
    while (place := buffer.find(sync, scanned)) >= 0:
        if len(buffer) - place < _LONGEST_HEADER:
            return 0, place
        following = _read_header(buffer, place)
        if (
            following
            and following.kind == frame.kind
            and (following.number == frame.next_number or (lost and following.number > frame.number))
        ):
            return place, place
        scanned = place + 1
    return 0, max(len(buffer) - 1, scanned)


def _checked(data: bytearray, begin: int, end: int, checksum: int) -> tuple[int, int]:
    """Go on with a checksum until it comes out even; up to where that is, or the data, and the sum."""
    table = _CRC16
    for place, byte in enumerate(data[begin:end], begin + 1):
        checksum = (checksum << 8 & 0xFFFF) ^ table[checksum >> 8 ^ byte]
        if checksum == 0:
            return place, 0
    return min(len(data), end), checksum


def length_patch(beginning: bytes, samples: int) -> list[Patch]:
    """What makes a stream with that beginning tell of so many samples (RFC 9639, section 8.2)."""
    if len(beginning) < 26:
        return []
    packed = int.from_bytes(beginning[18:26], "big") >> 36 << 36 | min(samples, (1 << 36) - 1)
    return [(18, packed.to_bytes(8, "big"))]


def _read_header(data: bytearray, at: int) -> _Frame | None:
    """The frame header at `at`, checked against its own checksum; None when there is none."""
    end = len(data)
    if end - at < 6 or data[at] != 0xFF or data[at + 1] & 0xFE != 0xF8:
        return None
    block, rate = data[at + 2] >> 4, data[at + 2] & 15
    if block == 0 or rate == 15 or data[at + 3] >> 4 > 10 or data[at + 3] & 1:
        return None
    first = data[at + 4]
    extra = 0
    while extra < 7 and first & 0x80 >> extra:
        extra += 1
    if extra == 1 or (extra == 7 and first & 1):
        return None
    number = first & 0x7F >> extra
    extra = max(extra - 1, 0)
    size = 5 + extra + {6: 1, 7: 2}.get(block, 0) + {12: 1, 13: 2, 14: 2}.get(rate, 0) + 1
    if end - at < size:
        return None
    for byte in data[at + 5 : at + 5 + extra]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    checksum = 0
    for byte in data[at : at + size]:
        checksum = _CRC8[checksum ^ byte]
    if checksum:
        return None
    stated = 5 + extra
    if block == 6:
        samples = data[stated] + 1
    elif block == 7:
        samples = (data[stated] << 8 | data[stated + 1]) + 1
    else:
        samples = 192 if block == 1 else 576 << (block - 2) if block < 6 else 256 << (block - 8)
    # The last frame may be shorter, and stereo may be coded differently from frame to frame.
    channels = data[at + 3] >> 4
    return _Frame(size, number, samples, (data[at + 1] & 1, rate << 8 | min(channels, 8)))
