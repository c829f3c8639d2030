"""WebM as a stream: Matroska elements (RFC 8794, RFC 9559) with one track of Opus or Vorbis in them.

Segments and clusters are walked into, not collected, so it does not matter whether they state a size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from voicecli.audio.pcm import NOTHING, Sound
from voicecli.audio.track import OpusTrack, Track, VorbisTrack
from voicecli.errors import DecodeError

__all__ = ["WebmUnpacker"]

_EBML, _SEGMENT, _CLUSTER, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x1654AE6B
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _DISCARD = 0xA3, 0xA0, 0xA1, 0x75A2
_TRACK_ENTRY, _NUMBER, _KIND, _CODEC, _SETUP = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
_AUDIO: Final = 2  # the kind of an audio track
_LARGEST: Final = 1 << 20  # bytes of an element that is read whole
_JUNK: Final = 1 << 18  # bytes between two clusters


class WebmUnpacker:
    """Follows the first audio track."""

    def __init__(self, opus: Callable[[bytes], Track] = OpusTrack) -> None:
        """`opus` makes a track of an Opus header."""
        self._opus = opus
        self._buffer = bytearray()
        self._skip = 0
        self._lost = False  # looking for the next cluster after damage
        self._junk = 0
        self._opened = False  # the EBML header has been seen
        self._number: int | None = None
        self._track: Track | None = None

    @property
    def started(self) -> bool:
        return self._track is not None and self._track.frames > 0

    def push(self, data: bytes) -> list[Sound]:
        """Raises DecodeError."""
        self._buffer += data
        sounds: list[Sound] = []
        while self._step(sounds):
            pass
        return sounds

    def flush(self) -> list[Sound]:
        """Nothing: whole blocks were decoded when they came."""
        return []

    def _step(self, sounds: list[Sound]) -> bool:
        buffer = self._buffer
        if self._skip:
            gone = min(self._skip, len(buffer))
            del buffer[:gone]
            self._skip -= gone
            if self._skip:
                return False
        if not self._opened:
            magic = _EBML.to_bytes(4, "big")
            if bytes(buffer[:4]) != magic[: len(buffer)]:
                raise DecodeError("no EBML header")
            self._opened = len(buffer) >= 4
        if self._lost:
            return self._search()
        header = _header(buffer, 0)
        if header is None:
            return False
        name, size, body = header
        if not name:
            self._lost = True
            return self._search()
        if name in (_SEGMENT, _CLUSTER):
            del buffer[:body]
        elif name in (_TRACKS, _SIMPLE_BLOCK, _BLOCK_GROUP) and size is not None and size <= _LARGEST:
            if len(buffer) < body + size:
                return False
            element = bytes(buffer[body : body + size])
            del buffer[: body + size]
            self._read(name, element, sounds)
        elif size is None:
            self._lost = True
            return self._search()
        else:
            del buffer[:body]
            self._skip = size
        return True

    def _search(self) -> bool:
        if self._track is None:
            raise DecodeError("broken elements")
        place = self._buffer.find(_CLUSTER.to_bytes(4, "big"), 1)
        gone = place if place > 0 else max(len(self._buffer) - 3, 0)
        del self._buffer[:gone]
        self._lost = place <= 0
        self._junk = self._junk + gone if self._lost else 0
        if self._junk > _JUNK:
            raise DecodeError(f"no cluster within {_JUNK // 1024} kB")
        return not self._lost

    def _read(self, name: int, element: bytes, sounds: list[Sound]) -> None:
        if name == _TRACKS:
            if self._track is None:
                self._open(element)
        elif name == _SIMPLE_BLOCK:
            self._decode(element, 0, sounds)
        else:
            children = dict(_elements(element))
            discard = int.from_bytes(children.get(_DISCARD, b""), "big", signed=True)
            self._decode(children.get(_BLOCK, b""), discard, sounds)

    def _open(self, tracks: bytes) -> None:
        """Choose the track. Raises DecodeError when there is none of ours."""
        found = []
        for name, entry in _elements(tracks):
            if name != _TRACK_ENTRY:
                continue
            fields = dict(_elements(entry))
            if int.from_bytes(fields.get(_KIND, b""), "big") != _AUDIO:
                continue
            codec, setup = fields.get(_CODEC, b"").rstrip(b"\0"), fields.get(_SETUP, b"")
            if codec == b"A_OPUS":
                self._track = self._opus(setup)
            elif codec == b"A_VORBIS":
                self._track = VorbisTrack(*_vorbis_headers(setup))
            else:
                found.append(codec.decode("ascii", errors="replace"))
                continue
            self._number = int.from_bytes(fields.get(_NUMBER, b""), "big")
            return
        raise DecodeError(f"WebM with {found[0]} in it" if found else "WebM without sound")

    def _decode(self, block: bytes, discard: int, sounds: list[Sound]) -> None:
        """The frames of a block; `discard` is in nanoseconds, from its end or (negative) its beginning."""
        if self._track is None:
            raise DecodeError("sound before its tracks")
        number, at = _size(block, 0)
        if number != self._number or len(block) < at + 3:
            return
        samples = np.concatenate([NOTHING, *(self._track.decode(frame) for frame in _frames(block, at + 2))])
        rate = self._track.rate
        if rate is None:
            return
        surplus = abs(discard) * rate // 1_000_000_000
        samples = samples[: max(len(samples) - surplus, 0)] if discard >= 0 else samples[surplus:]
        if len(samples):
            sounds.append((samples, rate))


def _size(data: bytes | bytearray, at: int) -> tuple[int | None, int]:
    """A variable-length number at `at` and where it ends; None when all its bits are set (unknown).

    The end is `at` when more bytes are needed; a number of more than eight bytes ends at -1.
    """
    if at >= len(data):
        return None, at
    length = 9 - data[at].bit_length()
    if length > 8:
        return None, -1
    if at + length > len(data):
        return None, at
    value = int.from_bytes(data[at : at + length], "big") & (1 << 7 * length) - 1
    return (None if value == (1 << 7 * length) - 1 else value), at + length


def _header(data: bytes | bytearray, at: int) -> tuple[int, int | None, int] | None:
    """An element's name (0: broken), its size (None: unknown) and where its body begins.

    None when more bytes are needed.
    """
    if at >= len(data):
        return None
    length = 9 - data[at].bit_length()
    if length > 4:
        return 0, None, at
    size, body = _size(data, at + length)
    if body == -1:
        return 0, None, at
    if body <= at + length:
        return None
    return int.from_bytes(data[at : at + length], "big"), size, body


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The children of a master element, as far as they are whole."""
    at = 0
    while (header := _header(data, at)) is not None:
        name, size, body = header
        if not name or size is None or body + size > len(data):
            return
        yield name, data[body : body + size]
        at = body + size


