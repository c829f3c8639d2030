"""Runs of a bench, with simulated engines."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

import pytest

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer, PlayerOptions
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.measure.first_audio import (
    METRICS,
    BenchOptions,
    BriefPlayer,
    Case,
    Contender,
    Run,
    measured,
    planned,
    sample_of,
)
from voicecli.bench.measure.first_audio_charts import tts_charts
from voicecli.bench.measure.texts import TEXTS, Line
from voicecli.bench.report import case_key
from voicecli.errors import DeviceLost, Dropped, TimedOut, Unavailable
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.simulated import SimulatedSynthesizer, SimulatedSynthesizerOptions
from voicecli.reply.utterer import UttererOptions

HELLO = Line("hello", "Hello there you.")
OPENING = 0.03  # seconds


class SlowToOpen(SimulatedSynthesizer):
    async def __aenter__(self) -> Self:
        await asyncio.sleep(OPENING)
        return self


class NotToBeOpened(SimulatedSynthesizer):
    async def __aenter__(self) -> Self:
        raise Unavailable("It is not there.")


def contender(**options: Any) -> Contender:
    chosen = SimulatedSynthesizerOptions(**{"ttfb": 0.02, "speed": 0.0, **options})

    async def another() -> SimulatedSynthesizer:
        return SlowToOpen(chosen)

    return Contender("simulated", "for a test", SimulatedSynthesizer(chosen), chosen, 0.0, another)


def null_player() -> AudioStreamPlayer:
    output = PacedSpeaker("nowhere", NullSink(), 24_000, silence=False)
    return BriefPlayer(output, PlayerOptions(capacity=60.0))


def all_runs(
    cases: Sequence[Case],
    options: BenchOptions,
    player: AudioStreamPlayer | None = None,
    done: Collection[tuple[object, int]] = (),
) -> list[Run]:
    async def collected() -> list[Run]:
        async with player or null_player() as playing:
            return [run async for run in measured(cases, playing, options, done)]

    return asyncio.run(collected())


def test_every_case_every_round() -> None:
    cases = [Case(contender(format=codec), HELLO) for codec in ("pcm", "mp3", "flac")]
    runs = all_runs(cases, BenchOptions(cold=0, runs=2))
    assert [run.number for run in runs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    rounds = [{run.case for run in runs if run.number == number} for number in range(3)]
    assert rounds == [set(cases)] * 3
    assert all(run.ok for run in runs)


def test_order_varies_but_repeats() -> None:
    cases = [Case(contender(ttfb=0.0), Line(str(number), "Hi.")) for number in range(4)]
    first, again = ([run.case for run in all_runs(cases, BenchOptions(cold=0, runs=3))] for _ in range(2))
    assert first == again
    assert first[4:8] != first[8:12]


def test_sound_is_later_than_the_first_byte() -> None:
    [_, run] = all_runs([Case(contender(), HELLO)], BenchOptions(cold=0, runs=1))
    marks = run.timeline.marks
    assert marks[Mark.FIRST_PHRASE] < marks[Mark.FIRST_CHUNK] < marks[Mark.FIRST_SOUND]
    ttfb, playout, ttfa = (run.timeline.span(span) for span in (Span.TTFB, Span.PLAYOUT, Span.TTFA))
    assert ttfb is not None
    assert playout is not None
    assert ttfa == pytest.approx(ttfb + playout)
    assert ttfb >= 0.02


def test_leading_silence_is_not_sound() -> None:
    [_, run] = all_runs([Case(contender(leading_silence=1.0), HELLO)], BenchOptions(cold=0, runs=1))
    assert (run.timeline.span(Span.TTFA) or 0.0) > 1.0
    assert run.bytes_to_first_sample == 4800


def test_what_a_run_counts() -> None:
    [_, run] = all_runs([Case(contender(chunk=0.1), HELLO)], BenchOptions(cold=0, runs=1))
    seconds = len(HELLO.text) / 15.0
    assert run.audio == pytest.approx(seconds, abs=0.01)
    assert run.bytes == pytest.approx(seconds * 48_000, abs=500)
    assert run.chunks == 11
    assert run.bytes_to_first_sample == 4800
    assert run.underruns == 0
    assert run.rtf == pytest.approx(run.making / run.audio)


def test_making_leaves_out_what_the_player_holds_up() -> None:
    output = PacedSpeaker("nowhere", NullSink(), 24_000, silence=False)
    player = AudioStreamPlayer(output, PlayerOptions(capacity=0.5))
    [_, run] = all_runs([Case(contender(chunk=0.001), HELLO)], BenchOptions(cold=0, runs=1), player)
    marks = run.timeline.marks
    assert run.making >= 0.02
    assert run.making < (marks[Mark.REPLY_ENDED] - marks[Mark.FIRST_PHRASE]) / 2
    assert marks[Mark.PLAYBACK_FINISHED] > marks[Mark.REPLY_ENDED]


def test_brief_player_cuts_the_end() -> None:
    runs = all_runs([Case(contender(ttfb=0.0), TEXTS[2])], BenchOptions(cold=0, runs=2))
    assert all(Mark.PLAYBACK_FINISHED not in run.timeline.marks for run in runs)
    assert {round(run.audio) for run in runs} == {19}
    taken = runs[2].timeline.marks[Mark.FIRST_SOUND] - runs[1].timeline.marks[Mark.FIRST_SOUND]
    assert taken < runs[1].audio


def test_failed_run_is_kept() -> None:
    case = Case(contender(fail="drop", fail_on=(2,)), HELLO)
    runs = all_runs([case], BenchOptions(cold=0, runs=2))
    assert [type(run.error) for run in runs] == [type(None), Dropped, type(None)]


def test_silent_engine_times_out() -> None:
    case = Case(contender(fail="hang"), HELLO)
    [run, _] = all_runs([case], BenchOptions(cold=0, runs=1, utterer=UttererOptions(timeout=0.05)))
    assert isinstance(run.error, TimedOut)
    assert (run.audio, run.underruns, run.bytes_to_first_sample) == (0.0, 0, None)


def test_nothing_to_say_is_a_failure() -> None:
    before = Case(contender(), HELLO)
    runs = all_runs([before, Case(contender(), Line("stars", "***"))], BenchOptions(cold=0, runs=1))
    silent = [run for run in runs if run.case is not before]
    assert all(run.error is not None and "no sound" in run.error.message for run in silent)
    assert all(run.audio == 0.0 for run in silent)


class VanishingSpeaker(PacedSpeaker):
    def start(self, fill: Callable[[Samples, float], int], lost: Callable[[str], None]) -> None:
        lost("It was unplugged.")


def test_lost_speaker_ends_the_bench() -> None:
    player = BriefPlayer(VanishingSpeaker("gone", NullSink(), 24_000))
    with pytest.raises(DeviceLost):
        all_runs([Case(contender(), HELLO)], BenchOptions(cold=0, runs=1), player)


@pytest.mark.parametrize("options", [{"runs": 0}, {"cold": -1}, {"pause": -1.0}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="runs"):
        BenchOptions(**options)


def test_cold_runs_open_an_engine_each() -> None:
    one = contender()
    cases = [Case(one, HELLO), Case(one, HELLO, cold=True)]
    runs = all_runs(cases, BenchOptions(runs=1, cold=2))
    cold = [run for run in runs if run.case.cold]
    assert [run.number for run in cold] == [1, 2]
    assert [run.number for run in runs if not run.case.cold] == [0, 1]
    for run in cold:
        ttfa, ttfb = run.timeline.span(Span.TTFA), run.timeline.span(Span.TTFB)
        assert run.opened is not None
        assert run.opened >= OPENING
        assert ttfa is not None
        assert ttfb is not None
        assert ttfa > ttfb > run.opened
        assert run.overhead is not None
        assert run.overhead < ttfa - run.opened
    assert all(run.opened is None for run in runs if not run.case.cold)


def test_engine_that_cannot_be_opened_is_a_failed_run() -> None:
    async def another() -> SimulatedSynthesizer:
        return NotToBeOpened()

    options = SimulatedSynthesizerOptions()
    broken = Contender("simulated", "", SimulatedSynthesizer(options), options, 0.0, another)
    [run] = all_runs([Case(broken, HELLO, cold=True)], BenchOptions(runs=1, cold=1))
    assert isinstance(run.error, Unavailable)
    assert run.timeline.span(Span.TTFA) is None
    assert sample_of(run).values["ttfa"] is None


def test_leading_silence_is_not_our_overhead() -> None:
    at_once, late = (
        all_runs([Case(contender(leading_silence=seconds), HELLO)], BenchOptions(cold=0, runs=1))[1]
        for seconds in (0.0, 0.4)
    )
    assert at_once.leading_silence == 0.0
    assert late.leading_silence == pytest.approx(0.4)
    assert late.engine == pytest.approx((at_once.engine or 0.0) + 0.4, abs=0.05)
    assert (late.overhead or 1.0) < 0.3


def test_overhead_is_what_is_left() -> None:
    [_, run] = all_runs([Case(contender(format="mp3"), HELLO)], BenchOptions(cold=0, runs=1))
    ttfa = run.timeline.span(Span.TTFA)
    assert ttfa is not None
    assert run.engine is not None
    assert run.engine >= 0.02
    assert run.overhead == pytest.approx(ttfa - run.engine)
    assert run.overhead > 0


def test_plan_is_mixed_and_complete() -> None:
    one = contender()
    cases = [Case(one, Line(str(number), "Hi."), cold) for number in range(4) for cold in (False, True)]
    plan = planned(cases, BenchOptions(runs=5, cold=2, seed=1))
    assert plan == planned(cases, BenchOptions(runs=5, cold=2, seed=1))
    assert plan != planned(cases, BenchOptions(runs=5, cold=2, seed=2))
    for case in cases:
        assert sorted(number for found, number in plan if found is case) == (
            [1, 2] if case.cold else [0, 1, 2, 3, 4, 5]
        )
    rounds = [[case for case, number in plan if number == wanted] for wanted in range(6)]
    assert set(rounds[1]) == set(rounds[2]) == set(cases)
    assert rounds[1] != rounds[2]


def test_what_is_done_is_not_done_again() -> None:
    one = contender(ttfb=0.0)
    cases = [Case(one, Line(name, "Hi.")) for name in ("a", "b")]
    options = BenchOptions(runs=3, cold=0, seed=4)
    whole = all_runs(cases, options)
    done = {(case_key(run.case.labels), run.number) for run in whole[:5]}
    rest = all_runs(cases, options, done=done)
    assert [(run.case, run.number) for run in rest if run.number] == [
        (run.case, run.number) for run in whole[5:]
    ]
    assert [run.number for run in rest[:2]] == [0, 0]  # an engine that was opened anew is warmed up anew
    everything = {(case_key(run.case.labels), run.number) for run in whole}
    assert all_runs(cases, options, done=everything) == []


def test_sample_has_every_metric() -> None:
    one = contender()
    for run in all_runs([Case(one, HELLO), Case(one, HELLO, cold=True)], BenchOptions(runs=1, cold=1)):
        sample = sample_of(run)
        assert set(sample.values) == {metric.name for metric in METRICS}
        assert sample.counted == (run.number > 0)
        assert sample.case["temperature"] == ("cold" if run.case.cold else "warm")
        assert (sample.case["words"], sample.case["voice"]) == (3, "")
        assert sample.marks["first_phrase"] == 0.0


def test_charts_show_what_differs() -> None:
    one = contender(ttfb=0.0)
    cases = [Case(one, line, cold) for line in (HELLO, TEXTS[0]) for cold in (False, True)]
    taken = [sample_of(run) for run in all_runs(cases, BenchOptions(runs=3, cold=1))]
    kinds = [chart.kind for chart in tts_charts(taken)]
    assert kinds == ["waterfall", "cdf", "line", "bar", "cdf", "line"]
    warm = [
        sample for sample in taken if sample.case["name"] == "hello" and sample.case["temperature"] == "warm"
    ]
    assert [chart.kind for chart in tts_charts(warm)] == ["waterfall", "cdf", "cdf", "line"]
    assert tts_charts([]) == []
