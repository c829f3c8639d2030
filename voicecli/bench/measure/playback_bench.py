"""What `voicecli bench player` measures: the callback's cost, and breaks under every jitter and prebuffer."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from typing import Any, ClassVar

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.charts import lines
from voicecli.bench.host import versions
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.network import Conditions
from voicecli.bench.measure.playback import (
    Allocated,
    Breaks,
    CallbackCost,
    allocated,
    callback_cost,
    played,
    replies,
)
from voicecli.bench.metric import Measure, Metric, shown
from voicecli.bench.report import Sample, grouped
from voicecli.bench.table import Grid

__all__ = ["PlayerBench", "Trial", "breaks_tables", "callback_facts", "cell_samples", "player_charts"]

_JITTERS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # seconds
_PREBUFFERS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.4)  # seconds, beside the one that is set
_OURS, _QUEUE = "voicecli", "queue of samples"
_RESENT = 0.3  # seconds until a lost chunk is there
_BLOCKS = 400  # callbacks that are timed


@dataclass(frozen=True, slots=True)
class Trial:
    """One network and one setting of the player, over all replies."""

    jitter: float  # seconds
    prebuffer: float  # seconds
    adaptive: bool
    breaks: Breaks

    @property
    def start(self) -> float:
        """Seconds from the first chunk to the first sound, the median."""
        return statistics.median(self.breaks.delays)


@dataclass(kw_only=True)
class PlayerBench(Measurement):
    """The player, without a sound card and in simulated time."""

    kind: ClassVar = "player"
    metrics: ClassVar = (
        Metric(name="callback"),
        Metric(name="breaks", title="breaks a minute", unit=Measure.RATIO),
        Metric(name="start", title="chunk to sound"),
        Metric(name="missing", title="silence"),
    )
    excluded: ClassVar = (
        "the sound card: the callback is called, and its time is taken, without one",
        "decoding: chunks arrive as samples",
        "time: arrivals and the loudspeaker's calls are simulated",
    )

    runs: int = 20  # replies for each jitter and prebuffer
    speed: float = 1.5  # seconds of speech that arrive in a second
    loss: float = 0.0  # share of the chunks that are lost and sent again
    seed: int = 0
    measured: tuple[CallbackCost, Allocated] | None = None
    cells: list[Trial] = field(default_factory=list)

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        """Play all replies under every jitter and prebuffer; whole rows alone are kept."""
        options, report = self.loaded.settings.player, self.report
        report.seed = self.seed
        report.versions |= versions("tts", [])
        report.settings = {
            "runs": self.runs,
            "blocks": _BLOCKS,
            "speed": self.speed,
            "loss": self.loss,
            "seed": self.seed,
            "player": asdict(options),
        }
        cost = await asyncio.to_thread(callback_cost, _BLOCKS)
        self.measured = cost, await asyncio.to_thread(allocated)
        prebuffers: Sequence[float] = sorted({*_PREBUFFERS, options.prebuffer})
        with bars.measuring(2 * len(_JITTERS) * len(prebuffers)) as advance:
            for adaptive, jitter in product((False, True), _JITTERS):
                network = Conditions(name="", jitter=jitter, loss=self.loss, pause=_RESENT)
                row = []
                for prebuffer in prebuffers:
                    most = max(options.max_prebuffer, prebuffer)
                    player = replace(options, prebuffer=prebuffer, max_prebuffer=most, adaptive=adaptive)
                    breaks = played(replies(network, self.speed, self.runs, self.seed), player)
                    row.append(Trial(jitter, prebuffer, adaptive, breaks))
                    await asyncio.sleep(0)  # Ctrl-C is heard
                    advance(f"jitter {jitter * 1000:g} ms")
                self.cells += row

    def _sum_up(self) -> None:
        if self.measured is None:
            return
        cost, memory = self.measured
        report, options, cells = self.report, self.loaded.settings.player, self.cells
        for name, seconds in ((_OURS, cost.ours), (_QUEUE, cost.reference)):
            case = {"player": name, "jitter": ""}
            report.samples += [
                Sample(case=case, values={"callback": one}, number=number)
                for number, one in enumerate(seconds, 1)
            ]
        # The statistics are of the player as it is set; all others are in the tables.
        own = [one for one in cells if (one.prebuffer, one.adaptive) == (options.prebuffer, options.adaptive)]
        report.samples += [sample for cell in own for sample in cell_samples(cell)]
        network = f"speech arrives {self.speed:g} times as fast as it lasts, {self.loss:.1%} lost"
        report.facts = {**callback_facts(cost, memory), "network": network}
        report.details = _details(cells, cost, memory)
        report.charts = player_charts(cells, cost) if cells else []
        report.tables = breaks_tables(cells)
        report.references = [{"player": _QUEUE, "jitter": ""}]


def cell_samples(cell: Trial) -> list[Sample]:
    """A sample for each reply."""
    breaks = cell.breaks
    length = breaks.sound / len(breaks.delays) if breaks.delays else 0.0
    return [
        Sample(
            case={"player": _OURS, "jitter": f"{cell.jitter * 1000:g} ms"},
            values={"breaks": count * 60 / length, "start": delay, "missing": missing},
            number=number,
        )
        for number, (count, delay, missing) in enumerate(
            zip(breaks.underruns, breaks.delays, breaks.missing, strict=True), 1
        )
    ]


def callback_facts(cost: CallbackCost, memory: Allocated) -> dict[str, str]:
    """The callback in a few words."""
    own, theirs = statistics.median(cost.ours), statistics.median(cost.reference)
    kept = "none kept" if not memory.kept else f"{memory.kept} bytes kept after {memory.calls:,} of them"
    return {
        "callback": f"{own * 1e6:.1f} µs for {cost.frames:,} frames, worst {max(cost.ours) * 1e6:.0f} µs",
        _QUEUE: f"{theirs * 1e6:,.0f} µs for the same: {cost.ratio:,.0f} times as much"
        + ("" if cost.equal else ", and not the same sound"),
        "memory": f"at most {memory.most} bytes in a callback (a block has {cost.frames * 4:,}), {kept}",
    }


def _by_kind(cells: Sequence[Trial]) -> Mapping[str, list[Trial]]:
    return grouped(cells, lambda cell: "adaptive" if cell.adaptive else "fixed")


def breaks_tables(cells: Sequence[Trial]) -> list[Grid]:
    """Breaks a minute, and how long the first sound waits: jitter down, prebuffer across."""
    tables = []
    for name, taken in _by_kind(cells).items():
        prebuffers = dict.fromkeys(f"{cell.prebuffer * 1000:g} ms" for cell in taken)
        rows: dict[float, list[str]] = {}
        for cell in taken:  # row by row, as they were measured
            row = rows.setdefault(cell.jitter, [shown(cell.jitter, Measure.TIME)])
            row.append(f"{cell.breaks.per_minute:.1f} / {shown(cell.start, Measure.TIME)}")
        title = f"{name} prebuffer: breaks a minute / median time to sound"
        tables.append(Grid(title=title, headings=["jitter", *prebuffers], rows=[*rows.values()]))
    return tables


def player_charts(cells: Sequence[Trial], cost: CallbackCost) -> list[Chart]:
    """Breaks against jitter, what the prebuffer costs, and how the callbacks are spread."""
    charts: list[Chart] = []
    jitter = Axis("jitter", Measure.TIME), lambda cell: cell.jitter
    breaks = Axis("breaks a minute", Measure.COUNT), lambda cell: cell.breaks.per_minute
    start = Axis("median time to sound", Measure.TIME), lambda cell: cell.start
    for kind, taken in _by_kind(cells).items():
        groups = grouped(taken, lambda cell: f"{cell.prebuffer * 1000:g} ms")
        for title, axis in (("breaks a minute", breaks), ("first chunk to sound", start)):
            charts.append(lines(groups, f"{title} against jitter, by {kind} prebuffer", jitter, axis))
    spread = {_OURS: cost.ours, _QUEUE: cost.reference}
    series = [Series(name=name, y=seconds) for name, seconds in spread.items()]
    title = f"callback of {cost.frames:,} frames"
    return [*charts, Chart(kind="cdf", title=title, series=series, x=Axis("callback", Measure.TIME))]


def _details(cells: Sequence[Trial], cost: CallbackCost, memory: Allocated) -> Mapping[str, Any]:
    """What only this kind of report has in its JSON."""
    return {
        "callback": {
            "frames": cost.frames,
            "ours": statistics.median(cost.ours),
            "reference": statistics.median(cost.reference),
            "ratio": round(cost.ratio, 1),
            "same_sound": cost.equal,
            "allocated": memory.most,
            "kept": memory.kept,
        },
        "cells": [
            {
                "jitter": cell.jitter,
                "prebuffer": cell.prebuffer,
                "adaptive": cell.adaptive,
                "breaks_a_minute": round(cell.breaks.per_minute, 3),
                "start": cell.start,
                "missing": sum(cell.breaks.missing),
                "sound": cell.breaks.sound,
            }
            for cell in cells
        ],
    }
