"""Ogg at its pages (RFC 3533): cut at them, and several Opus streams (RFC 7845) made one.

`ogg.py` takes the packets out before their page is whole; here the pages themselves matter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicecli.audio.format import Codec
from voicecli.audio.sniff import HEAD, is_message, unlike
from voicecli.audio.track import opus_length
from voicecli.errors import DecodeError

__all__ = ["OggJoiner", "Page", "Pages"]

_HEADER: Final = 27  # bytes before the segment table
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_POSITION: Final = (1 << 64) - 1  # no packet ends on the page
_JUNK: Final = 1 << 18  # bytes without a page: more is no Ogg
_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    flags: int
    position: int  # granule: samples at 48 kHz to the end of the last packet that ends here
    serial: int
    number: int  # in its stream, from 0
    lacing: bytes  # the segment table
    body: bytes

    def encode(self) -> bytes:
        """The page's bytes, with their checksum."""
        fields = (self.flags, self.position, self.serial, self.number, 0, len(self.lacing))
        page = struct.pack("<4sBBQIIIB", b"OggS", 0, *fields) + self.lacing + self.body
        return page[:22] + struct.pack("<I", _checksum(page)) + page[26:]

    def packets(self) -> Iterator[tuple[bytes, bool]]:
        """Its packets or their parts, each with whether it ends on this page."""
        at = size = 0
        for lacing in self.lacing:
            size += lacing
            if lacing < 255:
                yield self.body[at : at + size], True
                at, size = at + size, 0
        if size:
            yield self.body[at:], False


class Pages:
    """Cuts bytes into pages; any split of a stream gives the same ones."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head = b""
        self._found = False
        self._stray = b""  # how what lies behind the latest page begins, when it is none
        self._junk = 0

    def push(self, data: bytes) -> list[tuple[bytes, Page | None]]:
        """Every whole page, as its bytes and what they say; what lies between pages has no Page.

        Joined with `flush`, the bytes are the input. Raises DecodeError when it does not begin as Ogg, or
        goes on as text.
        """
        self._head += data[: HEAD - len(self._head)]
        self._buffer += data
        found: list[tuple[bytes, Page | None]] = []
        while (size := self._next()) > 0:
            taken = bytes(self._buffer[:size])
            del self._buffer[:size]
            page = _page(taken)
            self._judge(taken if page is None else b"")
            found.append((taken, page))
        return found

    def flush(self) -> bytes:
        """The page that was cut off, if any. Raises DecodeError when it was no Ogg."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        if is_message(stray := self._stray + rest, whole=True):
            raise unlike(Codec.OPUS, stray, "behind its pages")
        if rest and not self._found:
            raise unlike(Codec.OPUS, self._head, "it ends within its first page")
        return rest

    def _judge(self, junk: bytes) -> None:
        """Damage is passed over, but not what is no Ogg at all; no junk is a page."""
        self._stray = (self._stray + junk)[:HEAD] if junk else b""
        self._junk = self._junk + len(junk) if junk else 0
        self._found = self._found or not junk
        if is_message(self._stray):
            raise unlike(Codec.OPUS, self._stray, "behind its pages")
        if self._junk > _JUNK:
            raise unlike(Codec.OPUS, self._stray, f"no Ogg page within {_JUNK // 1024} kB")

    def _next(self) -> int:
        """Bytes of the page, or of the junk, at the start of the buffer; 0 when more are needed."""
        buffer = self._buffer
        begins = bytes(buffer[:5])
        if begins != b"OggS\0"[: len(begins)]:
            if not self._found:
                raise unlike(Codec.OPUS, self._head)
            place = buffer.find(b"OggS\0", 1)
            return place if place > 0 else len(buffer) - 4
        if len(buffer) < _HEADER or len(buffer) < _HEADER + buffer[26]:
            return 0
        size = _HEADER + buffer[26] + sum(buffer[_HEADER : _HEADER + buffer[26]])
        return size if len(buffer) >= size else 0


