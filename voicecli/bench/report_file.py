"""A report as JSON, which reads back, and its samples as CSV."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from voicecli.bench.chart import chart_record, read_chart
from voicecli.bench.host import Machine
from voicecli.bench.metric import Better, Metric, Unit, known
from voicecli.bench.report import Failure, Participant, Report, Result, Sample
from voicecli.bench.table import read_table, table_record
from voicecli.errors import UsageError, read_failure
from voicecli.printable import escaped, without_credentials
from voicecli.providers.choose import Choice

__all__ = [
    "participant",
    "public_options",
    "read_report",
    "report_json",
    "report_record",
    "rounded",
    "write_csv",
]

_DIGITS = 6  # of a second: microseconds
_BREAK = re.compile(r",\n\s+")
_SHORT_LIST = re.compile(r"\[\n\s+(?=[-\d\"n])([^][{}]*?)\n\s+\]")  # of numbers or words alone
# What a report has that was made before reports said it themselves.
_FIRST_LABELS = ("engine", "format", "name", "text")
_FIRST_METRICS = known(
    "ttfa", "ttfb", "playout", "rtf", "audio", "chunks", "bytes", "bytes_to_first_sample", "underruns",
    "silence",
)  # fmt: skip


def report_record(report: Report) -> dict[str, Any]:
    """One JSON object with all of it; times are in seconds, and null where something was not reached."""
    return {
        "event": "bench",
        "kind": report.kind,
        "started": report.started,
        "interrupted": report.interrupted,
        "machine": report.machine.as_dict(),
        "versions": dict(report.versions),
        "settings": dict(report.settings),
        "seed": report.seed,
        **rounded(dict(report.details)),
        "facts": dict(report.facts),
        "excluded": list(report.excluded),
        "notes": list(report.notes),
        "engines": [_participant_record(participant) for participant in report.engines],
        "labels": _labels(report),
        "metrics": [_metric_record(metric) for metric in report.metrics],
        "runs": [_sample_record(sample, report.metrics) for sample in report.samples],
        "results": [_result_record(result, report.metrics) for result in report.results],
        "references": [dict(case) for case in report.references],
        "tables": [table_record(table) for table in report.tables],
        "charts": [chart_record(chart) for chart in report.charts],
    }


def report_json(report: Report, *, lines: bool) -> str:
    """On one line for a pipe, as every other JSON output has it; on several `lines` for people too."""
    record = report_record(report)
    if not lines:
        return escaped(json.dumps(record, ensure_ascii=False, allow_nan=False))
    text = escaped(json.dumps(record, ensure_ascii=False, allow_nan=False, indent=2))
    return _SHORT_LIST.sub(lambda found: "[" + _BREAK.sub(", ", found[1]) + "]", text)


def public_options(options: Any) -> dict[str, Any]:
    """The options of an engine as JSON can carry them, without passwords that are part of an address."""
    if not dataclasses.is_dataclass(options) or isinstance(options, type):
        return {}
    found: dict[str, Any] = {}
    for name, value in dataclasses.asdict(options).items():
        if isinstance(value, str):
            found[name] = without_credentials(value)
        elif value is None or isinstance(value, bool | int | float | list | tuple):
            found[name] = value
        else:
            found[name] = str(value)
    return found


def participant(stage: str, choice: Choice[Any], **more: Any) -> Participant:
    """A chosen engine as a report has it; `more`: its format, voice, model, `opened` (seconds)."""
    return Participant(
        stage=stage,
        engine=choice.name,
        reason=choice.reason,
        options=public_options(choice.options),
        more=more,
    )


def rounded(value: Any) -> Any:
    """The same with every fraction cut to microseconds."""
    if isinstance(value, Mapping):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _labels(report: Report) -> list[str]:
    return list(dict.fromkeys(name for sample in report.samples for name in sample.case))


def _participant_record(participant: Participant) -> dict[str, Any]:
    return {
        "stage": participant.stage,
        "engine": participant.engine,
        "reason": participant.reason,
        **rounded(dict(participant.more)),
        "options": dict(participant.options),
    }


def _metric_record(metric: Metric) -> dict[str, Any]:
    record = dataclasses.asdict(metric)
    return record | {"title": metric.heading, "unit": str(metric.unit), "better": str(metric.better)}


def _sample_record(sample: Sample, metrics: Sequence[Metric]) -> dict[str, Any]:
    values = {metric.name: rounded(sample.values.get(metric.name)) for metric in metrics}
    record = {
        **sample.case,
        "run": sample.number,
        "warmup": not sample.counted,
        "ok": sample.ok,
        "marks": rounded(sample.marks),
        "spans": {metric.name: values[metric.name] for metric in metrics if metric.span},
        **{metric.name: values[metric.name] for metric in metrics if not metric.span},
        "error": None if sample.error is None else dataclasses.asdict(sample.error),
    }
    return record | ({"details": rounded(sample.details)} if sample.details else {})


def _result_record(result: Result, metrics: Sequence[Metric]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: None if summary is None else rounded(summary.as_dict())
        for name, summary in result.metrics.items()
    }
    return {
        **result.case,
        "runs": result.ok,
        "failed": result.failed,
        "errors": dict(result.errors),
        "spans": {metric.name: found[metric.name] for metric in metrics if metric.span},
        **{metric.name: found[metric.name] for metric in metrics if not metric.span and not metric.total},
        **{name: _whole(total) for name, total in result.totals.items()},
        "budget": {
            f"{limit.span}.{limit.statistic}": rounded(dataclasses.asdict(verdict))
            for limit, verdict in result.verdicts.items()
        },
    }


def _whole(value: float) -> float | int:
    return int(value) if value == int(value) else round(value, _DIGITS)


def read_report(path: Path) -> Report:
    """What `--json FILE` wrote, in this version or an earlier one. Raises UsageError."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise read_failure(path, error) from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON: {error}.", "`--json FILE` writes what is wanted.") from error
    if not isinstance(record, dict) or record.get("event") != "bench":
        raise UsageError(
            f"{path} is not a report of `voicecli bench`.", "`--json FILE` writes what is wanted."
        )
    try:
        return _report(record)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path} is not a whole report: {type(error).__name__} {error}.") from error


