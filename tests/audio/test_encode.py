import gc
import io
import wave

import av
import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.resample import resample
from voicecli.errors import UsageError

MUXED = [codec for codec in Codec if codec not in (Codec.PCM, Codec.WAV)]


def voice(rate: int, seconds: float = 1.0) -> Samples:
    """A gliding note with overtones, which no codec smears."""
    time = np.arange(round(rate * seconds)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(8 * time)) / rate
    tones = sum(np.sin(order * phase) / order for order in range(1, 9))
    return (0.15 * tones * (1 + 0.5 * np.sin(17 * time))).astype(np.float32)


def encoded(sound: Samples, format: StreamFormat, block: int) -> bytes:
    encoder = open_encoder(format)
    parts = [encoder.encode(sound[at : at + block]) for at in range(0, len(sound), block)]
    return b"".join([*parts, encoder.flush()])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 37_000, 48_000])
@pytest.mark.parametrize("codec", list(Codec))
def test_round_trip(codec: Codec, rate: int, channels: int) -> None:
    sound = voice(rate)
    format = StreamFormat(codec, rate, channels)
    decoder = open_decoder(format)
    heard = np.concatenate([decoder.decode(encoded(sound, format, rate // 50)), decoder.flush()])
    assert decoder.rate is not None
    again = resample(heard, decoder.rate, rate)
    assert len(again) / rate == pytest.approx(1.0, abs=0.065 if codec is Codec.AAC else 0.05)
    size = min(len(again), len(sound))
    lossless = codec in (Codec.PCM, Codec.WAV, Codec.FLAC)
    assert np.corrcoef(again[:size], sound[:size])[0, 1] > (0.99999 if lossless else 0.98)
    assert again[:size].std() == pytest.approx(sound[:size].std(), rel=0.1)


@pytest.mark.parametrize("codec", MUXED)
def test_ffmpeg_reads_it(codec: Codec) -> None:
    sound = voice(24_000)
    with av.open(io.BytesIO(encoded(sound, StreamFormat(codec, 24_000), 480))) as file:
        length = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert length == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("codec", list(Codec))
def test_blocks_do_not_matter(codec: Codec) -> None:
    """What is heard does not depend on how the samples were handed over."""
    sound = voice(24_000, 0.5)
    heard = []
    for block in (100, 24_000):
        decoder = open_decoder(StreamFormat(codec))
        data = encoded(sound, StreamFormat(codec), block)
        heard.append(np.concatenate([decoder.decode(data), decoder.flush()]))
    assert len(heard[0]) == len(heard[1])
    np.testing.assert_allclose(heard[0], heard[1], atol=1e-3)


@pytest.mark.parametrize("codec", list(Codec))
def test_it_streams(codec: Codec) -> None:
    encoder = open_encoder(StreamFormat(codec, 24_000))
    decoder = open_decoder(StreamFormat(codec, 24_000))
    parts = np.array_split(voice(24_000), 50)
    heard = np.concatenate([decoder.decode(encoder.encode(part)) for part in parts])
    assert decoder.rate is not None
    assert len(heard) / decoder.rate > 0.75


@pytest.mark.parametrize("codec", MUXED)
def test_a_stream_may_be_given_up(codec: Codec) -> None:
    """An encoder in a cycle that nobody flushed is collected without harm (PyAV up to 16 crashed)."""
    encoder = open_encoder(StreamFormat(codec))
    assert encoder.encode(voice(24_000)) is not None
    cycle: list[object] = [encoder]
    cycle.append(cycle)
    del encoder, cycle
    gc.collect()


@pytest.mark.parametrize("codec", list(Codec))
def test_no_samples_make_no_sound(codec: Codec) -> None:
    encoder = open_encoder(StreamFormat(codec))
    data = encoder.encode(np.zeros(0, np.float32)) + encoder.flush()
    assert len(data) < 1000
    if codec in (Codec.PCM, Codec.WAV, Codec.MP3, Codec.AAC):
        decoder = open_decoder(StreamFormat(codec))
        assert len(np.concatenate([decoder.decode(data), decoder.flush()])) == 0


def test_too_loud_is_clipped() -> None:
    loud = np.array([-3.0, -1.0, 0.0, 1.0, 3.0], np.float32)
    data = encoded(loud, StreamFormat(Codec.PCM), 5)
    np.testing.assert_array_equal(np.frombuffer(data, "<i2"), [-32768, -32768, 0, 32767, 32767])


def test_wav_begins_with_its_header() -> None:
    data = encoded(voice(24_000), StreamFormat(Codec.WAV), 480)
    with wave.open(io.BytesIO(data), "rb") as file:
        assert file.getframerate() == 24_000
        assert len(file.readframes(24_000)) == 48_000


@pytest.mark.parametrize(("rate", "channels"), [(0, 1), (999_999, 1), (24_000, 0), (24_000, 3)])
def test_impossible_formats(rate: int, channels: int) -> None:
    with pytest.raises(UsageError, match="Cannot make a stream"):
        open_encoder(StreamFormat(Codec.MP3, rate, channels))
