"""An interrupted report that a later run goes on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicecli.bench.host import Machine
from voicecli.bench.report import Report, case_key
from voicecli.bench.report_file import read_report, rounded
from voicecli.errors import UsageError

__all__ = ["done", "resumed"]

_MAY_GROW = frozenset({"runs", "cold"})  # settings that may differ: more of the same is the same


def resumed(
    path: Path,
    kind: str,
    settings: Mapping[str, Any],
    seed: int,
    machine: Machine,
    versions: Mapping[str, str],
) -> Report:
    """Raises UsageError when it was measured otherwise, for what came of both would mean nothing."""
    report = read_report(path)
    if report.kind != kind:
        raise UsageError(f"{path} is of `bench {report.kind}`, and this is `bench {kind}`.")
    now = {"seed": seed, "machine": (machine.cpu, machine.cores), **versions, **settings}
    then = {"seed": report.seed, "machine": (report.machine.cpu, report.machine.cores)}
    then |= {**report.versions, **report.settings}
    for name in now:
        if name not in _MAY_GROW and _plain(now[name]) != _plain(then.get(name)):
            raise UsageError(
                f"{path} was measured otherwise: {name} was {then.get(name)!r} and is {now[name]!r}.",
                "Resume with the same options, or measure anew.",
            )
    return report


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return rounded(value)


def done(report: Report | None) -> set[tuple[object, int]]:
    """What need not be measured again: cases and numbers of runs."""
    return set() if report is None else {(case_key(sample.case), sample.number) for sample in report.samples}
