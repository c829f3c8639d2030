"""`voicecli bench server`: what it takes."""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.cli.bench_options import Outputs, Seed
from voicecli.cli.invocation import finish
from voicecli.cli.options import SettingsOptions, spread

__all__ = ["server"]


@spread
def server(
    first: Annotated[int, typer.Option(min=1, metavar="N", help="Streams to begin with.")] = 50,
    step: Annotated[int, typer.Option(min=1, metavar="N", help="More of them at each stage.")] = 50,
    most: Annotated[int, typer.Option(min=1, metavar="N", help="Streams at most.")] = 500,
    hold: Annotated[
        float, typer.Option(min=1.0, metavar="SECONDS", help="How long each stage is measured.")
    ] = 10.0,
    runs: Annotated[
        int, typer.Option(min=1, help="Times a stage is measured before it counts as one that breaks.")
    ] = 2,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="apart", help="A second server, which asks the detector once for every stream."),
    ] = None,
    idle: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also open so many connections that say nothing.")
    ] = 0,
    asr: Annotated[
        str, typer.Option(metavar="ENGINE", help="What recognises; the simulated one answers at once.")
    ] = "simulated",
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes that recognise; 0: one a processor but one.")
    ] = 0,
    seed: Seed = 0,
    *,
    outputs: Outputs,
    settings: SettingsOptions,
) -> None:
    """Measure how many real-time streams the recognition server holds on this machine.

    Streams of speech are added stage by stage until 95 % of the events no longer come within 250 ms (or what
    `--budget event_delay.p95=SECONDS` says), or sound is taken late. Server and clients share the machine.
    """
    from voicecli.bench.measure.ramp import RampOptions
    from voicecli.bench.measure.ramp_bench import ServerBench
    from voicecli.cli.reporting import run_bench

    ramp = RampOptions(first=first, step=step, most=most, hold=hold, runs=runs, idle=idle, seed=seed)
    bench = ServerBench(
        loaded=settings.load(), ramp=ramp, baseline=baseline, asr=asr, workers=workers,
        profile=settings.profile, config=settings.config, given=tuple(settings.settings or ()),
    )  # fmt: skip
    finish(run_bench(bench, outputs))
