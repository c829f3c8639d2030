"""The charts of a report as a picture, through matplotlib."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.bench.blocks import cumulated
from voicecli.bench.chart import Chart
from voicecli.bench.head import title
from voicecli.bench.metric import Unit
from voicecli.bench.report import Report
from voicecli.bench.svg import budget_shown
from voicecli.errors import LibraryMissing, SaveError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["check_plot", "write_plot"]

_COLUMNS = 2  # of charts
_SIZE = (7.2, 3.9)  # inches of each
_DOTS = 144  # of an inch of a PNG
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#aa4499", "#b58900", "#56b4e9", "#882255", "#555555")
_SHORT = 34  # letters of a name on an axis


def check_plot() -> None:
    """Raises LibraryMissing when no picture can be drawn."""
    if find_spec("matplotlib") is None:
        raise LibraryMissing(
            "A picture needs matplotlib, which is not installed.",
            "Run `pip install 'voicecli[plot]'`; `--html` and `--charts` do without it.",
        )


def write_plot(path: Path, report: Report) -> None:
    """All charts on one picture, PNG or SVG by its name. Raises LibraryMissing, SaveError."""
    check_plot()
    from matplotlib.figure import Figure

    charts = [chart for chart in report.charts if not chart.empty]
    columns = min(_COLUMNS, max(1, len(charts)))
    rows = max(1, math.ceil(len(charts) / columns))
    figure = Figure(figsize=(columns * _SIZE[0], rows * _SIZE[1]), layout="constrained")
    figure.suptitle(f"{title(report)} · {report.machine.cpu} · {report.started[:16].replace('T', ' ')}")
    places = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, chart in zip(places, charts, strict=False):
        _draw(axes, chart)
    for axes in places[len(charts) :]:
        axes.set_visible(False)
    try:
        figure.savefig(path, dpi=_DOTS, format=path.suffix.lower().lstrip("."))
    except OSError as error:
        raise SaveError(f"{path} cannot be written: {error.strerror or error}.") from error


def _draw(axes: Axes, chart: Chart) -> None:
    axes.set_title(chart.title, fontsize=10, loc="left")
    axes.grid(alpha=0.3)
    axes.set_axisbelow(True)
    {"bar": _bars, "waterfall": _stages, "line": _lines, "cdf": _steps, "histogram": _columns}[chart.kind](
        axes, chart
    )
    if chart.kind == "line" and chart.x.unit is Unit.COUNT:
        axes.locator_params(axis="x", integer=True)
    if len(chart.series) > 1:
        # Beside the drawing: nothing that was measured lies under it.
        axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _scale(unit: Unit) -> float:
    return 1000.0 if unit is Unit.TIME else 100.0 if unit is Unit.SHARE else 1.0


def _named(words: str, unit: Unit) -> str:
    ending = {Unit.TIME: " (ms)", Unit.LENGTH: " (s)", Unit.SHARE: " (%)"}.get(unit, "")
    return f"{words}{ending}"


def _scaled(values: Any, unit: Unit) -> list[float]:
    return [math.nan if value is None else value * _scale(unit) for value in values]


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _stroke(index: int) -> str:
    """Dashed where the colours begin again."""
    return "--" if index // len(_COLOURS) % 2 else "-"


def _categories(axes: Axes, chart: Chart) -> None:
    names = [name if len(name) <= _SHORT else f"{name[: _SHORT - 1]}…" for name in chart.categories]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")


def _limit(axes: Axes, chart: Chart, unit: Unit, *, upright: bool) -> None:
    most = max(
        (value for one in chart.series for value in (*one.y, *one.high) if value is not None), default=0.0
    )
    if not budget_shown(chart, most):
        return
    place = (chart.limit or 0.0) * _scale(unit)
    draw = axes.axvline if upright else axes.axhline
    draw(place, color="#c0271e", linestyle="--", linewidth=1, label="budget")


def _bars(axes: Axes, chart: Chart) -> None:
    unit = chart.y.unit
    thick = 0.8 / max(1, len(chart.series))
    for index, one in enumerate(chart.series):
        places = [row - 0.4 + thick * (index + 0.5) for row in range(len(chart.categories))]
        values = _scaled(one.y, unit)
        error = None
        if one.low and one.high:
            low, high = _scaled(one.low, unit), _scaled(one.high, unit)
            below = [max(0.0, value - bound) for value, bound in zip(values, low, strict=True)]
            above = [max(0.0, bound - value) for value, bound in zip(values, high, strict=True)]
            error = [below, above]
        axes.barh(places, values, thick * 0.9, xerr=error, color=_colour(index), label=one.name, capsize=2)
    _categories(axes, chart)
    _limit(axes, chart, unit, upright=True)
    axes.set_xlabel(_named(chart.y.title, unit))


def _stages(axes: Axes, chart: Chart) -> None:
    unit = chart.x.unit
    for index, one in enumerate(chart.series):
        low, high = _scaled(one.low, unit), _scaled(one.high, unit)
        lengths = [end - begin for begin, end in zip(low, high, strict=True)]
        axes.barh(range(len(low)), lengths, 0.6, left=low, color=_colour(index), label=one.name)
    _categories(axes, chart)
    _limit(axes, chart, unit, upright=True)
    axes.set_xlabel(_named(chart.x.title, unit))


def _lines(axes: Axes, chart: Chart) -> None:
    for index, one in enumerate(chart.series):
        x = _scaled(one.x, chart.x.unit)
        y = _scaled(one.y, chart.y.unit)
        axes.plot(
            x, y, color=_colour(index), linestyle=_stroke(index), label=one.name,
            marker="o" if len(x) <= 60 else "", markersize=3,
        )  # fmt: skip
        if one.low and one.high:
            low, high = _scaled(one.low, chart.y.unit), _scaled(one.high, chart.y.unit)
            axes.fill_between(x, low, high, color=_colour(index), alpha=0.15, linewidth=0)
    _limit(axes, chart, chart.y.unit, upright=False)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.05)
    axes.set_xlabel(_named(chart.x.title, chart.x.unit))
    axes.set_ylabel(_named(chart.y.title, chart.y.unit))


def _steps(axes: Axes, chart: Chart) -> None:
    for index, one in enumerate(chart.series):
        points = cumulated(one.y)
        x = _scaled([value for value, _ in points], chart.x.unit)
        shares = [share * 100 for _, share in points]
        axes.step(x, shares, where="post", color=_colour(index), linestyle=_stroke(index), label=one.name)
    _limit(axes, chart, chart.x.unit, upright=True)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 102)
    axes.set_ylabel("share of the runs (%)")
    axes.set_xlabel(_named(chart.x.title, chart.x.unit))


def _columns(axes: Axes, chart: Chart) -> None:
    unit = chart.x.unit
    values = [_scaled([value for value in one.y if value is not None], unit) for one in chart.series]
    colours = [_colour(index) for index in range(len(values))]
    axes.hist(values, bins=24, color=colours, label=[one.name for one in chart.series])
    axes.set_xlabel(_named(chart.x.title, unit))
    axes.set_ylabel("runs")
