"""`voicecli bench player`: what it takes."""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.cli.bench_options import Outputs, Seed
from voicecli.cli.invocation import finish
from voicecli.cli.options import SettingsOptions, spread

__all__ = ["player"]


@spread
def player(
    runs: Annotated[int, typer.Option(min=1, help="Replies for each jitter and prebuffer.")] = 20,
    speed: Annotated[
        float,
        typer.Option(min=0.1, max=1000, metavar="X", help="How much faster than it lasts speech arrives."),
    ] = 1.5,
    loss: Annotated[
        float,
        typer.Option(
            min=0.0, max=0.9, metavar="SHARE", help="Chunks that are lost and sent again 0.3 s later."
        ),
    ] = 0.0,
    seed: Seed = 0,
    *,
    outputs: Outputs,
    settings: SettingsOptions,
) -> None:
    """Measure the player: what its callback costs, and how often sound breaks off as the network gets worse.

    A player that queues single samples is timed beside it. Breaks are counted in simulated time.
    """
    from voicecli.bench.measure.playback_bench import PlayerBench
    from voicecli.cli.reporting import run_bench

    bench = PlayerBench(loaded=settings.load(), runs=runs, speed=speed, loss=loss, seed=seed)
    finish(run_bench(bench, outputs))
