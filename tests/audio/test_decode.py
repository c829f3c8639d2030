"""What every decoder promises, whatever the codec."""

import functools
import itertools
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicecli.audio.block import Samples
from voicecli.audio.decode import CHUNK, mulaw_decoder, open_decoder, prepare
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat, sniff
from voicecli.audio.pcm import from_mulaw, mulaw_bytes
from voicecli.errors import DecodeError
from voicecli.wire.riff import WavLayout, riff_header

CODECS = list(Codec)
FRAMED = [codec for codec in Codec if codec is not Codec.PCM]
PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"
ERROR = json.dumps({"error": {"message": "The model does not exist", "type": "invalid_request"}}).encode()


def tone(rate: int, seconds: float, pitch: float = 440.0) -> Samples:
    """A note with a slow beat, so that a shift in time shows."""
    time = np.arange(round(rate * seconds)) / rate
    swell = 0.3 + 0.2 * np.sin(2 * np.pi * 3.1 * time)
    return (swell * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


@functools.cache
def stream(codec: Codec, rate: int = 24_000, channels: int = 1, seconds: float = 0.4) -> bytes:
    encoder = open_encoder(StreamFormat(codec, rate, channels))
    sound = tone(rate, seconds)
    return b"".join([*(encoder.encode(part) for part in np.array_split(sound, 7)), encoder.flush()])


def decoded(data: bytes, format: StreamFormat, cuts: tuple[int, ...] = ()) -> tuple[Samples, int | None]:
    decoder = open_decoder(format)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [decoder.decode(data[begin:end]) for begin, end in itertools.pairwise(edges)]
    return np.concatenate([*pieces, decoder.flush()]), decoder.rate


def fed(data: bytes, codec: Codec) -> None:
    """All of it in small chunks, with no end."""
    decoder = open_decoder(StreamFormat(codec))
    for begin in range(0, len(data), 1024):
        decoder.decode(data[begin : begin + 1024])


def pitch_of(samples: Samples, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


@functools.cache
def whole(codec: Codec) -> Samples:
    return decoded(stream(codec), StreamFormat(codec))[0]


@pytest.mark.parametrize("codec", CODECS)
@given(cuts=st.lists(st.integers(0, 1 << 20), max_size=40).map(tuple))
@example(cuts=tuple(range(60)))
@settings(max_examples=15, deadline=None)
def test_any_split_sounds_the_same(codec: Codec, cuts: tuple[int, ...]) -> None:
    samples, rate = decoded(stream(codec), StreamFormat(codec), cuts)
    assert rate in (24_000, 48_000)
    np.testing.assert_array_equal(samples, whole(codec))


@pytest.mark.parametrize("codec", CODECS)
def test_byte_by_byte(codec: Codec) -> None:
    data = stream(codec)
    samples, _ = decoded(data, StreamFormat(codec), tuple(range(len(data))))
    np.testing.assert_array_equal(samples, whole(codec))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 11025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("codec", CODECS)
def test_pitch_and_length(codec: Codec, rate: int, channels: int) -> None:
    samples, actual = decoded(stream(codec, rate, channels), StreamFormat(codec, rate, channels))
    assert actual == (48_000 if codec in (Codec.OPUS, Codec.WEBM) else rate)
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert pitch_of(samples, actual) == pytest.approx(440.0, abs=4.0)
    # MP3 and AAC are made of whole frames: up to one more is heard as silence.
    frame = {Codec.MP3: 1152, Codec.AAC: 1024}.get(codec, 0) / rate
    assert len(samples) / actual + 1e-9 >= 0.4
    assert len(samples) / actual <= 0.4 + frame + 1e-3


@pytest.mark.parametrize("codec", CODECS)
def test_truncated_plays_whole_frames(codec: Codec) -> None:
    data = stream(codec)
    full = whole(codec)
    samples, _ = decoded(data[: len(data) * 3 // 4], StreamFormat(codec))
    assert len(full) * 0.3 < len(samples) < len(full)
    np.testing.assert_array_equal(samples, full[: len(samples)])


@pytest.mark.parametrize("codec", CODECS)
def test_empty_stream_is_silent(codec: Codec) -> None:
    decoder = open_decoder(StreamFormat(codec))
    assert len(decoder.decode(b"")) == 0
    assert len(decoder.flush()) == 0
    assert decoder.rate is None


@pytest.mark.parametrize("garbage", [PAGE, ERROR, ERROR[:9]], ids=["page", "error", "short"])
@pytest.mark.parametrize("codec", CODECS)
def test_text_is_refused(codec: Codec, garbage: bytes) -> None:
    with pytest.raises(DecodeError, match="it begins with") as caught:
        decoded(garbage, StreamFormat(codec), (1, 2, 5))
    assert "text" in caught.value.hint
    assert garbage[:5].decode() in caught.value.message


@pytest.mark.parametrize("codec", FRAMED)
def test_noise_is_refused_early(codec: Codec) -> None:
    noise = np.random.default_rng(7).integers(0, 256, 1 << 20, np.uint8).tobytes()
    with pytest.raises(DecodeError, match=r"it begins with [0-9a-f]{2} "):
        fed(noise[:32_768], codec)


@pytest.mark.parametrize("actual", [codec for codec in FRAMED if codec is not Codec.AAC])
@pytest.mark.parametrize("expected", CODECS)
def test_another_codec_is_named(expected: Codec, actual: Codec) -> None:
    if expected is actual or (expected is Codec.PCM and actual is Codec.MP3):
        return  # headerless samples cannot be told from MP3
    with pytest.raises(DecodeError, match="This is not") as caught:
        decoded(stream(actual), StreamFormat(expected))
    assert "looks like" in caught.value.hint


@pytest.mark.parametrize("codec", FRAMED)
def test_a_beginning_without_a_frame_is_an_error(codec: Codec) -> None:
    with pytest.raises(DecodeError, match="This is not"):
        decoded(stream(codec)[:20], StreamFormat(codec))


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.OPUS, Codec.AAC, Codec.FLAC, Codec.WEBM])
@given(at=st.integers(600, 1 << 20), noise=st.binary(min_size=1, max_size=300))
@settings(max_examples=15, deadline=None)
def test_damage_in_the_middle(codec: Codec, at: int, noise: bytes) -> None:
    """Some frames are lost, the rest is heard, and nothing but DecodeError is raised."""
    data = bytearray(stream(codec, seconds=1.0))
    at = 600 + at % (len(data) - 600)
    data[at : at + len(noise)] = noise[: len(data) - at]
    samples, _ = decoded(bytes(data), StreamFormat(codec), (300, 1000, 5000))
    assert np.isfinite(samples).all()
    assert len(samples) <= 2 * 48_000


@pytest.mark.parametrize("codec", CODECS)
@given(noise=st.binary(max_size=4000), keep=st.integers(0, 60), cut=st.integers(1, 4000))
@settings(max_examples=25, deadline=None)
def test_garbage_raises_nothing_else(codec: Codec, noise: bytes, keep: int, cut: int) -> None:
    data = stream(codec)[:keep] + noise
    try:
        samples, _ = decoded(data, StreamFormat(codec), (cut,))
    except DecodeError:
        return
    assert len(samples) <= 50 * len(data)


@pytest.mark.parametrize(
    ("codec", "most"),
    [
        (Codec.PCM, 2),
        (Codec.WAV, 46),
        (Codec.MP3, 480),
        (Codec.AAC, 1000),
        (Codec.OPUS, 500),
        (Codec.WEBM, 800),
        (Codec.FLAC, 9000),
    ],
)
def test_first_samples_come_early(codec: Codec, most: int) -> None:
    data = stream(codec, seconds=1.0)
    decoder = open_decoder(StreamFormat(codec))
    needed = next(end for end in range(1, len(data)) if len(decoder.decode(data[end - 1 : end])))
    assert needed <= most


@pytest.mark.parametrize("codec", CODECS)
def test_streams_one_after_the_other(codec: Codec) -> None:
    """Servers that speak sentence by sentence send whole files in a row."""
    once, rate = decoded(stream(codec), StreamFormat(codec))
    if codec in (Codec.FLAC, Codec.WEBM):
        return  # their headers allow none
    data = stream(codec)
    if codec is Codec.WAV:
        data = data[:40] + (len(data) - 44).to_bytes(4, "little") + data[44:]
    twice, _ = decoded(data + data, StreamFormat(codec), (len(data) // 2, len(data) + 3))
    assert len(twice) == pytest.approx(2 * len(once), abs=1200)
    assert pitch_of(twice, rate or 0) == pytest.approx(440.0, abs=4.0)


@pytest.mark.parametrize("codec", FRAMED)
def test_sniffing_knows_every_codec(codec: Codec) -> None:
    assert sniff(stream(codec)[:16]) is codec


def test_an_error_repeats_nothing_secret() -> None:
    with pytest.raises(DecodeError) as caught:
        decoded(PAGE * 50, StreamFormat(Codec.MP3))
    assert len(str(caught.value)) < 300


def test_preparing_is_harmless() -> None:
    for codec in Codec:
        prepare(codec)
    assert CHUNK <= 65_536


def test_telephone_decoder_takes_files_too() -> None:
    data = mulaw_bytes(tone(8000, 0.1))
    raw, file = mulaw_decoder(), mulaw_decoder()
    assert np.array_equal(raw.decode(data), from_mulaw(data))
    assert np.array_equal(file.decode(riff_header(WavLayout("mu-law", 8, 1, 8000)) + data), from_mulaw(data))
    assert len(raw.flush()) == len(file.flush()) == 0
