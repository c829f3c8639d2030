"""The page, as text and as a browser sees it."""

import functools
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from tests.bench.reports import NASTY, every_chart, report, samples
from voicecli.bench.chart import KINDS, Axis, Chart, Series
from voicecli.bench.charts import waterfall
from voicecli.bench.compare import compared
from voicecli.bench.draw.page import report_page
from voicecli.bench.draw.scale import Scale
from voicecli.bench.draw.svg import COLOURS, drawing, series_class, ticks
from voicecli.bench.metric import Measure

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium is installed")
PATIENCE = 60.0  # seconds
BUSY = ("google.com", "googleapis.com")  # hosts that the browser asks of itself, whatever it shows


@functools.cache
def page() -> str:
    slower = report(samples(shift=0.05, seed=2))
    return report_page(slower, compared(report(), slower, 0.05))


class Outline(HTMLParser):
    """Which elements are open, and what they refer to."""

    _VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._VOID:
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_whole_and_refers_to_nothing() -> None:
    outline = Outline()
    outline.feed(page())
    assert outline.open == []
    assert outline.references == []
    assert "http://" not in page()
    assert "https://" not in page()
    assert "default-src 'none'" in page()


def test_page_says_what_was_measured() -> None:
    for part in ("a CPU", "CPython 3", "starting the process", "two of them", "3, of the order", "pcm",
                 "prebuffer", "Who was late", "word error rate"):  # fmt: skip
        assert part in page()
    assert re.search(r"\d+ worse, 0 better", page())


def test_labels_are_not_markup() -> None:
    assert NASTY not in page()
    assert "&lt;b&gt;" in page()
    assert page().count("<script>") == 1


def test_more_series_than_colours_are_told_apart() -> None:
    series = [Series(name=f"line {index}", x=[0.0, 1.0], y=[0.1, index / 10]) for index in range(COLOURS + 4)]
    drawn = drawing(Chart(kind="line", title="many", series=series)).parts
    looks = re.findall(r'class="curve (c\d+) (s\d+)( dashed)?"', drawn)
    assert len({(colour, dashed) for colour, _, dashed in looks}) == len(series)
    assert [one for _, one, _ in looks] == [series_class(index).split()[1] for index in range(len(series))]


def test_values_stand_before_the_budget() -> None:
    fall = waterfall({"1": {"asr": (0.0, 0.9)}}, "turns", Axis("waited"), 1.0)
    drawn = drawing(fall).parts
    assert drawn.index('class="value"') > drawn.rindex('class="budget"')


def test_names_have_room() -> None:
    name = "espeak pcm medium warm"
    drawn = drawing(waterfall({name: {"asr": (0.0, 0.9)}}, "turns", Axis("waited"))).parts
    [(end, words)] = re.findall(r'x="([\d.]+)" y="[\d.]+" text-anchor="end">([^<]*)<', drawn)
    assert words == name
    assert float(end) >= 7.2 * len(name)  # as wide as DejaVu Sans draws it at 12 px


def test_every_kind_of_chart_is_drawn() -> None:
    for chart in every_chart(samples()):
        assert f'data-kind="{chart.kind}"' in page()
        assert "nan" not in drawing(chart).parts.lower()
    assert set(re.findall(r'data-kind="(\w+)"', page())) == set(KINDS)


def places(drawn: str, cls: str) -> list[tuple[float, float, str]]:
    found = re.findall(rf'<text x="([\d.]+)" y="([\d.]+)"[^>]*class="{cls}">([^<]*)<', drawn)
    return [(float(x), float(y), words) for x, y, words in found]


