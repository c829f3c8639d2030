"""WebM as a stream: Matroska elements (RFC 8794, RFC 9559) with one track of Opus or Vorbis in them.

Segments and clusters are walked into, not collected, so it does not matter whether they state a size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.pcm import NOTHING, Sound
from voicecli.audio.track import OpenOpus, Track, opus_track, vorbis_track
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser

__all__ = ["unpack_webm"]

_MAGIC: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT, _CLUSTER, _TRACKS = 0x18538067, 0x1F43B675, 0x1654AE6B
_SIMPLE_BLOCK, _BLOCK_GROUP, _BLOCK, _DISCARD = 0xA3, 0xA0, 0xA1, 0x75A2
_TRACK_ENTRY, _NUMBER, _KIND, _CODEC, _SETUP = 0xAE, 0xD7, 0x83, 0x86, 0x63A2
_AUDIO: Final = 2  # the kind of an audio track
_LARGEST: Final = 1 << 20  # bytes of an element that is read whole
_JUNK: Final = 1 << 18  # bytes between two clusters


def unpack_webm(reader: ByteReader, opus: OpenOpus = opus_track) -> Parser[Sound]:
    """Follow the first audio track. Raises DecodeError."""
    buffer = reader.buffer
    if not (yield from reader.begins(_MAGIC)):
        raise DecodeError("no EBML header")
    ours: tuple[int, Track] | None = None
    while True:
        while (header := _header(buffer, 0)) is None:
            yield None
        name, size, body = header
        if name in (_SEGMENT, _CLUSTER):
            yield from reader.take(body)
        elif not name or size is None:
            if ours is None:
                raise DecodeError("broken elements")
            if not (yield from reader.search(_CLUSTER.to_bytes(4, "big"), _JUNK)):
                raise DecodeError(f"no cluster within {_JUNK // 1024} kB")
        elif name not in (_TRACKS, _SIMPLE_BLOCK, _BLOCK_GROUP) or size > _LARGEST:
            yield from reader.skip(body + size)
        else:
            element = (yield from reader.take(body + size))[body:]
            if name == _TRACKS:
                ours = ours or _chosen(element, opus)
            elif ours is None:
                raise DecodeError("sound before its tracks")
            else:
                samples, rate = _decoded(name, element, *ours)
                if rate is not None:
                    yield samples, rate


def _chosen(tracks: bytes, opus: OpenOpus) -> tuple[int, Track]:
    """The first audio track and its number. Raises DecodeError when there is none of ours."""
    found = []
    for name, entry in _elements(tracks):
        fields = dict(_elements(entry)) if name == _TRACK_ENTRY else {}
        if int.from_bytes(fields.get(_KIND, b""), "big") != _AUDIO:
            continue
        number = int.from_bytes(fields.get(_NUMBER, b""), "big")
        codec, setup = fields.get(_CODEC, b"").rstrip(b"\0"), fields.get(_SETUP, b"")
        if codec == b"A_OPUS":
            return number, opus(setup)
        if codec == b"A_VORBIS":
            return number, vorbis_track(*_vorbis_headers(setup))
        found.append(codec.decode("ascii", errors="replace"))
    raise DecodeError(f"WebM with {found[0]} in it" if found else "WebM without sound")


def _decoded(name: int, element: bytes, ours: int, track: Track) -> tuple[Samples, int | None]:
    """The sound of a block, if it is of our track."""
    discard = 0  # nanoseconds, from its end or (negative) its beginning
    if name == _BLOCK_GROUP:
        children = dict(_elements(element))
        discard = int.from_bytes(children.get(_DISCARD, b""), "big", signed=True)
        element = children.get(_BLOCK, b"")
    number, at = _size(element, 0)
    if number != ours or len(element) < at + 3:
        return NOTHING, None
    samples = np.concatenate([NOTHING, *(track.decode(frame) for frame in _frames(element, at + 2))])
    surplus = abs(discard) * (track.rate or 0) // 1_000_000_000
    kept = samples[: max(len(samples) - surplus, 0)] if discard >= 0 else samples[surplus:]
    return kept, track.rate


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
