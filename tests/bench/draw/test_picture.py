"""Pictures."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench.reports import NASTY, report, samples
from voicecli.bench.chart import Chart, Series
from voicecli.bench.draw import picture
from voicecli.bench.draw.picture import check_plot, picture_svg, plotted
from voicecli.bench.draw.svg import WIDTH
from voicecli.errors import LibraryMissing

SVG = "{http://www.w3.org/2000/svg}"


def test_picture_of_every_chart() -> None:
    root = ElementTree.fromstring(plotted(Path("charts.svg"), report()))
    drawings = root.findall(f"{SVG}svg")
    assert len(drawings) == 6
    places = [(float(one.attrib["x"]), float(one.attrib["y"])) for one in drawings]
    assert len(set(places)) == 6
    ends = [y + float(one.attrib["height"]) for (_, y), one in zip(places, drawings, strict=True)]
    assert max(ends) < float(root.attrib["height"])
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert NASTY in words
    assert "Every turn" in words


def test_picture_needs_no_style_from_outside() -> None:
    assert "var(" not in picture_svg(report())
    assert "@media" not in picture_svg(report())


def test_legend_covers_nothing() -> None:
    series = [Series(name=f"a rather long name {index}", x=[0.0, 1.0], y=[0.0, 1.0]) for index in range(12)]
    root = ElementTree.fromstring(
        picture_svg(report(charts=[Chart(kind="line", title="many", series=series)]))
    )
    [drawn] = root.findall(f"{SVG}svg")
    keys = [one for one in root.findall(f"{SVG}rect") if one.attrib.get("class")]
    assert len(keys) == len(series)
    assert max(float(one.attrib["y"]) + 11 for one in keys) <= float(drawn.attrib["y"])
    assert max(float(one.attrib["x"]) for one in keys) < WIDTH
    assert len({(one.attrib["x"], one.attrib["y"]) for one in keys}) == len(series)


def test_png_by_its_name() -> None:
    pytest.importorskip("resvg_py", reason="the extra `plot` is not installed")
    drawn = plotted(Path("charts.PNG"), report(samples(runs=2), charts=report().charts[:1]))
    assert drawn.startswith(b"\x89PNG")


def test_no_charts_are_an_empty_picture() -> None:
    assert re.match(r'<svg [^>]*width="\d+" height="\d+"', picture_svg(report(charts=[])))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    check_plot(Path("charts.svg"))
    with pytest.raises(LibraryMissing, match="resvg-py") as caught:
        check_plot(Path("charts.png"))
    assert "voicecli[plot]" in caught.value.hint


def test_missing_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("resvg_py", reason="the extra `plot` is not installed")
    monkeypatch.setattr(picture, "picture_style", lambda colours: "svg { font-family: 'No Such Font' }")
    with pytest.raises(LibraryMissing, match="font") as caught:
        check_plot(Path("charts.png"))
    assert "fonts-dejavu-core" in caught.value.hint
