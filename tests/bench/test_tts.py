"""Runs of a bench, with simulated engines."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer, PlayerOptions
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.tts import TEXTS, BenchOptions, BriefPlayer, Case, Contender, Line, Run, measured
from voicecli.conversation.utterer import UttererOptions
from voicecli.errors import DeviceLost, Dropped, TimedOut
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.simulated import SimulatedSynthesizer, SimulatedSynthesizerOptions

HELLO = Line("hello", "Hello there you.")


def contender(**options: Any) -> Contender:
    chosen = SimulatedSynthesizerOptions(**{"ttfb": 0.02, "speed": 0.0, **options})
    return Contender("simulated", "for a test", SimulatedSynthesizer(chosen), chosen)


def null_player() -> AudioStreamPlayer:
    output = PacedSpeaker("nowhere", NullSink(), 24_000, silence=False)
    return BriefPlayer(output, PlayerOptions(capacity=60.0))


def all_runs(
    cases: Sequence[Case], options: BenchOptions, player: AudioStreamPlayer | None = None
) -> list[Run]:
    async def collected() -> list[Run]:
        async with player or null_player() as playing:
            return [run async for run in measured(cases, playing, options)]

    return asyncio.run(collected())


def test_every_case_every_round() -> None:
    cases = [Case(contender(format=codec), HELLO) for codec in ("pcm", "mp3", "flac")]
    runs = all_runs(cases, BenchOptions(runs=2))
    assert [run.number for run in runs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    rounds = [{run.case for run in runs if run.number == number} for number in range(3)]
    assert rounds == [set(cases)] * 3
    assert all(run.ok for run in runs)


def test_order_varies_but_repeats() -> None:
    cases = [Case(contender(ttfb=0.0), Line(str(number), "Hi.")) for number in range(4)]
    first, again = ([run.case for run in all_runs(cases, BenchOptions(runs=3))] for _ in range(2))
    assert first == again
    assert first[4:8] != first[8:12]


def test_sound_is_later_than_the_first_byte() -> None:
    [_, run] = all_runs([Case(contender(), HELLO)], BenchOptions(runs=1))
    marks = run.timeline.marks
    assert marks[Mark.FIRST_PHRASE] < marks[Mark.FIRST_CHUNK] < marks[Mark.FIRST_SOUND]
    ttfb, playout, ttfa = (run.timeline.span(span) for span in (Span.TTFB, Span.PLAYOUT, Span.TTFA))
    assert ttfb is not None
    assert playout is not None
    assert ttfa == pytest.approx(ttfb + playout)
    assert ttfb >= 0.02


def test_leading_silence_is_not_sound() -> None:
    [_, run] = all_runs([Case(contender(leading_silence=1.0), HELLO)], BenchOptions(runs=1))
    assert (run.timeline.span(Span.TTFA) or 0.0) > 1.0
    assert run.bytes_to_first_sample == 4800


def test_what_a_run_counts() -> None:
    [_, run] = all_runs([Case(contender(chunk=0.1), HELLO)], BenchOptions(runs=1))
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
    [_, run] = all_runs([Case(contender(chunk=0.001), HELLO)], BenchOptions(runs=1), player)
    marks = run.timeline.marks
    assert run.making >= 0.02
    assert run.making < (marks[Mark.REPLY_ENDED] - marks[Mark.FIRST_PHRASE]) / 2
    assert marks[Mark.PLAYBACK_FINISHED] > marks[Mark.REPLY_ENDED]


def test_brief_player_cuts_the_end() -> None:
    runs = all_runs([Case(contender(ttfb=0.0), TEXTS[2])], BenchOptions(runs=2))
    assert all(Mark.PLAYBACK_FINISHED not in run.timeline.marks for run in runs)
    assert {round(run.audio) for run in runs} == {19}
    taken = runs[2].timeline.marks[Mark.FIRST_SOUND] - runs[1].timeline.marks[Mark.FIRST_SOUND]
    assert taken < runs[1].audio


def test_failed_run_is_kept() -> None:
    case = Case(contender(fail="drop", fail_on=(2,)), HELLO)
    runs = all_runs([case], BenchOptions(runs=2))
    assert [type(run.error) for run in runs] == [type(None), Dropped, type(None)]


def test_silent_engine_times_out() -> None:
    case = Case(contender(fail="hang"), HELLO)
    [run, _] = all_runs([case], BenchOptions(runs=1, utterer=UttererOptions(timeout=0.05)))
    assert isinstance(run.error, TimedOut)
    assert (run.audio, run.underruns, run.bytes_to_first_sample) == (0.0, 0, None)


def test_nothing_to_say_is_a_failure() -> None:
    before = Case(contender(), HELLO)
    runs = all_runs([before, Case(contender(), Line("stars", "***"))], BenchOptions(runs=1))
    silent = [run for run in runs if run.case is not before]
    assert all(run.error is not None and "no sound" in run.error.message for run in silent)
    assert all(run.audio == 0.0 for run in silent)


class VanishingSpeaker(PacedSpeaker):
    def start(self, fill: Callable[[Samples, float], int], lost: Callable[[str], None]) -> None:
        lost("It was unplugged.")


def test_lost_speaker_ends_the_bench() -> None:
    player = BriefPlayer(VanishingSpeaker("gone", NullSink(), 24_000))
    with pytest.raises(DeviceLost):
        all_runs([Case(contender(), HELLO)], BenchOptions(runs=1), player)


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="runs"):
        BenchOptions(runs=0)
