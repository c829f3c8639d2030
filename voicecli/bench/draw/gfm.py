"""A report as Markdown: what a pull request or a note can carry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicecli.bench.compare import METHOD, Comparison
from voicecli.bench.draw.cells import case_table, change_table, summary_table, title, told
from voicecli.bench.report import BenchReport, case_name
from voicecli.bench.table import Grid
from voicecli.printable import printable

__all__ = ["report_markdown"]

_BOLD = frozenset({"bad", "unsure"})


def report_markdown(report: BenchReport, comparison: Comparison | None = None) -> str:
    """Headings, tables and lists; nothing that needs a particular dialect but the tables."""
    return "\n".join(_lines(report, comparison)) + "\n"


def _lines(report: BenchReport, comparison: Comparison | None) -> Iterator[str]:
    yield f"# {title(report)}"
    yield ""
    yield from _table(Grid(headings=["", ""], words=2, rows=[*told(report)]))
    if comparison is not None:
        yield from ("", f"## Against {comparison.base.begun}", "")
        yield from _table(change_table(comparison.telling))
        yield ""
        if comparison.same:
            yield f"{len(comparison.same)} more are the same."
        yield METHOD
        for note in comparison.notes:
            yield f"- {_plain(note)}"
    yield from ("", "## Side by side", "")
    yield from _table(summary_table(report))
    for table in report.tables:
        yield from ("", f"## {_plain(table.title)}", "")
        yield from _table(table)
    for result in report.results:
        yield from ("", f"## {_plain(case_name(result.case))}", "")
        yield from _table(case_table(report, result))
        for failure in result.mishaps:
            yield from ("", _plain(failure))


def _table(table: Grid) -> Iterator[str]:
    yield _row(table.headings)
    yield _row(["---" if index < table.words else "--:" for index in range(len(table.headings))])
    for cells in table.rows:
        yield _row(
            [f"**{_plain(cell)}**" if getattr(cell, "tone", "") in _BOLD else _plain(cell) for cell in cells]
        )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """On one line, and without what would be taken for markup."""
    text = " ".join(printable(text).split())
    for sign in "\\|`*_<>[]":
        text = text.replace(sign, f"\\{sign}")
    return text
