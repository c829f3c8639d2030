"""The speed that is claimed, with simulated engines and their stated delays.

What is claimed of whole conversations comes with `voicecli bench talk` as well: its report names overhead,
the order of the stamps and the ratio to the naive pipeline. `docs/benchmarks.md` says what each claim means.
"""

import asyncio
import itertools
import statistics
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Self

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.player import AudioStreamPlayer, PlayerOptions
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.measure.conversations import conversed
from voicecli.bench.measure.conversations_report import Assertion, claims, sampled
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.loudspeaker import BriefPlayer
from voicecli.bench.measure.partner import NAIVE, Contender, SerialOptions
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.bench.measure.scenario import SCENARIOS
from voicecli.bench.measure.texts import SPOKEN, spoken_question
from voicecli.config import load_settings
from voicecli.latency.timeline import Mark
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.phrases import PhraseCutter
from voicecli.reply.utterer import Utterer, UttererOptions
from voicecli.speech.silero import SileroDetector

RUNS = 20
RATE = 24_000
TTFB = 0.15  # seconds, as stated
PACE = 0.02  # seconds between two chunks of a stream that is sent at a steady rate
SENTENCE = "It is sunny and warm today, and it stays so."  # ten words
TEXTS = {20: " ".join([SENTENCE] * 2), 80: " ".join([SENTENCE] * 8)}


class Steady:
    """Sends the same sound in any codec, so many bytes a second after the first."""

    name = "steady"

    def __init__(self, codec: Codec, rate: float | None) -> None:
        """`rate` in bytes a second; None: as fast as the sound lasts."""
        self.format = StreamFormat(codec, RATE)
        at = np.arange(round(1.5 * RATE)) / RATE
        sound = (0.3 * np.cos(2 * np.pi * 220 * at)).astype(np.float32)
        encoder = open_encoder(self.format)
        self._data = encoder.encode(sound) + encoder.flush()
        self._size = max(1, round((rate or len(self._data) / 1.5) * PACE))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop()
        due = clock.time() + TTFB
        for start in range(0, len(self._data), self._size):
            await asyncio.sleep(max(0.0, due - clock.time()))
            yield self._data[start : start + self._size]
            due += PACE


async def heard_after(voices: Sequence[tuple[Synthesizer, str]], runs: int) -> list[list[float]]:
    """Seconds from the text to the first audible sample: `runs` times each, in turn."""
    found: list[list[float]] = [[] for _ in voices]
    # Nothing waits for the loudspeaker: it holds the longest answer.
    options = PlayerOptions(capacity=60.0)
    async with BriefPlayer(PacedSpeaker("nowhere", NullSink(), 48_000), options) as player:
        for number, (index, (voice, text)) in itertools.product(range(runs + 1), enumerate(voices)):
            await asyncio.sleep(0.013 * (number % 5))  # in no step with the loudspeaker
            utterer = Utterer(voice, player, UttererOptions())
            began = asyncio.get_running_loop().time()
            await utterer.play(cut(text), at_once)
            if number:
                found[index].append(utterer.stopwatch[Mark.FIRST_SOUND] - began)
    return found


async def cut(text: str) -> AsyncIterator[str]:
    cutter = PhraseCutter()
    for phrase in (*cutter.push(text), *cutter.flush()):
        yield phrase


async def at_once() -> None:
    pass


@pytest.mark.benchmark
def test_long_answers_begin_as_early(capsys: pytest.CaptureFixture[str]) -> None:
    voice = SimulatedSynthesizer(SimulatedSynthesizerOptions(ttfb=TTFB, speed=0))
    short, long = asyncio.run(heard_after([(voice, text) for text in TEXTS.values()], RUNS))
    first, second = statistics.median(short), statistics.median(long)
    with capsys.disabled():
        print(
            f"\nttfa, medians of {RUNS}: {first * 1000:.0f} ms for 20 words, {second * 1000:.0f} ms for 80: "
        )
        print(f"  {second / first - 1:+.1%} (claimed: within 20 %)")


