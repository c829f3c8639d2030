"""A bench report drawn for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from voicecli.bench.report import Report, Result
from voicecli.bench.tts import Line
from voicecli.latency.statistics import Statistics
from voicecli.latency.timeline import Span

__all__ = ["print_report"]

_LABEL, _NUMBER = 21, 9  # columns: as wide in every block, so that the blocks line up
_FINE = 0.01  # seconds below which tenths of a millisecond are shown


def print_report(console: Console, report: Report) -> None:
    """Everything: what was measured where, a block for each case, and the cases side by side."""
    console.print(Group(*_parts(report)))


def _parts(report: Report) -> Iterator[RenderableType]:
    yield _about(report)
    for result in report.results:
        yield Text()
        yield Text(f"{result.case} ({len(result.case.line.text)} characters)", style="bold")
        yield _measures(result)
        if result.verdicts:
            yield _budgets(result)
        for error, count in result.errors.items():
            yield Text(f"{count} {'run' if count == 1 else 'runs'} failed. {error}", style="red")
    if len(report.results) > 1:
        yield Text()
        yield _comparison(report)


def _about(report: Report) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    machine, heard = report.machine, report.heard
    load = "" if machine.load is None else f" · load {machine.load:g}"
    table.add_row("machine", Text(f"{machine.cpu} · {machine.cores} cores{load}"))
    versions = report.versions
    system = f"{machine.system} · {versions['python']} · voicecli {versions['voicecli']}"
    table.add_row("system", Text(system))
    for contender in report.contenders:
        said = f"{contender.name} ({contender.reason}) · {versions[contender.name]} · {contender.codec}"
        table.add_row("engine", Text(f"{said} · opened in {_time(contender.opened)}"))
    latency = f"{_time(heard.latency)} of latency are in the numbers"
    table.add_row("speaker", Text(f"{heard.name} ({heard.kind}) · {heard.rate} Hz · {latency}"))
    for index, lack in enumerate(heard.excluded()):
        table.add_row("" if index else "not in it", Text(lack, style="dim"))
    for note in report.notes:
        table.add_row("note", Text(note, style="yellow"))
    if report.interrupted:
        table.add_row("note", Text("interrupted: this is what was measured until then", style="yellow"))
    return table


def _measures(result: Result) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=_LABEL)
    for name in ("p50", "p95", "min", "max", "n"):
        table.add_column(name, justify="right", no_wrap=True, min_width=2 if name == "n" else _NUMBER)
    for span, found in result.spans.items():
        table.add_row(str(span), *_times(found))
    table.add_row("rtf", *_numbers(result.rtf, "{:.3f}"))
    table.add_row("bytes to first sample", *_numbers(result.bytes_to_first_sample, "{:,.0f}"))
    table.add_row("bytes", *_numbers(result.bytes, "{:,.0f}"))
    table.add_row("audio", *_numbers(result.audio, "{:.2f} s"))
    style = "red" if result.underruns else ""
    silence = f" ({_time(result.silence)})" if result.underruns else ""
    table.add_row("underruns, all runs", Text(f"{result.underruns}{silence}", style=style))
    table.add_row("ttfa, cold", _time(result.cold))
    return table


def _budgets(result: Result) -> Text:
    text = Text("budget  ", style="dim")
    for index, (limit, verdict) in enumerate(result.verdicts.items()):
        text.append(" · " if index else "")
        word = "not measured, limit" if verdict.ok is None else "within" if verdict.ok else "over"
        style = "not dim green" if verdict.ok else "not dim red"
        text.append(f"{limit.span}.{limit.statistic} {word} {_time(limit.seconds)}", style=style)
    return text


def _comparison(report: Report) -> Table:
    table = Table(title="time to first audio", title_justify="left", box=None, pad_edge=False)
    for name in ("engine", "format"):
        table.add_column(name, no_wrap=True)
    table.add_column("text")  # the one that may wrap
    for name in ("p50", "p95", "first bytes", "rtf", "breaks", "n", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    best = _best(report)
    for result in report.results:
        case, found = result.case, result.spans[Span.TTFA]
        p50, p95, *_ = _times(found)
        table.add_row(
            case.contender.name,
            case.contender.codec,
            Text(case.line.name),
            Text(p50, style="bold green" if found and found.p50 == best[case.line] else ""),
            Text(p95, style="red" if any(not verdict.ok for verdict in result.verdicts.values()) else ""),
            _numbers(result.bytes_to_first_sample, "{:,.0f}")[0],
            _numbers(result.rtf, "{:.3f}")[0],
            str(result.underruns),
            str(result.ok),
            Text(str(result.failed), style="red" if result.failed else ""),
        )
    return table


def _best(report: Report) -> dict[Line, float]:
    """The shortest median of each text, in seconds."""
    best: dict[Line, float] = {}
    for result in report.results:
        if found := result.spans[Span.TTFA]:
            best[result.case.line] = min(found.p50, best.get(result.case.line, found.p50))
    return best


def _times(found: Statistics | None) -> list[str]:
    if found is None:
        return ["–", "–", "–", "–", "0"]
    return [_time(found.p50), _time(found.p95), _time(found.min), _time(found.max), str(found.n)]


def _numbers(found: Statistics | None, form: str) -> list[str]:
    if found is None:
        return ["–", "–", "–", "–", "0"]
    return [*(form.format(value) for value in (found.p50, found.p95, found.min, found.max)), str(found.n)]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.1f} ms" if seconds < _FINE else f"{seconds * 1000:,.0f} ms"
