"""Nothing is much louder than the voice before it, and a voice is not touched."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.loudness import Limiter, Loudness
from voicecli.audio.pcm import from_s16
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer

RATE = 22_050
WORDS = (
    *("Hi.", "Sure, one moment.", "Mm, no idea!", "WOW! That is amazing!", "Who? Me?", "Eeee.", "Zoo."),
    *("It is four thirty in the afternoon.", "Ninety-nine bottles of beer on the wall.", "See this fish."),
)
VOICES = ("en-us", "en-gb", "de", "fr", "en-us+f3", "en-us+m7", "en-us+croak", "en-us+whisper", "en-gb+f5")
NOISE = np.random.default_rng(1)


def spoken(voice: str) -> list[Samples]:
    async def run() -> list[Samples]:
        async with EspeakSynthesizer(EspeakOptions(voice=voice)) as engine:
            return [from_s16(b"".join([c async for c in engine.synthesize(words)])) for words in WORDS]

    return asyncio.run(run())


@pytest.fixture(scope="module")
def speech() -> list[Samples]:
    return spoken("en-us")


def level(samples: Samples, seconds: float) -> float:
    """The loudest stretch of so many seconds, as a root mean square."""
    size = round(seconds * RATE)
    energy = np.concatenate(([0.0], np.cumsum(samples.astype(np.float64) ** 2)))
    return float(np.sqrt(np.max(energy[size:] - energy[:-size]) / size))


def limited(voice: Loudness, samples: Samples, size: int = 441) -> Samples:
    limiter = Limiter(voice, RATE)
    return np.concatenate([limiter.push(samples[at : at + size]) for at in range(0, len(samples), size)])


@pytest.mark.parametrize("name", VOICES)
def test_speech_is_not_touched(name: str) -> None:
    phrases = spoken(name)
    for seed in range(10):
        voice = Loudness()
        for number in np.random.default_rng(seed).permutation(len(phrases)):
            assert np.array_equal(limited(voice, phrases[number], 977), phrases[number]), (
                seed,
                WORDS[number],
            )


def test_what_is_not_touched_is_the_same_array(speech: Sequence[Samples]) -> None:
    assert Limiter(Loudness(), RATE).push(speech[3]) is speech[3]


@pytest.mark.parametrize("size", [100, 441, 4096, 100_000])
def test_nothing_is_much_louder(speech: Sequence[Samples], size: int) -> None:
    """In 20 ms are parts of two hops, each with what made it too loud; the rest of both is at the limit."""
    voice, before = Loudness(), np.concatenate(speech[:2])
    assert np.array_equal(limited(voice, before, size), before)
    seconds = np.arange(3 * RATE) / RATE
    for loud in (
        NOISE.uniform(-1, 1, 3 * RATE).astype(np.float32),
        (0.56 * (2 * (seconds * 220 % 1) - 1)).astype(np.float32),
        np.concatenate(speech) * np.float32(10.0),
    ):
        heard = limited(voice, loud, size)
        assert len(heard) == len(loud)
        assert level(heard, 0.02) <= 2 * np.sqrt(3) * level(before, 0.02)
        assert level(heard, 0.4) <= 2.83 * level(before, 0.4)
        assert level(heard[RATE:], 1.0) <= 2.25 * np.sqrt(np.mean(before[np.abs(before) > 0.003] ** 2))


def test_silence_after_what_is_too_loud_stays(speech: Sequence[Samples]) -> None:
    """Nothing cannot be turned down."""
    voice = Loudness()
    limited(voice, np.concatenate(speech[:2]))
    limiter = Limiter(voice, RATE)
    for size in (70, 100):  # the first is just not too loud
        limiter.push(np.ones(size, np.float32))
    assert not limiter.push(np.zeros(100, np.float32)).any()


def test_noise_does_not_become_the_measure(speech: Sequence[Samples]) -> None:
    voice = Loudness()
    limited(voice, np.concatenate(speech[:2]))
    noise = NOISE.uniform(-1, 1, 60 * RATE).astype(np.float32)
    first, *_, last = np.split(limited(voice, noise), 30)
    assert level(last, 1.0) <= level(first, 1.0) * 1.01


def test_the_voice_after_the_noise_is_as_it_was(speech: Sequence[Samples]) -> None:
    voice, all_of_it = Loudness(), np.concatenate(speech)
    limited(voice, np.concatenate(speech[:2]))
    limited(voice, NOISE.uniform(-1, 1, RATE).astype(np.float32))
    assert np.array_equal(limited(voice, all_of_it), all_of_it)


def test_a_soft_word_does_not_hold_a_voice_down(speech: Sequence[Samples]) -> None:
    """After a second at -43 dBFS it may be as loud as most are."""
    voice, all_of_it = Loudness(), np.concatenate(speech)
    limited(voice, all_of_it[:RATE] * np.float32(0.2))
    assert np.array_equal(limited(voice, all_of_it * np.float32(0.6)), all_of_it * np.float32(0.6))
