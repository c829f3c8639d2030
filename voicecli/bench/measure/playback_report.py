"""What the player's measurements come to: the cost of a callback, and breaks against jitter and prebuffer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.measure.playback import Allocated, Breaks, CallbackCost
from voicecli.bench.metric import Metric, Unit, shown
from voicecli.bench.report import Sample
from voicecli.bench.table import Table

__all__ = [
    "METRICS",
    "QUEUE",
    "Cell",
    "breaks_tables",
    "callback_facts",
    "cell_samples",
    "cost_samples",
    "player_charts",
    "player_details",
]

METRICS = (
    Metric(name="callback"),
    Metric(name="breaks", title="breaks a minute", unit=Unit.RATIO),
    Metric(name="start", title="chunk to sound"),
    Metric(name="missing", title="silence"),
)
"""What is measured of a callback, and of every reply."""

QUEUE = "queue of samples"
"""The reference."""

_CHARTED = 400  # callbacks whose spread is drawn


@dataclass(frozen=True, slots=True)
class Cell:
    """One network and one setting of the player, over all replies."""

    jitter: float  # seconds
    prebuffer: float  # seconds
    adaptive: bool
    breaks: Breaks

    @property
    def case(self) -> dict[str, str]:
        """Its labels, beside others of the same setting."""
        return {"player": "voicecli", "jitter": f"{self.jitter * 1000:g} ms"}


def cost_samples(cost: CallbackCost) -> list[Sample]:
    """A sample for each block, of both players."""
    found = []
    for name, seconds in (("voicecli", cost.ours), (QUEUE, cost.reference)):
        case = {"player": name, "jitter": ""}
        found += [
            Sample(case=case, values={"callback": one}, number=number)
            for number, one in enumerate(seconds, 1)
        ]
    return found


def cell_samples(cell: Cell) -> list[Sample]:
    """A sample for each reply."""
    breaks = cell.breaks
    length = breaks.sound / len(breaks.delays) if breaks.delays else 0.0
    return [
        Sample(
            case=cell.case,
            values={
                "breaks": count * 60 / length,
                "start": delay,
                "missing": missing,
            },
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
        QUEUE: f"{theirs * 1e6:,.0f} µs for the same: {cost.ratio:,.0f} times as much"
        + ("" if cost.equal else ", and not the same sound"),
        "memory": f"at most {memory.most} bytes in a callback (a block has {cost.frames * 4:,}), {kept}",
    }


def breaks_tables(cells: Sequence[Cell]) -> list[Table]:
    """Breaks a minute, and how long the first sound waits: jitter down, prebuffer across."""
    tables = []
    for adaptive in dict.fromkeys(cell.adaptive for cell in cells):
        taken = [cell for cell in cells if cell.adaptive is adaptive]
        prebuffers = list(dict.fromkeys(cell.prebuffer for cell in taken))
        rows = [
            [shown(jitter, Unit.TIME), *(_cell(taken, jitter, prebuffer) for prebuffer in prebuffers)]
            for jitter in dict.fromkeys(cell.jitter for cell in taken)
        ]
        name = "adaptive" if adaptive else "fixed"
        headings = ["jitter", *(f"{prebuffer * 1000:g} ms" for prebuffer in prebuffers)]
        title = f"{name} prebuffer: breaks a minute / median time to sound"
        tables.append(Table(title=title, headings=headings, rows=rows))
    return tables


def _cell(cells: Sequence[Cell], jitter: float, prebuffer: float) -> str:
    found = next(cell for cell in cells if cell.jitter == jitter and cell.prebuffer == prebuffer).breaks
    return f"{found.per_minute:.1f} / {shown(statistics.median(found.delays), Unit.TIME)}"


def player_charts(cells: Sequence[Cell], cost: CallbackCost) -> list[Chart]:
    """Breaks against jitter, what the prebuffer costs, and how the callbacks are spread."""
    charts: list[Chart] = []
    for adaptive in dict.fromkeys(cell.adaptive for cell in cells):
        lines: dict[str, list[Cell]] = {}
        for cell in cells:
            if cell.adaptive is adaptive:
                lines.setdefault(f"{cell.prebuffer * 1000:g} ms", []).append(cell)
        charts += _against_jitter(lines, "adaptive" if adaptive else "fixed")
    return [
        *charts,
        Chart(
            kind="cdf",
            title=f"callback of {cost.frames:,} frames",
            series=[
                Series(name="voicecli", y=cost.ours[:_CHARTED]),
                Series(name=QUEUE, y=cost.reference[:_CHARTED]),
            ],
            x=Axis("callback", Unit.TIME),
        ),
    ]


def _against_jitter(lines: Mapping[str, Sequence[Cell]], kind: str) -> list[Chart]:
    """Breaks, and the wait for the first sound, with a line for each prebuffer."""
    jitter = Axis("jitter", Unit.TIME)
    return [
        Chart(
            kind="line",
            title=f"breaks a minute against jitter, by {kind} prebuffer",
            series=[
                Series(name=name, x=[one.jitter for one in found], y=[one.breaks.per_minute for one in found])
                for name, found in lines.items()
            ],
            x=jitter,
            y=Axis("breaks a minute", Unit.COUNT),
        ),
        Chart(
            kind="line",
            title=f"first chunk to sound against jitter, by {kind} prebuffer",
            series=[
                Series(
                    name=name,
                    x=[one.jitter for one in found],
                    y=[statistics.median(one.breaks.delays) for one in found],
                )
                for name, found in lines.items()
            ],
            x=jitter,
            y=Axis("median time to sound", Unit.TIME),
        ),
    ]


def player_details(cells: Sequence[Cell], cost: CallbackCost, memory: Allocated) -> Mapping[str, Any]:
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
                "start": statistics.median(cell.breaks.delays),
                "missing": sum(cell.breaks.missing),
                "sound": cell.breaks.sound,
            }
            for cell in cells
        ],
    }