@pytest.mark.parametrize("index", range(6))
def test_labels_do_not_overlap(index: int) -> None:
    found = drawing(every_chart(samples())[index]).parts
    below = sorted(places(found, "tick"), key=lambda place: (place[1], place[0]))
    for (x0, y0, one), (x1, y1, other) in pairwise(below):
        if abs(y0 - y1) < 1 and x1 > x0:
            assert x1 - x0 >= (len(one) + len(other)) / 2 * 6.2, (one, other)
        elif x0 == x1:
            assert y1 - y0 >= 12


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.2], ["0 ms", "50 ms", "100 ms", "150 ms", "200 ms"]),
        ([0.0, 0.0009], ["0.0 ms", "0.2 ms", "0.4 ms", "0.6 ms", "0.8 ms", "1.0 ms"]),
        ([0.0, 0.0000009], ["0 µs", "0.2 µs", "0.4 µs", "0.6 µs", "0.8 µs", "1 µs"]),
        ([0.0, 0.0125], ["0.0 ms", "2.5 ms", "5.0 ms", "7.5 ms", "10.0 ms", "12.5 ms"]),
    ],
)
def test_axis_in_one_unit(values: list[float], expected: list[str]) -> None:
    assert [name for _, name in ticks(Scale.over(values, Measure.TIME, 5), Measure.TIME)] == expected


class _Refusing(BaseHTTPRequestHandler):
    """A proxy that notes what is asked of it."""

    asked: list[str]

    def _note(self) -> None:
        host = re.split(r"[:/]", self.path.partition("://")[2] or self.path)[0]
        if not host.endswith(BUSY):
            self.asked.append(self.path)
        self.send_error(502)

    do_GET = do_POST = do_CONNECT = _note  # noqa: N815 (the names are the library's)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def refusing() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []
    handler = type("_Handler", (_Refusing,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def browse(path: Path, folder: Path, *words: str) -> tuple[str, list[str]]:
    """What the browser prints, and what it asked for while it showed the page."""
    assert BROWSER is not None
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--no-first-run", "--disable-gpu", "--hide-scrollbars"]  # fmt: skip
    env = {name: value for name, value in os.environ.items() if not name.startswith("DBUS_")}
    with refusing() as (proxy, asked):
        ended = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", *quiet, f"--user-data-dir={folder / 'profile'}",
             f"--proxy-server={proxy}", "--proxy-bypass-list=<-loopback>", "--window-size=1400,3000",
             *words, path.as_uri()],
            capture_output=True, text=True, timeout=PATIENCE, env=env, check=True,
        )  # fmt: skip
    return ended.stdout, asked


@needs_browser
def test_browser_draws_the_charts_and_asks_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    # What the page measures of itself: it is only in this copy, and tells what a reader would see.
    probe = """<script>document.documentElement.dataset.seen = JSON.stringify({
      charts: [...document.querySelectorAll('svg')].filter(
        one => one.getBoundingClientRect().width > 200).length,
      outside: [...document.querySelectorAll('svg text')].filter(one => {
        const mine = one.getBoundingClientRect(), all = one.ownerSVGElement.getBoundingClientRect();
        return mine.left < all.left - 1 || mine.right > all.right + 1 || mine.top < all.top - 1 ||
          mine.bottom > all.bottom + 1; }).map(one => one.textContent),
      wide: document.documentElement.scrollWidth - innerWidth })</script>"""
    path.write_text(page().replace("</body>", f"{probe}</body>"), encoding="utf-8")
    dom, asked = browse(path, tmp_path, "--dump-dom")
    seen = re.search(r'data-seen="([^"]*)"', dom)
    assert seen is not None
    assert "&quot;charts&quot;:6,&quot;outside&quot;:[]," in seen[1]
    assert int(seen[1].rsplit(":", 1)[1].rstrip("}")) <= 0
    assert asked == []


@needs_browser
def test_browser_would_be_noticed(tmp_path: Path) -> None:
    path = tmp_path / "leaky.html"
    path.write_text('<!doctype html><img src="http://example.test/pixel.png">')
    _, asked = browse(path, tmp_path, "--dump-dom")
    assert asked == ["http://example.test/pixel.png"]


@needs_browser
def test_browser_takes_a_picture(tmp_path: Path) -> None:
    path, picture = tmp_path / "report.html", tmp_path / "report.png"
    path.write_text(page(), encoding="utf-8")
    _, asked = browse(path, tmp_path, f"--screenshot={picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 50_000
    assert asked == []
