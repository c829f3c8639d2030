"""One coded track inside a container: how its packets become samples, whatever the container is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from voicecli.audio.block import Samples
from voicecli.audio.packets import PacketDecoder
from voicecli.errors import DecodeError

__all__ = ["OpenOpus", "PacketReader", "Track", "flac_track", "opus_length", "opus_track", "vorbis_track"]

_LONGEST_PACKET: Final = 5760  # samples of Opus at 48 kHz: 120 ms


class PacketReader(Protocol):
    """What turns packets into samples: a decoder, or a ruler that only measures them."""

    @property
    def rate(self) -> int | None:
        """Samples a second, once there were any."""
        ...

    def decode(self, packet: bytes) -> Samples: ...


def _no_length(packet: bytes) -> int:
    return 0


class Track:
    """A codec, its header read, ready for packets."""

    def __init__(
        self, reader: PacketReader, skip: int = 0, length: Callable[[bytes], int] = _no_length
    ) -> None:
        """`skip` samples at the beginning are no sound; `length` tells those of a packet that is broken."""
        self._reader = reader
        self._skip = skip
        self._length = length
        self.position = 0  # samples decoded so far, including those that were skipped

    @property
    def rate(self) -> int | None:
        """Samples a second, once a packet held sound."""
        return self._reader.rate

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet; raises DecodeError when too many in a row were broken."""
        samples = self._reader.decode(packet)
        self.position += len(samples) or self._length(packet)
        dropped = min(self._skip, len(samples))
        self._skip -= dropped
        return samples[dropped:] if dropped else samples


OpenOpus: TypeAlias = Callable[[bytes], Track]
"""Makes a track of an Opus header."""


def opus_track(head: bytes, reader: PacketReader | None = None) -> Track:
    """Opus by its identification header (RFC 7845, section 5.1): pre-skip and gain honoured.

    `reader` takes the decoder's place. Raises DecodeError.
    """
    if len(head) < 19 or head[:8] != b"OpusHead" or head[8] >> 4 or not head[9]:
        raise DecodeError("a broken Opus header")
    # FFmpeg's versions differ in whether the decoder itself drops the pre-skip, so it is told of none.
    reader = reader or PacketDecoder("opus", head[:10] + b"\0\0" + head[12:])
    return Track(reader, int.from_bytes(head[10:12], "little"), opus_length)


def vorbis_track(first: bytes, third: bytes) -> Track:
    """Vorbis by its first and third header (the second holds only comments). Raises DecodeError."""
    comment = b"\x03vorbis" + bytes(8) + b"\x01"
    return Track(PacketDecoder("vorbis", _laced(first, comment) + first + comment + third))


def flac_track(info: bytes) -> Track:
    """FLAC by its stream information. Raises DecodeError."""
    return Track(PacketDecoder("flac", info))


def opus_length(packet: bytes) -> int:
    """How many samples at 48 kHz a packet says it holds (RFC 6716, section 3.1); 0 when it is broken."""
    if not packet:
        return 0
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        size = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        size = (480, 960)[config & 1]
    else:
        size = (120, 240, 480, 960)[config & 3]
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[code]
    length = size * count
    return length if length <= _LONGEST_PACKET else 0


def _laced(*headers: bytes) -> bytes:
    """The count and lengths that go before headers packed into one (all but the last length)."""
    lengths = b"".join(b"\xff" * (len(header) // 255) + bytes([len(header) % 255]) for header in headers)
    return bytes([len(headers)]) + lengths
