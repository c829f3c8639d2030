"""One coded track inside a container: how its packets become samples, whatever the container is."""

from __future__ import annotations

from typing import Final, Protocol

from voicecli.audio.block import Samples
from voicecli.audio.packets import PacketDecoder
from voicecli.audio.pcm import NOTHING
from voicecli.errors import DecodeError

__all__ = ["FlacTrack", "OpusTrack", "PacketReader", "Track", "VorbisTrack", "opus_length"]

_LONGEST_PACKET: Final = 5760  # samples of Opus at 48 kHz: 120 ms


class Track(Protocol):
    """A codec, its header read, ready for packets."""

    @property
    def rate(self) -> int | None: ...

    @property
    def frames(self) -> int:
        """Packets that held sound."""
        ...

    @property
    def position(self) -> int:
        """Samples decoded so far, including those that were trimmed away."""
        ...

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet; raises DecodeError when too many in a row were broken."""
        ...


class PacketReader(Protocol):
    """What turns packets into samples: a decoder, or a ruler that only measures them."""

    @property
    def rate(self) -> int | None: ...

    @property
    def frames(self) -> int: ...

    def decode(self, packet: bytes) -> Samples: ...


class OpusTrack:
    """Opus by its identification header (RFC 7845, section 5.1): pre-skip and gain honoured."""

    def __init__(self, head: bytes, reader: PacketReader | None = None) -> None:
        """`reader` takes the decoder's place."""
        if len(head) < 19 or head[:8] != b"OpusHead" or head[8] >> 4 or not head[9]:
            raise DecodeError("a broken Opus header")
        self._skip = int.from_bytes(head[10:12], "little")
        # FFmpeg's versions differ in whether the decoder itself drops the pre-skip, so it is told of none.
        self._decoder = reader or PacketDecoder("opus", head[:10] + b"\0\0" + head[12:])
        self.position = 0

    @property
    def rate(self) -> int | None:
        return self._decoder.rate

    @property
    def frames(self) -> int:
        return self._decoder.frames

    def decode(self, packet: bytes) -> Samples:
        samples = self._decoder.decode(packet)
        if not len(samples):
            self.position += opus_length(packet)
            return NOTHING
        self.position += len(samples)
        dropped = min(self._skip, len(samples))
        self._skip -= dropped
        return samples[dropped:]


class VorbisTrack:
    """Vorbis by its first and third header (the second holds only comments)."""

    def __init__(self, first: bytes, third: bytes) -> None:
        comment = b"\x03vorbis" + bytes(8) + b"\x01"
        self._decoder = PacketDecoder("vorbis", _laced(first, comment) + first + comment + third)
        self.position = 0

    @property
    def rate(self) -> int | None:
        return self._decoder.rate

    @property
    def frames(self) -> int:
        return self._decoder.frames

    def decode(self, packet: bytes) -> Samples:
        samples = self._decoder.decode(packet)
        self.position += len(samples)
        return samples


class FlacTrack:
    """FLAC by its stream information."""

    def __init__(self, info: bytes) -> None:
        self._decoder = PacketDecoder("flac", info)
        self.position = 0

    @property
    def rate(self) -> int | None:
        return self._decoder.rate

    @property
    def frames(self) -> int:
        return self._decoder.frames

    def decode(self, packet: bytes) -> Samples:
        if packet[:1] != b"\xff":  # tags and pictures come as packets before the frames
            return NOTHING
        samples = self._decoder.decode(packet)
        self.position += len(samples)
        return samples


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
