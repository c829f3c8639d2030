"""What may be the beginning of speech, and what never was sound."""

import asyncio

import numpy as np
import pytest

from tests.audio.encoded import buzz, encoded
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.onset import Onset
from voicecli.audio.pcm import from_s16, s16_bytes
from voicecli.errors import DecodeError
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer

PCM = StreamFormat(Codec.PCM, 24_000)
AT = np.arange(24_000) / 24_000
NOISE = np.random.default_rng(1)
WORDS = ("Mmm.", "No, no.", "Zoo.", "Hello there.", "Eeee.", "Oh!", "One moment.", "Nein.", "Non.", "Well.")
VOICES = ("en-us", "en-gb", "de", "fr", "en-us+f3", "en-us+m7", "en-us+croak", "en-us+whisper", "en-gb+f5")


def through(data: bytes, size: int = 700, format: StreamFormat = PCM, **options: bool) -> list[bytes]:
    onset = Onset(format, **options)
    passed = [onset.push(data[start : start + size]) for start in range(0, len(data), size)]
    return [*passed, onset.flush()]


def test_speech_is_not_touched() -> None:
    async def run(name: str) -> None:
        async with EspeakSynthesizer(EspeakOptions(voice=name)) as engine:
            for words in WORDS:
                data = b"".join([chunk async for chunk in engine.synthesize(words)])
                assert b"".join(through(data, format=engine.format)) == data, (name, words)

    for name in VOICES:
        asyncio.run(run(name))


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ((2 * (AT * 220 % 1) - 1) * 0.56, "flat"),  # a sawtooth at -5 dBFS
        (0.05 * np.sin(2 * np.pi * 440 * AT), "flat"),
        (NOISE.uniform(-1, 1, 24_000), "loud"),
        (np.concatenate([np.zeros(7000), NOISE.uniform(-1, 1, 9000)]), "loud"),
        (np.full(24_000, 0.04), "flat"),
        (NOISE.uniform(-0.3, 0.3, 900), "flat"),  # shorter than what is judged
    ],
)
def test_what_is_no_speech_is_refused_whole(samples: np.ndarray, words: str) -> None:
    data = s16_bytes(samples.astype(np.float32))
    onset = Onset(PCM)
    passed = b""

    def hear() -> None:
        nonlocal passed
        for start in range(0, len(data), 480):
            passed += onset.push(data[start : start + 480])
        onset.flush()

    with pytest.raises(DecodeError, match=words):
        hear()
    assert np.max(np.abs(from_s16(passed)), initial=0) < 0.01


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.OPUS, Codec.AAC, Codec.FLAC])
def test_compressed_sound_is_no_samples(codec: Codec) -> None:
    data = encoded(StreamFormat(codec, 24_000), 2.0)
    with pytest.raises(DecodeError):
        through(data[1000:])


def test_silence_passes_at_once() -> None:
    onset = Onset(PCM)
    assert onset.push(bytes(4801)) == bytes(4800)
    speech = s16_bytes(buzz(24_000))
    assert onset.push(b"\0" + speech[:2000]) == bytes(2)
    assert b"".join((onset.push(speech[2000:]), onset.flush())) == speech


def test_quiet_hiss_passes() -> None:
    hiss = s16_bytes(NOISE.uniform(-0.005, 0.005, 24_000).astype(np.float32))
    assert b"".join(through(hiss)) == hiss


@pytest.mark.parametrize("size", [1, 7, 4000, 100_000])
def test_either_order_is_found(size: int) -> None:
    speech = bytes(600) + s16_bytes(buzz(16_000))
    big = np.frombuffer(speech, "<i2").astype(">i2").tobytes()
    format = StreamFormat(Codec.PCM, 16_000)
    assert b"".join(through(big, size, format, either_order=True)) == speech
    assert b"".join(through(speech, size, format, either_order=True)) == speech
    with pytest.raises(DecodeError):
        through(big, size, format)


def test_channels_stay_together() -> None:
    mono = buzz(24_000)
    stereo = bytes(602) + np.repeat(np.frombuffer(s16_bytes(mono), "<i2"), 2).tobytes()
    passed = through(stereo, 301, StreamFormat(Codec.PCM, 24_000, 2))
    assert b"".join(passed) == stereo
