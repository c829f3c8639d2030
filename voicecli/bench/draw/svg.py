"""Charts as SVG, whose colours are those of the style around them: classes `c0` to `c7`.

Each series has a class of its own as well, `s0`, `s1`, …; those that a colour begins again with are `dashed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.draw.scale import Scale
from voicecli.bench.metric import Measure, shown

__all__ = ["COLOURS", "WIDTH", "Drawing", "drawing", "series_class", "ticks"]

COLOURS = 8  # of which each series has one; more series begin again
WIDTH = 680  # of the drawing; the page scales it
_HEIGHT = 260  # of the area between the axes
_TOP, _FOOT = 22, 40  # above and below it
_LETTER = 6.6  # width of an average one, at 12 px
_BROAD = 7.6  # of one in a name that must not be cut: DejaVu Sans is wide
_GUTTER = 250  # for the names on the left at the most
_BAR, _GAP, _ROW = 15, 3, 12  # a bar, between two of a group, between two groups
_FAR = 1.6  # times the largest value: a budget farther away would squeeze everything else


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart alone: titles and legends are of whoever places it."""

    height: float  # it is WIDTH wide
    parts: str
    label: str

    def element(self, place: str = "") -> str:
        """The SVG element, with these attributes as well."""
        box = f'viewBox="0 0 {WIDTH} {self.height:.0f}"'
        return (
            f'<svg {place}{box} role="img" aria-label="{escape(self.label, quote=True)}">{self.parts}</svg>'
        )


def drawing(chart: Chart) -> Drawing:
    """Draw it."""
    return _rows(chart) if chart.kind in ("bar", "waterfall") else _plane(chart)


def _budget_shown(chart: Chart, most: float) -> bool:
    """Whether the budget is near enough to be drawn."""
    return chart.limit is not None and 0 < chart.limit <= _FAR * most


def ticks(scale: Scale, unit: Measure) -> list[tuple[float, str]]:
    """The marks of an axis and their texts, all in the same unit and with the same digits."""
    if unit is not Measure.TIME:
        return [(tick, shown(tick, unit)) for tick in scale.ticks]
    if scale.step < 0.000_1:
        return [(tick, f"{tick * 1_000_000:.4g} µs") for tick in scale.ticks]
    digits = 0 if scale.step >= 0.001 and abs(scale.step * 1000 % 1) < 1e-6 else 1
    digits = 2 if scale.step < 0.001 and scale.step * 1000 % 0.1 > 1e-6 else digits
    return [(tick, f"{tick * 1000:,.{digits}f} ms") for tick in scale.ticks]


