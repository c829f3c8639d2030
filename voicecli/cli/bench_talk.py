"""`voicecli bench talk`: what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli.bench_options import Outputs, Seed, Speech, unique
from voicecli.cli.invocation import finish
from voicecli.cli.options import EngineOptions, spread

if TYPE_CHECKING:
    pass

__all__ = ["talk"]


@spread
def talk(
    turns: Annotated[int, typer.Option(min=1, help="Questions of each conversation, at most.")] = 10,
    runs: Annotated[int, typer.Option(min=1, help="Conversations.")] = 1,
    speech: Speech = None,
    net: Annotated[
        list[str] | None,
        typer.Option(metavar="none|lan|dsl|4g|bad", help="The network to every engine; repeat to compare."),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="pcm|wav|mp3|opus|aac|flac",
            help="What the speech engine is asked to send; repeat to compare.",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="naive", help="A pipeline that is asked the same, in turn."),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(metavar="tutorial", help="Simulated engines with known delays, and their usual order."),
    ] = None,
    real_time: Annotated[
        bool,
        typer.Option(
            "--real-time/--fast",
            help="At the pace of time, or as fast as it goes: then words and cut-offs alone are measured.",
        ),
    ] = True,
    mic: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="A real microphone, which hears what --mouth plays."),
    ] = None,
    mouth: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", help="The loudspeaker that asks the questions."),
    ] = None,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|FILE.wav|null",
            help="The loudspeaker that answers; `null` keeps time and is not heard.",
        ),
    ] = "null",
    seed: Seed = 0,
    *,
    outputs: Outputs,
    engines: EngineOptions,
) -> None:
    """Ask recorded questions and measure the conversation: every span, and who made a turn late.

    Without recordings the bundled voice asks. Pipelines and networks take turns, question by question.
    """
    from voicecli.bench.measure.conversations_bench import TalkBench
    from voicecli.bench.measure.formats import codecs_of
    from voicecli.cli.reporting import loudspeaker, run_bench

    bench = TalkBench(
        loaded=engines.load(), speaker=loudspeaker(speaker, real_time=real_time), runs=runs, turns=turns,
        speech=speech, networks=unique(net), codecs=codecs_of(format), baseline=baseline, scenario=scenario,
        real_time=real_time, mic=mic, mouth=mouth, seed=seed,
    )  # fmt: skip
    finish(run_bench(bench, outputs, speaker))
