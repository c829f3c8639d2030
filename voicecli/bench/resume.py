"""An interrupted report that a later run goes on with."""

from __future__ import annotations

from pathlib import Path

from voicecli.bench.report import BenchReport
from voicecli.bench.report_file import plain, read_report
from voicecli.errors import UsageError

__all__ = ["resumed"]

_MAY_GROW = frozenset({"runs", "cold"})  # settings that may differ: more of the same is the same


def resumed(path: Path, now: BenchReport) -> BenchReport:
    """Raises UsageError when it was measured otherwise, for what came of both would mean nothing."""
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
