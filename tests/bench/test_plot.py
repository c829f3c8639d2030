"""Pictures."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.reports import report, samples
from voicecli.bench.plot import check_plot, write_plot
from voicecli.errors import LibraryMissing, SaveError

matplotlib = pytest.importorskip("matplotlib.figure", reason="the extra `plot` is not installed")


def test_picture_of_every_chart(tmp_path: Path) -> None:
    path = tmp_path / "charts.svg"
    write_plot(path, report())
    text = path.read_text(encoding="utf-8")
    assert text.count('id="axes_') == 7
    assert text.lstrip().startswith("<?xml")


def test_legend_covers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(matplotlib.Figure, "savefig", lambda figure, *given, **more: drawn.append(figure))
    write_plot(tmp_path / "all.png", report())
    drawn[0].draw_without_rendering()
    for axes in drawn[0].axes:
        legend = axes.get_legend()
        if legend is not None:
            assert legend.get_window_extent().x0 >= axes.get_window_extent().x1


def test_png_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "charts.PNG"
    write_plot(path, report(samples(runs=2), charts=report().charts[:1]))
    assert path.read_bytes().startswith(b"\x89PNG")


def test_no_charts_are_an_empty_picture(tmp_path: Path) -> None:
    write_plot(tmp_path / "none.svg", report(charts=[]))
    assert (tmp_path / "none.svg").stat().st_size > 0


def test_picture_that_cannot_be_written() -> None:
    with pytest.raises(SaveError):
        write_plot(Path("/no/such/folder/charts.png"), report(charts=[]))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(LibraryMissing, match="matplotlib") as caught:
        check_plot()
    assert "voicecli[plot]" in caught.value.hint
