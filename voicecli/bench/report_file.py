"""A report as JSON, which reads back and can be gone on with, and its samples as CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec

from voicecli.bench.metric import Metric
from voicecli.bench.report import BenchReport, Outcome, Participant, Sample
from voicecli.errors import UsageError, read_failure
from voicecli.printable import escaped, without_credentials
from voicecli.providers.choose import Choice

__all__ = [
    "participant",
    "plain",
    "public_options",
    "read_report",
    "report_csv",
    "report_json",
    "report_record",
    "resumed",
]

_DIGITS = 6  # of a second: microseconds
_BREAK = re.compile(r",\n\s+")
_SHORT_LIST = re.compile(r"\[\n\s+(?=[-\d\"n])([^][{}]*?)\n\s+\]")  # of numbers or words alone
_MAY_GROW = frozenset({"runs", "cold"})  # settings that may differ: more of the same is the same
_WANTED = "`--json FILE` writes what is wanted."


def report_record(report: BenchReport) -> dict[str, Any]:
    """One JSON object with all of it; times are in seconds, and null where something was not reached."""
    head = ("kind", "started", "interrupted", "machine", "versions", "settings", "seed")
    return {
        "event": "bench",
        **{name: plain(getattr(report, name)) for name in head},
        **plain(report.details),
        **{name: plain(getattr(report, name)) for name in ("facts", "excluded", "notes")},
        "engines": [_participant_record(participant) for participant in report.engines],
        "labels": report.labels,
        "metrics": [asdict(metric) | {"title": metric.heading} for metric in report.metrics],
        "runs": [_sample_record(sample, report.metrics) for sample in report.samples],
        "results": [_result_record(result, report.metrics) for result in report.results],
        **{name: plain(getattr(report, name)) for name in ("references", "tables", "charts")},
    }


def report_json(report: BenchReport, *, lines: bool) -> str:
    """On one line for a pipe, as every other JSON output has it; on several `lines` for people too."""
    record = report_record(report)
    if not lines:
        return escaped(json.dumps(record, ensure_ascii=False, allow_nan=False))
    text = escaped(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2))
    return _SHORT_LIST.sub(lambda found: "[" + _BREAK.sub(", ", found[1]) + "]", text)


def public_options(options: Any) -> dict[str, Any]:
    """The options of an engine as JSON can carry them, without passwords that are part of an address."""
    if not is_dataclass(options) or isinstance(options, type):
        return {}
    found: dict[str, Any] = {}
    for name, value in asdict(options).items():
        if isinstance(value, str):
            found[name] = without_credentials(value)
        elif value is None or isinstance(value, bool | int | float | list | tuple):
            found[name] = value
        else:
            found[name] = str(value)
    return found


def participant(stage: str, choice: Choice[Any], **more: Any) -> Participant:
    """A chosen engine as a report has it; `more`: its format, voice, model, `opened` (seconds)."""
    options = public_options(choice.options)
    return Participant(stage=stage, engine=choice.name, reason=choice.reason, options=options, more=more)


def plain(value: Any) -> Any:
    """As JSON gives it back, every fraction cut to microseconds."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _participant_record(participant: Participant) -> dict[str, Any]:
    named = {"stage": participant.stage, "engine": participant.engine, "reason": participant.reason}
    return {**named, **plain(participant.more), "options": dict(participant.options)}


def _by_place(values: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, Any]:
    """The values of spans below one key, and those of other metrics beside it."""
    found = {metric: plain(values.get(metric.name)) for metric in metrics}
    spans = {metric.name: value for metric, value in found.items() if metric.span}
    return {"spans": spans, **{metric.name: value for metric, value in found.items() if not metric.span}}


def _sample_record(sample: Sample, metrics: Sequence[Metric]) -> dict[str, Any]:
    record = {
        **sample.case,
        "run": sample.number,
        "warmup": not sample.counted,
        "ok": sample.ok,
        "marks": plain(sample.marks),
        **_by_place(sample.values, metrics),
        "error": plain(sample.error),
    }
    return record | ({"details": plain(sample.details)} if sample.details else {})


