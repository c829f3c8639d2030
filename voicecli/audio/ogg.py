"""Ogg as a stream (RFC 3533) with Opus (RFC 7845), Vorbis or FLAC in it.

A page may hold a second of sound, so packets are taken out as they arrive, before their page is whole.
The page's checksum comes too late for that and is not looked at: the codec notices damage.
"""

from __future__ import annotations

import struct
from typing import Final

from voicecli.audio.block import Samples
from voicecli.audio.pages import CONTINUED, FIRST, HEADER, LAST, MAGIC, NO_POSITION, packet_parts
from voicecli.audio.pcm import NOTHING, Sound
from voicecli.audio.track import OpenOpus, Track, flac_track, opus_track, vorbis_track
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser

__all__ = ["unpack_ogg"]

_LARGEST_PACKET: Final = 1 << 20  # bytes: a larger one is dropped
_JUNK: Final = 1 << 18  # bytes between two pages


def unpack_ogg(reader: ByteReader, opus: OpenOpus = opus_track) -> Parser[Sound]:
    """Follow the first track of sound, and the next one where streams are chained. Raises DecodeError."""
    buffer = reader.buffer
    serial: int | None = None
    stream = _LogicalStream(opus)
    packet = b""  # as far as it has come
    found = False
    while True:
        if not (yield from reader.begins(MAGIC)):
            if not found:
                raise DecodeError("no Ogg page")
            if not (yield from reader.search(MAGIC, _JUNK)):
                raise DecodeError(f"no Ogg page within {_JUNK // 1024} kB")
        yield from reader.need(HEADER)
        flags, position, number, count = struct.unpack_from("<xxxxxBQIxxxxxxxxB", buffer)
        table = (yield from reader.take(HEADER + count))[HEADER:]
        found = True
        if flags & FIRST and number != serial and (stream.rate is not None or not stream.known):
            stream, serial, packet = _LogicalStream(opus, stream.unknown), number, b""
        if number != serial:
            yield from reader.skip(sum(table))
            continue
        packet = packet if flags & CONTINUED else b""
        dropping = bool(flags & CONTINUED) and not packet  # a beginning that is lost or was too large
        stream.turn_page(position, bool(flags & LAST))
        for size, ends in packet_parts(table):
            part = yield from reader.take(size)
            packet = b"" if dropping else packet + part
            dropping = dropping or len(packet) > _LARGEST_PACKET
            if ends and not dropping:
                samples = stream.decode(packet)
                if stream.rate is not None:
                    yield samples, stream.rate
            if ends or dropping:
                packet, dropping = b"", dropping and not ends
        if table:
            stream.end_page()


class _LogicalStream:
    """The packets of one track: headers, then sound, trimmed at the position of the last page."""

    def __init__(self, opus: OpenOpus, before: str = "") -> None:
        self._opus = opus
        self._packets = 0
        self._first = b""
        self._track: Track | None = None
        self._page_end: int | None = None  # position that the page states, in samples
        self._last_page = False
        # Position at which the stream begins: not 0 when it was cut out of another.
        self._base: int | None = None
        self.unknown = before  # what codec it is when it is none of ours
        self.known = False

    @property
    def rate(self) -> int | None:
        return None if self._track is None else self._track.rate

    def turn_page(self, position: int, last: bool) -> None:
        self._page_end = None if position == NO_POSITION else position
        self._last_page = last

    def end_page(self) -> None:
        """Learn from the first whole page of sound where the stream begins."""
        decoded = 0 if self._track is None else self._track.position
        if self._base is None and decoded and self._page_end is not None:
            self._base = max(self._page_end - decoded, 0)

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet: none for headers. Raises DecodeError."""
        self._packets += 1
        if self._track is None:
            self._track = self._open(packet)
            return NOTHING
        if self._first[:5] == b"\x7fFLAC":
            introduces = packet[:1] != b"\xff"  # tags and pictures
        else:
            introduces = self._packets == 2 or packet[:8] == b"OpusTags"
        if introduces:
            return NOTHING
        before = self._track.position
        samples = self._track.decode(packet)
        if self._last_page and self._page_end is not None:
            end = self._page_end - (self._base or 0)
            surplus = min(self._track.position - max(end, before), len(samples))
            if surplus > 0 and end > 0:
                samples = samples[: len(samples) - surplus]
        return samples

    def _open(self, packet: bytes) -> Track | None:
        """The track, once its headers are there."""
        if self._packets == 1:
            self._first = packet
            self.known = True
            if packet[:8] == b"OpusHead":
                return self._opus(packet)
            if packet[:5] == b"\x7fFLAC" and len(packet) >= 51:
                return flac_track(packet[17:51])
            if packet[:7] != b"\x01vorbis":
                self.known = False
                name = packet[:8].strip(b"\x00\x01\x7f\x80 ").decode("ascii", errors="replace")
                self.unknown = self.unknown or name
        elif self._first[:7] == b"\x01vorbis":
            if packet[:7] == b"\x05vorbis":
                return vorbis_track(self._first, packet)
        elif not self.known:
            raise DecodeError(f"Ogg with {self.unknown} in it")
        return None
