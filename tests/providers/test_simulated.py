"""The simulated engines, on an event loop whose time is virtual: every delay is exact."""

import asyncio
import selectors
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar

import numpy as np
import pytest

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import Dropped, ProviderError, RateLimited, Refused, SettingsError, Unavailable
from voicecli.providers.language_model import Message
from voicecli.providers.recognizer import Transcript
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop that jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        self._now += seconds


class _Jumping(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        self._loop.jump(timeout or 0.0)
        return super().select(0)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


async def _timed(source: AsyncIterator[T]) -> list[tuple[float, T]]:
    """Items with the moments at which they came."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    return [(round(loop.time() - started, 6), item) async for item in source]


async def _speech(seconds: float, block: float = 0.1) -> AsyncIterator[Any]:
    """A speaker: blocks in real time."""
    for _ in range(round(seconds / block)):
        await asyncio.sleep(block)
        yield np.zeros(round(block * 16_000), np.float32)


def _ask(*questions: str) -> list[Message]:
    return [Message("system", "Be brief."), *(Message("user", question) for question in questions)]


def test_final_comes_after_its_delay() -> None:
    engine = SimulatedRecognizer(SimulatedRecognizerOptions(delay=0.25, partial=None, texts=("hello",)))
    assert _run(_timed(engine.transcribe(_speech(1.0)))) == [(1.25, Transcript("hello", True, 1.0))]


def test_partials_follow_the_audio() -> None:
    options = SimulatedRecognizerOptions(partial=0.5, texts=("one two three four five",))
    heard = _run(_timed(SimulatedRecognizer(options).transcribe(_speech(2.0))))
    assert [(time, said.text) for time, said in heard if not said.final] == [
        (0.5, "one"),
        (1.0, "one two"),
        (1.5, "one two three"),
        (2.0, "one two three four five"),
    ]
    assert heard[-1][1].final


def test_script_is_cycled() -> None:
    async def run() -> list[str]:
        engine = SimulatedRecognizer(SimulatedRecognizerOptions(texts=("a", "b"), partial=None))
        return [(await _timed(engine.transcribe(_speech(0.1))))[-1][1].text for _ in range(3)]

    assert _run(run()) == ["a", "b", "a"]


def test_abandoned_utterance_is_understood_again() -> None:
    async def run() -> str:
        engine = SimulatedRecognizer(SimulatedRecognizerOptions(texts=("one two three", "b"), partial=0.1))
        stream = engine.transcribe(_speech(5.0))
        await anext(stream)
        await stream.aclose()
        return (await _timed(engine.transcribe(_speech(0.1))))[-1][1].text

    assert _run(run()) == "one two three"


def test_no_audio_is_nothing_said() -> None:
    heard = _run(_timed(SimulatedRecognizer().transcribe(_speech(0.0))))
    assert heard == [(0.2, Transcript("", True))]


def test_recognizer_closes_the_audio() -> None:
    closed = []

    async def audio() -> AsyncIterator[Any]:
        try:
            while True:
                yield np.zeros(16_000, np.float32)
                await asyncio.sleep(0)
        finally:
            closed.append(True)

    async def run() -> None:
        stream = SimulatedRecognizer().transcribe(audio())
        await anext(stream)
        await stream.aclose()

    _run(run())
    assert closed == [True]


def test_tokens_keep_their_pace() -> None:
    options = SimulatedLanguageModelOptions(ttft=0.3, tokens_per_second=50, texts=("Hello  there,\nyou. ",))
    told = _run(_timed(SimulatedLanguageModel(options).complete(_ask("?"))))
    assert told == [(0.3, "Hello"), (0.32, "  there,"), (0.34, "\nyou. ")]


def test_slow_reader_does_not_delay_the_next() -> None:
    async def run() -> float:
        options = SimulatedLanguageModelOptions(ttft=0.3, tokens_per_second=10, texts=("a b c d",))
        loop = asyncio.get_running_loop()
        async for _ in SimulatedLanguageModel(options).complete(_ask("?")):
            await asyncio.sleep(0.09)
        return loop.time()

    assert _run(run()) == pytest.approx(0.3 + 3 * 0.1 + 0.09)


def test_all_tokens_at_once() -> None:
    options = SimulatedLanguageModelOptions(ttft=0.1, tokens_per_second=0)
    assert {time for time, _ in _run(_timed(SimulatedLanguageModel(options).complete(_ask("?"))))} == {0.1}


def test_default_answer_is_a_few_sentences() -> None:
    told = _run(_timed(SimulatedLanguageModel().complete(_ask("?"))))
    assert 20 <= len(told) <= 40


def test_same_question_same_answer() -> None:
    async def run() -> list[str]:
        engine = SimulatedLanguageModel(SimulatedLanguageModelOptions(texts=("first", "second")))
        asked = [_ask("a"), _ask("a"), _ask("a", "b"), _ask("a", "b", "c")]
        return [
            "".join(str(token) for _, token in await _timed(engine.complete(messages))) for messages in asked
        ]

    assert _run(run()) == ["first", "first", "second", "first"]


def test_echo() -> None:
    engine = SimulatedLanguageModel(SimulatedLanguageModelOptions(echo=True))
    told = _run(_timed(engine.complete(_ask("one", "two three"))))
    assert [token for _, token in told] == ["two", " three"]


def test_nothing_to_answer() -> None:
    assert _run(_timed(SimulatedLanguageModel(SimulatedLanguageModelOptions(texts=())).complete([]))) == []


def test_sound_arrives_on_time() -> None:
    options = SimulatedSynthesizerOptions(ttfb=0.15, speed=4.0, chunk=0.1)
    told = _run(_timed(SimulatedSynthesizer(options).synthesize("x" * 15)))
    assert [time for time, _ in told] == pytest.approx([0.15 + 0.025 * n for n in range(10)])
    assert {len(data) for _, data in told} == {4800}


def test_all_sound_at_once() -> None:
    options = SimulatedSynthesizerOptions(ttfb=0.2, speed=0)
    assert {time for time, _ in _run(_timed(SimulatedSynthesizer(options).synthesize("x" * 15)))} == {0.2}


def test_tone_is_loud_at_once() -> None:
    told = _run(_timed(SimulatedSynthesizer().synthesize("Hello there.")))
    samples = np.frombuffer(b"".join(data for _, data in told), "<i2").astype(int)
    assert abs(samples[0]) > 1_000
    assert np.abs(samples).max() == pytest.approx(0.3 * 32_767, rel=0.02)
    assert abs(samples[-1]) < 100
    assert np.abs(np.diff(samples)).max() < 1_500  # no click between chunks


def test_leading_silence() -> None:
    options = SimulatedSynthesizerOptions(leading_silence=0.25)
    told = _run(_timed(SimulatedSynthesizer(options).synthesize("Hello there.")))
    samples = np.frombuffer(b"".join(data for _, data in told), "<i2")
    assert int(np.flatnonzero(samples)[0]) == 6_000


def test_phrases_sound_different() -> None:
    async def run() -> set[bytes]:
        engine = SimulatedSynthesizer()
        return {
            (await _timed(engine.synthesize(text)))[0][1] for text in ("one", "two", "three", "four", "five")
        }

    assert len(_run(run())) > 1


def test_nothing_to_say() -> None:
    assert _run(_timed(SimulatedSynthesizer().synthesize(" \n"))) == []


def test_format_as_asked() -> None:
    engine = SimulatedSynthesizer(SimulatedSynthesizerOptions(format="mp3", rate=48_000))
    assert engine.format == StreamFormat(Codec.MP3, 48_000, 1)


@pytest.mark.parametrize("codec", ["wav", "mp3", "opus", "aac", "flac", "webm"])
def test_other_formats_are_encoded(codec: Any) -> None:
    pytest.importorskip("voicecli.audio.encode")
    options = SimulatedSynthesizerOptions(format=codec, ttfb=0.1, rate=48_000)
    told = _run(_timed(SimulatedSynthesizer(options).synthesize("x" * 60)))
    assert told[0][0] == pytest.approx(0.1)
    assert sum(len(data) for _, data in told) > 4_000
    assert all(data for _, data in told)


def test_jitter_is_the_seeds() -> None:
    def times(seed: int) -> list[float]:
        options = SimulatedLanguageModelOptions(jitter=0.5, seed=seed)
        return [time for time, _ in _run(_timed(SimulatedLanguageModel(options).complete(_ask("?"))))]

    assert times(1) == times(1) != times(2)
    assert times(1) == sorted(times(1))


def test_overlapping_calls_have_their_own_time() -> None:
    async def run() -> list[list[float]]:
        engine = SimulatedSynthesizer(SimulatedSynthesizerOptions(ttfb=0.2, speed=0))
        both = await asyncio.gather(_timed(engine.synthesize("abc")), _timed(engine.synthesize("defghi")))
        return [[time for time, _ in one] for one in both]

    assert {time for one in _run(run()) for time in one} == {0.2}


ENGINES = {
    "asr": lambda **fail: SimulatedRecognizer(SimulatedRecognizerOptions(**fail)).transcribe(_speech(1.0)),
    "llm": lambda **fail: SimulatedLanguageModel(SimulatedLanguageModelOptions(**fail)).complete(_ask("?")),
    "tts": lambda **fail: SimulatedSynthesizer(SimulatedSynthesizerOptions(**fail)).synthesize(
        "Hello there."
    ),
}


@pytest.mark.parametrize("stage", ENGINES)
@pytest.mark.parametrize(
    ("fail", "error"), [("refuse", Refused), ("limit", RateLimited), ("down", Unavailable)]
)
def test_failing_at_once(stage: str, fail: str, error: type[ProviderError]) -> None:
    with pytest.raises(error):
        _run(_timed(ENGINES[stage](fail=fail)))


@pytest.mark.parametrize("stage", ENGINES)
@pytest.mark.parametrize("fail", ["drop", "stall"])
def test_failing_half_way(stage: str, fail: str) -> None:
    seen = []

    async def run() -> None:
        async with asyncio.timeout(100):
            async for item in ENGINES[stage](fail=fail):
                seen.extend([item])

    with pytest.raises(Dropped if fail == "drop" else TimeoutError):
        _run(run())
    assert seen


@pytest.mark.parametrize("stage", ENGINES)
def test_hanging(stage: str) -> None:
    async def run() -> None:
        async with asyncio.timeout(100):
            await anext(ENGINES[stage](fail="hang"))

    with pytest.raises(TimeoutError):
        _run(run())


def test_failing_on_stated_turns() -> None:
    async def run() -> list[bool]:
        engine = SimulatedLanguageModel(SimulatedLanguageModelOptions(fail="refuse", fail_on=(2,)))
        outcomes = []
        for messages in (_ask("a"), _ask("a", "b"), _ask("a", "b", "c")):
            try:
                await _timed(engine.complete(messages))
            except Refused:
                outcomes.append(False)
            else:
                outcomes.append(True)
        return outcomes

    assert _run(run()) == [True, False, True]


def test_option_out_of_range() -> None:
    with pytest.raises(SettingsError, match=r"tts\.simulated\.chunk"):
        SimulatedSynthesizer(SimulatedSynthesizerOptions(chunk=0))


def test_nothing_is_missing() -> None:
    for engine in (SimulatedRecognizer, SimulatedLanguageModel, SimulatedSynthesizer):
        assert engine.missing(engine.Options()) is None
