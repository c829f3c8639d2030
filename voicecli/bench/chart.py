"""Charts as plain data, which the terminal, the page and the picture each draw in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicecli.bench.metric import Measure

__all__ = ["KINDS", "Axis", "Chart", "Series"]

KINDS = ("line", "bar", "cdf", "waterfall")


@dataclass(frozen=True, slots=True)
class Axis:
    """What runs along one side; `Unit.TIME` is in seconds here and in milliseconds when drawn."""

    title: str = ""
    unit: Measure = Measure.TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One colour of a chart; which fields count depends on the kind of the chart.

    line       `x` and `y`, as many of each, and a band from `low` to `high` where they are given
    bar        `y`, one for each category (None: no bar), and a whisker from `low` to `high`
    cdf        `y`: the measurements, in any order
    waterfall  a stage: in row `i` it lasts from `low[i]` to `high[i]` (None: not in this row)
    """

    name: str
    x: Sequence[float] = ()
    y: Sequence[float | None] = ()
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A question that the chart answers, and the data."""

    kind: str  # one of KINDS
    title: str
    x: Axis = Axis()  # bar: the axis that the categories stand on; its unit does not count
    y: Axis = Axis()  # cdf: not used; waterfall: the time is on x
    categories: Sequence[str] = ()  # bar and waterfall: the names of the bars or rows
    limit: float | None = None  # a budget, drawn as a line across the axis of the values
    series: Sequence[Series]

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no chart {self.kind!r}")
        for one in self.series:
            _check(self, one)

    def points(self, series: Series) -> list[tuple[float, float]]:
        """Of a line; of a cdf, the share of the measurements that are at most as large as each."""
        if self.kind == "line":
            return [(x, y) for x, y in zip(series.x, series.y, strict=True) if y is not None]
        ordered = sorted(value for value in series.y if value is not None)
        shares = [(value, (index + 1) / len(ordered)) for index, value in enumerate(ordered)]
        return [(ordered[0], 0.0), *shares] if ordered else []

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(value is not None for one in self.series for value in (*one.y, *one.high))


def _check(chart: Chart, series: Series) -> None:
    lengths = {len(part) for part in (series.low, series.high) if part}
    if chart.kind == "line":
        lengths |= {len(series.x), len(series.y)}
    if chart.kind == "bar":
        lengths |= {len(series.y), len(chart.categories)}
    if chart.kind == "waterfall":
        lengths |= {len(series.low), len(series.high), len(chart.categories)}
    if len(lengths) > 1:
        raise ValueError(f"{chart.title}: {series.name} has parts of different lengths")
