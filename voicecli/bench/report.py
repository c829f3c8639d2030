"""What the runs of a bench come to: statistics of every case, the verdict on its budgets, JSON and CSV."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TextIO

from voicecli.bench.machine import Machine
from voicecli.bench.tts import SPANS, Case, Contender, Run
from voicecli.conversation.record import marks_record, spans_record
from voicecli.latency.budget import Limit, Verdict, judge_statistics
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.timeline import Mark, Span

__all__ = ["Breach", "Heard", "Report", "Result", "breaches", "report_record", "summed_up", "write_csv"]

_DIGITS = 6  # of a second: microseconds
_SECRET = re.compile(r"(?<=://)[^/@\s]+@")  # a name and a password in an address
_COLUMNS = ("engine", "format", "name", "text", "run", "warmup", "ok", *map(str, SPANS), "rtf", "audio")
_COLUMNS += ("chunks", "bytes", "bytes_to_first_sample", "underruns", "silence", "error")


@dataclass(frozen=True, slots=True)
class Heard:
    """The loudspeaker that the first sound left."""

    name: str
    kind: str  # null, device, file or pipe
    rate: int  # samples a second
    latency: float  # seconds from a block being filled to its being heard, which the numbers include
    whole: bool  # whether everything was played to its end

    def excluded(self) -> list[str]:
        """What is not in the numbers, a sentence without a full stop each."""
        lacks = [
            "starting the process, loading the engine and opening the loudspeaker",
            "the first run of each case, which is shown as cold",
        ]
        if self.kind == "device":
            lacks.append("what sound needs behind the latency that the device reports")
        else:
            stands = f"{self.latency * 1000:.0f} ms stand for it"
            lacks.append(f"a device's own latency: nobody hears this loudspeaker, and {stands}")
        if not self.whole:
            lacks.append("playing to the end: a run is over when all is made and its beginning was heard")
        return lacks


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All runs of one case."""

    case: Case
    ok: int  # runs that counted
    failed: int
    spans: Mapping[Span, Statistics | None]  # seconds
    rtf: Statistics | None
    audio: Statistics | None  # seconds
    bytes: Statistics | None
    bytes_to_first_sample: Statistics | None
    underruns: int  # in all runs together
    silence: float  # seconds that they put into the sound
    cold: float | None  # seconds to the first sound of the warm-up
    errors: Mapping[str, int] = field(default_factory=dict)  # how many runs failed in which way
    verdicts: Mapping[Limit, Verdict] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a reader needs to believe the numbers."""

    started: str  # ISO 8601
    machine: Machine
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    contenders: Sequence[Contender]
    heard: Heard
    runs: Sequence[Run]
    results: Sequence[Result]
    notes: Sequence[str] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """A budget that a case did not keep, or that could not be measured."""

    case: Case
    limit: Limit
    value: float | None  # seconds

    def __str__(self) -> str:
        value = "was not measured" if self.value is None else f"is {self.value:.3f} s"
        name = f"{self.limit.span}.{self.limit.statistic}"
        return f"{self.case}: {name} {value}, budget {self.limit.seconds:g} s"


def summed_up(cases: Sequence[Case], runs: Iterable[Run], limits: Sequence[Limit] = ()) -> list[Result]:
    """A result for every case that was run at all, in the order of the cases; failed runs count as such."""
    by_case: dict[Case, list[Run]] = {case: [] for case in cases}
    for run in runs:
        by_case[run.case].append(run)
    return [_result(case, found, limits) for case, found in by_case.items() if found]


def _result(case: Case, runs: Sequence[Run], limits: Sequence[Limit]) -> Result:
    counted = [run for run in runs if run.number and run.ok]
    failed = [run for run in runs if not run.ok]
    spans = {span: summarize(run.timeline.span(span) for run in counted) for span in SPANS}
    warm_ups = [run.timeline.span(Span.TTFA) for run in runs if not run.number and run.ok]
    return Result(
        case=case,
        ok=len(counted),
        failed=len(failed),
        spans=spans,
        rtf=summarize(run.rtf for run in counted),
        audio=summarize(run.audio for run in counted),
        bytes=summarize(float(run.bytes) for run in counted),
        bytes_to_first_sample=summarize(
            None if run.bytes_to_first_sample is None else float(run.bytes_to_first_sample) for run in counted
        ),
        underruns=sum(run.underruns for run in counted),
        silence=sum(run.silence for run in counted),
        cold=warm_ups[0] if warm_ups else None,
        errors=Counter(f"{run.error.kind}: {run.error.message}" for run in failed if run.error is not None),
        verdicts=judge_statistics(spans, limits),
    )


def breaches(results: Iterable[Result]) -> list[Breach]:
    """Every budget that was not seen to be kept."""
    return [
        Breach(result.case, limit, verdict.value)
        for result in results
        for limit, verdict in result.verdicts.items()
        if not verdict.ok
    ]


def report_record(report: Report) -> dict[str, Any]:
    """One JSON object with all of it; times are in seconds, and null where something was not reached."""
    return {
        "event": "bench",
        "kind": "tts",
        "started": report.started,
        "interrupted": report.interrupted,
        "machine": report.machine.as_dict(),
        "versions": dict(report.versions),
        "settings": dict(report.settings),
        "speaker": _rounded(dataclasses.asdict(report.heard)),
        "excluded": report.heard.excluded(),
        "notes": list(report.notes),
        "engines": [_contender_record(contender) for contender in report.contenders],
        "runs": [_run_record(run) for run in report.runs],
        "results": [_result_record(result) for result in report.results],
    }


def _contender_record(contender: Contender) -> dict[str, Any]:
    sent = contender.engine.format
    return {
        "engine": contender.name,
        "reason": contender.reason,
        "format": contender.codec,
        "rate": sent.rate if sent.codec == "pcm" else None,  # the others say it in the stream
        "opened": round(contender.opened, _DIGITS),
        "options": _public(contender.options),
    }


def _public(options: Any) -> dict[str, Any]:
    """The options of an engine as JSON can carry them, without passwords that are part of an address."""
    if not dataclasses.is_dataclass(options) or isinstance(options, type):
        return {}
    found: dict[str, Any] = {}
    for name, value in dataclasses.asdict(options).items():
        if isinstance(value, str):
            found[name] = _SECRET.sub("", value)
        elif value is None or isinstance(value, bool | int | float | list | tuple):
            found[name] = value
        else:
            found[name] = str(value)
    return found


def _case_record(case: Case) -> dict[str, Any]:
    return {
        "engine": case.contender.name,
        "format": case.contender.codec,
        "name": case.line.name,
        "text": case.line.text,
    }


def _run_record(run: Run) -> dict[str, Any]:
    error = run.error
    return {
        **_case_record(run.case),
        "run": run.number,
        "warmup": not run.number,
        "ok": run.ok,
        "marks": marks_record(run.timeline, Mark.FIRST_PHRASE),
        "spans": spans_record(run.timeline),
        "rtf": _rounded(run.rtf),
        "audio": _rounded(run.audio),
        "chunks": run.chunks,
        "bytes": run.bytes,
        "bytes_to_first_sample": run.bytes_to_first_sample,
        "underruns": run.underruns,
        "silence": _rounded(run.silence),
        "error": None if error is None else {"kind": error.kind, "message": str(error)},
    }


def _result_record(result: Result) -> dict[str, Any]:
    return {
        **_case_record(result.case),
        "runs": result.ok,
        "failed": result.failed,
        "errors": dict(result.errors),
        "spans": {str(span): _statistics_record(found) for span, found in result.spans.items()},
        "cold": {"ttfa": _rounded(result.cold)},
        "rtf": _statistics_record(result.rtf),
        "audio": _statistics_record(result.audio),
        "bytes": _statistics_record(result.bytes),
        "bytes_to_first_sample": _statistics_record(result.bytes_to_first_sample),
        "underruns": result.underruns,
        "silence": _rounded(result.silence),
        "budget": {
            f"{limit.span}.{limit.statistic}": _rounded(dataclasses.asdict(verdict))
            for limit, verdict in result.verdicts.items()
        },
    }


def _statistics_record(found: Statistics | None) -> dict[str, Any] | None:
    return None if found is None else _rounded(found.as_dict())


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, _DIGITS) if isinstance(value, float) else value


def write_csv(file: TextIO, runs: Iterable[Run]) -> None:
    """A heading and a row for each run, warm-ups too; empty where something was not reached."""
    writer = csv.DictWriter(file, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for run in runs:
        record = _run_record(run)
        error = record["error"]
        writer.writerow({**record, **record["spans"], "error": error["message"] if error else None})