@pytest.mark.benchmark
@pytest.mark.parametrize("rate", [None, 2 * RATE], ids=["as fast as it lasts", "48,000 bytes a second"])
def test_formats_begin_alike(rate: float | None, capsys: pytest.CaptureFixture[str]) -> None:
    codecs = (Codec.PCM, Codec.MP3, Codec.OPUS, Codec.FLAC, Codec.AAC)
    voices = [(Steady(codec, rate), "Hello.") for codec in codecs]
    found = asyncio.run(heard_after(voices, RUNS))
    pcm = statistics.median(found[0])
    with capsys.disabled():
        print(
            f"\nttfa, medians of {RUNS}, first byte after {TTFB * 1000:.0f} ms (claimed: within 40 ms of pcm)"
        )
        for codec, values in zip(codecs, found, strict=True):
            median = statistics.median(values)
            print(f"  {codec:<5} {median * 1000:6.1f} ms  {(median - pcm) * 1000:+6.1f} ms")


class Level:
    """Says every phrase as the same level, so that a gap would show."""

    name = "level"
    format = StreamFormat(Codec.PCM, RATE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        await asyncio.sleep(TTFB)
        yield np.full(RATE, 8192, "<i2").tobytes()


class Kept:
    """Keeps what was played."""

    def __init__(self) -> None:
        self.blocks: list[Samples] = []

    def write(self, samples: Samples) -> None:
        self.blocks.append(samples.copy())

    def close(self) -> None:
        pass


@pytest.mark.benchmark
def test_phrases_join(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(kept: Kept) -> None:
        async with AudioStreamPlayer(PacedSpeaker("kept", kept, 48_000)) as player:
            await Utterer(Level(), player, UttererOptions()).play(cut(TEXTS[80]), at_once)

    kept = Kept()
    asyncio.run(play(kept))
    samples = np.concatenate(kept.blocks)
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    gaps = int(loud[-1] - loud[0] + 1 - len(loud))
    seconds = len(loud) / 48_000
    with capsys.disabled():
        print(f"\nbetween phrases: {gaps} samples of silence in {seconds:.2f} s (claimed: 0)")


def contender(
    name: str, asr: SimulatedRecognizerOptions, llm: SimulatedLanguageModelOptions,
    tts: SimulatedSynthesizerOptions, serial: SerialOptions | None = None,
) -> Contender:  # fmt: skip
    return Contender(
        label={"pipeline": name},
        asr=SimulatedRecognizer(asr),
        llm=SimulatedLanguageModel(llm),
        tts=SimulatedSynthesizer(tts),
        vad=SileroDetector(),
        settings=load_settings(overrides={}, environ={}, user_file=None).settings,
        serial=serial,
        stated=None if serial else Stated.of(asr, llm, tts),
    )


async def questions() -> list[SpokenQuestion]:
    async with EspeakSynthesizer(EspeakOptions(voice="en-us+f4")) as voice:
        return [await spoken_question(text, voice) for text in SPOKEN]


async def claimed(ours: Contender, theirs: Contender, scenario: str) -> list[Assertion]:
    async with AsyncExitStack() as stack:
        player = BriefPlayer(PacedSpeaker("nowhere", NullSink(), RATE), PlayerOptions(capacity=60.0))
        await stack.enter_async_context(player)
        runs = RUNS // len(SPOKEN)
        asked = [one async for one in conversed([ours, theirs], await questions(), player, runs=runs)]
    return claims(sampled(asked, {}), ours.label, theirs.label, scenario)


@pytest.mark.benchmark
@pytest.mark.parametrize("scenario", ["naive", "tutorial"])
def test_conversations(scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    asr = SimulatedRecognizerOptions(delay=0.2, texts=("What is the weather like today?",))
    llm = SimulatedLanguageModelOptions(ttft=0.3, texts=(TEXTS[20],))
    tts = SimulatedSynthesizerOptions(ttfb=TTFB)
    theirs = contender("naive", asr, llm, SimulatedSynthesizerOptions(ttfb=TTFB, format="mp3"), NAIVE)
    if scenario == "tutorial":
        known = SCENARIOS["tutorial"]
        asr, llm, tts = known.asr, known.llm, known.tts
        theirs = contender("serial", asr, llm, tts, known.serial)
    ours = contender("voicecli", asr, llm, tts)
    found = asyncio.run(claimed(ours, theirs, scenario))
    with capsys.disabled():
        print(f"\n{scenario}: {RUNS} questions, each to both")
        for claim in found:
            print(f"  {'' if claim.ok else 'MISSED '}{claim.name}: {claim.said}")
