"""The tables of a report as plain text cells, for Markdown and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicecli.bench.compare import Change, p_value, signed
from voicecli.bench.metric import Better, Unit, shown
from voicecli.bench.render import INTERVAL, statistic
from voicecli.bench.report import Report, Result, case_name
from voicecli.bench.table import Table

__all__ = ["Cell", "Grid", "case_grid", "change_grid", "free_grid", "summary_grid"]

_STATISTICS = ("p50", INTERVAL, "p90", "p95", "p99", "min", "max", "n")


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, and what it means: empty, `good`, `bad`, `unsure`."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A heading for each column, how many of them are words, and the rows."""

    headings: Sequence[str]
    words: int  # columns on the left that are not numbers
    rows: Sequence[Sequence[Cell]]


def summary_grid(report: Report) -> Grid:
    """A row for each case: the medians of all metrics that are judged, and the p95 of the first."""
    labels = report.shown_labels()
    judged = [metric for metric in report.metrics if metric.better is not Better.NEITHER]
    spread = [metric for metric in judged if not metric.total and _measured(report, metric.name)]
    totals = [metric for metric in judged if metric.total and metric.unit is Unit.COUNT]
    headings = [*labels]
    for index, metric in enumerate(spread):
        headings += [f"{metric.heading} p50", "p95"] if not index else [metric.heading]
    headings += [*(metric.heading for metric in totals), "n", "failed", "budget"]
    rows = []
    for result in report.results:
        row = [Cell(str(result.case.get(label, ""))) for label in labels]
        for index, metric in enumerate(spread):
            found = result.metrics[metric.name]
            row.append(Cell(shown(None if found is None else found.statistics.p50, metric.unit)))
            if not index:
                row.append(Cell(shown(None if found is None else found.statistics.p95, metric.unit)))
        row += [_total(result, metric.name, metric.unit) for metric in totals]
        row += [
            Cell(str(result.ok)),
            Cell(str(result.failed), "bad" if result.failed else ""),
            _budget(result),
        ]
        rows.append(row)
    return Grid(headings, len(labels), rows)


def _measured(report: Report, name: str) -> bool:
    return any(result.metrics[name] is not None for result in report.results)


def _total(result: Result, name: str, unit: Unit) -> Cell:
    total = result.totals[name]
    return Cell(shown(total, unit), "bad" if total else "")


def _budget(result: Result) -> Cell:
    if not result.verdicts:
        return Cell("–")
    over = [f"{limit.span}.{limit.statistic}" for limit, verdict in result.verdicts.items() if not verdict.ok]
    return Cell(f"over: {', '.join(over)}", "bad") if over else Cell("within", "good")


def case_grid(report: Report, result: Result) -> Grid:
    """A row for each metric of one case, with all statistics."""
    rows = []
    for metric in report.metrics:
        found = result.metrics[metric.name]
        if metric.total:
            total = [_total(result, metric.name, metric.unit)]
            rows.append([Cell(f"{metric.heading}, all"), *total, *[Cell("")] * (len(_STATISTICS) - 1)])
        elif found is not None:
            rows.append(
                [Cell(metric.heading), *(Cell(statistic(found, metric.unit, name)) for name in _STATISTICS)]
            )
    return Grid(["", *_STATISTICS], 1, rows)


def change_grid(changes: Sequence[Change]) -> Grid:
    """A row for each metric of each case."""
    headings = ["case", "metric", "before", "after", "shift", INTERVAL, "p", "verdict"]
    return Grid(headings, 2, [_change(change) for change in changes])


def _change(change: Change) -> list[Cell]:
    unit, moved = change.metric.unit, change.difference
    tones = {"better": "good", "worse": "bad", "same": ""}
    return [
        Cell(case_name(change.case)),
        Cell(change.metric.heading),
        Cell(shown(change.before, unit)),
        Cell(shown(change.after, unit)),
        Cell(signed(moved.shift, unit)),
        Cell(f"{signed(moved.low, unit)} to {signed(moved.high, unit)}"),
        Cell(p_value(change.p)),
        Cell(str(change.verdict), tones.get(str(change.verdict), "unsure")),
    ]


def free_grid(table: Table) -> Grid:
    """A table of the report's own."""
    return Grid(table.headings, table.words, [[Cell(cell) for cell in row] for row in table.rows])
