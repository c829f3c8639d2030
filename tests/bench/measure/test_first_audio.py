"""Runs of a bench, with simulated engines."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Self

import pytest

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer, PlayerOptions
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.measure.first_audio import METRICS, BenchOptions, Case, measured, planned
from voicecli.bench.measure.first_audio_bench import tts_charts
from voicecli.bench.measure.loudspeaker import BriefPlayer
from voicecli.bench.measure.texts import TEXTS, Line
from voicecli.bench.report import Sample, case_key
from voicecli.errors import DeviceLost, Unavailable
from voicecli.providers.choose import Choice
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


def chosen(**options: Any) -> Choice[SimulatedSynthesizer]:
    made = SimulatedSynthesizerOptions(**{"ttfb": 0.02, "speed": 0.0, **options})
    return Choice(SimulatedSynthesizer(made), "simulated", "for a test", made)


async def another() -> SimulatedSynthesizer:
    return SlowToOpen(SimulatedSynthesizerOptions(ttfb=0.02, speed=0.0))


def null_player() -> AudioStreamPlayer:
    output = PacedSpeaker("nowhere", NullSink(), 24_000, silence=False)
    return BriefPlayer(output, PlayerOptions(capacity=60.0))


def all_runs(
    cases: Sequence[Case],
    options: BenchOptions,
    player: AudioStreamPlayer | None = None,
    done: Collection[tuple[object, int]] = (),
) -> list[Sample]:
    async def collected() -> list[Sample]:
        async with player or null_player() as playing:
            return [run async for run in measured(cases, playing, options, done)]

    return asyncio.run(collected())


def test_every_case_every_round() -> None:
    cases = [Case(chosen(format=codec), HELLO) for codec in ("pcm", "mp3", "flac")]
    runs = all_runs(cases, BenchOptions(cold=0, runs=2))
    assert [run.number for run in runs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for number in range(3):
        formats = [run.case["format"] for run in runs if run.number == number]
        assert sorted(map(str, formats)) == ["flac", "mp3", "pcm"]
    assert all(run.ok for run in runs)


def test_order_varies_but_repeats() -> None:
    cases = [Case(chosen(ttfb=0.0), Line(str(number), "Hi.")) for number in range(4)]
    first, again = ([run.case for run in all_runs(cases, BenchOptions(cold=0, runs=3))] for _ in range(2))
    assert first == again
    assert first[4:8] != first[8:12]


def reached(run: Sample, mark: str) -> float:
    found = run.marks[mark]
    assert found is not None
    return found


def value(run: Sample, metric: str) -> float:
    found = run.values[metric]
    assert found is not None
    return found


def test_sound_is_later_than_the_first_byte() -> None:
    [_, run] = all_runs([Case(chosen(), HELLO)], BenchOptions(cold=0, runs=1))
    assert 0.0 == reached(run, "first_phrase") < reached(run, "first_chunk") < reached(run, "first_sound")
    assert value(run, "ttfa") == pytest.approx(value(run, "ttfb") + value(run, "playout"))
    assert value(run, "ttfb") >= 0.02


def test_leading_silence_is_not_sound() -> None:
    [_, run] = all_runs([Case(chosen(leading_silence=1.0), HELLO)], BenchOptions(cold=0, runs=1))
    assert value(run, "ttfa") > 1.0
    assert run.values["bytes_to_first_sample"] == 4800


def test_what_a_run_counts() -> None:
    [_, run] = all_runs([Case(chosen(chunk=0.1), HELLO)], BenchOptions(cold=0, runs=1))
    seconds = len(HELLO.text) / 15.0
    assert run.values["audio"] == pytest.approx(seconds, abs=0.01)
    assert run.values["bytes"] == pytest.approx(seconds * 48_000, abs=500)
    assert run.values["chunks"] == 11
    assert run.values["bytes_to_first_sample"] == 4800
    assert run.values["underruns"] == 0


@pytest.mark.alone
def test_making_leaves_out_what_the_player_holds_up() -> None:
    output = PacedSpeaker("nowhere", NullSink(), 24_000, silence=False)
    player = AudioStreamPlayer(output, PlayerOptions(capacity=0.5))
    [_, run] = all_runs([Case(chosen(chunk=0.001), HELLO)], BenchOptions(cold=0, runs=1), player)
    making = value(run, "rtf") * value(run, "audio")
    assert 0.02 <= making < reached(run, "reply_ended") / 2
    assert reached(run, "playback_finished") > reached(run, "reply_ended")


def test_brief_player_cuts_the_end() -> None:
    runs = all_runs([Case(chosen(ttfb=0.0), TEXTS[2])], BenchOptions(cold=0, runs=2))
    assert all(run.marks["playback_finished"] is None for run in runs)
    assert {round(value(run, "audio")) for run in runs} == {19}
    assert all(reached(run, "reply_ended") < value(run, "audio") / 2 for run in runs)


def test_failed_run_is_kept() -> None:
    case = Case(chosen(fail="drop", fail_on=(2,)), HELLO)
    runs = all_runs([case], BenchOptions(cold=0, runs=2))
    assert [run.error and run.error.kind for run in runs] == [None, "Dropped", None]


def test_silent_engine_times_out() -> None:
    case = Case(chosen(fail="hang"), HELLO)
    [run, _] = all_runs([case], BenchOptions(cold=0, runs=1, utterer=UttererOptions(timeout=0.05)))
    assert run.error is not None
    assert run.error.kind == "TimedOut"
    assert [run.values[name] for name in ("audio", "underruns", "bytes_to_first_sample")] == [0.0, 0, None]


def test_nothing_to_say_is_a_failure() -> None:
    before = Case(chosen(), HELLO)
    runs = all_runs([before, Case(chosen(), Line("stars", "***"))], BenchOptions(cold=0, runs=1))
    silent = [run for run in runs if run.case["name"] == "stars"]
    assert all(run.error is not None and "no sound" in run.error.message for run in silent)
    assert all(run.values["audio"] == 0.0 for run in silent)


class VanishingSpeaker(PacedSpeaker):
    def start(self, fill: Callable[[Samples, float], int], lost: Callable[[str], None]) -> None:
        lost("It was unplugged.")


def test_lost_speaker_ends_the_bench() -> None:
    player = BriefPlayer(VanishingSpeaker("gone", NullSink(), 24_000))
    with pytest.raises(DeviceLost):
        all_runs([Case(chosen(), HELLO)], BenchOptions(cold=0, runs=1), player)


@pytest.mark.parametrize("options", [{"runs": 0}, {"cold": -1}])
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="runs"):
        BenchOptions(**options)


def test_cold_runs_open_an_engine_each() -> None:
    one = chosen()
    runs = all_runs([Case(one, HELLO), Case(one, HELLO, another)], BenchOptions(runs=1, cold=2))
    warm, cold = ([run for run in runs if run.case["temperature"] == name] for name in ("warm", "cold"))
    assert [run.number for run in cold] == [1, 2]
    assert [run.number for run in warm] == [0, 1]
    for run in cold:
        assert value(run, "ttfa") > value(run, "ttfb") > value(run, "opened") >= OPENING
        assert value(run, "overhead") < value(run, "ttfa") - value(run, "opened")
    assert all(run.values["opened"] is None for run in warm)


def test_engine_that_cannot_be_opened_is_a_failed_run() -> None:
    async def broken() -> SimulatedSynthesizer:
        return NotToBeOpened()

    [run] = all_runs([Case(chosen(), HELLO, broken)], BenchOptions(runs=1, cold=1))
    assert run.error is not None
    assert run.error.kind == "Unavailable"
    assert (run.values["ttfa"], run.values["audio"]) == (None, 0.0)


def test_leading_silence_is_not_our_overhead() -> None:
    at_once, late = (
        all_runs([Case(chosen(leading_silence=seconds), HELLO)], BenchOptions(cold=0, runs=1))[1]
        for seconds in (0.0, 0.4)
    )
    assert at_once.values["leading_silence"] == 0.0
    assert late.values["leading_silence"] == pytest.approx(0.4)
    engines = [value(run, "ttfa") - value(run, "overhead") for run in (at_once, late)]
    assert engines[1] == pytest.approx(engines[0] + 0.4, abs=0.05)
    assert value(late, "overhead") < 0.3


def test_overhead_is_what_is_left() -> None:
    [_, run] = all_runs([Case(chosen(format="mp3"), HELLO)], BenchOptions(cold=0, runs=1))
    assert value(run, "ttfa") - value(run, "overhead") >= 0.02
    assert value(run, "overhead") > 0


def test_plan_is_mixed_and_complete() -> None:
    one = chosen()
    cases = [Case(one, Line(str(number), "Hi."), new) for number in range(4) for new in (None, another)]
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
    one = chosen(ttfb=0.0)
    cases = [Case(one, Line(name, "Hi.")) for name in ("a", "b")]
    options = BenchOptions(runs=3, cold=0, seed=4)
    whole = all_runs(cases, options)
    done = {(case_key(run.case), run.number) for run in whole[:5]}
    rest = all_runs(cases, options, done=done)
    assert [(run.case, run.number) for run in rest if run.number] == [
        (run.case, run.number) for run in whole[5:]
    ]
    assert [run.number for run in rest[:2]] == [0, 0]  # an engine that was opened anew is warmed up anew
    everything = {(case_key(run.case), run.number) for run in whole}
    assert all_runs(cases, options, done=everything) == []


def test_sample_has_every_metric() -> None:
    one = chosen()
    runs = all_runs([Case(one, HELLO), Case(one, HELLO, another)], BenchOptions(runs=1, cold=1))
    assert sorted(str(run.case["temperature"]) for run in runs) == ["cold", "warm", "warm"]
    for sample in runs:
        assert set(sample.values) == {metric.name for metric in METRICS}
        assert sample.counted == (sample.number > 0)
        assert (sample.case["words"], sample.case["voice"]) == (3, "")
        assert sample.marks["first_phrase"] == 0.0


def test_charts_show_what_differs() -> None:
    one = chosen(ttfb=0.0)
    cases = [Case(one, line, new) for line in (HELLO, TEXTS[0]) for new in (None, another)]
    taken = all_runs(cases, BenchOptions(runs=3, cold=1))
    kinds = [chart.kind for chart in tts_charts(taken)]
    assert kinds == ["waterfall", "cdf", "line", "bar", "cdf", "line"]
    warm = [
        sample for sample in taken if sample.case["name"] == "hello" and sample.case["temperature"] == "warm"
    ]
    assert [chart.kind for chart in tts_charts(warm)] == ["waterfall", "cdf", "cdf", "line"]
    assert tts_charts([]) == []