class OggJoiner:
    """Ogg Opus streams one after the other in, a single stream out, its packets as they were.

    A stream's pre-skip and the padding behind its end can be left out only as whole packets: of what is left
    over, half a packet at most adds to or is missing from the whole. The last packet of each stream waits for
    the next stream, or the end, to see whether it is needed.
    """

    def __init__(self) -> None:
        self._pages = Pages()
        self._header = b""  # the identification header of the first stream
        self._serial = 0  # of what comes out
        self._number = 0  # pages that came out
        self._position = 0  # samples that came out
        self._following: int | None = None  # the serial of the stream that is read
        self._is_later = False  # whether that is not the first one
        self._introduced = False  # its comments are over
        self._surplus = 0  # samples that came out and are not to be heard
        self._padding = 0  # samples of `_held` that are not to be heard
        self._held: bytes | None = None  # the last packet of a stream that has ended
        self._start: bytes = b""  # the beginning of a packet that goes on on the next page
        self._base: int | None = None  # the position at which the stream began
        self._decoded = 0  # samples of the stream so far

    def push(self, data: bytes) -> bytes:
        """What has become certain. Raises DecodeError for anything but Opus, and for unlike streams."""
        return b"".join(self._take(page) for _, page in self._pages.push(data) if page is not None)

    def flush(self) -> bytes:
        """The end of the stream; nothing when nothing came. Raises DecodeError when it was no Ogg."""
        self._pages.flush()
        if not self._number:
            return b""
        held, self._held = self._held, None
        if held is None:
            return self._put(0, b"", b"", _LAST)
        end = max(self._position, self._position + opus_length(held) - self._padding)
        return self._put(end - self._position, _lacing(held), held, _LAST)

    def _take(self, page: Page) -> bytes:
        if page.flags & _FIRST:
            return self._begin(page)
        if page.serial != self._following:
            return b""
        if not self._introduced:
            self._introduced = page.lacing[-1:] not in (b"", b"\xff")  # comments may fill several pages
            if self._is_later:
                return b""
            return self._put(0, page.lacing, page.body, page.flags & _CONTINUED)
        return self._sound(page)

    def _begin(self, page: Page) -> bytes:
        """A stream's first page holds its identification header alone."""
        header = page.body
        if header[:8] != b"OpusHead" or len(header) < 19:
            if self._following is not None and not self._introduced:
                return b""  # one of several streams side by side
            name = header[:8].strip(b"\0\x01\x7f\x80 ").decode("ascii", errors="replace")
            name = name or "something unknown"
            raise DecodeError(f"Ogg with {name} in it cannot be joined.", "Only Opus can.")
        self._following, self._introduced, self._base, self._decoded = page.serial, False, None, 0
        self._start = b""
        skip = int.from_bytes(header[10:12], "little")
        if not self._header:
            self._header, self._serial, self._is_later = header, page.serial, False
            return self._put(0, page.lacing, header, _FIRST)
        if (header[9], header[16:]) != (self._header[9], self._header[16:]):
            raise DecodeError(
                "These Ogg streams cannot be joined: they differ in channels or gain.",
                "Decode them, and encode them as one.",
            )
        self._is_later = True
        self._surplus += self._padding + skip
        return self._release()

    def _release(self) -> bytes:
        """The packet held of the stream before, unless leaving it out comes closer to the true length."""
        held, self._held, self._padding = self._held, None, 0
        if held is None:
            return b""
        length = opus_length(held)
        if length and self._surplus > length // 2:
            self._surplus -= length
            return b""
        return self._put(length, _lacing(held), held, 0)

    def _sound(self, page: Page) -> bytes:
        """A page of sound, renumbered; without its first packets where they are surplus, or its last."""
        packets = list(page.packets())
        continued = bool(page.flags & _CONTINUED)
        lengths: list[int] = []
        for index, (packet, ends) in enumerate(packets):
            begins = index > 0 or not continued
            self._start = packet[:2] if begins else self._start
            lengths.append(opus_length(self._start) if ends else 0)
        self._decoded += sum(lengths)
        if self._base is None and page.position != _NO_POSITION and any(lengths):
            self._base = 0 if page.flags & _LAST else max(page.position - self._decoded, 0)
        while self._is_later and not continued and packets and 0 < lengths[0] <= self._surplus:
            self._surplus -= lengths[0]
            del packets[0], lengths[0]
        last = b""
        if page.flags & _LAST and packets and packets[-1][1] and (len(packets) > 1 or not continued):
            last = packets.pop()[0]
            del lengths[-1]
        out = b""
        if packets:
            flags = _CONTINUED if continued else 0
            laced = b"".join(_lacing(packet, ends) for packet, ends in packets)
            ends_here = any(ends for _, ends in packets)
            out = self._put(sum(lengths), laced, b"".join(p for p, _ in packets), flags, known=ends_here)
        if last:
            self._held = last
            end = self._decoded + (self._base or 0)
            surplus = end - page.position if page.position != _NO_POSITION else 0
            self._padding = min(max(surplus, 0), opus_length(last))
        return out

    def _put(self, length: int, lacing: bytes, body: bytes, flags: int, *, known: bool = True) -> bytes:
        self._position += length
        position = self._position if known else _NO_POSITION
        page = Page(flags, position, self._serial, self._number, lacing, body)
        self._number += 1
        return page.encode()


def _page(data: bytes) -> Page | None:
    """A whole page's fields; None for junk."""
    if data[:5] != b"OggS\0" or len(data) < _HEADER:
        return None
    flags, position, serial, number, _, count = struct.unpack_from("<BQIIIB", data, 5)
    return Page(flags, position, serial, number, data[_HEADER : _HEADER + count], data[_HEADER + count :])


def _lacing(packet: bytes, ends: bool = True) -> bytes:
    """The segments of a packet; one that goes on has only full ones."""
    full = b"\xff" * (len(packet) // 255)
    return full + bytes([len(packet) % 255]) if ends else full


def _checksum(data: bytes) -> int:
    """The checksum of a page whose own field is 0 (RFC 3533, section 6: polynomial 0x04c11db7, bit by bit).

    It is zlib's with the bits of every byte, and of the result, the other way round, and without its
    inversions.
    """
    value = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(value.to_bytes(4, "big").translate(_REVERSED), "little")
