"""What `voicecli bench player` measures: the callback's cost, and breaks under every jitter and prebuffer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from voicecli.bench.host import versions
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.playback import (
    Allocated,
    CallbackCost,
    NetworkPlan,
    allocated,
    callback_cost,
    played,
    replies,
)
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

__all__ = ["PlayerBench", "PlayerRequest"]

_JITTERS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # seconds
_PREBUFFERS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.4)  # seconds, beside the one that is set


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerRequest:
    """What the command line says about what is measured."""

    runs: int = 20  # replies for each jitter and prebuffer
    blocks: int = 400  # callbacks that are timed
    speed: float = 1.5  # seconds of speech that arrive in a second
    loss: float = 0.0  # share of the chunks that are lost and sent again
    seed: int = 0


@dataclass(kw_only=True)
class PlayerBench(Measurement):
    """The player, without a sound card and in simulated time."""

    kind: ClassVar = "player"
    metrics: ClassVar = METRICS
    excluded: ClassVar = (
        "the sound card: the callback is called, and its time is taken, without one",
        "decoding: chunks arrive as samples",
        "time: arrivals and the loudspeaker's calls are simulated",
    )

    request: PlayerRequest
    measured: tuple[CallbackCost, Allocated] | None = None
    cells: list[Cell] = field(default_factory=list)

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        """Play all replies under every jitter and prebuffer; whole rows alone are kept."""
        request, options = self.request, self.loaded.settings.player
        self.versions |= versions("tts", [])
        self.settings = {**asdict(request), "player": asdict(options)}
        cost = await asyncio.to_thread(callback_cost, request.blocks)
        self.measured = cost, await asyncio.to_thread(allocated)
        prebuffers: Sequence[float] = sorted({*_PREBUFFERS, options.prebuffer})
        with bars.measuring(2 * len(_JITTERS) * len(prebuffers)) as advance:
            for adaptive in (False, True):
                for jitter in _JITTERS:
                    plan = NetworkPlan(jitter=jitter, speed=request.speed, loss=request.loss)
                    row = []
                    for prebuffer in prebuffers:
                        most = max(options.max_prebuffer, prebuffer)
                        player = replace(options, prebuffer=prebuffer, max_prebuffer=most, adaptive=adaptive)
                        breaks = played(replies(plan, request.runs, request.seed), player)
                        row.append(Cell(jitter, prebuffer, adaptive, breaks))
                        await asyncio.sleep(0)  # Ctrl-C is heard
                        advance(f"jitter {jitter * 1000:g} ms")
                    self.cells += row

    def report(self) -> Report | None:
        if self.measured is None:
            return None
        cost, memory = self.measured
        request, options, cells = self.request, self.loaded.settings.player, self.cells
        # The statistics are of the player as it is set; all others are in the tables.
        own = [one for one in cells if (one.prebuffer, one.adaptive) == (options.prebuffer, options.adaptive)]
        network = f"speech arrives {request.speed:g} times as fast as it lasts, {request.loss:.1%} lost"
        return replace(
            self._head(self.request.seed),
            samples=[*cost_samples(cost), *(sample for cell in own for sample in cell_samples(cell))],
            facts={**callback_facts(cost, memory), "network": network},
            details=player_details(cells, cost, memory),
            charts=player_charts(cells, cost) if cells else [],
            tables=breaks_tables(cells),
            references=[{"player": QUEUE, "jitter": ""}],
        )
