"""A report as one page that needs nothing else: charts as inline SVG, light or dark as the system is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape

from voicecli.bench.chart import Chart
from voicecli.bench.compare import METHOD, Comparison
from voicecli.bench.draw.cells import case_table, change_table, summary_table, title, told
from voicecli.bench.draw.style import page_style
from voicecli.bench.draw.svg import COLOURS, drawing, series_class
from voicecli.bench.report import BenchReport, Outcome, case_name
from voicecli.bench.report_file import plain
from voicecli.bench.table import Grid

__all__ = ["report_page"]

# No address is ever asked for anything: the page says so itself, and a browser holds it to that.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
# A click on a name in a legend hides what is drawn of its series.
_SCRIPT = """
document.querySelectorAll('.legend button').forEach(button => button.addEventListener('click', () => {
  const off = button.classList.toggle('off');
  button.setAttribute('aria-pressed', String(!off));
  button.closest('figure').querySelectorAll('svg .' + button.dataset.series).forEach(
    part => part.classList.toggle('hidden', off));
}));
"""


def report_page(report: BenchReport, comparison: Comparison | None = None) -> str:
    """The whole file."""
    return "\n".join(_page(report, comparison)) + "\n"


def _page(report: BenchReport, comparison: Comparison | None) -> Iterator[str]:
    heading = f"{title(report)} · voicecli"
    yield "<!doctype html>"
    yield f'<html lang="en"><head><meta charset="utf-8"><title>{escape(heading)}</title>'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{page_style(COLOURS)}</style></head><body>"
    yield f"<header><h1>{escape(title(report))}</h1>"
    yield f'<p class="soft">voicecli bench {escape(report.kind)} · {_counts(report)}</p></header>'
    yield _head(report)
    if comparison is not None:
        yield from _compared(comparison)
    yield f"<h2>Side by side</h2>{_table(summary_table(report))}"
    charts = [chart for chart in report.charts if not chart.empty]
    if charts:
        yield '<h2>Charts</h2><div class="charts">'
        yield from map(_figure, charts)
        yield "</div>"
    for table in report.tables:
        yield f"<h2>{escape(table.title)}</h2>{_table(table)}"
    yield "<h2>Every case</h2>"
    for result in report.results:
        yield _case(report, result)
    settings = json.dumps(plain(report.settings), ensure_ascii=False, indent=2)
    yield f"<h2>Settings</h2><details><summary>in force</summary><pre>{escape(settings)}</pre></details>"
    for participant in report.engines:
        options = json.dumps(dict(participant.options), ensure_ascii=False, indent=2)
        name = escape(f"{participant.engine} ({participant.stage})")
        yield f"<details><summary>{name}</summary><pre>{escape(options)}</pre></details>"
    yield f"<script>{_SCRIPT}</script></body></html>"


def _counts(report: BenchReport) -> str:
    counted = sum(result.ok for result in report.results)
    failed = sum(result.failed for result in report.results)
    cases = len(report.results)
    said = f"{counted} runs of {cases} {'case' if cases == 1 else 'cases'}"
    return f"{said} · {failed} failed" if failed else said


def _head(report: BenchReport) -> str:
    rows = []
    before = ""
    for name, said in told(report):
        shown = "" if name == before else name
        cls = ' class="note"' if name == "note" else ""
        rows.append(f"<dt>{escape(shown)}</dt><dd{cls}>{escape(said)}</dd>")
        before = name
    return f"<dl>{''.join(rows)}</dl>"


def _table(table: Grid) -> str:
    def kind(index: int) -> str:
        return ' class="w"' if index < table.words else ""

    headings = "".join(f"<th{kind(index)}>{escape(name)}</th>" for index, name in enumerate(table.headings))
    rows = "".join(
        f"<tr>{''.join(_cell(cell, index < table.words) for index, cell in enumerate(row))}</tr>"
        for row in table.rows
    )
    return f'<div class="scroll"><table><thead><tr>{headings}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: str, words: bool) -> str:
    classes = " ".join(name for name in ("w" if words else "", getattr(cell, "tone", "")) if name)
    return f'<td class="{classes}">{escape(cell)}</td>' if classes else f"<td>{escape(cell)}</td>"


def _compared(comparison: Comparison) -> Iterator[str]:
    worse, better = len(comparison.regressions), len(comparison.improvements)
    yield f"<h2>Against {escape(comparison.base.begun)}</h2>"
    cls = "bad" if worse else "good"
    yield f'<p class="{cls}">{worse} worse, {better} better, of {len(comparison.changes)}</p>'
    yield _table(change_table(comparison.telling))
    if comparison.same:
        yield f"<details><summary>{len(comparison.same)} more are the same</summary>"
        yield f"{_table(change_table(comparison.same))}</details>"
    yield f'<p class="soft">{METHOD}</p>'
    for note in comparison.notes:
        yield f'<p class="unsure">{escape(note)}</p>'


def _figure(chart: Chart) -> str:
    legend = "".join(_key(one.name, index) for index, one in enumerate(chart.series) if one.name)
    head = f'<h3>{escape(chart.title)}</h3><div class="legend">{legend}</div>'
    return f'<figure data-kind="{chart.kind}">{head}{drawing(chart).element()}</figure>'


def _key(name: str, index: int) -> str:
    what = f'type="button" class="{series_class(index)}" data-series="s{index}" aria-pressed="true"'
    return f"<button {what}><i></i><span>{escape(name)}</span></button>"


def _case(report: BenchReport, result: Outcome) -> str:
    text = result.case.get("text")
    quoted = f'<p class="soft">“{escape(text)}”</p>' if isinstance(text, str) else ""
    failures = "".join(f'<p class="bad">{escape(failure)}</p>' for failure in result.mishaps)
    name = escape(case_name(result.case) or "all")
    body = f"{quoted}{failures}{_table(case_table(report, result))}"
    return f"<details><summary>{name}</summary>{body}</details>"
