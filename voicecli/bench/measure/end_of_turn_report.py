"""What the end-of-turn decision comes to: the curve of cut-offs against delay, and every cut."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.charts import cdfs
from voicecli.bench.measure.end_of_turn import Cut, Score
from voicecli.bench.metric import Metric, Unit, shown
from voicecli.bench.report import Sample
from voicecli.bench.table import Table
from voicecli.latency.statistics import percentile

__all__ = [
    "METRICS",
    "Point",
    "as_safe",
    "curve_table",
    "cut_record",
    "cuts_table",
    "point_of",
    "turn_charts",
    "turn_samples",
]

METRICS = (
    Metric(name="delay", title="end of speech to decision"),
    Metric(name="cut_off", title="cut off", unit=Unit.COUNT, total=True),
    Metric(name="unended", title="never ended", unit=Unit.COUNT, total=True),
)
"""What is measured of every utterance."""

_TEXT = 48  # characters of what was understood that a table shows


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the decision, over all utterances."""

    silence: float  # seconds: the longest that is waited for
    utterances: int
    cut_off: int  # of them
    unended: int
    p50: float | None  # seconds of delay
    p90: float | None

    @property
    def share(self) -> float:
        """Of the utterances that were cut off."""
        return self.cut_off / self.utterances if self.utterances else 0.0

    def as_dict(self) -> dict[str, Any]:
        """The object that the JSON output carries."""
        return {
            "silence": self.silence,
            "utterances": self.utterances,
            "cut_off": self.cut_off,
            "unended": self.unended,
            "delay": {"p50": self.p50, "p90": self.p90},
        }


def point_of(silence: float, scores: Sequence[Score]) -> Point:
    """What the scores of one setting come to."""
    delays = sorted(one.delay for one in scores if one.delay is not None)
    return Point(
        silence=silence,
        utterances=len(scores),
        cut_off=sum(one.cut_off for one in scores),
        unended=sum(one.delay is None for one in scores),
        p50=statistics.median(delays) if delays else None,
        p90=percentile(delays, 0.9) if delays else None,
    )


def as_safe(ours: Point, silence_only: Sequence[Point]) -> Point | None:
    """The shortest silence that by itself cuts off no more than `ours`; None when none is long enough."""
    return next((point for point in silence_only if point.cut_off <= ours.cut_off), None)


def turn_samples(label: str, scores: Sequence[Score]) -> list[Sample]:
    """A sample for each utterance."""
    return [
        Sample(
            case={"decision": label},
            values={
                "delay": one.delay,
                "cut_off": float(one.cut_off),
                "unended": float(one.delay is None),
            },
            number=number,
            details={
                "recording": one.recorded.name,
                "said": one.utterance.text,
                "start": one.utterance.start,
            },
        )
        for number, one in enumerate(scores, 1)
    ]


def cuts_table(cuts: Sequence[Cut]) -> Table:
    """Every cut, with the number that plays it."""
    rows = [
        [
            str(number),
            cut.recorded.path.name,
            _shortened(cut.text) or "–",
            f"{cut.time:.2f} s",
            "–" if cut.pause is None else shown(cut.pause, Unit.TIME),
        ]
        for number, cut in enumerate(cuts, 1)
    ]
    return Table(
        title="cut off", headings=["", "recording", "understood so far", "at", "pause"], rows=rows, words=3
    )


def curve_table(ours: Sequence[Point], silence_only: Sequence[Point]) -> Table:
    """Cut-offs and delay by the longest silence, the decision beside silence alone."""
    alone = {point.silence: point for point in silence_only}
    rows = []
    for point in ours:
        cells = [f"{point.silence:g} s"]
        for one in (point, alone.get(point.silence)):
            if one is None:
                cells += ["–"] * 3
            else:
                cells += [str(one.cut_off), shown(one.p50, Unit.TIME), shown(one.p90, Unit.TIME)]
        rows.append(cells)
    headings = ["longest silence", "cut off", "delay p50", "p90", "silence only: cut off", "delay p50", "p90"]
    return Table(title="the curve", headings=headings, rows=rows)


def cut_record(number: int, cut: Cut) -> Mapping[str, Any]:
    """The object that the JSON output carries."""
    return {
        "number": number,
        "file": cut.recorded.path.name,
        "time": round(cut.time, 3),
        "stopped": round(cut.stopped, 3),
        "pause": None if cut.pause is None else round(cut.pause, 3),
        "understood": cut.text,
        "said": cut.utterance.text,
        "utterance": [cut.utterance.start, cut.utterance.end],
    }


def turn_charts(
    ours: Sequence[Point], silence_only: Sequence[Point], samples: Sequence[Sample]
) -> list[Chart]:
    """Cut-offs against what they cost, against the longest silence, and how the delays are spread."""
    both = (("voicecli", ours), ("silence only", silence_only))
    against_delay = [
        Series(
            name=name,
            x=[point.p50 for point in points if point.p50 is not None],
            y=[point.share for point in points if point.p50 is not None],
        )
        for name, points in both
    ]
    against_silence = [
        Series(name=name, x=[point.silence for point in points], y=[point.share for point in points])
        for name, points in both
    ]
    share = Axis("cut off", Unit.SHARE)
    return [
        Chart(
            kind="line",
            title="utterances cut off against the longest silence",
            series=against_silence,
            x=Axis("longest silence", Unit.TIME),
            y=share,
        ),
        Chart(
            kind="line",
            title="utterances cut off against the median delay",
            series=against_delay,
            x=Axis("median delay", Unit.TIME),
            y=share,
        ),
        cdfs(samples, METRICS[0], ["decision"], "end of speech to decision"),
    ]


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT else f"…{text[1 - _TEXT :]}"
