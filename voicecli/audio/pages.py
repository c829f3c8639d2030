"""Ogg at its pages (RFC 3533): cut at them, and several Opus streams (RFC 7845) made one.

`ogg.py` takes the packets out before their page is whole; here the pages themselves matter.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from voicecli.audio.format import HEAD, Codec, is_message, unlike
from voicecli.audio.track import opus_length
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import ByteReader, Parser, Parsing

__all__ = [
    "CONTINUED",
    "FIRST",
    "HEADER",
    "LAST",
    "MAGIC",
    "NO_POSITION",
    "OggJoiner",
    "Page",
    "Pages",
    "packet_parts",
]

MAGIC: Final = b"OggS\0"
HEADER: Final = 27  # bytes before the segment table
CONTINUED, FIRST, LAST = 1, 2, 4
NO_POSITION: Final = (1 << 64) - 1  # no packet ends on the page
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
        at = 0
        for size, ends in packet_parts(self.lacing):
            yield self.body[at : at + size], ends
            at += size


def packet_parts(lacing: bytes) -> Iterator[tuple[int, bool]]:
    """The packets, or their parts, of a segment table: their bytes, and whether they end on the page."""
    size = 0
    for length in lacing:
        size += length
        if length < 255:
            yield size, True
            size = 0
    if size:
        yield size, False


class Pages(Parsing[tuple[bytes, Page | None]]):
    """Cuts bytes into pages; any split of a stream gives the same ones.

    `push` gives every whole page, as its bytes and what they say; what lies between pages has no Page. Joined
    with `rest`, the bytes are the input. It raises DecodeError when that does not begin as Ogg, or goes on as
    text.
    """

    def __init__(self) -> None:
        super().__init__(self._parse)
        self._stray = b""  # how what lies behind the latest page begins, when it is none

    def close(self) -> bytes:
        """The page that was cut off, if any. Raises DecodeError when it was no Ogg."""
        rest = bytes(self.rest)
        if is_message(stray := self._stray + rest, whole=True):
            raise unlike(Codec.OPUS, stray, "behind its pages")
        if rest and not self.started:
            raise unlike(Codec.OPUS, rest[:HEAD], "it ends within its first page")
        return rest

    def _parse(self, reader: ByteReader) -> Parser[tuple[bytes, Page | None]]:
        buffer = reader.buffer
        if not (yield from reader.begins(MAGIC)):
            raise unlike(Codec.OPUS, bytes(buffer[:HEAD]))
        junk = 0
        while True:
            if (yield from reader.begins(MAGIC)):
                yield from reader.need(HEADER)
                count = buffer[HEADER - 1]
                yield from reader.need(HEADER + count)
                taken = yield from reader.take(HEADER + count + sum(buffer[HEADER : HEADER + count]))
                flags, position, serial, number = struct.unpack_from("<BQII", taken, 5)
                self._stray, junk = b"", 0
                body = taken[HEADER + count :]
                yield taken, Page(flags, position, serial, number, taken[HEADER : HEADER + count], body)
                continue
            place = buffer.find(MAGIC, 1)
            size = place if place > 0 else len(buffer) - len(MAGIC) + 1
            if size <= 0:
                yield None
                continue
            # Damage is passed over, but not what is no Ogg at all.
            taken = yield from reader.take(size)
            self._stray = (self._stray + taken)[:HEAD]
            junk += size
            if is_message(self._stray):
                raise unlike(Codec.OPUS, self._stray, "behind its pages")
            if junk > _JUNK:
                raise unlike(Codec.OPUS, self._stray, f"no Ogg page within {_JUNK // 1024} kB")
            yield taken, None


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
        self._pages.close()
        if not self._number:
            return b""
        held, self._held = self._held, None
        if held is None:
            return self._put(0, b"", b"", LAST)
        end = max(self._position, self._position + opus_length(held) - self._padding)
        return self._put(end - self._position, _lacing(held), held, LAST)

    def _take(self, page: Page) -> bytes:
        if page.flags & FIRST:
            return self._begin(page)
        if page.serial != self._following:
            return b""
        if not self._introduced:
            self._introduced = page.lacing[-1:] not in (b"", b"\xff")  # comments may fill several pages
            if self._is_later:
                return b""
            return self._put(0, page.lacing, page.body, page.flags & CONTINUED)
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
            return self._put(0, page.lacing, header, FIRST)
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
        continued = bool(page.flags & CONTINUED)
        lengths: list[int] = []
        for index, (packet, ends) in enumerate(packets):
            begins = index > 0 or not continued
            self._start = packet[:2] if begins else self._start
            lengths.append(opus_length(self._start) if ends else 0)
        self._decoded += sum(lengths)
        if self._base is None and page.position != NO_POSITION and any(lengths):
            self._base = 0 if page.flags & LAST else max(page.position - self._decoded, 0)
        while self._is_later and not continued and packets and 0 < lengths[0] <= self._surplus:
            self._surplus -= lengths[0]
            del packets[0], lengths[0]
        last = b""
        if page.flags & LAST and packets and packets[-1][1] and (len(packets) > 1 or not continued):
            last = packets.pop()[0]
            del lengths[-1]
        out = b""
        if packets:
            flags = CONTINUED if continued else 0
            laced = b"".join(_lacing(packet, ends) for packet, ends in packets)
            ends_here = any(ends for _, ends in packets)
            out = self._put(sum(lengths), laced, b"".join(p for p, _ in packets), flags, known=ends_here)
        if last:
            self._held = last
            end = self._decoded + (self._base or 0)
            surplus = end - page.position if page.position != NO_POSITION else 0
            self._padding = min(max(surplus, 0), opus_length(last))
        return out

    def _put(self, length: int, lacing: bytes, body: bytes, flags: int, *, known: bool = True) -> bytes:
        self._position += length
        position = self._position if known else NO_POSITION
        page = Page(flags, position, self._serial, self._number, lacing, body)
        self._number += 1
        return page.encode()


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