def _frames(block: bytes, at: int) -> Iterator[bytes]:
    """The frames of a block whose flags are at `at`: one, or several laced (RFC 9559, section 10.3)."""
    lacing = block[at] >> 1 & 3
    at += 1
    if not lacing:
        yield block[at:]
        return
    if at >= len(block):
        return
    count = block[at] + 1
    at += 1
    if lacing == 2:
        sizes = [(len(block) - at) // count] * (count - 1)
    elif lacing == 1:
        sizes, at = _xiph_sizes(block, at, count - 1)
    else:
        sizes, at = _ebml_sizes(block, at, count - 1)
    for size in sizes:
        if size < 0 or at + size > len(block):
            return
        yield block[at : at + size]
        at += size
    yield block[at:]


def _xiph_sizes(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """`count` lengths, each as bytes that add up and end with one below 255; and where they end."""
    sizes = []
    for _ in range(count):
        size = 0
        while at < len(data) and data[at] == 255:
            size, at = size + 255, at + 1
        size, at = size + (data[at] if at < len(data) else 0), at + 1
        sizes.append(size)
    return sizes, at


def _ebml_sizes(data: bytes, at: int, count: int) -> tuple[list[int], int]:
    """`count` lengths, the first as it is and the others as differences; and where they end."""
    sizes: list[int] = []
    for index in range(count):
        value, end = _size(data, at)
        if value is None or end <= at:
            return [-1], at
        bias = (1 << 7 * (end - at) - 1) - 1
        sizes.append(value if index == 0 else sizes[-1] + value - bias)
        at = end
    return sizes, at


def _vorbis_headers(setup: bytes) -> tuple[bytes, bytes]:
    """The first and third of the three headers that a track's set-up holds."""
    if setup[:1] != b"\x02":
        raise DecodeError("a broken Vorbis header")
    (first, second), at = _xiph_sizes(setup, 1, 2)
    return setup[at : at + first], setup[at + first + second :]
