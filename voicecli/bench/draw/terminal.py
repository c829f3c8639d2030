"""A bench report drawn for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.table import Table as Rich
from rich.text import Text

from voicecli.bench.chart import Chart
from voicecli.bench.compare import METHOD, Comparison
from voicecli.bench.draw.blocks import drawn
from voicecli.bench.draw.cells import STATISTICS, case_table, change_table, summary_table, told
from voicecli.bench.metric import shown
from voicecli.bench.report import BenchReport, Outcome, case_name
from voicecli.bench.table import Grid

__all__ = ["print_charts", "print_comparison", "print_report"]

_LABEL, _NUMBER = 21, 9  # columns: as wide in every block, so that the blocks line up
_SIDE_BY_SIDE = 4  # metrics in the table that sets the cases side by side
_WIDE = 104  # columns from which a terminal has room for all statistics
_FEW = tuple(name for name in STATISTICS if name not in ("p90", "p99", "min"))
_CHART = 100  # columns at the most
_ENDLESS = 10_000  # columns: what a table needs is asked as if there were room for all of it
_TONES = {"": "", "good": "green", "bad": "bold red", "unsure": "yellow"}


def print_report(console: Console, report: BenchReport) -> None:
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


def _parts(report: BenchReport, console: Console) -> Iterator[RenderableType]:
    columns = STATISTICS if console.width >= _WIDE else _FEW
    yield _about(report)
    for result in report.results:
        yield Text()
        yield Text(_heading(result), style="bold")
        yield _table(case_table(report, result, columns), aligned=True)
        if result.verdicts:
            yield _budgets(result, report)
        yield from (Text(failure, style="red") for failure in result.mishaps)
    if len(report.results) > 1:
        yield Text()
        yield _fitting(report, console)
    for table in report.tables:
        yield Text()
        yield _table(table)


def _heading(result: Outcome) -> str:
    text = result.case.get("text")
    more = f" ({len(text)} characters)" if isinstance(text, str) else ""
    return f"{case_name(result.case)}{more}"


def _about(report: BenchReport) -> Rich:
    table = Rich.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    styles = {"not in it": "dim", "note": "yellow"}
    before = ""
    for name, said in told(report):
        table.add_row("" if name == before == "not in it" else name, Text(said, style=styles.get(name, "")))
        before = name
    return table


def _budgets(result: Outcome, report: BenchReport) -> Text:
    text = Text("budget  ", style="dim")
    for index, (limit, verdict) in enumerate(result.verdicts.items()):
        text.append(" · " if index else "")
        word = "not measured, limit" if verdict.ok is None else "within" if verdict.ok else "over"
        style = "not dim green" if verdict.ok else "not dim red"
        unit = report.metric(limit.span).unit
        text.append(f"{limit.span}.{limit.statistic} {word} {shown(limit.seconds, unit)}", style=style)
    return text


def _fitting(report: BenchReport, console: Console) -> Rich:
    """The cases side by side, with as many metrics as there is room for."""
    endless = console.options.update_width(_ENDLESS)
    for most in range(_SIDE_BY_SIDE, 1, -1):
        table = _table(summary_table(report, most))
        if console.measure(table, options=endless).maximum <= console.width:
            return table
    return _table(summary_table(report, 1), narrow=True)


def _table(table: Grid, *, narrow: bool = False, aligned: bool = False) -> Rich:
    """Columns of numbers keep their width, unless the names of the cases need it; `aligned` ones line up."""
    drawn = Rich(
        title=Text(table.title) if table.title else None, title_justify="left", box=None, pad_edge=False
    )
    for index, heading in enumerate(table.headings):
        words = index < table.words
        least = (_LABEL if words else 2 if heading == "n" else _NUMBER) if aligned else None
        # Where only one metric is left, its heading gives way before the names of the cases do.
        drawn.add_column(
            Text(heading), justify="left" if words else "right", min_width=least,
            no_wrap=aligned or not (words or narrow or heading == "verdict"),
        )  # fmt: skip
    for row in table.rows:
        drawn.add_row(*(Text(cell, style=_TONES[getattr(cell, "tone", "")]) for cell in row))
    return drawn


def _changes(comparison: Comparison) -> Iterator[RenderableType]:
    yield _table(replace(change_table(comparison.telling), title=f"against {comparison.base.begun}"))
    yield Text(f"m{METHOD[1:-1]}", style="dim")
    if comparison.same:
        yield Text(f"{len(comparison.same)} more are the same", style="dim")
    if not comparison.changes:
        yield Text("there is nothing that both have", style="yellow")
    for note in comparison.notes:
        yield Text(f"note  {note}", style="yellow")
