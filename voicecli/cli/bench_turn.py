"""`voicecli bench turn`: what it takes, and the cuts that it lets one hear."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli.bench_options import Outputs, Seed, Speech
from voicecli.cli.invocation import finish
from voicecli.cli.options import Language, Sets, SettingsOptions, Vad, spread
from voicecli.errors import ExitStatus

if TYPE_CHECKING:
    from voicecli.bench.measure.end_of_turn_bench import TurnBench

__all__ = ["turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedOptions(SettingsOptions):
    """What hears the recordings."""

    asr: Annotated[
        str | None,
        typer.Option(metavar="ENGINE", help="Take the words from this engine, not from the labels."),
        Sets("asr.engine"),
    ] = None
    vad: Vad = None
    language: Language = None


@spread
def turn(
    speech: Speech = None,
    runs: Annotated[
        int, typer.Option(min=1, help="Times each recording is judged, with other noise behind it.")
    ] = 1,
    words_after: Annotated[
        float,
        typer.Option(min=0.0, metavar="SECONDS", help="How long after a short silence its words are known."),
    ] = 0.2,
    clips: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each wrong cut as a WAV, with a beep at the cut."),
    ] = None,
    play: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Play the cut with this number in the list."),
    ] = None,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|FILE.wav", help="Where --play is heard; otherwise the system's default."
        ),
    ] = "",
    seed: Seed = 0,
    *,
    outputs: Outputs,
    judged: JudgedOptions,
) -> None:
    """Hold the end-of-turn decision against recordings whose ends are known.

    Who was cut off, against how long the others waited, for maximum silences from 0.2 to 2 seconds; silence
    alone is judged beside it. Nothing is played, so minutes of speech take seconds.
    """
    from voicecli.bench.measure.end_of_turn_bench import TurnBench

    asr = judged.asr is not None
    bench = TurnBench(
        loaded=judged.load(), speech=speech, runs=runs, asr=asr, words_after=words_after, seed=seed
    )
    finish(_judged(bench, outputs, clips, play, speaker))


async def _judged(
    bench: TurnBench, outputs: Outputs, clips: Path | None, play: int | None, speaker: str
) -> ExitStatus:
    import asyncio

    from voicecli.cli import ends
    from voicecli.cli.reporting import run_bench

    status = await run_bench(bench, outputs)
    if clips is not None:
        await asyncio.to_thread(bench.write_clips, clips)
    if play is not None and bench.ours:
        await bench.play(play, lambda: ends.open_speaker(speaker, real_time=True))
    return status