@dataclass(frozen=True, slots=True)
class _Area:
    """Where on the drawing the values are."""

    left: float
    right: float
    top: float
    bottom: float
    across: Scale
    up: Scale

    def x(self, value: float) -> float:
        return self.left + self.across.place(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - self.up.place(value) * (self.bottom - self.top)


def _text(x: float, y: float, words: str, anchor: str = "middle", cls: str = "") -> str:
    more = f' class="{cls}"' if cls else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, cls: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{cls}"/>'


def series_class(index: int) -> str:
    """What the drawing and the legend of a series have in common."""
    dashed = " dashed" if index // COLOURS % 2 else ""
    return f"c{index % COLOURS} s{index}{dashed}"


def _hint(words: str) -> str:
    return f"<title>{escape(words)}</title>"


def _fitted(name: str, width: float) -> str:
    most = max(3, int(width / _BROAD))
    return name if len(name) <= most else f"{name[: most - 1]}…"


# Bars and waterfalls: a row for each category


def _rows(chart: Chart) -> Drawing:
    ends = [value for one in chart.series for value in (*one.y, *one.high) if value is not None]
    most = max(ends, default=0.0)
    if _budget_shown(chart, most):
        ends.append(chart.limit or 0.0)
    axis = chart.y if chart.kind == "bar" else chart.x
    gutter = min(_GUTTER, max((len(name) for name in chart.categories), default=0) * _BROAD + 14)
    bars = len(chart.series) if chart.kind == "bar" else 1
    row = bars * _BAR + (bars - 1) * _GAP + _ROW
    bottom = _TOP + row * len(chart.categories)
    scale = Scale.over([0.0, *ends], axis.unit, 5)
    area = _Area(gutter, WIDTH - 64, _TOP, bottom, scale, Scale(0.0, 1.0, 1.0))
    return Drawing(bottom + _FOOT, "".join(_row_parts(chart, area, row, axis, most)), chart.title)


def _row_parts(chart: Chart, area: _Area, row: float, axis: Axis, most: float) -> Iterator[str]:
    yield from _across(area, axis)
    bars = [list(_bars(chart, place)) for place in range(len(chart.categories))]
    for place, name in enumerate(chart.categories):
        top = area.top + place * row + _ROW / 2
        middle = top + (row - _ROW) / 2
        label = _text(area.left - 8, middle + 4, _fitted(name, area.left - 10), "end")
        yield f"<g>{_hint(name)}{label}</g>"
        for bar in bars[place]:
            y = top + bar.lane * (_BAR + _GAP)
            width = area.x(bar.end) - area.x(bar.start)
            yield _box(area.x(bar.start), y, width, _BAR, series_class(bar.series), bar.words)
            yield from _whisker(bar, area, y + _BAR / 2)
    if _budget_shown(chart, most):
        yield from _budget(chart, area, axis)
    for place, found in enumerate(bars):  # last, for nothing shall strike them out
        for lane in dict.fromkeys(bar.lane for bar in found):
            value = max(bar.end for bar in found if bar.lane == lane)
            end = max(max(bar.end, *bar.whisker) for bar in found if bar.lane == lane)
            y = area.top + place * row + _ROW / 2 + lane * (_BAR + _GAP) + _BAR - 3.5
            yield _text(area.x(end) + 6, y, shown(value, axis.unit), "start", "value")


@dataclass(frozen=True, slots=True)
class _Bar:
    """A bar of a row, or a stage in it."""

    series: int
    lane: int  # of the row, from above
    start: float
    end: float
    whisker: tuple[float, float]  # nothing to draw where both are the same
    words: str


def _bars(chart: Chart, place: int) -> Iterator[_Bar]:
    name = chart.categories[place]
    for index, one in enumerate(chart.series):
        low = one.low[place] if one.low else None
        high = one.high[place] if one.high else None
        if chart.kind == "waterfall":
            if low is not None and high is not None:
                lasts, until = shown(high - low, chart.x.unit), shown(high, chart.x.unit)
                yield _Bar(index, 0, low, high, (high, high), f"{name}, {one.name}: {lasts} until {until}")
        elif (value := one.y[place]) is not None:
            words = f"{one.name} {name}: {shown(value, chart.y.unit)}"
            if low is None or high is None:
                low = high = value
            else:
                words += f" ({shown(low, chart.y.unit)} to {shown(high, chart.y.unit)})"
            yield _Bar(index, index, 0.0, value, (low, high), words)


def _whisker(bar: _Bar, area: _Area, y: float) -> Iterator[str]:
    low, high = (area.x(end) for end in bar.whisker)
    if high > low:
        yield _line(low, y, high, y, "whisker")
        yield _line(low, y - 4, low, y + 4, "whisker")
        yield _line(high, y - 4, high, y + 4, "whisker")


def _box(x: float, y: float, width: float, height: float, cls: str, words: str) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.8):.1f}" height="{height:.1f}"'
    return f'<rect {size} class="{cls}">{_hint(words)}</rect>'


