"""What the protocol promises, said and heard without a socket."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.server.talking import (
    PAUSE,
    QUICK,
    STOP,
    Diary,
    beeps,
    check,
    conversation,
    facts,
    messages,
    recognition,
    recording,
    start,
    talk,
)
from voicecli.audio.resample import resample
from voicecli.config.serving import SegmentSettings, ServerSettings, SessionSettings
from voicecli.providers.simulated import SimulatedRecognizerOptions
from voicecli.server.session import Mode, Session
from voicecli.server.shared_recognition import SharedRecognitionOptions
from voicecli.wire.recognition import Active, Failure, Format, Inactive, Segment, encode_event
from voicecli.workers.pool import WorkerOptions

PATIENT = SharedRecognitionOptions(workers=WorkerOptions(timeout=0, patience=0))
FOX = "assistant-en-16kHz1chan"
WEATHER = "assistant-en-whats-the-weather-like"


def kinds(events):
    return [type(event).__name__ for event in events]


def finals(events):
    return [event for event in events if isinstance(event, Segment) and event.is_final is not False]


def failures(events):
    return [event.message for event in events if isinstance(event, Failure)]


def test_speech_is_a_segment():
    events = conversation([start(), *messages(recording(FOX)), STOP], vad="silero")
    known = facts(FOX)
    assert kinds(events) == ["Active", "Inactive", "Segment"]
    active, inactive, segment = events
    assert abs(active.time - known["speech_start"]) < 0.1
    assert abs(inactive.time - known["speech_end"]) < 0.15
    assert segment == Segment(active.time, inactive.time, "one", 0, True)


def test_a_conversation_is_cut_at_its_gaps():
    name = "conversation-dev-1-queries"
    events = conversation([start(), *messages(recording(name)), STOP], vad="silero")
    check(events)
    known = facts(name)["utterances"]
    found = [(event.start_time, event.end_time) for event in finals(events)]
    assert [event.text for event in finals(events)][:6] == ["one", "two", "three", "four", "five", "six"]
    for utterance in known:
        middle = (utterance["start"] + utterance["end"]) / 2
        assert any(begin - 0.4 <= middle <= end + 0.4 for begin, end in found)


def test_interims_come_only_if_asked():
    said = [*messages(beeps(3.0)), STOP]
    slow = SimulatedRecognizerOptions(delay=0.0, partial=0.1, texts=("a b c d e f g h i j k l",))
    events = conversation([start(interim=True), *said], asr=slow)
    check(events)
    interims = [event for event in events if isinstance(event, Segment) and event.is_final is False]
    assert kinds(events) == ["Active", *["Segment"] * len(interims), "Inactive", "Segment"]
    times = [events[0].time, *(event.end_time for event in interims)]
    assert len(interims) >= 3
    assert min(np.diff(times)) >= 0.5 - 1e-6
    assert all("a b c d e f g h i j k l".startswith(event.text) for event in interims)
    assert kinds(conversation([start(), *said], asr=slow)) == ["Active", "Inactive", "Segment"]


def test_every_utterance_of_an_upload_has_interims():
    """Though the sound comes all at once, and the results take their time."""
    slow = SimulatedRecognizerOptions(delay=0.2, partial=0.1, texts=("a b c d e f g h i j k l",))
    events = conversation([start(interim=True), *messages(beeps(2.5, 2.5, 2.5), 60_000), STOP], asr=slow)
    check(events)
    for final in finals(events):
        assert (
            sum(
                event.is_final is False and event.start_time == final.start_time
                for event in events
                if isinstance(event, Segment)
            )
            >= 2
        )


def test_a_stop_while_speaking_ends_the_speech():
    events = conversation([start(), *messages(beeps(2.0)[:28_800]), STOP])
    assert kinds(events) == ["Active", "Inactive", "Segment"]
    assert events[1].time == 1.8
    assert events[2] == Segment(events[0].time, 1.8, "one", 0, True)


def test_a_stop_keeps_the_socket_and_the_format():
    said = [*messages(resample(beeps(1.0), 16_000, 8_000))]
    events = conversation([start(Format(1, 8_000)), *said, PAUSE, *said, PAUSE, *said, STOP])
    assert kinds(events) == ["Active", "Inactive", "Segment"] * 3
    assert events[0].time == events[3].time == events[6].time
    assert [event.text for event in finals(events)] == ["one", "two", "three"]


def test_a_start_within_a_stream_begins_anew():
    said = messages(beeps(2.0)[:28_800])
    other = messages(resample(beeps(1.0), 16_000, 48_000))
    events = conversation([start(), *said, start(Format(1, 48_000)), *other, STOP])
    assert kinds(events) == ["Active", "Inactive", "Segment"] * 2
    assert events[1].time == 1.8
    assert abs(events[3].time - 1.0) < 0.05


def test_everything_is_recognised_in_simple():
    sound = beeps(1.0, 2.0, 14.0, 3.0)
    events = conversation([start(interim=True), *messages(sound), STOP], Mode.SIMPLE)
    check(events)
    assert set(kinds(events)) == {"Segment"}
    assert events[0].start_time == 0.0
    assert events[-1].end_time == len(sound) / 16_000
    assert all(event.is_final is None for event in events)
    assert all('"is_final"' not in encode_event(event) for event in events)
    assert max(event.end_time - event.start_time for event in events) <= 10.0
    assert min(event.end_time - event.start_time for event in events[:-1]) >= 7.0
    assert [event.text for event in events] == ["one", "two", "three", "four"][: len(events)]


def test_simple_cuts_in_a_pause():
    tone = np.sin(np.arange(8 * 16_000) / 5).astype(np.float32) * 0.1
    sound = np.concatenate([tone, beeps(4.0, gap=0.3)])
    first = conversation([start(), *messages(sound), STOP], Mode.SIMPLE)[0]
    assert 8.0 <= first.end_time <= 8.3


def test_nothing_said_is_nothing_answered():
    for mode in Mode:
        assert conversation([start(), STOP], mode) == []
        assert conversation([start(), PAUSE, PAUSE, start(), STOP], mode) == []
    silence = [*messages(np.zeros(48_000, np.float32))]
    assert conversation([start(), *silence, STOP]) == []


@pytest.mark.parametrize(
    "format", [Format(), Format(2), Format(3, 44_100), Format(2, 8_000), Format(1, 11_025), Format(2, 96_000)]
)
@pytest.mark.parametrize("shape", [(16, False), (32, False), (32, True)])
def test_channels_and_formats(format, shape):
    format = replace(format, bit_depth=shape[0], is_float=shape[1])
    rows = []
    for channel in range(format.channels):
        sound = np.roll(beeps(0.6, gap=0.5), channel * 1600)
        rows.append(resample(sound, 16_000, format.sample_rate))
    frames = np.stack(rows, axis=1)
    kind, scale = {(16, False): ("<i2", 32767), (32, False): ("<i4", 2**31 - 1), (32, True): ("<f4", 1)}[
        shape
    ]
    data = (np.clip(frames, -1, 1) * scale).astype(kind).tobytes()
    said = [data[begin : begin + 7777] for begin in range(0, len(data), 7777)]
    events = conversation([start(format), *said, STOP])
    check(events, format.channels)
    for channel in range(format.channels):
        mine = [event for event in events if event.channel == channel]
        assert kinds(mine) == ["Active", "Inactive", "Segment"]
        assert abs(mine[0].time - (0.5 + 0.1 * channel)) < 0.05
        assert abs(mine[1].time - (1.1 + 0.1 * channel)) < 0.05


def test_half_a_sample_waits_for_its_other_half():
    whole = messages(beeps(1.0))
    bytewise = [part for message in whole for part in (message[:1], message[1:1001], message[1001:])]
    assert conversation([start(), *bytewise, STOP]) == conversation([start(), *whole, STOP])


def test_half_a_sample_at_the_end_is_told():
    events = conversation([start(Format(2)), b"\0" * 4003, STOP])
    assert len(events) == 1
    assert "3 bytes are left over" in failures(events)[0]


def test_sound_before_a_start_is_told_once():
    said = messages(beeps(1.0))
    events = conversation([*said, start(), *said, STOP])
    assert failures(events) == ["Sound came before a start. Send a start with its format first."]
    assert kinds(events) == ["Failure", "Active", "Inactive", "Segment"]


def test_a_bad_message_changes_nothing():
    said = messages(beeps(2.0))
    bad = ["nonsense", "{}", '{"request":"start","format":{}}', start(Format(0)), start(Format(bit_depth=24))]
    events = conversation([start(), *said[:20], *bad, *said[20:], STOP])
    assert len(failures(events)) == len(bad)
    assert kinds(event for event in events if not isinstance(event, Failure)) == [
        "Active",
        "Inactive",
        "Segment",
    ]


def test_a_stop_before_a_start():
    """Is told, and nothing else happens: also one that would end the session."""
    for stop in (PAUSE, STOP):
        events = conversation([stop, stop, start(), *messages(beeps(1.0)), STOP])
        assert kinds(events) == ["Failure", "Failure", "Active", "Inactive", "Segment"]
        assert failures(events) == ["There is nothing to stop. Send a start first."] * 2


def test_samples_that_are_no_numbers_are_silence():
    sound = beeps(1.0)
    frames = np.stack([sound, sound], axis=1).astype("<f4")
    frames[4000:4100, 1] = np.nan
    frames[17_000, 1] = np.inf
    frames[18_000, 1] = -np.inf
    data = frames.tobytes()
    events = conversation([start(Format(2, 16_000, 32, True)), data[:8000], data[8000:], STOP])
    check(events, 2)
    told = [event for event in events if isinstance(event, Failure)]
    assert [event.channel for event in told] == [1]
    assert len(finals(events)) == 2


def test_floats_scaled_as_integers_are_told():
    data = (beeps(1.0) * 32_768).astype("<f4").tobytes()
    events = conversation([start(Format(1, 16_000, 32, True)), data, STOP])
    assert failures(events) == ["Samples go from -1 to 1 in this format; what is beyond is clipped."]
    assert len(finals(events)) == 1
    extreme = np.full(16_000, 3e38, "<f4").tobytes()
    assert len(failures(conversation([start(Format(1, 16_000, 32, True)), extreme, STOP]))) == 1


def test_a_failure_of_the_model_takes_the_segments_place():
    flaky = replace(QUICK, fail="drop", fail_on=(2,))
    events = conversation([start(), *messages(beeps(1.0, 1.0, 1.0)), STOP], asr=flaky)
    answered, unanswered = ["Active", "Inactive", "Segment"], ["Active", "Inactive", "Failure"]
    assert kinds(events) == [*answered, *unanswered, *answered]
    assert "broke the connection" in failures(events)[0]
    simple = conversation([start(), *messages(beeps(11.0, 12.0)), STOP], Mode.SIMPLE, asr=flaky)
    assert kinds(simple) == ["Segment", "Failure", "Segment", "Segment"]
    assert simple[2].start_time > simple[0].end_time


def test_a_model_that_hangs_is_given_up():
    hung = replace(QUICK, fail="hang", fail_on=(1,))
    events = conversation(
        [start(), *messages(beeps(3.0, 1.0)), STOP],
        asr=hung,
        options=SharedRecognitionOptions(workers=WorkerOptions(timeout=0.3)),
        limits=SessionSettings(queued=1.0),
    )
    assert kinds(events)[:3] == ["Active", "Inactive", "Failure"]
    assert "recognised nothing" in failures(events)[0]
    assert kinds(events)[-1] == "Segment"


def test_long_speech_is_cut():
    settings = ServerSettings(workers=1, segments=SegmentSettings(longest=2.0))
    events = conversation([start(), *messages(beeps(7.0)), STOP], settings=settings)
    check(events)
    lengths = [event.end_time - event.start_time for event in finals(events)]
    assert len(lengths) >= 3
    assert max(lengths) < 2.2
    assert sum(lengths) > 6.5


def test_whole_utterances_give_the_same():
    said = [start(), *messages(beeps(1.0, 0.5, 2.0)), STOP]
    whole = conversation(said, options=SharedRecognitionOptions(workers=WorkerOptions(early=False)))
    assert whole == conversation(said)


def test_other_detectors_hear_too():
    said = [start(Format(2)), *messages(np.repeat(recording(WEATHER), 2)), STOP]
    for vad in ("energy", "silero"):
        events = conversation(said, vad=vad)
        check(events, 2)
        assert len(finals(events)) >= 2


def test_slow_models_hold_the_client_back():
    """What is kept is bounded, whatever is sent."""

    async def run() -> None:
        stuck = replace(QUICK, delay=3600.0)
        for mode in Mode:
            async with recognition(stuck, options=PATIENT) as shared:
                session = Session(shared, mode, SessionSettings(queued=5.0), Diary())
                sent = 0

                async def send(session: Session = session) -> None:
                    nonlocal sent
                    await session.receive(start())
                    while True:
                        for message in messages(beeps(2.0), 32_000):
                            await session.receive(message)
                            sent += len(message) // 2

                sending = asyncio.create_task(send())
                before = -1
                while sent != before:
                    before = sent
                    await asyncio.sleep(0.5)
                assert not sending.done()
                assert sent / 16_000 < 30.0
                held = sum(job.length for job in shared.workers._claims.values())
                assert held / 16_000 < 5.0 + 2 * 10.0
                sending.cancel()
                await session.close()
                assert shared.workers.jobs == 0
                assert shared.voice.streams == 0

    asyncio.run(run())


def test_a_giant_message_is_taken_bit_by_bit():
    async def run() -> None:
        stuck = replace(QUICK, delay=3600.0)
        async with recognition(stuck, options=PATIENT) as shared:
            session = Session(shared, Mode.SEGMENTED, SessionSettings(queued=2.0), Diary())
            await session.receive(start())
            receiving = asyncio.create_task(session.receive(b"".join(messages(beeps(*[1.0] * 60)))))
            await asyncio.sleep(0.5)
            assert not receiving.done()
            assert shared.workers.jobs <= 5
            await session.close()
            await receiving
            assert shared.workers.jobs == 0

    asyncio.run(run())


def test_a_client_that_does_not_read_is_held_back():
    async def run() -> None:
        async with recognition() as shared:
            session = Session(shared, Mode.SEGMENTED, SessionSettings(events=8), Diary())
            sent = 0

            async def send() -> None:
                nonlocal sent
                while True:
                    await session.receive("nonsense")
                    sent += 1

            sending = asyncio.create_task(send())
            await asyncio.sleep(0.1)
            assert sent == 7
            events = session.events()
            for _ in range(20):
                await anext(events)
            await asyncio.sleep(0.1)
            assert sent == 27
            sending.cancel()
            await session.close()

    asyncio.run(run())


def test_closing_cancels_the_work():
    async def run() -> None:
        async with recognition(replace(QUICK, delay=3600.0)) as shared:
            for mode in Mode:
                session = Session(shared, mode, SessionSettings(), Diary())
                await session.receive(start())
                for message in messages(beeps(1.0, 12.0)):
                    await session.receive(message)
                stopping = asyncio.create_task(session.receive(STOP))
                await asyncio.sleep(0.3)
                assert shared.workers.jobs == 2
                await session.close()
                await stopping
                await session.close()
                assert (shared.workers.jobs, shared.voice.streams) == (0, 0)
                assert [event async for event in session.events()] == []
                await session.receive(start())
                assert (shared.workers.jobs, shared.voice.streams) == (0, 0)

    asyncio.run(run())


def test_finishing_answers_what_was_said():
    async def run() -> None:
        async with recognition() as shared:
            session = Session(shared, Mode.SEGMENTED, SessionSettings(), Diary())
            await session.receive(start())
            for message in messages(beeps(2.0)[:28_800]):
                await session.receive(message)
            await session.finish()
            assert kinds([event async for event in session.events()]) == ["Active", "Inactive", "Segment"]
            await session.finish()
            await session.close()

    asyncio.run(run())


def test_many_sessions_at_once():
    async def run() -> None:
        async with recognition(replace(QUICK, delay=0.05), settings=ServerSettings(workers=2)) as shared:
            said = [start(), *messages(beeps(1.0, 0.5)), STOP]
            sessions = [Session(shared, Mode.SEGMENTED, SessionSettings(), Diary()) for _ in range(30)]
            results = await asyncio.gather(*(talk(session, said) for session in sessions))
            for events in results:
                check(events)
                assert kinds(events) == ["Active", "Inactive", "Segment"] * 2
            times = {
                tuple(event.time for event in events if isinstance(event, Active | Inactive))
                for events in results
            }
            assert len(times) == 1
            assert (shared.workers.jobs, shared.voice.streams) == (0, 0)

    asyncio.run(run())


def test_the_observer_is_told_how_late_interims_are():
    async def run() -> list[float]:
        slow = SimulatedRecognizerOptions(delay=0.2, partial=0.1, texts=("a b c d e f g h i j k l",))
        mine = Diary()
        async with recognition(asr=slow) as shared:
            said = [start(interim=True), *messages(beeps(2.5), 6400), STOP]
            await talk(Session(shared, Mode.SEGMENTED, SessionSettings(), mine), said)
        segments = [line for line in mine.lines if line[0] == "segment"]
        return [latency for _, segment, latency in segments if segment.is_final is False]

    latencies = asyncio.run(run())
    assert len(latencies) >= 2
    assert min(latencies) > 0


def test_the_observer_is_told():
    async def run() -> None:
        mine, ours = Diary(), Diary()
        async with recognition(observer=ours) as shared:
            said = [start(Format(1)), *messages(beeps(1.0, 1.0)), PAUSE, *messages(beeps(1.0)), STOP]
            await talk(Session(shared, Mode.SEGMENTED, SessionSettings(), mine), said)
        told = [line[0] for line in mine.lines]
        assert told[0] == "started"
        assert told[-2:] == ["stopped", "ended"]
        assert told.count("started") == told.count("stopped") == 2
        assert told.count("segment") == told.count("active") == told.count("inactive") == 3
        delays = [line[2] for line in mine.lines if line[0] == "inactive"]
        assert min(delays) > 0.2
        decoded = [line for line in mine.lines if line[0] == "decoded"]
        assert sum(line[1] for line in decoded) == pytest.approx(5.0 + 3.0)
        assert all(line[2] > 0 for line in decoded)
        shared_lines = [line for line in ours.lines if line[0] == "processed"]
        assert {line[1] for line in shared_lines} == {"vad_processing", "model_inference"}
        assert all(line[2] > 0 and line[3] > 0 for line in shared_lines)

    asyncio.run(run())
