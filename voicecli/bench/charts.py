"""Charts made of what was measured: how it is spread, and how it changes with something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from voicecli.bench.bootstrap import summed_up
from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.metric import Metric
from voicecli.bench.report import Label, Sample, counted, grouped, values_of

__all__ = ["cdfs", "labelled", "lines", "medians", "over", "waterfall"]

Point = TypeVar("Point")


def labelled(samples: Iterable[Sample], by: Sequence[str]) -> dict[str, list[Sample]]:
    """The samples by what these labels say together, in the order in which they first came."""

    def name(sample: Sample) -> str:
        return " ".join(str(value) for label in by if (value := sample.case.get(label, "")) != "")

    return grouped(samples, name)


def cdfs(
    samples: Iterable[Sample], metric: Metric, by: Sequence[str], title: str, limit: float | None = None
) -> Chart:
    """Which share of the samples came within which time, a line for each group."""
    groups = {name: values_of(found, metric.name) for name, found in labelled(counted(samples), by).items()}
    series = [Series(name=name, y=values) for name, values in groups.items() if values]
    return Chart(kind="cdf", title=title, series=series, x=_axis(metric), limit=limit)


def medians(
    samples: Iterable[Sample],
    metric: Metric,
    across: Sequence[str],
    by: Sequence[str],
    title: str,
    seed: int = 0,
    limit: float | None = None,
) -> Chart:
    """A bar for each group along `across`, in a colour for each group by `by`, with its interval."""
    taken = counted(samples)
    categories = list(labelled(taken, across))
    series = []
    for name, found in labelled(taken, by).items():
        parts = labelled(found, across)
        summaries = [
            summed_up(values_of(parts.get(category, ()), metric.name), seed) for category in categories
        ]
        bounds = [one.intervals.get("p50", (None, None)) if one else (None, None) for one in summaries]
        series.append(
            Series(
                name=name,
                y=[one.statistics.p50 if one else None for one in summaries],
                low=[low for low, _ in bounds],
                high=[high for _, high in bounds],
            )
        )
    x, y = Axis(" ".join(across)), _axis(metric)
    return Chart(kind="bar", title=title, series=series, x=x, y=y, categories=categories, limit=limit)


def over(
    samples: Iterable[Sample],
    metric: Metric,
    along: Axis,
    by: Sequence[str],
    title: str,
    *,
    label: str = "",
    seed: int = 0,
    limit: float | None = None,
) -> Chart:
    """The median along a `label` that is a number, with a band for its interval; a line for each group.

    Without a label it is along the numbers of runs or turns, and without a band: whether something drifts.
    """
    series = []
    for name, found in labelled(counted(samples), by).items():
        places = grouped(found, lambda one: _number(one.case.get(label) if label else one.number))
        summaries = {
            place: summed_up(values_of(places[place], metric.name), seed) for place in sorted(places)
        }
        measured = {place: one for place, one in summaries.items() if one is not None}
        middles = [one.statistics.p50 for one in measured.values()]
        bounds = [one.intervals.get("p50", (one.statistics.p50,) * 2) for one in measured.values() if label]
        low, high = [low for low, _ in bounds], [high for _, high in bounds]
        series.append(Series(name=name, x=list(measured), y=middles, low=low, high=high))
    return Chart(kind="line", title=title, series=series, x=along, y=_axis(metric), limit=limit)


def lines(
    groups: Mapping[str, Iterable[Point]],
    title: str,
    x: tuple[Axis, Callable[[Point], float | None]],
    y: tuple[Axis, Callable[[Point], float | None]],
    limit: float | None = None,
) -> Chart:
    """A line for each group of anything, through what `x` and `y` say of it; what has no `x` is left out."""
    series = []
    for name, points in groups.items():
        known = [(at, y[1](point)) for point in points if (at := x[1](point)) is not None]
        series.append(Series(name=name, x=[at for at, _ in known], y=[value for _, value in known]))
    return Chart(kind="line", title=title, series=series, x=x[0], y=y[0], limit=limit)


def waterfall(
    rows: Mapping[str, Mapping[str, tuple[float, float]]],
    title: str,
    axis: Axis,
    limit: float | None = None,
    stages: Sequence[str] = (),
) -> Chart:
    """For each row, from when to when each stage lasts (seconds); `stages` is their order."""
    found = dict.fromkeys(stage for row in rows.values() for stage in row)
    stages = [*(stage for stage in stages if stage in found), *(one for one in found if one not in stages)]
    series = [
        Series(
            name=stage,
            low=[row[stage][0] if stage in row else None for row in rows.values()],
            high=[row[stage][1] if stage in row else None for row in rows.values()],
        )
        for stage in stages
    ]
    return Chart(kind="waterfall", title=title, series=series, x=axis, categories=list(rows), limit=limit)


def _axis(metric: Metric) -> Axis:
    return Axis(metric.heading, metric.unit)


def _number(label: Label | None) -> float:
    return float(label) if isinstance(label, int | float) else 0.0
