"""Reports in the terminal and as Markdown."""

import io

import pytest
from rich.console import Console

from tests.bench.reports import NASTY, every_chart, failed, report, sample, samples
from voicecli.bench.chart import Chart, Series
from voicecli.bench.compare import compared
from voicecli.bench.draw.blocks import drawn
from voicecli.bench.draw.gfm import report_markdown
from voicecli.bench.draw.terminal import print_charts, print_comparison, print_report
from voicecli.bench.metric import Metric


def console(width: int = 120) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False)


def text(of: Console) -> str:
    assert isinstance(of.file, io.StringIO)
    return of.file.getvalue()


def test_head_says_what_was_measured() -> None:
    shown = console()
    print_report(shown, report(interrupted=True))
    for part in (
        "a CPU · 2 cores · load 0.5", "CPython 3 · voicecli 1", "simulated (asked for) · voicecli 1 · pcm",
        "opened in 12 ms", "two of them", "2025-01-02 03:04:05", "3, of the order", "starting the process",
        "it is pcm", "interrupted",
    ):  # fmt: skip
        assert part in text(shown)


def test_every_case_has_its_block() -> None:
    shown = console()
    print_report(shown, report([*samples(), failed({"net": "lan", "words": 20}, 13)]))
    for part in ("95 % CI", "p99", "ttfa.p95 within 300 ms", "ttfb.p50 over 10 ms", "1 run failed. Dropped",
                 "side by side", "word error rate", "10.0 %", "Who was late", "asr | llm"):  # fmt: skip
        assert part in text(shown)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_fits_any_terminal(width: int) -> None:
    shown = console(width)
    whole = report()
    print_report(shown, whole)
    print_charts(shown, whole.charts)
    print_comparison(shown, compared(whole, whole, 0.05))
    assert max(map(len, text(shown).splitlines())) <= width


def test_narrow_terminals_keep_the_names_of_the_cases() -> None:
    shown = console(80)
    names = [Metric(name=f"a_rather_long_name_{index}", span=True) for index in range(6)]
    taken = [
        sample({"pipeline": name}, number, 0.1, values={metric.name: 12.345 for metric in names})
        for name in ("voicecli", "naive")
        for number in (1, 2)
    ]
    print_report(shown, report(taken, metrics=names, tables=[], limits=[], charts=[]))
    beside = text(shown).partition("side by side")[2]
    assert "pipeline" in beside
    assert "naive" in beside
    assert "…" not in beside


def test_comparison_names_what_changed() -> None:
    shown = console(200)
    slower = report(samples(shift=0.05, seed=2), versions={"voicecli": "2", "python": "CPython 3"})
    print_comparison(shown, compared(report(), slower, 0.05))
    for part in ("against 2025-01-02", "worse", "note  versions differ: voicecli was 1", "rank sum"):
        assert part in text(shown)


def test_comparison_of_nothing() -> None:
    shown = console()
    one, other = (report([sample({"net": net}, 1, 0.1)]) for net in ("a", "b"))
    print_comparison(shown, compared(one, other, 0.05))
    assert "nothing that both have" in text(shown)


def test_longest_bar_fills_the_room() -> None:
    chart = Chart(
        kind="bar", title="t", series=[Series(name="a", y=[0.1, 0.2, None])], categories=["x", "y", "z"]
    )
    shown = console(60)
    shown.print(drawn(chart, 60))
    _, short, long = text(shown).splitlines()
    assert abs(long.count("█") - 2 * short.count("█")) <= 1
    assert long.endswith("200 ms")


def test_charts_of_nothing() -> None:
    shown = console()
    for kind in ("line", "cdf"):
        shown.print(drawn(Chart(kind=kind, title="t", series=[]), 60))
    assert text(shown).count("nothing was measured") == 2


def test_titles_and_legends_are_drawn() -> None:
    shown = console()
    print_charts(shown, every_chart(samples()))
    for part in ("Every turn", "Spread", "■ lan", NASTY, "Jitter against underruns"):
        assert part in text(shown)


def test_markdown_has_tables() -> None:
    found = report_markdown(report(), compared(report(), report(samples(shift=0.05, seed=2)), 0.05))
    lines = found.splitlines()
    assert lines[0] == "# Conversations"
    for part in ("## Against", "## Side by side", "## Who was late", "| machine | a CPU", "**worse**"):
        assert part in found
    assert "<b>" not in found.replace("\\<b\\>", "")
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
    assert "asr \\| llm" in found
