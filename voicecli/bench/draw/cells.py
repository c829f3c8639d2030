"""What the head and the tables of a report say, whatever they are drawn with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicecli.bench.bootstrap import Estimate
from voicecli.bench.compare import Change, p_value, signed
from voicecli.bench.metric import Better, Measure, Metric, shown
from voicecli.bench.report import BenchReport, Outcome, Participant, case_name
from voicecli.bench.table import Cell, Grid

__all__ = ["STATISTICS", "case_table", "change_table", "summary_table", "title", "told"]

_INTERVAL = "95 % CI"  # of the median
STATISTICS = ("p50", _INTERVAL, "p90", "p95", "p99", "min", "max", "n")
_TASK = ("name", "text", "temperature")  # labels of what was to be done, not of who did it
_TONES = {"better": "good", "worse": "bad", "same": ""}


def summary_table(report: BenchReport, most: int | None = None) -> Grid:
    """The cases below one another: the medians of all metrics that are judged, and the p95 of the first.

    The best median of those that had the same to do is good. Where `most` limits the metrics, the budgets are
    left out as well.
    """
    labels = report.shown_labels()
    judged = [metric for metric in report.metrics if metric.better is not Better.NEITHER]
    spread = [metric for metric in judged if not metric.total and _measured(report, metric)][:most]
    totals = [metric for metric in judged if metric.total and metric.unit is Measure.COUNT]
    medians = [f"{metric.heading} p50" for metric in spread]
    headings = [*labels, *medians[:1], *(["p95"] if spread else []), *medians[1:]]
    headings += [*(metric.heading for metric in totals), "n", "failed"]
    rows = []
    for result in report.results:
        row = [str(result.case.get(label, "")) for label in labels]
        for index, metric in enumerate(spread):
            row.append(_median(report, result, metric))
            if not index:
                over = any(not verdict.ok for verdict in result.verdicts.values())
                row.append(
                    Cell(_statistic(result.metrics[metric.name], metric.unit, "p95"), "bad" if over else "")
                )
        row += [_total(result, metric) for metric in totals]
        row += [str(result.ok), Cell(str(result.failed), "bad" if result.failed else "")]
        rows.append(row if most else [*row, _budget(result)])
    return Grid(
        title="side by side",
        headings=headings if most else [*headings, "budget"],
        words=len(labels),
        rows=rows,
    )


def _measured(report: BenchReport, metric: Metric) -> bool:
    return any(result.metrics[metric.name] is not None for result in report.results)


def _median(report: BenchReport, result: Outcome, metric: Metric) -> Cell:
    found = result.metrics[metric.name]
    rivals = [
        other.statistics.p50
        for one in report.results
        if (other := one.metrics[metric.name]) is not None
        and all(one.case.get(label) == result.case.get(label) for label in _TASK)
    ]
    best = min if metric.better is Better.LOWER else max
    first = found is not None and len(rivals) > 1 and found.statistics.p50 == best(rivals)
    return Cell(_statistic(found, metric.unit, "p50"), "good" if first else "")


def _total(result: Outcome, metric: Metric) -> Cell:
    total = result.totals[metric.name]
    return Cell(shown(total, metric.unit), "bad" if total and metric.better is Better.LOWER else "")


def _budget(result: Outcome) -> Cell:
    if not result.verdicts:
        return Cell("–")
    over = [f"{limit.span}.{limit.statistic}" for limit, verdict in result.verdicts.items() if not verdict.ok]
    return Cell(f"over: {', '.join(over)}", "bad") if over else Cell("within", "good")


def case_table(report: BenchReport, result: Outcome, statistics: Sequence[str] = STATISTICS) -> Grid:
    """A row for each metric of one case, with these statistics."""
    rows = []
    for metric in report.metrics:
        found = result.metrics[metric.name]
        if metric.total:
            rows.append([f"{metric.heading}, all", _total(result, metric), *[""] * (len(statistics) - 1)])
        elif found is not None:
            rows.append([metric.heading, *(_statistic(found, metric.unit, name) for name in statistics)])
    return Grid(headings=["", *statistics], rows=rows)


def change_table(changes: Sequence[Change]) -> Grid:
    """A row for each metric of each case."""
    headings = ["case", "metric", "before", "after", "shift", _INTERVAL, "p", "verdict"]
    return Grid(headings=headings, words=2, rows=[_change(change) for change in changes])


def _change(change: Change) -> list[str]:
    unit, moved = change.metric.unit, change.difference
    return [
        case_name(change.case),
        change.metric.heading,
        shown(change.before, unit),
        shown(change.after, unit),
        signed(moved.shift, unit),
        f"{signed(moved.low, unit)} to {signed(moved.high, unit)}",
        p_value(change.p),
        Cell(str(change.verdict), _TONES.get(change.verdict, "unsure")),
    ]


def _statistic(found: Estimate | None, unit: Measure, name: str) -> str:
    """A cell of a column called `name`."""
    if found is None:
        return shown(None, unit)
    if name == "n":
        return str(found.statistics.n)
    if name == _INTERVAL:
        return _between(found, unit)
    return shown(float(getattr(found.statistics, name)), unit)


def _between(found: Estimate, unit: Measure) -> str:
    """The interval of the median, its unit said once."""
    if "p50" not in found.intervals:
        return "–"
    low, high = (shown(bound, unit) for bound in found.intervals["p50"])
    (first, _, one), (_, _, other) = low.rpartition(" "), high.rpartition(" ")
    return f"{first}–{high}" if first and one == other else f"{low}–{high}"


_TITLES = {
    "tts": "Time to first audio",
    "talk": "Conversations",
    "turn": "The end of the turn",
    "player": "The player",
    "server": "The server",
}


def title(report: BenchReport) -> str:
    """What was measured, in a few words."""
    return _TITLES.get(report.kind, report.kind)


def told(report: BenchReport) -> Iterator[tuple[str, str]]:
    """What, and on what: the lines above the numbers, each with what it is about."""
    machine = report.machine
    load = "" if machine.load is None else f" · load {machine.load:g}"
    yield "machine", f"{machine.cpu} · {machine.cores} cores{load}"
    about = [report.versions[name] for name in ("python",) if name in report.versions]
    about += [f"voicecli {report.versions[name]}" for name in ("voicecli",) if name in report.versions]
    yield "system", " · ".join([machine.system, *about])
    for participant in report.engines:
        alone = report.kind == participant.stage  # a bench of one stage has only engines of that
        yield ("engine" if alone else participant.stage), _engine(report, participant)
    yield from report.facts.items()
    yield "begun", report.begun
    yield "seed", f"{report.seed}, of the order and of the intervals"
    for lack in report.excluded:
        yield "not in it", lack
    for note in report.notes:
        yield "note", note
    if report.interrupted:
        yield "note", "interrupted: this is what was measured until then"


def _engine(report: BenchReport, participant: Participant) -> str:
    more = participant.more
    reason = f" ({participant.reason})" if participant.reason else ""
    said = [f"{participant.engine}{reason}", report.versions.get(participant.engine, "")]
    said += [str(more.get(name) or "") for name in ("format", "voice", "model")]
    if more.get("opened") is not None:
        said.append(f"opened in {shown(float(more['opened']), Measure.TIME)}")
    return " · ".join(part for part in said if part)
