"""Sound encoded by the package itself, to be cut, joined and measured, and a clock that only counts."""

import io
from collections.abc import Iterable

import av
import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat


def voice(rate: int, seconds: float = 1.0) -> Samples:
    """A gliding note with overtones, which no codec smears."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(8 * time)) / rate
    return sum(0.15 * np.sin(order * phase) / order for order in range(1, 9)).astype(np.float32)


def buzz(rate: int, seconds: float = 1.0, level: float = 0.3) -> Samples:
    """Overtones in step, as a larynx makes them: peaks far above the mean, as speech has them and no tone."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(8 * time)) / rate
    return (level * sum(np.cos(order * phase) for order in range(1, 13)) / 12).astype(np.float32)


def encoded(format: StreamFormat, seconds: float) -> bytes:
    encoder, sound = open_encoder(format), voice(format.rate, seconds)
    parts = [encoder.encode(sound[at : at + 960]) for at in range(0, len(sound), 960)]
    return b"".join([*parts, encoder.flush()])


def decoded(format: StreamFormat, data: bytes) -> float:
    """Seconds that come out of the decoder."""
    decoder = open_decoder(format)
    samples = len(decoder.decode(data)) + len(decoder.flush())
    return samples / (decoder.rate or 1)


def tagged_mp3(seconds: float, rate: int, bit_rate: int = 0) -> bytes:
    """An MP3 with a tag that tells its length and what to leave out; `bit_rate` 0 is a variable one."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as output:
        stream = output.add_stream("libmp3lame", rate=rate, options={} if bit_rate else {"q": "4"})
        stream.codec_context.layout = "mono"
        if bit_rate:
            stream.codec_context.bit_rate = bit_rate
        else:
            stream.codec_context.flags |= 2  # QSCALE
            stream.codec_context.global_quality = 4 * 118
        sound = voice(rate, seconds)
        for at in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = rate, at
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return file.getvalue()


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`data` in pieces of those sizes, over and over."""
    pieces, at, steps = [], 0, list(sizes)
    while at < len(data):
        for size in steps:
            pieces.append(data[at : at + size])
            at += size
    return [piece for piece in pieces if piece]


class Counted:
    """A clock that stands still but for what is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


OPUS, MP3 = StreamFormat(Codec.OPUS), StreamFormat(Codec.MP3)