def _across(area: _Area, axis: Axis) -> Iterator[str]:
    """The axis below, its grid, and what it is about."""
    marks = ticks(area.across, axis.unit)
    widest = max(len(name) for _, name in marks) * _LETTER + 12
    every = max(1, -int(-(widest * len(marks)) // max(1.0, area.right - area.left)))
    for index, (tick, name) in enumerate(marks):
        x = area.x(tick)
        yield _line(x, area.top, x, area.bottom, "grid")
        if index % every == 0:
            yield _text(x, area.bottom + 16, name, cls="tick")
    yield _line(area.left, area.bottom, area.right, area.bottom, "axis")
    yield _text((area.left + area.right) / 2, area.bottom + 33, axis.title, cls="title")


def _budget(chart: Chart, area: _Area, axis: Axis) -> Iterator[str]:
    limit = chart.limit or 0.0
    x = area.x(limit)
    yield _line(x, area.top - 4, x, area.bottom, "budget")
    anchor = "end" if x > (area.left + area.right) / 2 else "start"
    yield _text(x, area.top - 8, f"budget {shown(limit, axis.unit)}", anchor, "budget")


# Lines and distributions: two axes


def _plane(chart: Chart) -> Drawing:
    lines = [chart.points(one) for one in chart.series]
    xs = [x for points in lines for x, _ in points]
    across = Scale.over(_with_budget(chart, xs), chart.x.unit, 6)
    if chart.kind == "line":
        ys = [y for points in lines for _, y in points]
        ys += [value for one in chart.series for value in (*one.low, *one.high) if value is not None]
        up, unit = Scale.over(_with_budget(chart, ys), chart.y.unit, 5), chart.y.unit
    else:
        up, unit = Scale(0.0, 1.0, 0.25), Measure.SHARE
    names = [name for _, name in _levels(up, unit)]
    left = max(map(len, names)) * _LETTER + 14
    area = _Area(left, WIDTH - 32, _TOP, _TOP + _HEIGHT, across, up)
    parts = _plane_parts(chart, area, unit, lines)
    return Drawing(area.bottom + _FOOT, "".join(parts), chart.title)


def _with_budget(chart: Chart, values: list[float]) -> list[float]:
    return [*values, chart.limit or 0.0] if _budget_shown(chart, max(values, default=0.0)) else values


def _levels(scale: Scale, unit: Measure) -> list[tuple[float, str]]:
    if unit is Measure.SHARE:
        return [(tick, f"{tick * 100:.4g} %") for tick in scale.ticks]
    return ticks(scale, unit)


def _plane_parts(
    chart: Chart, area: _Area, unit: Measure, lines: Sequence[Sequence[tuple[float, float]]]
) -> Iterator[str]:
    yield from _across(area, chart.x)
    for tick, name in _levels(area.up, unit):
        yield _line(area.left, area.y(tick), area.right, area.y(tick), "grid")
        yield _text(area.left - 7, area.y(tick) + 4, name, "end", "tick")
    if chart.kind == "line":
        yield _text(4, _TOP - 9, chart.y.title, "start", "title")
    for index, one in enumerate(chart.series):
        yield from _curve(chart, area, index, lines[index], one)
    limit = chart.limit
    if limit is None:
        return
    if chart.kind == "line" and area.up.low <= limit <= area.up.high:
        y = area.y(limit)
        yield _line(area.left, y, area.right, y, "budget")
        yield _text(area.right, y - 5, f"budget {shown(limit, chart.y.unit)}", "end", "budget")
    elif chart.kind != "line" and area.across.low <= limit <= area.across.high:
        yield from _budget(chart, area, chart.x)


def _curve(
    chart: Chart, area: _Area, index: int, points: Sequence[tuple[float, float]], one: Series
) -> Iterator[str]:
    if not points:
        return
    places = [(area.x(x), area.y(y)) for x, y in points]
    if one.low and one.high:
        yield _band(area, one, series_class(index))
    stepped = chart.kind == "cdf"
    path = f"M{places[0][0]:.1f} {places[0][1]:.1f}"
    for x, y in places[1:]:
        path += f"H{x:.1f}V{y:.1f}" if stepped else f"L{x:.1f} {y:.1f}"
    yield f'<path d="{path}" class="curve {series_class(index)}"><title>{escape(one.name)}</title></path>'
    dots = places if not stepped and len(places) <= 60 else []
    for (x, y), (at, value) in zip(dots, points, strict=False):
        words = f"{one.name}: {shown(value, chart.y.unit)} at {shown(at, chart.x.unit)}"
        place = f'cx="{x:.1f}" cy="{y:.1f}" r="3.2"'
        yield f'<circle {place} class="{series_class(index)}">{_hint(words)}</circle>'


def _band(area: _Area, one: Series, colour: str) -> str:
    bounds = [
        (area.x(x), area.y(low), area.y(high))
        for x, low, high in zip(one.x, one.low, one.high, strict=True)
        if low is not None and high is not None
    ]
    there = [f"{x:.1f},{high:.1f}" for x, _, high in bounds]
    back = [f"{x:.1f},{low:.1f}" for x, low, _ in reversed(bounds)]
    return f'<polygon points="{" ".join([*there, *back])}" class="band {colour}"/>'
