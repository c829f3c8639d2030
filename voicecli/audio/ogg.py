"""Ogg as a stream (RFC 3533) with Opus (RFC 7845), Vorbis or FLAC in it.

A page may hold a second of sound, so packets are taken out as they arrive, before their page is whole.
The page's checksum comes too late for that and is not looked at: the codec notices damage.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from typing import Final

from voicecli.audio.block import Samples
from voicecli.audio.pcm import NOTHING, Sound
from voicecli.audio.track import FlacTrack, OpusTrack, Track, VorbisTrack
from voicecli.errors import DecodeError

__all__ = ["OggUnpacker"]

_HEADER: Final = 27  # bytes before the segment table
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_LARGEST_PACKET: Final = 1 << 20  # bytes: a larger one is dropped
_JUNK: Final = 1 << 18  # bytes between two pages
_NO_POSITION: Final = (1 << 64) - 1


class OggUnpacker:
    """Follows the first track of sound, and the next one where streams are chained."""

    def __init__(self, opus: Callable[[bytes], Track] = OpusTrack) -> None:
        """`opus` makes a track of an Opus header."""
        self._opus = opus
        self._buffer = bytearray()
        self._pieces: deque[tuple[int, bool]] = deque()  # of the page: bytes, and whether a packet ends there
        self._ours = False  # whether the page belongs to the track
        self._serial: int | None = None
        self._packet = bytearray()
        self._dropping = False  # the rest of a packet whose beginning is lost or which is too large
        self._junk = 0
        self._pages = 0
        self._stream = _LogicalStream(opus)
        self._played = False  # a stream before this one held sound

    @property
    def started(self) -> bool:
        return self._played or self._stream.frames > 0

    def push(self, data: bytes) -> list[Sound]:
        """Raises DecodeError."""
        self._buffer += data
        sounds: list[Sound] = []
        while self._read_piece(sounds) if self._pieces else self._read_page():
            pass
        return sounds

    def flush(self) -> list[Sound]:
        """Nothing: whole packets were decoded when they came."""
        return []

    def _read_page(self) -> bool:
        buffer = self._buffer
        if bytes(buffer[:4]) != b"OggS"[: len(buffer)]:
            return self._search()
        if len(buffer) < _HEADER or len(buffer) < _HEADER + buffer[26]:
            return False
        version, flags, position, serial = struct.unpack_from("<xxxxBBQI", buffer)
        if version:
            return self._search()
        table = bytes(buffer[_HEADER : _HEADER + buffer[26]])
        del buffer[: _HEADER + len(table)]
        self._junk = 0
        self._pages += 1
        self._pieces = _pieces(table)
        self._ours = self._follow(flags, serial)
        if self._ours:
            continued = bool(flags & _CONTINUED)
            if not continued:
                self._packet.clear()
            self._dropping = continued and not self._packet
            self._stream.turn_page(position, bool(flags & _LAST))
        return True

    def _follow(self, flags: int, serial: int) -> bool:
        """Whether a page is of our track; a first page after sound begins a new one."""
        if flags & _FIRST and serial != self._serial:
            if self._stream.known and not self._stream.frames:
                return False
            self._played = self._played or self._stream.frames > 0
            self._stream = _LogicalStream(self._opus, self._stream.unknown)
            self._serial = serial
            self._packet.clear()
        return serial == self._serial

    def _read_piece(self, sounds: list[Sound]) -> bool:
        size, ends = self._pieces[0]
        if len(self._buffer) < size:
            return False
        self._pieces.popleft()
        if self._ours:
            if not self._dropping:
                self._packet += self._buffer[:size]
                if len(self._packet) > _LARGEST_PACKET:
                    self._packet.clear()
                    self._dropping = True
            if ends:
                if not self._dropping:
                    samples = self._stream.decode(bytes(self._packet))
                    if len(samples) and self._stream.rate is not None:
                        sounds.append((samples, self._stream.rate))
                self._dropping = False
                self._packet.clear()
        del self._buffer[:size]
        if not self._pieces and self._ours:
            self._stream.end_page()
        return True

    def _search(self) -> bool:
        """After junk: the next page. Before the first page there is none to be had."""
        if not self._pages:
            raise DecodeError("no Ogg page")
        place = self._buffer.find(b"OggS", 1)
        gone = place if place > 0 else max(len(self._buffer) - 3, 1)
        del self._buffer[:gone]
        self._junk += gone
        if self._junk > _JUNK:
            raise DecodeError(f"no Ogg page within {_JUNK // 1024} kB")
        return True


class _LogicalStream:
    """The packets of one track: headers, then sound, trimmed at the position of the last page."""

    def __init__(self, opus: Callable[[bytes], Track], before: str = "") -> None:
        self._opus = opus
        self._packets = 0
        self._first = b""
        self._track: Track | None = None
        self._page_end: int | None = None  # position that the page states, in samples
        self._last_page = False
        self._base: int | None = (
            None  # position at which the stream begins (not 0 when it was cut out of another)
        )
        self.unknown = before  # what codec it is when it is none of ours
        self.known = False

    @property
    def frames(self) -> int:
        return 0 if self._track is None else self._track.frames

    @property
    def rate(self) -> int | None:
        return None if self._track is None else self._track.rate

    def turn_page(self, position: int, last: bool) -> None:
        self._page_end = None if position == _NO_POSITION else position
        self._last_page = last

    def end_page(self) -> None:
        """Learn from the first whole page of sound where the stream begins."""
        if (
            self._base is None
            and self._track is not None
            and self._track.position
            and self._page_end is not None
        ):
            self._base = max(self._page_end - self._track.position, 0)

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet: none for headers. Raises DecodeError."""
        self._packets += 1
        if self._track is None:
            self._track = self._open(packet)
            return NOTHING
        if packet[:8] == b"OpusTags" or (self._packets == 2 and not isinstance(self._track, FlacTrack)):
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
                return FlacTrack(packet[17:51])
            if packet[:7] != b"\x01vorbis":
                self.known = False
                name = packet[:8].strip(b"\x00\x01\x7f\x80 ").decode("ascii", errors="replace")
                self.unknown = self.unknown or name
        elif self._first[:7] == b"\x01vorbis":
            if packet[:7] == b"\x05vorbis":
                return VorbisTrack(self._first, packet)
        elif not self.known:
            raise DecodeError(f"Ogg with {self.unknown} in it")
        return None


def _pieces(table: bytes) -> deque[tuple[int, bool]]:
    """A segment table as the parts of packets that it stands for; no part for a page without any."""
    pieces: deque[tuple[int, bool]] = deque()
    size = 0
    for lacing in table:
        size += lacing
        if lacing < 255:
            pieces.append((size, True))
            size = 0
    if size:
        pieces.append((size, False))
    return pieces