def _result_record(result: Outcome, metrics: Sequence[Metric]) -> dict[str, Any]:
    summaries = {name: None if one is None else one.as_dict() for name, one in result.metrics.items()}
    return {
        **result.case,
        "runs": result.ok,
        "failed": result.failed,
        "errors": dict(result.errors),
        **_by_place(summaries, [metric for metric in metrics if metric.span or not metric.total]),
        **{
            name: int(total) if total == int(total) else plain(total) for name, total in result.totals.items()
        },
        "budget": {
            f"{limit.span}.{limit.statistic}": plain(verdict) for limit, verdict in result.verdicts.items()
        },
    }


def read_report(path: Path) -> BenchReport:
    """What `--json FILE` wrote. Raises UsageError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise read_failure(path, error) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.", _WANTED) from error
    if not isinstance(record, dict) or record.get("event") != "bench":
        raise UsageError(f"{path} is not a report of `voicecli bench`.", _WANTED)
    try:
        return _report(record)
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise UsageError(f"{path} is not a whole report: {type(error).__name__} {error}.") from error


def _report(record: Mapping[str, Any]) -> BenchReport:
    own = {one.name for one in fields(BenchReport)}
    read = own | {"event", "labels", "runs", "results"}
    labels, spans = record["labels"], [one["name"] for one in record["metrics"] if one["span"]]
    names = [one["name"] for one in record["metrics"]]
    found = {
        **{name: value for name, value in record.items() if name in own},
        "samples": [_sample(run, labels, names, spans) for run in record["runs"]],
        "cases": [_picked(one, labels) for one in record["results"]],
        "engines": [_participant(one) for one in record["engines"]],
        "details": {name: value for name, value in record.items() if name not in read},
    }
    return msgspec.convert(found, BenchReport)


def _picked(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}


def _participant(record: Mapping[str, Any]) -> dict[str, Any]:
    own = ("stage", "engine", "reason", "options")
    more = {name: value for name, value in record.items() if name not in own}
    return {**_picked(record, own), "more": more}


def _sample(
    run: Mapping[str, Any], labels: Sequence[str], names: Sequence[str], spans: Sequence[str]
) -> dict[str, Any]:
    return {
        **_picked(run, ("error", "marks", "details")),
        "case": _picked(run, labels),
        "values": {name: (run["spans"] if name in spans else run).get(name) for name in names},
        "number": run["run"],
        "counted": not run["warmup"],
    }


def resumed(path: Path, now: BenchReport) -> BenchReport:
    """An interrupted report that `now` goes on with.

    Raises UsageError when it was measured otherwise, for what came of both would mean nothing.
    """
    then = read_report(path)
    if then.kind != now.kind:
        raise UsageError(f"{path} is of `bench {then.kind}`, and this is `bench {now.kind}`.")
    before, after = _circumstances(then), _circumstances(now)
    for name in after:
        if name not in _MAY_GROW and after[name] != before.get(name):
            raise UsageError(
                f"{path} was measured otherwise: {name} was {before.get(name)!r} and is {after[name]!r}.",
                "Resume with the same options, or measure anew.",
            )
    return then


def _circumstances(report: BenchReport) -> dict[str, object]:
    machine = (report.machine.cpu, report.machine.cores)
    return {"seed": report.seed, "machine": machine, **report.versions, **plain(report.settings)}


def report_csv(report: BenchReport) -> str:
    """A heading and a row for each sample, warm-ups too; empty where something was not reached."""
    names = [metric.name for metric in report.metrics]
    columns = [*report.labels, "run", "warmup", "ok", *names, "error"]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for sample in report.samples:
        record = _sample_record(sample, report.metrics)
        error = "" if sample.error is None else sample.error.message
        writer.writerow({**record, **record["spans"], "error": error})
    return file.getvalue()
