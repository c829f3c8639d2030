"""A bench report drawn for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from voicecli.bench.blocks import drawn
from voicecli.bench.bootstrap import Summary
from voicecli.bench.chart import Chart
from voicecli.bench.compare import Comparison, Verdict, p_value, signed
from voicecli.bench.head import told
from voicecli.bench.metric import Better, Metric, Unit, shown
from voicecli.bench.report import Report, Result, case_name
from voicecli.bench.table import Table as Cells

__all__ = ["print_charts", "print_comparison", "print_report"]

_LABEL, _NUMBER = 21, 9  # columns: as wide in every block, so that the blocks line up
_SIDE_BY_SIDE = 4  # metrics in the table that sets the cases side by side
_WIDE = 104  # columns from which a terminal has room for all statistics
INTERVAL = "95 % CI"  # of the median
_WIDE_COLUMNS = ("p50", INTERVAL, "p90", "p95", "p99", "min", "max", "n")
_COLUMNS = ("p50", INTERVAL, "p95", "max", "n")
_TASK = ("name", "text", "temperature")  # labels of what was to be done, not of who did it
_CHART = 100  # columns at the most
_ENDLESS = 10_000  # columns: what a table needs is asked as if there were room for all of it

_COLOURS = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "bold red",
    Verdict.SAME: "dim",
    Verdict.UNSURE: "yellow",
}


def print_report(console: Console, report: Report) -> None:
    """Everything: what was measured where, a block for each case, and the cases side by side."""
    console.print(Group(*_parts(report, console)))


def print_comparison(console: Console, comparison: Comparison) -> None:
    """What changed since the base."""
    console.print(Group(Text(), *_changes(comparison)))


def print_charts(console: Console, charts: Sequence[Chart]) -> None:
    """In block characters, as wide as the terminal is, up to a point."""
    for chart in charts:
        console.print()
        console.print(drawn(chart, min(console.width, _CHART)))


def _parts(report: Report, console: Console) -> Iterator[RenderableType]:
    columns = _WIDE_COLUMNS if console.width >= _WIDE else _COLUMNS
    yield _about(report)
    for result in report.results:
        yield Text()
        yield Text(_heading(result), style="bold")
        yield _measures(result, report.metrics, columns)
        if result.verdicts:
            yield _budgets(result, report)
        for error, count in result.errors.items():
            yield Text(f"{count} {'run' if count == 1 else 'runs'} failed. {error}", style="red")
    if len(report.results) > 1:
        yield Text()
        yield _fitting(report, console)
    for table in report.tables:
        yield Text()
        yield _table(table)


def _heading(result: Result) -> str:
    text = result.case.get("text")
    more = f" ({len(text)} characters)" if isinstance(text, str) else ""
    return f"{case_name(result.case)}{more}"


def _about(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    styles = {"not in it": "dim", "note": "yellow"}
    before = ""
    for name, said in told(report):
        table.add_row("" if name == before == "not in it" else name, Text(said, style=styles.get(name, "")))
        before = name
    return table


def _measures(result: Result, metrics: Sequence[Metric], columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=_LABEL)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True, min_width=2 if name == "n" else _NUMBER)
    for metric in metrics:
        found = result.metrics[metric.name]
        if metric.total:
            total = result.totals[metric.name]
            style = "red" if total and metric.better is Better.LOWER else ""
            table.add_row(f"{metric.heading}, all", Text(shown(total, metric.unit), style=style))
        elif found is not None:
            table.add_row(metric.heading, *(statistic(found, metric.unit, name) for name in columns))
    return table


def statistic(found: Summary, unit: Unit, name: str) -> str:
    """A cell of a column called `name`."""
    if name == "n":
        return str(found.statistics.n)
    if name == INTERVAL:
        return _between(found, unit)
    return shown(float(getattr(found.statistics, name)), unit)


def _between(found: Summary, unit: Unit) -> str:
    """The interval of the median, its unit said once."""
    if "p50" not in found.intervals:
        return "–"
    low, high = (shown(bound, unit) for bound in found.intervals["p50"])
    (first, _, one), (_, _, other) = low.rpartition(" "), high.rpartition(" ")
    return f"{first}–{high}" if first and one == other else f"{low}–{high}"


def _budgets(result: Result, report: Report) -> Text:
    text = Text("budget  ", style="dim")
    for index, (limit, verdict) in enumerate(result.verdicts.items()):
        text.append(" · " if index else "")
        word = "not measured, limit" if verdict.ok is None else "within" if verdict.ok else "over"
        style = "not dim green" if verdict.ok else "not dim red"
        unit = report.metric(limit.span).unit
        text.append(f"{limit.span}.{limit.statistic} {word} {shown(limit.seconds, unit)}", style=style)
    return text


def _fitting(report: Report, console: Console) -> Table:
    """The cases side by side, with as many metrics as there is room for."""
    endless = console.options.update_width(_ENDLESS)
    for most in range(_SIDE_BY_SIDE, 1, -1):
        table = _side_by_side(report, most)
        if console.measure(table, options=endless).maximum <= console.width:
            return table
    return _side_by_side(report, 1)


def _side_by_side(report: Report, most: int) -> Table:
    """The cases below one another, with the first metrics that are judged, the best of each in green."""
    labels = report.shown_labels()
    metrics = [metric for metric in report.metrics if _comparable(report, metric)][:most]
    table = Table(title="side by side", title_justify="left", box=None, pad_edge=False)
    for label in labels:
        table.add_column(Text(label))
    for index, metric in enumerate(metrics):
        # Where only one is left, its heading gives way before the names of the cases do.
        table.add_column(f"{metric.heading} p50", justify="right", no_wrap=most > 1)
        if not index:
            table.add_column("p95", justify="right", no_wrap=True)
    totals = [metric for metric in report.metrics if metric.total and metric.unit is Unit.COUNT]
    for name in (*(metric.heading for metric in totals), "n", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in report.results:
        cells: list[Text | str] = [Text(str(result.case.get(label, ""))) for label in labels]
        for index, metric in enumerate(metrics):
            found = result.metrics[metric.name]
            value = None if found is None else found.statistics.p50
            style = "bold green" if value is not None and value == _best(report, metric, result) else ""
            cells.append(Text(shown(value, metric.unit), style=style))
            if not index:
                over = any(not verdict.ok for verdict in result.verdicts.values())
                p95 = None if found is None else found.statistics.p95
                cells.append(Text(shown(p95, metric.unit), style="red" if over else ""))
        cells += [shown(result.totals[metric.name], metric.unit) for metric in totals]
        failed = Text(str(result.failed), style="red" if result.failed else "")
        table.add_row(*cells, str(result.ok), failed)
    return table


def _table(table: Cells) -> Table:
    drawn = Table(title=Text(table.title), title_justify="left", box=None, pad_edge=False)
    for index, heading in enumerate(table.headings):
        drawn.add_column(Text(heading), justify="left" if index < table.words else "right")
    for row in table.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _comparable(report: Report, metric: Metric) -> bool:
    measured = sum(result.metrics[metric.name] is not None for result in report.results)
    return not metric.total and metric.better is not Better.NEITHER and measured > 1


def _best(report: Report, metric: Metric, beside: Result) -> float | None:
    """The best median of all that say the same as `beside`."""
    medians = [
        found.statistics.p50
        for result in report.results
        if (found := result.metrics[metric.name]) is not None
        and all(result.case.get(label) == beside.case.get(label) for label in _TASK)
    ]
    if len(medians) < 2:
        return None
    return min(medians) if metric.better is Better.LOWER else max(medians)


def _changes(comparison: Comparison) -> Iterator[RenderableType]:
    begun = comparison.base.started.replace("T", " ")
    table = Table(title=f"against {begun}", title_justify="left", box=None, pad_edge=False)
    for name in ("case", "metric"):
        table.add_column(name)
    for name in ("before", "after", "shift", "95 % CI", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for change in comparison.telling:
        unit, moved = change.metric.unit, change.difference
        table.add_row(
            Text(case_name(change.case)),
            Text(change.metric.heading),
            shown(change.before, unit),
            shown(change.after, unit),
            signed(moved.shift, unit),
            f"{signed(moved.low, unit)} to {signed(moved.high, unit)}",
            p_value(change.p),
            Text(str(change.verdict), style=_COLOURS[change.verdict]),
        )
    yield table
    yield Text(
        "medians; shift of Hodges and Lehmann; p of the rank sum test, corrected after Holm", style="dim"
    )
    if others := len(comparison.changes) - len(comparison.telling):
        yield Text(f"{others} more are the same", style="dim")
    if not comparison.changes:
        yield Text("there is nothing that both have", style="yellow")
    for note in comparison.notes:
        yield Text(f"note  {note}", style="yellow")
