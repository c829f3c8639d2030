"""Coded packets to samples and back: the one door to PyAV, which carries FFmpeg's codecs (no program needed).

PyAV is imported when the first coder is built (about 50 ms): `preload` does it beforehand, in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import IO, TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voicecli.audio.block import Samples
from voicecli.audio.pcm import limited, s16
from voicecli.errors import DecodeError

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.packet import Packet

__all__ = ["Container", "Muxer", "PacketDecoder", "Patch", "preload"]

Patch: TypeAlias = tuple[int, bytes]
"""Bytes to be written over those at a place of a stream that came out before."""

PATIENCE: Final = 32  # packets in a row that may be broken before the stream is given up

# What a recording may be packed in. Named, because FFmpeg also opens play lists and scripts, which open
# other files and addresses.
_CONTAINERS: Final = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,gsm,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,"
    "mp3,mpeg,mpegts,ogg,tta,voc,w64,wav,wv"
)
_NOTHING: Final[Samples] = np.zeros(0, np.float32)


def preload() -> None:
    """Import PyAV now, so that the first packet does not wait for it. Blocks; any thread may call it."""
    import av  # noqa: F401  (imported for its effect)


class PacketDecoder:
    """One codec's packets in, mono samples out. A broken packet is a gap, too many of them an error."""

    def __init__(self, codec: str, setup: bytes | None = None) -> None:
        """`codec` is FFmpeg's name of a decoder; `setup` is what FFmpeg calls extradata.

        Raises DecodeError when the decoder rejects `setup`.
        """
        self._name = codec
        self._context = _open_context(codec, setup)
        self._failures = 0
        self.rate: int | None = None  # samples a second, of the latest frame

    def decode(self, packet: bytes) -> Samples:
        """The samples of one packet; raises DecodeError when `PATIENCE` packets in a row were broken."""
        samples = self.attempt(packet)
        if samples is not None:
            self._failures = 0
            return samples
        self._failures += 1
        if self._failures >= PATIENCE:
            raise DecodeError(f"{self._failures} broken {self._name} packets in a row")
        return _NOTHING

    def attempt(self, packet: bytes) -> Samples | None:
        """The samples of what may be a packet; None when it is not."""
        import av

        try:
            frames = self._context.decode(av.Packet(packet))
        except av.FFmpegError:
            return None
        pieces = [_mixed(frame) for frame in frames]
        if frames:
            self.rate = frames[-1].sample_rate
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else _NOTHING


