"""The charts of a report as one picture: the drawings of the page, side by side in an SVG or a PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from importlib.util import find_spec
from pathlib import Path

from voicecli.bench.chart import Chart
from voicecli.bench.draw.cells import title
from voicecli.bench.draw.style import picture_style
from voicecli.bench.draw.svg import COLOURS, WIDTH, Drawing, drawing, series_class
from voicecli.bench.report import BenchReport
from voicecli.errors import LibraryMissing

__all__ = ["check_plot", "picture_svg", "plotted"]

_COLUMNS = 2  # of charts
_EDGE = 24  # around the charts and between them
_HEAD = 48  # of the picture
_LINE = 20  # of a title or a legend
_LETTER = 7.6  # width of an average one: DejaVu Sans is wide
_ZOOM = 2  # dots of a PNG for each unit of the drawing
_SAMPLE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><style>{}</style>{}</svg>'


def check_plot(path: Path) -> None:
    """Raises LibraryMissing when there is no way to draw the picture of this name."""
    if path.suffix.lower() == ".svg":
        return
    instead = "an SVG, `--html` and `--charts` do without it."
    if find_spec("resvg_py") is None:
        raise LibraryMissing(
            "A PNG needs resvg-py, which is not installed.", f"Run `pip install 'voicecli[plot]'`; {instead}"
        )
    style = picture_style(COLOURS)
    if _png(_SAMPLE.format(style, "")) == _png(_SAMPLE.format(style, '<text y="9">a</text>')):
        raise LibraryMissing(
            "A PNG needs a font, and none is installed.", f"On Debian install fonts-dejavu-core; {instead}"
        )


def plotted(path: Path, report: BenchReport) -> bytes:
    """All charts on one picture, PNG or SVG by its name. Raises LibraryMissing."""
    check_plot(path)
    drawn = picture_svg(report)
    return drawn.encode() if path.suffix.lower() == ".svg" else _png(drawn)


def picture_svg(report: BenchReport) -> str:
    """The whole SVG, in colours for a light ground."""
    charts = [(chart, drawing(chart)) for chart in report.charts if not chart.empty]
    columns = min(_COLUMNS, max(1, len(charts)))
    body: list[str] = []
    top = float(_HEAD + _EDGE)
    for begin in range(0, len(charts), columns):
        row = charts[begin : begin + columns]
        heads = [_lines([one.name for one in chart.series]) for chart, _ in row]
        below = _LINE * (1 + max(map(len, heads)))
        for place, ((chart, drawn), lines) in enumerate(zip(row, heads, strict=True)):
            body += _figure(chart, drawn, lines, _EDGE + place * (WIDTH + _EDGE), top, below)
        top += below + max(drawn.height for _, drawn in row) + _EDGE
    width, height = columns * (WIDTH + _EDGE) + _EDGE, round(top)
    about = f"{report.machine.cpu} · {report.started[:16].replace('T', ' ')}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><style>{picture_style(COLOURS)}</style>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{_EDGE}" y="38" style="font-size: 20px">{escape(title(report))}</text>'
        f'<text x="{_EDGE}" y="58" class="tick">{escape(about)}</text>{"".join(body)}</svg>\n'
    )


def _figure(
    chart: Chart, drawn: Drawing, legend: Sequence[Sequence[int]], left: float, top: float, below: float
) -> Iterator[str]:
    """The title, the lines of the legend, and the drawing below them."""
    yield f'<text x="{left}" y="{top + 14}" style="font-size: 15px">{escape(chart.title)}</text>'
    for number, line in enumerate(legend, start=1):
        x = left
        for index in line:
            name = chart.series[index].name
            y = top + number * _LINE
            yield f'<rect x="{x}" y="{y + 5}" width="11" height="11" class="{series_class(index)}"/>'
            yield f'<text x="{x + 17}" y="{y + 15}">{escape(name)}</text>'
            x += _room(name)
    yield drawn.element(f'x="{left}" y="{top + below}" width="{WIDTH}" height="{drawn.height:.0f}" ')


def _lines(names: Sequence[str]) -> list[list[int]]:
    """Which series stand in which line of the legend; a single one needs none."""
    lines: list[list[int]] = []
    left = 0.0
    for index, name in enumerate(names if len(names) > 1 else ()):
        if not lines or left + _room(name) > WIDTH:
            lines.append([])
            left = 0.0
        lines[-1].append(index)
        left += _room(name)
    return lines


def _room(name: str) -> float:
    return 17 + _LETTER * len(name) + 16


def _png(drawn: str) -> bytes:
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=drawn, zoom=_ZOOM))
