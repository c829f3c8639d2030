"""The end-of-turn decision against labels."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.bench.measure.end_of_turn import (
    Decision,
    Listened,
    Point,
    RecognizedWords,
    Words,
    at_most,
    decide,
    listen,
    point_of,
    reference_words,
    score,
)
from voicecli.bench.measure.end_of_turn_bench import (
    curve_table,
    cut_record,
    cuts_table,
    turn_charts,
    turn_samples,
)
from voicecli.bench.measure.recordings import LabelledUtterance, Recorded, read_folder, speech_folder
from voicecli.providers.recognizer import LISTENING_RATE, Transcript
from voicecli.speech.endpoint import EndpointOptions
from voicecli.speech.silero import SileroDetector
from voicecli.speech.vad import WINDOW, WINDOW_SECONDS

OPTIONS = EndpointOptions()


def listened(
    length: float, *speech: tuple[float, float], utterances: Sequence[LabelledUtterance] = ()
) -> Listened:
    """A recording in which there is speech from each first to each second number (seconds)."""
    windows = round(length / WINDOW_SECONDS)
    noise = np.random.default_rng(1)
    samples = (noise.standard_normal(windows * WINDOW) * 0.001).astype(np.float32)
    probabilities = np.zeros(windows)
    for first, last in speech:
        samples[round(first * LISTENING_RATE) : round(last * LISTENING_RATE)] *= 100
        probabilities[round(first / WINDOW_SECONDS) : round(last / WINDOW_SECONDS)] = 1.0
    recorded = Recorded(path=Path("made.wav"), utterances=tuple(utterances))
    return Listened(recorded=recorded, samples=samples, probabilities=probabilities.tolist())


SPOKEN = LabelledUtterance(start=1.0, end=4.0, text="set a timer for ten minutes please")
PAUSED = listened(8.0, (1.0, 2.0), (3.0, 4.0), utterances=[SPOKEN])  # a pause of a second in the middle


def ends(options: EndpointOptions, words: Words | None = None) -> list[Decision]:
    return asyncio.run(decide(PAUSED, options, words))


def test_short_silence_cuts_off() -> None:
    first, last = ends(OPTIONS.by_silence(0.5))
    assert first.time == pytest.approx(2.5, abs=0.1)
    assert first.stopped == pytest.approx(2.0, abs=0.05)
    assert first.resumed == pytest.approx(3.0, abs=0.05)
    assert last.time == pytest.approx(4.5, abs=0.1)


def test_long_silence_does_not() -> None:
    [only] = ends(OPTIONS.by_silence(1.2))
    assert only.began == pytest.approx(1.0, abs=0.05)
    assert only.time == pytest.approx(5.2, abs=0.1)


def test_unfinished_words_are_waited_for() -> None:
    [only] = ends(OPTIONS, reference_words)  # "set a timer for" wants more
    assert only.text == SPOKEN.text
    assert len(ends(OPTIONS)) == 2  # of which nobody knows without words


def test_no_longer_than_at_most() -> None:
    first, _ = ends(at_most(OPTIONS, 0.4), reference_words)
    assert first.time - first.stopped <= 0.4 + 2 * WINDOW_SECONDS
    assert first.text == "set a timer"


def test_words_come_late() -> None:
    found = asyncio.run(decide(PAUSED, at_most(OPTIONS, 0.4), reference_words, words_after=10.0))
    assert [one.text for one in found] == ["", ""]


def test_cut_and_delay_are_scored() -> None:
    [one] = score(PAUSED, ends(OPTIONS.by_silence(0.5)))
    assert one.cut_off
    assert one.cuts[0].pause == pytest.approx(1.0, abs=0.1)
    assert one.delay == pytest.approx(0.5, abs=0.1)
    [fine] = score(PAUSED, ends(OPTIONS.by_silence(1.2)))
    assert not fine.cut_off


def test_end_within_the_labels_error_cuts_nothing() -> None:
    [one] = score(PAUSED, [Decision(3.95, 1.0, 3.5, "", "silence")])
    assert not one.cut_off
    assert one.delay == pytest.approx(-0.05)


def test_utterances_that_run_together_never_ended() -> None:
    two = [LabelledUtterance(start=1.0, end=2.0), LabelledUtterance(start=3.0, end=4.0)]
    together = listened(8.0, (1.0, 2.0), (3.0, 4.0), utterances=two)
    first, second = score(together, asyncio.run(decide(together, OPTIONS.by_silence(1.2), None)))
    assert first.delay is None
    assert second.delay is not None
    point = point_of(1.2, [first, second])
    assert (point.utterances, point.unended, point.cut_off) == (2, 1, 0)


def test_report_of_a_cut() -> None:
    scores = score(PAUSED, ends(OPTIONS.by_silence(0.5)))
    table = cuts_table([(scores[0], scores[0].cuts[0])])
    assert table.rows[0][:3] == ["1", "made.wav", "–"]
    assert cut_record(1, scores[0], scores[0].cuts[0])["utterance"] == [1.0, 4.0]
    [sample] = turn_samples("voicecli", scores)
    assert sample.values["cut_off"] == 1.0
    ours, worse, safe = (
        point_of(0.5, scores),
        point_of(0.2, scores),
        point_of(1.2, score(PAUSED, ends(OPTIONS.by_silence(1.2)))),
    )
    charts = turn_charts([(ours, worse), (safe, safe)], [sample])
    assert [list(one.y) for one in charts[0].series] == [[1.0, 0.0], [1.0, 0.0]]


class Counting:
    """Understands how much it was given, and counts how often."""

    name = "counting"

    def __init__(self) -> None:
        self.calls = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        self.calls += 1
        heard = [samples async for samples in audio]
        yield Transcript(f"{sum(map(len, heard)) / LISTENING_RATE:.1f} seconds", final=True)


def test_each_stretch_is_recognised_once() -> None:
    async def twice() -> tuple[str, int]:
        engine = Counting()
        words = RecognizedWords(engine)
        await words(PAUSED, 1.0, 2.0)
        return await words(PAUSED, 1.0, 2.0), engine.calls

    assert asyncio.run(twice()) == ("1.5 seconds", 1)


def test_recorded_conversation() -> None:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no recorded speech: set VOICECLI_SPEECH")
    recorded = next(one for one in read_folder(folder) if one.name == "conversation-dev-1-queries")
    heard = listen(recorded, SileroDetector())
    assert heard.duration >= recorded.utterances[-1].end + 2.8
    scores = score(heard, asyncio.run(decide(heard, OPTIONS, reference_words)))
    assert len(scores) == 6
    assert not any(one.cut_off for one in scores)
    assert all(one.delay is not None and one.delay < 1.7 for one in scores)


def test_curve_stands_in_a_table():
    alone = Point(0.2, 10, 6, 0, {"p50": 0.21, "p90": 0.22})
    first = Point(0.2, 10, 4, 0, {"p50": 0.3, "p90": 0.5}), alone
    table = curve_table([first, (Point(0.5, 10, 1, 0, {"p50": 0.4, "p90": None}), alone)])
    assert table.rows[0] == ["0.2 s", "4", "300 ms", "500 ms", "6", "210 ms", "220 ms"]
    assert table.rows[1] == ["0.5 s", "1", "400 ms", "–", "6", "210 ms", "220 ms"]