class Container:
    """A recording in any container FFmpeg knows: its first audio track, a frame at a time."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        """`name` is for errors. Raises DecodeError when there is no audio in it."""
        import av

        self._name = name
        try:
            self._input = av.open(file, "r", options={"format_whitelist": _CONTAINERS})
        except (av.FFmpegError, UnicodeDecodeError) as exc:
            raise DecodeError(f"{name} is not audio that voicecli can read.") from exc
        if not self._input.streams.audio:
            self._input.close()
            raise DecodeError(f"{name} is not audio: there is no sound track in it.")

    def frames(self) -> Iterator[tuple[Samples, int]]:
        """Mono samples and their rate, until the end or the first point that cannot be read."""
        import av

        failures = 0
        packets = self._input.demux(self._input.streams.audio[0])
        while failures < PATIENCE:
            try:
                packet = next(packets)
                frames = packet.decode()
            except StopIteration:
                return
            except (av.EOFError, av.FFmpegError):
                failures += 1
                continue
            failures = 0
            for frame in frames:
                yield _mixed(frame), frame.sample_rate

    def close(self) -> None:
        """Release it; the file stays open."""
        self._input.close()


class Muxer:
    """Mono samples in, a stream in a container out, as it happens.

    It never goes back, unless `rewinds`: then `patches` tells what is to be written over earlier bytes.
    """

    def __init__(
        self,
        codec: str,
        container: str,
        rate: int,
        channels: int,
        bit_rate: int,
        options: dict[str, str],
        *,
        rewinds: bool = False,
    ) -> None:
        """`codec` and `container` are FFmpeg's names; `bit_rate` 0 leaves it to the codec."""
        import av
        from av.audio.stream import AudioStream

        self._sink = _RewindableSink() if rewinds else _Sink()
        self.samples = 0  # in what has come out
        self._error = av.FFmpegError
        self._open = True
        self._output = av.open(self._sink, "w", format=container, options=options)
        stream = self._output.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)  # only audio codecs are asked for
        formats = stream.codec_context.codec.audio_formats or []
        self._layout = "mono" if channels == 1 else "stereo"
        self._format = next(
            (name for name in ("fltp", "flt", "s16") if name in {f.name for f in formats}), "s16"
        )
        stream.codec_context.layout = self._layout
        stream.codec_context.format = self._format
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        self._stream = stream
        self._rate = rate
        self._channels = channels
        self._position = 0

    def encode(self, samples: Samples) -> bytes:
        """What the container has grown by."""
        if len(samples):
            self._mux(self._stream.encode(self._frame(samples)))
        return self._sink.take()

    def flush(self) -> bytes:
        """The rest: the codec's last frame and the container's end."""
        self._mux(self._stream.encode(None))
        self._close()
        return self._sink.take()

    def patches(self) -> list[Patch]:
        """What has become of earlier bytes since the last call."""
        return self._sink.patches()

    def _mux(self, packets: Sequence[Packet[Any]]) -> None:
        self.samples += sum(packet.duration or 0 for packet in packets)
        self._output.mux(packets)

    def __del__(self) -> None:
        # A stream that is given up half-way must still be closed while its sink is alive: PyAV up to 16
        # writes the end of it when it is collected, and crashes if the sink was collected first.
        if getattr(self, "_open", False) and hasattr(self, "_output"):
            with suppress(self._error):
                self._close()

    def _close(self) -> None:
        self._open = False
        self._output.close()

    def _frame(self, samples: Samples) -> AudioFrame:
        from av.audio.frame import AudioFrame

        values: NDArray[Any] = s16(samples) if self._format == "s16" else limited(samples)
        planar = self._format == "fltp"
        block = np.tile(values, (self._channels, 1)) if planar else np.repeat(values, self._channels)[None, :]
        frame = AudioFrame.from_ndarray(block, format=self._format, layout=self._layout)
        frame.sample_rate = self._rate
        frame.time_base = Fraction(1, self._rate)
        frame.pts = self._position
        self._position += len(samples)
        return frame


class _Sink:
    """A file that can only be written, so that the container makes a stream of itself."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data

    def patches(self) -> list[Patch]:
        return []


class _RewindableSink(_Sink):
    """A file in which the container goes back to what it could not know before."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = 0  # bytes that are no longer here
        self._at = 0
        self._patches: list[Patch] = []

    def write(self, data: bytes) -> int:
        gone = min(max(self._taken - self._at, 0), len(data))
        if gone:
            self._patches.append((self._at, bytes(data[:gone])))
        begin = self._at + gone - self._taken
        self._data[begin : begin + len(data) - gone] = data[gone:]
        self._at += len(data)
        return len(data)

    def take(self) -> bytes:
        data = super().take()
        self._taken += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = self._taken + len(self._data)
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def patches(self) -> list[Patch]:
        patches, self._patches = self._patches, []
        return patches


def _open_context(codec: str, setup: bytes | None) -> AudioCodecContext:
    import av
    from av.audio.codeccontext import AudioCodecContext

    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, AudioCodecContext)  # only audio codecs are asked for
    if setup is not None:
        context.extradata = setup
    try:
        context.open()
    except av.FFmpegError as exc:
        raise DecodeError(f"The {codec} stream's header is broken.") from exc
    return context


def _mixed(frame: AudioFrame) -> Samples:
    """A frame as mono float32: the mean of its channels, integers scaled by their full range."""
    data: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    mono = data[0] if len(data) == 1 else data.mean(axis=0, dtype=np.float64)
    samples: Samples = mono.astype(np.float32)
    if data.dtype == np.uint8:
        samples = (samples - np.float32(128.0)) / np.float32(128.0)
    elif np.issubdtype(data.dtype, np.integer):
        samples = samples / np.float32(2 ** (8 * data.dtype.itemsize - 1))
    return samples
