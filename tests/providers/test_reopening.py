"""Recognition that is reopened: a simulated provider, ten minutes in simulated time."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.providers.test_simulated import VirtualLoop
from voicecli.errors import BadRequest, Dropped, RateLimited, Refused, SettingsError
from voicecli.providers.reopening import ReopeningOptions, Replay, reopening_step
from voicecli.speech.speech_events import SpeechEnd, SpeechPartialResult, SpeechStart, SpeechToTextResult

T = TypeVar("T")
RATE = 100  # samples a second: enough to tell where a word begins
BLOCK = 20  # samples
MINUTES = 10
LIMIT = 5 * 60 * RATE  # samples after which the provider cuts every stream
FOREVER = 10**9


class OutOfRange(Exception):
    """What a provider's own library raises."""


@dataclass(frozen=True)
class Word:
    text: str
    start: int  # sample
    end: int


def script(seed: int, samples: int) -> list[list[Word]]:
    """What is said in the sound: utterances with pauses of a second or more behind them."""
    chance = random.Random(seed)
    numbers = itertools.count(1)
    at, utterances = chance.randint(0, 300), []
    while at < samples - 2000:
        words = []
        for _ in range(chance.randint(1, 14)):
            end = at + chance.randint(10, 60)
            words.append(Word(f"w{next(numbers)}", at, end))
            at = end + chance.randint(0, 10)
        utterances.append(words)
        at += chance.randint(100, 600)
    return utterances


SCRIPT = script(1, MINUTES * 60 * RATE)


async def sound(
    samples: int = MINUTES * 60 * RATE, log: list[str] | None = None
) -> AsyncIterator[np.ndarray[Any, Any]]:
    """Arrays whose samples are their own positions."""
    try:
        for start in range(0, samples, BLOCK):
            yield np.arange(start, min(start + BLOCK, samples))
    finally:
        if log is not None:
            log.append("sound closed")


