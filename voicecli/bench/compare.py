"""A report beside an earlier one: what got better, what got worse, and what may be chance.

Each metric of each case that both have is put to the rank sum test (`ranks`). The more tests, the more of
them come out by chance, so their p-values are corrected together after Holm (1979). A change counts when it
is significant at 5 % and larger than a tolerance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from statistics import median

from voicecli.bench.metric import Better, Measure, Metric, shown
from voicecli.bench.ranks import Difference, difference
from voicecli.bench.report import (
    BenchReport,
    Case,
    Sample,
    case_key,
    case_name,
    counted,
    grouped,
    in_order,
    values_of,
)

__all__ = ["LEVEL", "METHOD", "Change", "Comparison", "Trend", "compared"]

METHOD = "Medians; shift of Hodges and Lehmann; p of the rank sum test, corrected after Holm."
LEVEL = 0.05  # of significance, for all tests together
# The smallest change that anybody could care about, whatever it is in per cent.
_FLOORS = {Measure.TIME: 0.001, Measure.LENGTH: 0.01, Measure.RATIO: 0.01, Measure.SHARE: 0.005}


class Trend(StrEnum):
    """What a change is."""

    BETTER = "better"
    WORSE = "worse"
    SAME = "same"
    UNSURE = "too few runs to tell"


@dataclass(frozen=True, slots=True)
class Change:
    """One metric of one case, before and after."""

    case: Case
    metric: Metric
    before: float  # median
    after: float  # median
    difference: Difference
    p: float  # corrected for the number of tests
    verdict: Trend

    def __str__(self) -> str:
        unit = self.metric.unit
        moved = self.difference
        interval = f"95 % CI {signed(moved.low, unit)} to {signed(moved.high, unit)}, p {p_value(self.p)}"
        medians = f"{shown(self.before, unit)} → {shown(self.after, unit)}"
        name = f"{case_name(self.case)}: {self.metric.name}"
        return f"{name} {medians} ({signed(moved.shift, unit)}, {interval})"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that both reports have."""

    base: BenchReport
    changes: Sequence[Change]
    notes: Sequence[str]  # what limits the comparison, a sentence without a full stop each

    @property
    def regressions(self) -> list[Change]:
        """What surely got worse."""
        return [change for change in self.changes if change.verdict is Trend.WORSE]

    @property
    def improvements(self) -> list[Change]:
        """What surely got better."""
        return [change for change in self.changes if change.verdict is Trend.BETTER]

    @property
    def same(self) -> list[Change]:
        """What is not worth a word."""
        shown = set(map(id, self.telling))
        return [change for change in self.changes if id(change) not in shown]

    @property
    def telling(self) -> list[Change]:
        """Whatever is not the same, and of every case the first metric."""
        first = {case_key(change.case): change for change in reversed(self.changes)}
        return [
            change
            for change in self.changes
            if change.verdict is not Trend.SAME or first[case_key(change.case)] is change
        ]


def signed(value: float, unit: Measure) -> str:
    """With its sign, as differences are shown."""
    return f"{'−' if value < 0 else '+'}{shown(abs(value), unit)}"


def p_value(p: float) -> str:
    """As people read it."""
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}" if p < 0.01 else f"{p:.2f}"


def compared(base: BenchReport, report: BenchReport, tolerance: float) -> Comparison:
    """`tolerance` is the share of the earlier median by which a later one may be worse."""
    labels = [name for name in report.labels if name in base.labels]
    before, after = _by_case(base, labels), _by_case(report, labels)  # in the order of their results
    known = {metric.name for metric in base.metrics}
    metrics = [
        metric for metric in report.metrics if metric.better is not Better.NEITHER and metric.name in known
    ]
    tests = [
        test
        for key in after
        if key in before
        for metric in metrics
        if (test := _tested(before[key], after[key], metric)) is not None
    ]
    return Comparison(
        base, list(_judged(tests, tolerance)), list(_notes(base, report, labels, before, after))
    )


_Key = tuple[str, ...]


def _by_case(report: BenchReport, labels: Sequence[str]) -> dict[_Key, list[Sample]]:
    samples = in_order(counted(report.samples), [result.case for result in report.results])
    return grouped(samples, lambda sample: tuple(str(sample.case.get(name, "")) for name in labels))


def _tested(before: Sequence[Sample], after: Sequence[Sample], metric: Metric) -> Change | None:
    old, new = values_of(before, metric.name), values_of(after, metric.name)
    if not old or not new or len({*old, *new}) == 1:
        return None
    found = difference(old, new)
    return Change(after[0].case, metric, median(old), median(new), found, found.p, Trend.SAME)


def _judged(tests: Sequence[Change], tolerance: float) -> Iterator[Change]:
    """The changes with their p-values corrected, and what they are."""
    reached = 0.0
    corrected: dict[int, float] = {}
    for place, index in enumerate(sorted(range(len(tests)), key=lambda index: tests[index].p)):
        corrected[index] = reached = min(1.0, max(reached, tests[index].p * (len(tests) - place)))
    for index, test in enumerate(tests):
        change = replace(test, p=corrected[index])
        yield replace(change, verdict=_verdict(change, len(tests), tolerance))


def _verdict(change: Change, tests: int, tolerance: float) -> Trend:
    shift = change.difference.shift
    if abs(shift) <= max(tolerance * abs(change.before), _FLOORS.get(change.metric.unit, 0.0)):
        return Trend.SAME
    if change.difference.least_p * tests >= LEVEL:
        return Trend.UNSURE
    if change.p >= LEVEL:
        return Trend.SAME
    return Trend.WORSE if (shift > 0) == (change.metric.better is Better.LOWER) else Trend.BETTER


def _notes(
    base: BenchReport,
    report: BenchReport,
    labels: Sequence[str],
    before: dict[_Key, list[Sample]],
    after: dict[_Key, list[Sample]],
) -> Iterator[str]:
    if (base.machine.cpu, base.machine.cores) != (report.machine.cpu, report.machine.cores):
        yield f"the base is of another machine: {base.machine.cpu}, {base.machine.cores} cores"
    changed = sorted(name for name in report.versions if base.versions.get(name) != report.versions[name])
    if changed:
        were = ", ".join(f"{name} was {base.versions.get(name, 'not there')}" for name in changed)
        yield f"versions differ: {were}"
    if base.interrupted:
        yield "the base was interrupted before its end"
    others = sorted({*base.labels} ^ {*report.labels})
    if others:
        yield f"only one of them tells cases apart by {', '.join(others)}"
    for samples in (samples for key, samples in before.items() if key not in after):
        yield f"only in the base: {case_name(samples[0].case)}"
    for samples in (samples for key, samples in after.items() if key not in before):
        yield f"not in the base: {case_name(samples[0].case)}"