_READ = frozenset(
    (
        "event", "kind", "started", "interrupted", "machine", "versions", "settings", "seed", "facts",
        "excluded", "notes", "engines", "labels", "metrics", "runs", "results", "references", "tables",
        "charts",
    )
)  # fmt: skip


def _report(record: Mapping[str, Any]) -> Report:
    metrics = [_metric(one) for one in record["metrics"]] if "metrics" in record else list(_FIRST_METRICS)
    voices = {(one["engine"], one.get("format")): _voice(one) for one in record["engines"]}
    runs = record["runs"]
    if "labels" in record:
        cases = [{name: run[name] for name in record["labels"] if name in run} for run in runs]
    else:
        cases = [_first_case(run, voices) for run in runs]
    return Report(
        kind=record["kind"],
        started=record["started"],
        machine=Machine(**record["machine"]),
        versions=dict(record["versions"]),
        metrics=metrics,
        samples=[_sample(run, case, metrics) for run, case in zip(runs, cases, strict=True)],
        cases=[
            {name: one[name] for name in record.get("labels", ()) if name in one} for one in record["results"]
        ],
        engines=[_participant(one) for one in record["engines"]],
        settings=dict(record["settings"]),
        seed=int(record.get("seed", 0)),
        excluded=list(record["excluded"]),
        notes=list(record["notes"]),
        facts=dict(record.get("facts", {})),
        details={name: value for name, value in record.items() if name not in _READ},
        charts=[read_chart(one) for one in record.get("charts", ())],
        tables=[read_table(one) for one in record.get("tables", ())],
        references=[dict(case) for case in record.get("references", ())],
        interrupted=bool(record["interrupted"]),
    )


def _voice(engine: Mapping[str, Any]) -> str:
    return str(engine.get("options", {}).get("voice") or "")


def _first_case(run: Mapping[str, Any], voices: Mapping[Any, str]) -> dict[str, Any]:
    """The labels of the first reports, whose runs were all of a warm engine, completed to those of today."""
    case = {name: run[name] for name in _FIRST_LABELS}
    return {
        "engine": case["engine"],
        "format": case["format"],
        "voice": voices.get((case["engine"], case["format"]), ""),
        "name": case["name"],
        "words": len(case["text"].split()),
        "text": case["text"],
        "temperature": "warm",
    }


def _metric(record: Mapping[str, Any]) -> Metric:
    return Metric(
        name=str(record["name"]),
        title=str(record["title"]),
        unit=Unit(record["unit"]),
        better=Better(record["better"]),
        total=bool(record["total"]),
        span=bool(record["span"]),
    )


def _participant(record: Mapping[str, Any]) -> Participant:
    own = ("stage", "engine", "reason", "options")
    return Participant(
        stage=str(record.get("stage", "tts")),
        engine=str(record["engine"]),
        reason=str(record["reason"]),
        options=dict(record["options"]),
        more={name: value for name, value in record.items() if name not in own},
    )


def _sample(run: Mapping[str, Any], case: Mapping[str, Any], metrics: Sequence[Metric]) -> Sample:
    values = {metric.name: (run["spans"] if metric.span else run).get(metric.name) for metric in metrics}
    error = run["error"]
    return Sample(
        case=case,
        values={name: None if value is None else float(value) for name, value in values.items()},
        number=int(run["run"]),
        counted=not run["warmup"],
        error=None if error is None else Failure(str(error["kind"]), str(error["message"])),
        marks=dict(run["marks"]),
        details=dict(run.get("details", {})),
    )


def write_csv(file: TextIO, report: Report) -> None:
    """A heading and a row for each sample, warm-ups too; empty where something was not reached."""
    names = [metric.name for metric in report.metrics]
    columns = [*_labels(report), "run", "warmup", "ok", *names, "error"]
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for sample in report.samples:
        record = _sample_record(sample, report.metrics)
        error = "" if sample.error is None else sample.error.message
        writer.writerow({**record, **record["spans"], "error": error})