@dataclass
class Provider:
    """Understands the words that it hears whole, and is cut as its `cuts` say: after so many samples, how.

    It tells of what it heard `lag` samples later, as a real one does.
    """

    cuts: list[tuple[int, str]] = field(default_factory=list)
    lag: int = 0
    utterances: list[list[Word]] = field(default_factory=lambda: SCRIPT)
    opened: list[int] = field(default_factory=list)  # where the sound of each stream began
    heard: list[int] = field(default_factory=list)  # samples of each stream

    async def recognize(self, audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        number = len(self.opened)
        self.opened.append(-1)
        self.heard.append(0)
        life, how = self.cuts[number] if number < len(self.cuts) else (LIMIT, "dropped")
        base = position = -1
        done = 0  # sample up to which it has told what there is
        async for samples in audio:
            if base < 0:
                base = position = done = self.opened[number] = int(samples[0])
            assert samples[0] == position, "sound is missing or doubled"
            position += len(samples)
            self.heard[number] += len(samples)
            for event in self._events(base, done, position - self.lag):
                yield event
            done = max(done, position - self.lag)
            if self.heard[number] >= life:
                fail(how)
                return
        if base >= 0:
            for event in self._events(base, done, FOREVER):
                yield event

    def _events(self, base: int, before: int, now: int) -> list[Any]:
        """What the samples from `before` to `now` bring, in a stream that began at `base`."""
        events: list[Any] = []
        for words in self.utterances:
            begin, end = words[0].start, words[-1].end
            if end + 50 <= before:
                continue
            if begin > now:
                break
            if end > base and before < max(begin, base) + 5 <= now:
                events.append(SpeechStart(time_since_start=(max(begin, base) - base) / RATE))
            said = []
            for word in words:
                if word.end > base:
                    said.append(word.text if word.start >= base else f"({word.text})")
                if base < word.end and before < word.end <= now:
                    time = (word.end - base) / RATE
                    events.append(SpeechPartialResult(text=" ".join(said), time_since_start=time))
            if before < end + 50 <= now and end > base:
                events.append(SpeechEnd(time_since_start=(end - base) / RATE))
                time = (end + 20 - base) / RATE
                events.append(SpeechToTextResult(text=" ".join(said), time_since_start=time))
        return events


def fail(how: str) -> None:
    if how == "dropped":
        raise Dropped("The stream has lasted too long.")
    if how == "plain":
        raise OutOfRange("305 seconds")
    if how == "broken":
        raise ConnectionResetError("gone")


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def recognized(
    provider: Provider, options: ReopeningOptions, samples: int = MINUTES * 60 * RATE
) -> list[Any]:
    async def read() -> list[Any]:
        stream = reopening_step(sound(samples), provider.recognize, options, (OutOfRange,))
        events = [event async for event in stream]
        assert len(asyncio.all_tasks()) == 1
        return events

    return run(read())


def check_told(events: list[Any], utterances: list[list[Word]] = SCRIPT) -> None:
    """Every word once, at its time; partial results and edges of speech each once, too."""
    finals = [event for event in events if isinstance(event, SpeechToTextResult)]
    assert [event.text for event in finals] == [" ".join(word.text for word in words) for words in utterances]
    times = [event.time_since_start for event in finals]
    assert times == pytest.approx([(words[-1].end + 20) / RATE for words in utterances])
    partials = [event for event in events if isinstance(event, SpeechPartialResult)]
    assert len({event.text for event in partials}) == len(partials)
    assert {event.text.split()[-1] for event in partials} == {
        word.text for words in utterances for word in words
    }
    edges = [type(event) for event in events if isinstance(event, SpeechStart | SpeechEnd)]
    assert edges == [SpeechStart, SpeechEnd] * len(utterances)


OPTIONS = ReopeningOptions(rate=RATE, attempts=1000, wait=0)
AT_A_WORD = next(word.end for words in SCRIPT for word in words if word.end % BLOCK == 0)
CUTS = st.lists(
    st.tuples(st.integers(1, 12_000), st.sampled_from(["dropped", "plain", "broken", "ended"])), max_size=40
)


@settings(max_examples=50, deadline=None)
@given(CUTS, st.sampled_from([0, 3, 130, 700]), st.sampled_from([0.0, 100.0, 240.0]))
@example([(1, "dropped")] * 100, 0, 0.0)
@example([(AT_A_WORD, "dropped")], 0, 0.0)
@example([(100 * at, "ended") for at in range(1, 40)], 130, 0.0)
def test_nothing_is_lost_or_doubled(cuts: list[tuple[int, str]], lag: int, limit: float):
    provider = Provider(cuts, lag)
    options = ReopeningOptions(rate=RATE, attempts=1000, wait=0, limit=limit, patience=20)
    check_told(recognized(provider, options))
    assert len(provider.opened) > min(1, len(cuts))


def test_provider_cuts_after_minutes():
    provider = Provider(lag=130)
    check_told(recognized(provider, ReopeningOptions(rate=RATE, limit=0)))
    assert provider.heard[0] == LIMIT
    assert len(provider.heard) == 3


def test_known_limit_is_never_reached():
    provider = Provider(lag=130)
    check_told(recognized(provider, ReopeningOptions(rate=RATE, limit=280)))
    assert len(provider.heard) == 3
    assert all(250 * RATE <= heard < 280 * RATE for heard in provider.heard[:2])
    ends = {words[-1].end + 20 for words in SCRIPT}
    assert set(provider.opened[1:]) <= ends  # each was left in a pause


def test_long_speech_is_left_in_the_middle():
    """Without a pause the stream is left at its limit, and the utterance heard again from its beginning."""
    words = [Word(f"w{n}", n * 50, n * 50 + 40) for n in range(120)]  # one minute
    provider = Provider(utterances=[words])
    options = ReopeningOptions(rate=RATE, limit=100, patience=10, keep=80)
    check_told(recognized(provider, options, samples=7000), [words])
    assert provider.opened == [0]
    provider.opened.clear()
    options = ReopeningOptions(rate=RATE, limit=40, patience=1, keep=30, attempts=9)
    events = recognized(provider, options, samples=7000)
    assert len(provider.opened) > 1
    finals = [event for event in events if isinstance(event, SpeechToTextResult)]
    told = " ".join(event.text for event in finals).replace("(", "").replace(")", "").split()
    assert list(dict.fromkeys(told)) == [word.text for word in words]  # none is lost
    assert len(told) <= len(words) + len(provider.opened)  # and at most the one it was left in is doubled


def test_old_sound_is_dropped():
    replay: Replay[Any] = Replay(ReopeningOptions(rate=RATE, keep=10))
    for start in range(0, 100_000, 70):
        replay.push(np.arange(start, start + 70))
        kept = list(replay.kept())
        assert sum(map(len, kept)) <= 10 * RATE
        assert kept[-1][-1] == start + 69


def test_bytes_are_cut_between_frames():
    heard: list[bytes] = []

    async def pcm() -> AsyncIterator[bytes]:
        for start in range(0, 100, 10):
            yield bytes(range(start, start + 10))

    async def recognize(audio: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        heard.append(b"")
        async for data in audio:
            heard[-1] += data
            if len(heard) == 1 and len(heard[0]) == 50:
                yield SpeechToTextResult(text="a", time_since_start=2.3)
                return

    async def read() -> list[Any]:
        options = ReopeningOptions(rate=10, frame=4)
        return [event async for event in reopening_step(pcm(), recognize, options)]

    assert [event.text for event in run(read())] == ["a"]
    assert heard == [bytes(range(50)), bytes(range(20, 100))]  # byte 23 is within a frame


def failing(error: Exception) -> Callable[[AsyncIterator[Any]], AsyncIterator[Any]]:
    async def recognize(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        await anext(audio)
        raise error
        yield

    return recognize


def opened(recognize: Any, options: ReopeningOptions = OPTIONS) -> tuple[list[float], BaseException]:
    """When each stream was opened, and what was raised in the end."""
    times: list[float] = []

    def open(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        times.append(asyncio.get_running_loop().time())
        stream: AsyncIterator[Any] = recognize(audio)
        return stream

    async def read() -> BaseException:
        with pytest.raises(Exception, match=r".") as caught:
            [event async for event in reopening_step(sound(), open, options)]
        assert len(asyncio.all_tasks()) == 1
        return caught.value

    return times, run(read())


def test_attempts_wait_longer_and_end():
    gone = Dropped("gone")
    options = ReopeningOptions(rate=RATE, attempts=5, wait=0.25)
    times, error = opened(failing(gone), options)
    assert error is gone
    assert times == pytest.approx([0, 0, 0.25, 0.75, 1.75])


def test_attempts_wait_as_they_are_told():
    times, _ = opened(failing(RateLimited("slow", retry_after=3)), ReopeningOptions(rate=RATE, attempts=3))
    assert times == pytest.approx([0, 3, 6])


def test_streams_that_just_end_are_an_error():
    async def recognize(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        await anext(audio)
        return
        yield

    times, error = opened(recognize, ReopeningOptions(rate=RATE, attempts=4, wait=0))
    assert isinstance(error, Dropped)
    assert "4 times" in error.message
    assert len(times) == 4


@pytest.mark.parametrize("error", [Refused("no"), BadRequest("what?"), KeyError("defect")])
def test_what_would_fail_again_passes_at_once(error: Exception):
    times, raised = opened(failing(error))
    assert raised is error
    assert len(times) == 1


def test_error_of_the_source_comes_last():
    async def broken() -> AsyncIterator[Any]:
        async for samples in sound(SCRIPT[1][0].start):
            yield samples
        raise ConnectionResetError("microphone")  # not to be taken for the provider's

    async def read() -> None:
        provider = Provider([(10, "dropped")], utterances=SCRIPT[:1])
        stream = reopening_step(broken(), provider.recognize, OPTIONS)
        events = [await anext(stream) for _ in range(len(SCRIPT[0]) + 3)]
        check_told(events, SCRIPT[:1])
        with pytest.raises(ConnectionResetError, match="microphone"):
            await anext(stream)
        assert len(provider.opened) == 2

    run(read())


def test_last_words_are_not_lost():
    """A stream that ends cleanly before its last final result was cut all the same."""
    words = [Word("one", 10, 40), Word("two", 50, 90)]

    async def cut_at_the_end(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for event in Provider(utterances=[words]).recognize(audio):
            if isinstance(event, SpeechToTextResult):
                return
            yield event

    async def read() -> list[Any]:
        options = ReopeningOptions(rate=RATE, attempts=3, wait=0)
        return [event async for event in reopening_step(sound(100), cut_at_the_end, options)]

    assert run(read())[-1] == SpeechToTextResult(text="one two", time_since_start=0.9)


def test_silence_is_no_words():
    provider = Provider(utterances=[])
    assert recognized(provider, OPTIONS) == []


def test_no_sound_at_all():
    provider = Provider()
    assert recognized(provider, OPTIONS, samples=0) == []


def test_idle_stream_is_left_at_its_limit():
    """Time counts as sound does: somebody who presses a key to talk."""

    async def pauses() -> AsyncIterator[Any]:
        async for samples in sound(100):
            yield samples
            await asyncio.sleep(100)

    async def read() -> Provider:
        provider = Provider(utterances=[])
        options = ReopeningOptions(rate=RATE, limit=240, patience=10)
        assert [event async for event in reopening_step(pauses(), provider.recognize, options)] == []
        return provider

    assert run(read()).opened == [0, 0]


def test_closing_closes_everything():
    log: list[str] = []

    async def recognize(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        try:
            async for samples in audio:
                yield SpeechPartialResult(text=str(samples[0]), time_since_start=1.0)
        finally:
            log.append("stream closed")

    async def read() -> None:
        stream = reopening_step(sound(log=log), recognize, OPTIONS)
        await anext(stream)
        await stream.aclose()
        assert sorted(log) == ["sound closed", "stream closed"]
        assert len(asyncio.all_tasks()) == 1

    run(read())


def test_cancellation_passes():
    log: list[str] = []

    async def recognize(audio: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for _ in audio:
            await asyncio.Event().wait()
            yield

    async def read() -> None:
        async def consume() -> None:
            async for _ in reopening_step(sound(log=log), recognize, OPTIONS):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert log == ["sound closed"]
        assert len(asyncio.all_tasks()) == 1

    run(read())


def test_nothing_is_read_before_it_is_asked():
    log: list[str] = []

    async def read() -> None:
        stream = reopening_step(sound(log=log), Provider().recognize, OPTIONS)
        await asyncio.sleep(1)
        assert len(asyncio.all_tasks()) == 1
        await stream.aclose()

    run(read())
    assert log == []


def test_impossible_options_are_refused():
    async def read(options: ReopeningOptions) -> None:
        async for _ in reopening_step(sound(), Provider().recognize, options):
            pass

    for options in (ReopeningOptions(limit=60), ReopeningOptions(attempts=0), ReopeningOptions(rate=0)):
        with pytest.raises(SettingsError):
            asyncio.run(read(options))
