"""Many streams, one call: the same answers as one after the other."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import numpy as np
import pytest

from tests.server.talking import beeps, recording, until
from voicecli.errors import ProviderError, VoiceError
from voicecli.providers.choose import Choice, choose_detector
from voicecli.server.voice_batch import VoiceBatch, VoiceOptions, judge_of
from voicecli.speech.silero import SileroDetector
from voicecli.speech.vad import Windows


class Counting:
    """A voice that says the loudest sample of each window, and counts its calls."""

    def __init__(self, fail: str | None = None) -> None:
        self.calls: list[int] = []
        self.seen: list[object] = []
        self.fail = fail

    def state(self):
        return object()

    def judge(self, windows, states):
        self.calls.append(len(windows))
        self.seen.append(list(states))
        if self.fail:
            return [ProviderError(self.fail)] * len(windows)
        return [float(np.abs(window).max()) for window in windows]


def windows(samples):
    return Windows().push(samples)


def marked(count, offset=0):
    """Windows that can be told apart."""
    samples = np.repeat((np.arange(count) + 1 + offset) / 1000, 512).astype(np.float32)
    return windows(samples)


async def judged(voice, streams, options=None, size=3):
    """What each stream is told when all push `size` windows at a time."""
    told = [[] for _ in streams]
    async with VoiceBatch(voice, options) as batch:
        open_streams = [
            batch.stream(lambda window, result, said=said: said.append((window.time, result)))
            for said in told
        ]
        for begin in range(0, max(map(len, streams)), size):
            for stream, mine in zip(open_streams, streams, strict=True):
                stream.push(mine[begin : begin + size])
            await asyncio.sleep(0)
        await until(lambda: not (any(stream.pending for stream in open_streams)))
        for stream in open_streams:
            stream.close()
        assert batch.streams == 0
    return told


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")
def test_the_same_as_one_by_one():
    sound = recording("assistant-en-whats-the-weather-like")
    streams = [windows(sound[shift * 3000 :]) for shift in range(5)]
    choice = asyncio.run(choose_detector("silero"))
    together = asyncio.run(judged(judge_of(choice), streams))
    apart = asyncio.run(judged(judge_of(choice, batched=False), streams))
    for mine, batched, single in zip(streams, together, apart, strict=True):
        detector = SileroDetector()
        expected = [detector.probability(window.samples) for window in mine]
        assert [time for time, _ in batched] == [window.time for window in mine]
        assert np.allclose([result for _, result in batched], expected, atol=1e-4)
        assert np.allclose([result for _, result in single], expected, atol=1e-4)


def test_what_is_due_is_judged_together():
    voice = Counting()
    told = asyncio.run(judged(voice, [marked(9, 10 * index) for index in range(40)]))
    assert all([result for _, result in said] == sorted(result for _, result in said) for said in told)
    assert sum(voice.calls) == 360
    assert len(voice.calls) <= 27
    assert max(voice.calls) == 40


def test_a_state_is_never_twice_in_a_call():
    voice = Counting()
    asyncio.run(judged(voice, [marked(50), marked(3), marked(20)], size=50))
    assert all(len(set(map(id, states))) == len(states) for states in voice.seen)


def test_an_upload_leaves_others_their_turn():
    """One stream with a thousand windows does not delay another's one."""

    async def run():
        voice, order = Counting(), []
        async with VoiceBatch(voice, VoiceOptions(rounds=4, windows=8)) as batch:
            small = batch.stream(lambda window, result: order.append("small"))

            def heard(window, result):
                if not order:
                    small.push(marked(1))
                order.append("large")

            large = batch.stream(heard)
            large.push(marked(1000))
            await until(lambda: not large.pending)
        assert order.index("small") <= 12

    asyncio.run(run())


def test_more_streams_than_fit_a_call():
    voice = Counting()
    told = asyncio.run(judged(voice, [marked(2) for _ in range(30)], VoiceOptions(windows=7, rounds=2)))
    assert max(voice.calls) <= 7
    assert [len(said) for said in told] == [2] * 30


def test_one_stream_does_not_wait():
    async def run():
        async with VoiceBatch(Counting(), VoiceOptions(gather=3600, share=3600)) as batch:
            heard = asyncio.Event()
            batch.stream(lambda window, result: heard.set()).push(marked(1))
            await asyncio.wait_for(heard.wait(), 10)

    asyncio.run(run())


def test_a_closed_stream_hears_nothing():
    async def run():
        told = []
        async with VoiceBatch(Counting()) as batch:
            closed = batch.stream(lambda window, result: told.append(result))
            other = batch.stream(lambda window, result: None)
            closed.push(marked(5))
            other.push(marked(40))
            closed.close()
            closed.push(marked(5))
            await until(lambda: not (other.pending))
            assert (told, closed.pending) == ([], 0)

    asyncio.run(run())


def test_a_closed_stream_hears_nothing_of_a_running_call():
    async def run():
        told = []
        async with VoiceBatch(Counting()) as batch:
            one = batch.stream(lambda window, result: told.append(result) or one.close())
            one.push(marked(8))
            await until(lambda: told)
            await asyncio.sleep(0.01)
            assert len(told) == 1

    asyncio.run(run())


class Broken:
    """A detector of a package that has a defect."""

    name = "broken"

    def __init__(self, options=None):
        pass

    def probability(self, window):
        raise ZeroDivisionError("by nought")


def test_a_detector_that_fails_is_told():
    told = asyncio.run(judged(Counting("no model"), [marked(2)]))
    assert [str(result) for _, result in told[0]] == ["no model."] * 2


def test_a_defect_fails_one_stream(monkeypatch):
    from voicecli.server import voice_batch

    real = voice_batch.engine_class
    monkeypatch.setattr(
        voice_batch, "engine_class", lambda stage, name: Broken if name == "broken" else real(stage, name)
    )
    apart = judge_of(Choice(Broken(), "broken", "", None))
    ((_, result),) = asyncio.run(judged(apart, [marked(1)]))[0]
    assert isinstance(result, VoiceError)
    assert "by nought" in result.message


def test_loudness_has_a_state_for_each_stream():
    choice = asyncio.run(choose_detector("energy"))
    silence, sound = windows(np.zeros(16_000, np.float32)), windows(beeps(1.0))
    told = asyncio.run(judged(judge_of(choice), [silence, sound]))
    assert max(result for _, result in told[0]) < 0.5 < max(result for _, result in told[1])
