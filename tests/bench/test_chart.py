"""Charts as data, and charts of samples."""

import json

import msgspec
import pytest

from tests.bench.reports import METRICS, every_chart, sample, samples
from voicecli.bench.chart import KINDS, Axis, Chart, Series
from voicecli.bench.charts import cdfs, labelled, lines, medians, over, waterfall
from voicecli.bench.metric import Measure
from voicecli.bench.report_file import plain

TTFA = METRICS[0]
SAMPLES = [
    sample({"net": net, "words": words}, number, 0.1 * number + words / 1000)
    for number in (1, 2, 3)
    for net in ("lan", "4g")
    for words in (20, 80)
] + [sample({"net": "lan", "words": 20}, 0, 9.0, counted=False)]


def test_every_kind_reads_back() -> None:
    charts = every_chart(samples())
    assert {chart.kind for chart in charts} == set(KINDS)
    for chart in charts:
        record = json.loads(json.dumps(plain(chart)))
        assert plain(msgspec.convert(record, Chart)) == record


@pytest.mark.parametrize(
    ("kind", "series"),
    [
        ("pie", Series(name="a")),
        ("line", Series(name="a", x=[1.0], y=[])),
        ("line", Series(name="a", x=[1.0], y=[1.0], low=[1.0, 2.0])),
        ("bar", Series(name="a", y=[1.0, 2.0])),
        ("waterfall", Series(name="a", low=[0.0])),
    ],
)
def test_parts_of_different_lengths(kind: str, series: Series) -> None:
    with pytest.raises(ValueError, match=r"chart|lengths"):
        Chart(kind=kind, title="t", series=[series], categories=["one"])


def test_empty_chart() -> None:
    assert Chart(kind="bar", title="t", series=[Series(name="a", y=[None])], categories=["x"]).empty
    assert not Chart(kind="cdf", title="t", series=[Series(name="a", y=[0.0])]).empty


def test_shares_rise_to_all() -> None:
    chart = Chart(kind="cdf", title="t", series=[Series(name="a", y=[0.3, None, 0.1]), Series(name="b")])
    assert [chart.points(one) for one in chart.series] == [[(0.1, 0.0), (0.1, 0.5), (0.3, 1.0)], []]


def test_warm_ups_are_in_no_chart() -> None:
    [lan, other] = cdfs(SAMPLES, TTFA, ("net",), "t").series
    assert (lan.name, other.name) == ("lan", "4g")
    assert len(lan.y) == 6
    assert max(value or 0 for value in lan.y) < 1


def test_medians_have_intervals() -> None:
    chart = medians(SAMPLES, TTFA, ("words",), ("net",), "t")
    assert chart.categories == ["20", "80"]
    lan = chart.series[0]
    assert lan.y == pytest.approx([0.22, 0.28])
    assert lan.low[0] == pytest.approx(0.12)


def test_line_along_a_number() -> None:
    chart = over(SAMPLES, TTFA, Axis("words", Measure.COUNT), ("net",), "t", label="words")
    assert list(chart.series[0].x) == [20, 80]
    assert list(chart.series[0].y) == pytest.approx([0.22, 0.28])


def test_line_along_the_runs() -> None:
    chart = over(SAMPLES, TTFA, Axis("run", Measure.COUNT), (), "t")
    [line] = chart.series
    assert list(line.x) == [1, 2, 3]
    assert list(line.y) == pytest.approx([0.15, 0.25, 0.35])
    assert (list(line.low), list(line.high)) == ([], [])


def test_lines_of_anything() -> None:
    points = {"up": [(1.0, 2.0), (None, 3.0), (2.0, None)], "down": []}
    chart = lines(points, "t", (Axis("at"), lambda one: one[0]), (Axis("value"), lambda one: one[1]), 4.0)
    up, down = chart.series
    assert (list(up.x), list(up.y)) == ([1.0, 2.0], [2.0, None])
    assert (down.name, list(down.x), chart.limit) == ("down", [], 4.0)


def test_stages_in_their_order() -> None:
    rows = {"one": {"b": (1.0, 2.0)}, "two": {"a": (0.0, 1.0), "b": (1.0, 3.0), "z": (3.0, 4.0)}}
    chart = waterfall(rows, "t", Axis(), stages=("a", "b"))
    assert [one.name for one in chart.series] == ["a", "b", "z"]
    assert list(chart.series[0].high) == [None, 1.0]


def test_groups_leave_out_what_is_empty() -> None:
    assert list(labelled([sample({"a": "x", "b": ""}, 1, 0.1)], ("a", "b"))) == ["x"]
