"""Where the report of a bench goes, and what it makes the process return."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from voicecli.bench.compare import Comparison, compared
from voicecli.bench.draw.gfm import report_markdown
from voicecli.bench.draw.page import report_page
from voicecli.bench.draw.picture import check_plot, plotted
from voicecli.bench.draw.terminal import print_charts, print_comparison, print_report
from voicecli.bench.measure.loudspeaker import BenchSpeaker
from voicecli.bench.measure.measurement import Measurement
from voicecli.bench.metric import Metric
from voicecli.bench.report import BenchReport
from voicecli.bench.report_file import read_report, report_csv, report_json
from voicecli.cli import ends
from voicecli.cli.bench_options import Outputs
from voicecli.cli.console import SafeConsole
from voicecli.cli.progress import BenchBars
from voicecli.errors import BudgetBreached, ExitStatus, SaveError, UsageError
from voicecli.latency.budget import Limit, parse_limit
from voicecli.latency.timeline import Span
from voicecli.printable import printable

__all__ = ["Destinations", "check", "loudspeaker", "publish", "run_bench", "show_report"]

_WIDTH = 120  # columns where there is no terminal
_PICTURES = (".png", ".svg")


def loudspeaker(name: str, *, real_time: bool = True) -> BenchSpeaker:
    """What `--speaker` of a bench names, opened later."""
    opened = partial(ends.open_speaker, name, real_time=real_time, silence=False)
    return BenchSpeaker(name, ends.kind(name), real_time, opened)


async def run_bench(bench: Measurement, outputs: Outputs, speaker: str | None = None) -> ExitStatus:
    """Measure and report; returns what the process should. Raises VoiceError.

    What was measured before an interruption, or before something failed for good, is reported too.
    """
    destinations = check(outputs, bench.kind, bench.metrics, speaker, bench.budgets)
    bench.report.limits = destinations.limits
    bars = BenchBars()
    with closing(bars.fetching):
        lost = await bench.gather(bars)
    measured = bool(bench.report.samples)
    status = publish(bench.report, destinations) if measured else ExitStatus.INTERRUPTED
    if lost is not None:
        raise lost
    if outputs.strict and status is ExitStatus.FINE and bench.broken:
        raise BudgetBreached(f"Not as claimed: {'; '.join(bench.broken)}.")
    return status


def check(
    outputs: Outputs,
    kind: str,
    metrics: Sequence[Metric],
    speaker: str | None = None,
    budgets: Mapping[Span, float] | None = None,
) -> Destinations:
    """Find before minutes of measuring what would spoil its end; `speaker` may be standard output too.

    Raises UsageError; LibraryMissing when a picture is wanted that cannot be drawn.
    """
    if [outputs.json, outputs.csv, outputs.markdown, speaker].count(ends.PIPE) > 1:
        raise UsageError("Only one of --json, --csv, --markdown and --speaker can be standard output.")
    if ends.PIPE in (outputs.html, outputs.plot):
        raise UsageError("A page or a picture is written to a file, not to standard output.")
    for name in (outputs.json, outputs.csv, outputs.markdown, outputs.html, outputs.plot):
        if name is not None and name != ends.PIPE:
            _check_writable(Path(name))
    if outputs.plot is not None:
        _check_picture(Path(outputs.plot))
    names = [metric.name for metric in metrics]
    given = [parse_limit(text, names) for text in outputs.budget or ()]
    return Destinations(outputs, _limits(given, names, budgets or {}), _base(outputs.compare, kind), speaker)


def _base(path: Path | None, kind: str) -> BenchReport | None:
    if path is None:
        return None
    base = read_report(path)
    if base.kind != kind:
        raise UsageError(f"{path} is of `bench {base.kind}`, and this is `bench {kind}`.")
    return base


@dataclass(frozen=True, slots=True)
class Destinations:
    """Outputs that were found to be possible, read once."""

    outputs: Outputs
    limits: Sequence[Limit]
    base: BenchReport | None  # that the report is compared with
    speaker: str | None = None  # the loudspeaker, where there is one


def _limits(given: Sequence[Limit], names: Sequence[str], configured: Mapping[Span, float]) -> list[Limit]:
    """Those of the command line, and for spans without one the settings' budgets, for p95."""
    spans = {*names} - {limit.span for limit in given}
    return [*given, *(Limit(str(span), "p95", limit) for span, limit in configured.items() if span in spans)]


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} cannot be written: it is a folder.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: no permission.")


