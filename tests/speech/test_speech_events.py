import asyncio

import numpy as np
import pytest

from tests.audio.virtual import script, simulate, timed
from tests.flow.spring import Spring, run
from voicecli.audio.block import Block
from voicecli.errors import DeviceLost
from voicecli.flow.sinks import array_sink
from voicecli.speech.endpoint import EndpointOptions
from voicecli.speech.energy import EnergyDetector
from voicecli.speech.speech_events import (
    CallEnded,
    CallStarted,
    SpeechEnd,
    SpeechPartialResult,
    SpeechStart,
    SpeechToTextResult,
    filter_spurious_speech_start_events_step,
    first_partial_speech_result_step,
    speech_with_start_detection_step,
)
from voicecli.speech.spoken import utterance_step

START, END = SpeechStart(time_since_start=1.0), SpeechEnd(time_since_start=2.0)


def sound(*bursts, rate=16_000):
    """Half a second of silence, then each burst (seconds) and two seconds of silence."""
    noise = np.random.default_rng(1)
    parts = [noise.normal(0, 1e-4, rate // 2)]
    for seconds in bursts:
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        parts += [tone, noise.normal(0, 1e-4, rate * 2)]
    return np.concatenate(parts).astype(np.float32)


def blocks(samples, rate=16_000, size=320, start=77.0):
    return [Block(samples[at : at + size], rate, start + at / rate) for at in range(0, len(samples), size)]


def spoken(source, **options):
    """Start, end and length of every utterance."""

    async def main():
        found = []
        async for utterance in utterance_step(source, EnergyDetector(), **options):
            samples = await utterance.whole()
            found.append((utterance.started, utterance.stopped, len(samples) / 16_000))
        return found

    return run(main)


@pytest.mark.parametrize("rate", [16_000, 48_000, 8000])
def test_utterances(rate):
    found = spoken(Spring(blocks(sound(0.6, 0.9, rate=rate), rate))())
    starts, stops, _ = zip(*found, strict=True)
    assert starts == pytest.approx((0.5, 3.1), abs=0.05)
    assert stops == pytest.approx((1.1, 4.0), abs=0.05)
    assert all(length > stop - start + 0.4 for start, stop, length in found)


def test_last_utterance_is_not_lost():
    samples = sound(0.6)[: 16_000 // 2 + 6000]  # it ends in the middle of the word
    assert len(spoken(Spring(blocks(samples))())) == 1
    assert spoken(Spring([])()) == []
    assert spoken(Spring(blocks(sound()))()) == []


def test_utterance_begins_before_its_end():
    """The first samples can be had while the rest has not been spoken."""
    spring = Spring(blocks(sound(2.0)))

    async def main():
        utterances = utterance_step(spring(), EnergyDetector())
        assert spring.read == 0
        utterance = await anext(utterances)
        first = await anext(utterance)
        assert len(first)
        assert utterance.stopped is None
        assert spring.read < len(spring.items) // 5
        await utterances.aclose()
        await utterance.whole()  # it has ended with its source, and hangs nobody

    run(main)
    assert spring.closed


def test_unread_utterance_stays_readable():
    async def main():
        utterances = [
            one async for one in utterance_step(Spring(blocks(sound(0.5, 0.5)))(), EnergyDetector())
        ]
        return [len(await one.whole()) for one in utterances]

    lengths = run(main)
    assert len(lengths) == 2
    assert min(lengths) > 8000


def test_words_bring_the_end_forward():
    async def main(text):
        spring = Spring(blocks(sound(0.6)))
        utterances = utterance_step(spring(), EnergyDetector())
        utterance = await anext(utterances)
        async for _ in utterance:
            utterance.recognised(text)
        await utterances.aclose()
        return spring.read

    assert run(lambda: main("What time is it?")) < run(lambda: main("")) < run(lambda: main("A timer for"))


def test_endpoint_is_an_option():
    assert (
        len(spoken(Spring(blocks(sound(0.5, 0.5)))(), endpoint=EndpointOptions(wait=3.0, max_wait=3.0))) == 1
    )


def test_source_fails_for_everybody():
    spring = Spring(blocks(sound(0.6))[:50], error=DeviceLost("It was unplugged."))

    async def main():
        utterances = utterance_step(spring(), EnergyDetector())
        utterance = await anext(utterances)
        with pytest.raises(DeviceLost):
            await utterance.whole()
        with pytest.raises(DeviceLost):
            await anext(utterances)

    run(main)
    assert spring.closed


def test_bundled_detector_hears_no_tone():
    async def main():
        return [one async for one in utterance_step(Spring(blocks(sound(0.5)))())]

    pytest.importorskip("onnxruntime")
    assert run(main) == []


def filtered(*lines, threshold=1.0):
    return simulate(lambda: timed(filter_spurious_speech_start_events_step(script(*lines), threshold)))


@pytest.mark.parametrize("threshold", [0.25, 1.0, 2.5, 61.0])
def test_threshold_is_exact(threshold):
    assert filtered(START, threshold - 0.01, END, 9, threshold=threshold) == []
    assert filtered(3.0, START, threshold + 0.01, END, threshold=threshold) == [(3.0 + threshold, START)]
    assert filtered(START, 100.0, threshold=threshold) == [(threshold, START)]


def test_each_start_counts_for_itself():
    later = SpeechStart(time_since_start=5.0)
    assert filtered(START, 0.5, END, 0.1, later, 0.9, END, 1, START, 3, END, later, 2) == [
        (3.5, START),
        (6.5, later),
    ]
    assert [event for _, event in filtered(START, 2, END, later, 2, END)] == [START, later]
    assert filtered(START, 0.6, later, 0.6, END) == []  # it has begun anew


def test_last_start_is_not_lost():
    assert filtered(START, 0.3) == [(0.3, START)]
    assert filtered(START, 0.3, END) == []


def test_slow_reader_loses_nothing():
    async def main():
        found = []
        async for event in filter_spurious_speech_start_events_step(
            script(START, 3, END, START, 3, END), 1.0
        ):
            await asyncio.sleep(10)
            found.append(event)
        return found

    assert simulate(main) == [START, START]


def test_other_events_are_dropped():
    partial = SpeechPartialResult(text="so", time_since_start=1.0)
    assert filtered(START, 0.5, partial, 0.2, END, 1) == []
    assert filtered(START, 0.5, partial, 0.6, END) == [(1.0, START)]
    assert filtered(None, START, None, 1.5) == [(1.0, START)]


def test_failure_comes_through():
    async def main():
        step = filter_spurious_speech_start_events_step(script(START, 0.1, DeviceLost("Gone.")))
        assert await anext(step) == START
        with pytest.raises(DeviceLost):
            await anext(step)

    simulate(main)


def test_filter_closed_and_cancelled():
    for ending in ("close", "cancel"):
        spring = Spring([START], hold=True)

        async def main(ending=ending, spring=spring):
            step = filter_spurious_speech_start_events_step(spring(), 1.0)
            assert await anext(step) is START
            if ending == "cancel":
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(5):
                        await anext(step)
            await step.aclose()

        simulate(main)
        assert spring.closed


def test_start_detection():
    def recognise(stream):
        return stream, script(START, 2, END)

    async def main():
        stream, events = speech_with_start_detection_step(script("text"), recognise)
        return await asyncio.gather(array_sink(stream), timed(events))

    assert simulate(main) == [["text"], [(1.0, START)]]


def test_first_words_after_each_start():
    one, two, three = (SpeechPartialResult(text=text, time_since_start=1.5) for text in ("a", "a b", "c"))
    events = [
        one,
        START,
        END,
        one,
        two,
        START,
        START,
        three,
        one,
        SpeechToTextResult(text="c", time_since_start=3),
    ]
    assert run(lambda: array_sink(first_partial_speech_result_step(Spring(events)()))) == [one, three]


def test_events_have_names():
    names = [event.event_name for event in (START, END, CallStarted(call_id="7"), CallEnded())]
    assert names == ["speech_start", "speech_end", "call_started", "call_ended"]
    assert SpeechPartialResult(text="a", time_since_start=1).event_name == "speech_partial_result"
    assert SpeechToTextResult(text="a", time_since_start=1).event_name == "speech_to_text_result"
    assert CallStarted(call_id="7").stream_id is None
