"""The work of `voicecli bench player`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from voicecli.bench.host import machine, versions
from voicecli.bench.measure.playback import NetworkPlan, allocated, callback_cost, played, replies
from voicecli.bench.measure.playback_report import (
    METRICS,
    QUEUE,
    Cell,
    breaks_tables,
    callback_facts,
    cell_samples,
    cost_samples,
    player_charts,
    player_details,
)
from voicecli.bench.report import Report
from voicecli.cli.bench_options import Outputs
from voicecli.cli.progress import progress
from voicecli.cli.reporting import check, publish
from voicecli.config import Loaded
from voicecli.errors import ExitStatus

__all__ = ["PlayerBenchRequest", "run_player_bench"]

_KIND = "player"
_JITTERS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # seconds
_PREBUFFERS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.4)  # seconds, beside the one that is set
_EXCLUDED = (
    "the sound card: the callback is called, and its time is taken, without one",
    "decoding: chunks arrive as samples",
    "time: arrivals and the loudspeaker's calls are simulated",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerBenchRequest:
    """What the command line says about what is measured."""

    runs: int = 20  # replies for each jitter and prebuffer
    blocks: int = 400  # callbacks that are timed
    speed: float = 1.5  # seconds of speech that arrive in a second
    loss: float = 0.0  # share of the chunks that are lost and sent again
    seed: int = 0


async def run_player_bench(loaded: Loaded, request: PlayerBenchRequest, outputs: Outputs) -> ExitStatus:
    """Measure and report; returns what the process should. Raises VoiceError."""
    destinations = check(outputs, _KIND, METRICS)
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    options = loaded.settings.player
    cost = await asyncio.to_thread(callback_cost, request.blocks)
    memory = await asyncio.to_thread(allocated)
    cells: list[Cell] = []
    interrupted = False
    try:
        await _fill(loaded, request, cells)
    except asyncio.CancelledError:
        interrupted = True
    # The statistics are of the player as it is set; all others are in the tables.
    own = [one for one in cells if (one.prebuffer, one.adaptive) == (options.prebuffer, options.adaptive)]
    samples = [*cost_samples(cost), *(sample for cell in own for sample in cell_samples(cell))]
    report = Report(
        kind=_KIND,
        started=started,
        machine=machine(),
        versions=versions("tts", []),
        metrics=METRICS,
        samples=samples,
        settings={**asdict(request), "player": asdict(options)},
        seed=request.seed,
        excluded=_EXCLUDED,
        facts={
            **callback_facts(cost, memory),
            "network": f"speech arrives {request.speed:g} times as fast as it lasts, {request.loss:.1%} lost",
        },
        details=player_details(cells, cost, memory),
        charts=player_charts(cells, cost) if cells else [],
        tables=breaks_tables(cells),
        references=[{"player": QUEUE, "jitter": ""}],
        limits=destinations.limits({}),
        interrupted=interrupted,
    )
    return publish(report, destinations)


async def _fill(loaded: Loaded, request: PlayerBenchRequest, cells: list[Cell]) -> None:
    """Play all replies under every jitter and prebuffer; whole rows alone are kept."""
    options = loaded.settings.player
    prebuffers: Sequence[float] = sorted({*_PREBUFFERS, options.prebuffer})
    with progress(2 * len(_JITTERS) * len(prebuffers)) as advance:
        for adaptive in (False, True):
            for jitter in _JITTERS:
                row = []
                for prebuffer in prebuffers:
                    plan = NetworkPlan(jitter=jitter, speed=request.speed, loss=request.loss)
                    player = replace(
                        options,
                        prebuffer=prebuffer,
                        max_prebuffer=max(options.max_prebuffer, prebuffer),
                        adaptive=adaptive,
                    )
                    breaks = played(replies(plan, request.runs, request.seed), player)
                    row.append(Cell(jitter, prebuffer, adaptive, breaks))
                    await asyncio.sleep(0)  # Ctrl-C is heard
                    advance(f"jitter {jitter * 1000:g} ms")
                cells += row
