"""Charts made of samples: how they are spread, and how they change with a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from voicecli.bench.bootstrap import summed_up
from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.metric import Metric
from voicecli.bench.report import Label, Sample

__all__ = ["cdfs", "counted", "grouped", "medians", "over_label", "over_runs", "waterfall"]


def counted(samples: Iterable[Sample]) -> list[Sample]:
    """Those that are in the statistics."""
    return [sample for sample in samples if sample.counted and sample.ok]


def grouped(samples: Iterable[Sample], by: Sequence[str]) -> dict[str, list[Sample]]:
    """The samples by what these labels say together, in the order in which they first came."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        name = " ".join(str(value) for label in by if (value := sample.case.get(label, "")) != "")
        groups.setdefault(name, []).append(sample)
    return groups


def cdfs(
    samples: Iterable[Sample],
    metric: Metric,
    by: Sequence[str],
    title: str,
    limit: float | None = None,
) -> Chart:
    """Which share of the samples came within which time, a line for each group."""
    groups = grouped(counted(samples), by)
    series = [
        Series(name=name, y=values) for name, found in groups.items() if (values := _values(found, metric))
    ]
    return Chart(kind="cdf", title=title, series=series, x=Axis(metric.heading, metric.unit), limit=limit)


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
    categories = list(grouped(taken, across))
    series = []
    for name, found in grouped(taken, by).items():
        parts = grouped(found, across)
        summaries = [summed_up(_values(parts.get(category, ()), metric), seed) for category in categories]
        bounds = [None if one is None else one.intervals.get("p50") for one in summaries]
        series.append(
            Series(
                name=name,
                y=[None if one is None else one.statistics.p50 for one in summaries],
                low=[None if bound is None else bound[0] for bound in bounds],
                high=[None if bound is None else bound[1] for bound in bounds],
            )
        )
    return Chart(
        kind="bar",
        title=title,
        series=series,
        x=Axis(" ".join(across)),
        y=Axis(metric.heading, metric.unit),
        categories=categories,
        limit=limit,
    )


def over_label(
    samples: Iterable[Sample],
    metric: Metric,
    along: Axis,
    label: str,
    by: Sequence[str],
    title: str,
    seed: int = 0,
    limit: float | None = None,
) -> Chart:
    """The median along a label that is a number, with a band for its interval; a line for each group."""
    series = []
    for name, found in grouped(counted(samples), by).items():
        places: dict[float, list[Sample]] = {}
        for sample in found:
            places.setdefault(_number(sample.case.get(label)), []).append(sample)
        points = [(place, summed_up(_values(places[place], metric), seed)) for place in sorted(places)]
        measured = [(place, one) for place, one in points if one is not None]
        bounds = [one.intervals.get("p50", (one.statistics.p50,) * 2) for _, one in measured]
        series.append(
            Series(
                name=name,
                x=[place for place, _ in measured],
                y=[one.statistics.p50 for _, one in measured],
                low=[low for low, _ in bounds],
                high=[high for _, high in bounds],
            )
        )
    return Chart(
        kind="line", title=title, series=series, x=along, y=Axis(metric.heading, metric.unit), limit=limit
    )


def over_runs(
    samples: Iterable[Sample],
    metric: Metric,
    by: Sequence[str],
    title: str,
    along: Axis,
    limit: float | None = None,
) -> Chart:
    """The median of each run or turn, in the order of their numbers: whether something drifts."""
    series = []
    for name, found in grouped(counted(samples), by).items():
        rounds: dict[int, list[Sample]] = {}
        for sample in found:
            rounds.setdefault(sample.number, []).append(sample)
        points = [(number, summed_up(_values(rounds[number], metric))) for number in sorted(rounds)]
        measured = [(float(number), one.statistics.p50) for number, one in points if one is not None]
        series.append(Series(name=name, x=[x for x, _ in measured], y=[y for _, y in measured]))
    return Chart(
        kind="line", title=title, series=series, x=along, y=Axis(metric.heading, metric.unit), limit=limit
    )


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


def _values(samples: Iterable[Sample], metric: Metric) -> list[float | None]:
    values = (sample.values.get(metric.name) for sample in samples)
    return [value for value in values if value is not None]


def _number(label: Label | None) -> float:
    return float(label) if isinstance(label, int | float) else 0.0
