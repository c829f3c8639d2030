"""FLAC as a stream (RFC 9639): a frame is decoded as soon as its last byte is there.

A frame does not say how long it is. It has ended where the next one begins (with the number that is due
and a checksum over its header), or where its own checksum comes out even and the decoder agrees.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from voicecli.audio.packets import PacketDecoder, Patch
from voicecli.audio.pcm import Sound
from voicecli.errors import DecodeError

__all__ = ["FlacUnpacker", "length_patch"]

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


class FlacUnpacker:
    """Native FLAC, with or without sizes in its header; pictures and tags are passed over."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skip = 0
        self._opened = False  # the fLaC marker has been seen
        self._decoder: PacketDecoder | None = None
        self._last_block = False
        self._frame: _Frame | None = None  # whose header is at the start of the buffer
        self._scanned = 0  # bytes in which no next header begins
        self._lost = False  # the next header is damaged or gone: any later one will do
        self._ended = False
        self._checked = 0  # bytes that the checksum covers
        self._checksum = 0
        self._junk = 0
        self._largest = 0  # bytes that a frame can have

    @property
    def started(self) -> bool:
        return self._decoder is not None and self._decoder.frames > 0

    def push(self, data: bytes) -> list[Sound]:
        """Raises DecodeError."""
        self._buffer += data
        sounds: list[Sound] = []
        while self._step(sounds):
            pass
        return sounds

    def flush(self) -> list[Sound]:
        """The whole frames behind a damaged one; others have been noticed by their checksums."""
        self._ended = True
        return self.push(b"")

    def _step(self, sounds: list[Sound]) -> bool:
        if self._skip:
            gone = min(self._skip, len(self._buffer))
            del self._buffer[:gone]
            self._skip -= gone
            if self._skip:
                return False
        if not self._last_block:
            return self._read_metadata()
        if self._frame is None:
            return self._find_frame()
        return self._end_frame(sounds)

    def _read_metadata(self) -> bool:
        buffer = self._buffer
        if not self._opened:
            if bytes(buffer[:3]) == b"ID3"[: len(buffer)]:
                if len(buffer) < 10:
                    return False
                self._skip = 10 + (buffer[6] << 21 | buffer[7] << 14 | buffer[8] << 7 | buffer[9])
                return True
            if bytes(buffer[:4]) != b"fLaC"[: len(buffer)]:
                raise DecodeError("no fLaC marker")
            if len(buffer) < 4:
                return False
            del buffer[:4]
            self._opened = True
        if len(buffer) < 4:
            return False
        kind, size = buffer[0] & 0x7F, int.from_bytes(buffer[1:4], "big")
        if kind == 0:
            if len(buffer) < 4 + _STREAMINFO:
                return False
            self._open(bytes(buffer[4 : 4 + _STREAMINFO]))
        self._last_block = bool(buffer[0] & 0x80)
        if self._last_block and self._decoder is None:
            raise DecodeError("no stream information")
        self._skip = 4 + size
        return True

    def _open(self, info: bytes) -> None:
        packed = int.from_bytes(info[10:18], "big")
        channels, bits = (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1
        (block,) = struct.unpack_from(">H", info, 2)
        # No encoder makes a frame larger than the plain samples, which FLAC can always carry as they are.
        self._largest = max(block, 4096) * channels * (bits + 1) // 8 + 64
        self._decoder = PacketDecoder("flac", info)

    def _find_frame(self) -> bool:
        """Bring a frame header to the start of the buffer."""
        buffer = self._buffer
        if len(buffer) < _LONGEST_HEADER and (
            len(buffer) < 6 or _read_header(buffer, 0, len(buffer)) is None
        ):
            return False
        frame = _read_header(buffer, 0, len(buffer))
        if frame is not None:
            self._frame, self._scanned, self._checked, self._checksum = frame, frame.size, 0, 0
            self._lost = False
            return True
        place = buffer.find(b"\xff", 1)
        gone = place if place > 0 else len(buffer)
        del buffer[:gone]
        self._junk += gone
        if self._junk > _JUNK:
            raise DecodeError(f"no frame within {_JUNK // 1024} kB")
        return True

    def _end_frame(self, sounds: list[Sound]) -> bool:
        """Find the end of the frame at the start of the buffer."""
        assert self._frame is not None  # `_step` has looked
        sync = bytes(self._buffer[:2])
        lost = self._ended or len(self._buffer) > self._largest + _LONGEST_HEADER
        if lost and not self._lost:
            self._lost, self._scanned = True, self._frame.size  # later headers have been passed over
        while (place := self._buffer.find(sync, self._scanned)) >= 0:
            self._scanned = place
            if len(self._buffer) - place < _LONGEST_HEADER:
                break
            following = _read_header(self._buffer, place, len(self._buffer))
            if (
                following
                and following.kind == self._frame.kind
                and (
                    following.number == self._frame.next_number
                    or (lost and following.number > self._frame.number)
                )
            ):
                self._take(place, sounds)
                return True
            self._scanned = place + 1
        else:
            self._scanned = max(len(self._buffer) - 1, self._scanned)
        if self._check(sounds):
            return True
        if lost:
            # Nothing follows and its checksum never came out: what is here is damaged.
            del self._buffer[: self._scanned]
            self._junk += self._scanned
            self._frame = None
            return True
        return False

    def _check(self, sounds: list[Sound]) -> bool:
        """Whether the frame ends within the buffer by its own checksum."""
        assert self._frame is not None
        assert self._decoder is not None
        checksum, table, begin = self._checksum, _CRC16, self._checked
        for place, byte in enumerate(self._buffer[begin : self._largest], begin + 1):
            checksum = (checksum << 8 & 0xFFFF) ^ table[checksum >> 8 ^ byte]
            if checksum == 0 and place > self._frame.size + 2 and self._try(place, sounds):
                return True
        self._checksum, self._checked = checksum, min(len(self._buffer), max(self._largest, begin))
        return False

    def _try(self, size: int, sounds: list[Sound]) -> bool:
        """One checksum in 65,536 comes out by chance, so the decoder has the last word."""
        assert self._frame is not None
        assert self._decoder is not None
        samples = self._decoder.attempt(bytes(self._buffer[:size]))
        if samples is None or len(samples) != self._frame.samples or self._decoder.rate is None:
            return False
        sounds.append((samples, self._decoder.rate))
        self._forget(size)
        return True

    def _take(self, size: int, sounds: list[Sound]) -> None:
        assert self._decoder is not None
        samples = self._decoder.decode(bytes(self._buffer[:size]))
        if len(samples) and self._decoder.rate is not None:
            sounds.append((samples, self._decoder.rate))
        self._forget(size)

    def _forget(self, size: int) -> None:
        del self._buffer[:size]
        self._frame = None
        self._junk = 0


def length_patch(beginning: bytes, samples: int) -> list[Patch]:
    """What makes a stream with that beginning tell of so many samples (RFC 9639, section 8.2)."""
    if len(beginning) < 26:
        return []
    packed = int.from_bytes(beginning[18:26], "big") >> 36 << 36 | min(samples, (1 << 36) - 1)
    return [(18, packed.to_bytes(8, "big"))]


def _read_header(data: bytearray, at: int, end: int) -> _Frame | None:
    """The frame header at `at`, checked against its own checksum; None when there is none."""
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