def _check_picture(path: Path) -> None:
    if path.suffix.lower() not in _PICTURES:
        raise UsageError(f"A picture is a PNG or an SVG, and {path} is named otherwise.")
    check_plot(path)


def publish(report: BenchReport, destinations: Destinations) -> ExitStatus:
    """Tables for people, files for programs, and the verdict.

    Raises BudgetBreached for a breach, a failed run or a regression that `--strict` forbids, SaveError when a
    file cannot be written; the others are written all the same.
    """
    outputs, base = destinations.outputs, destinations.base
    comparison = None if base is None else compared(base, report, outputs.tolerance)
    piped = ends.PIPE in (outputs.json, outputs.csv, outputs.markdown, destinations.speaker)
    stream = sys.stderr if piped else sys.stdout
    console = SafeConsole(file=stream, width=None if stream.isatty() else _WIDTH)
    print_report(console, report)
    if outputs.charts:
        print_charts(console, report.charts)
    if comparison is not None:
        print_comparison(console, comparison)
    files: Sequence[tuple[str | None, Callable[[], str | bytes]]] = (
        (outputs.json, lambda: report_json(report, lines=outputs.json != ends.PIPE) + "\n"),
        (outputs.csv, lambda: report_csv(report)),
        (outputs.markdown, lambda: report_markdown(report, comparison)),
        (outputs.html, lambda: report_page(report, comparison)),
        (outputs.plot, lambda: plotted(Path(outputs.plot or ""), report)),
    )
    failures = [
        failure
        for name, made in files
        if name is not None and (failure := _failure(name, made())) is not None
    ]
    if failures:
        raise failures[0]
    if report.interrupted:
        return ExitStatus.INTERRUPTED
    return _judge(report, comparison, strict=outputs.strict)


def _failure(name: str, made: str | bytes) -> SaveError | None:
    """Write it; returns why it could not be."""
    text = printable(made) if isinstance(made, str) else ""
    if name == ends.PIPE:
        sys.stdout.write(text)
        sys.stdout.flush()
        return None
    try:
        Path(name).write_bytes(text.encode() if isinstance(made, str) else made)
    except OSError as error:
        return SaveError(f"{name} cannot be written: {error.strerror or error}.")
    return None


def show_report(path: Path, outputs: Outputs) -> ExitStatus:
    """Publish what was measured before, held against the budgets of the command line alone.

    Raises what `check` and `publish` raise.
    """
    report = read_report(path)
    destinations = check(outputs, report.kind, report.metrics)
    publish(replace(report, limits=destinations.limits), destinations)
    return ExitStatus.FINE


def _judge(report: BenchReport, comparison: Comparison | None, *, strict: bool) -> ExitStatus:
    """Fine, or why not. Raises BudgetBreached naming every breach, failure and regression."""
    silent = [result for result in report.results if not result.ok]
    if silent:
        failures = [
            sample.error
            for sample in report.samples
            if sample.error is not None and sample.case == silent[0].case
        ]
        return failures[-1].status if failures else ExitStatus.FAILED
    if not strict:
        return ExitStatus.FINE
    if comparison is not None and not comparison.changes:
        raise BudgetBreached("Nothing was compared: the two reports have no case in common.")
    wrong = {
        "Over budget": report.breaches,
        "Not every run went through": report.failures,
        "Worse than before": [] if comparison is None else [str(one) for one in comparison.regressions],
    }
    if any(wrong.values()):
        raise BudgetBreached(" ".join(f"{what}: {'; '.join(each)}." for what, each in wrong.items() if each))
    return ExitStatus.FINE
