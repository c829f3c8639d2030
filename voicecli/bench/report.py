"""What a bench found: its samples, the statistics of every case, and all that a reader needs to believe them.

Every kind of bench fills one `Report`. Tables, JSON, CSV, Markdown, HTML, pictures, comparison and budgets
read nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from voicecli import errors
from voicecli.bench.bootstrap import Estimate, summed_up
from voicecli.bench.chart import Chart
from voicecli.bench.host import Machine
from voicecli.bench.metric import Measure, Metric
from voicecli.bench.table import Grid
from voicecli.errors import ExitStatus, VoiceError
from voicecli.latency.budget import Limit, Verdict, judge_statistics

__all__ = [
    "COLD",
    "KINDS",
    "WARM",
    "BenchReport",
    "Case",
    "Label",
    "Outcome",
    "Participant",
    "Sample",
    "Trouble",
    "case_key",
    "case_name",
    "counted",
    "grouped",
    "in_order",
    "values_of",
]

T = TypeVar("T")
K = TypeVar("K")

KINDS = ("tts", "talk", "turn", "player", "server")

Label = str | int | float
Case = Mapping[str, Label]
"""What is measured several times, and what tells it apart: engine, format, voice, words, temperature, …"""

Key = tuple[tuple[str, str], ...]

COLD, WARM = "cold", "warm"
"""Values of the label `temperature`, where there is one: a new engine for every sample, or an open one."""

_UNSHOWN = frozenset({"text", "words"})  # labels that others already say, or that are too long for a heading


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a sample does not count."""

    kind: str  # the name of the error
    message: str

    @classmethod
    def of(cls, error: VoiceError) -> Trouble:
        """What went wrong, and what to do about it."""
        return cls(error.kind, str(error))

    @property
    def status(self) -> ExitStatus:
        """What the process returns when there is nothing but such failures."""
        found = getattr(errors, self.kind, None)
        if isinstance(found, type) and issubclass(found, VoiceError):
            return found.status
        return ExitStatus.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run or one turn."""

    case: Case
    values: Mapping[str, float | None]  # by the name of a metric; None where it was not reached
    number: int = 1  # within its case
    counted: bool = True  # False: a warm-up, which is kept and is in no statistics
    error: Trouble | None = None
    marks: Mapping[str, float | None] = field(default_factory=dict)  # seconds after the sample's beginning
    details: Mapping[str, Any] = field(default_factory=dict)  # words for people: a transcript, who was late

    @property
    def ok(self) -> bool:
        """Whether it went through to its end."""
        return self.error is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """An engine that took part."""

    stage: str  # tts, asr, llm, vad
    engine: str
    reason: str = ""  # why this one
    options: Mapping[str, Any] = field(default_factory=dict)  # as JSON carries them, without secrets
    more: Mapping[str, Any] = field(default_factory=dict)  # format, voice, rate, opened (seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All samples of one case."""

    case: Case
    ok: int  # samples that counted
    failed: int
    metrics: Mapping[str, Estimate | None]  # by name; None where nothing was measured
    totals: Mapping[str, float]  # of the metrics that are summed up
    errors: Mapping[str, int] = field(default_factory=dict)  # how many failed in which way
    verdicts: Mapping[Limit, Verdict] = field(default_factory=dict)

    @property
    def mishaps(self) -> list[str]:
        """How many samples failed in which way, in words."""
        return [
            f"{count} {'run' if count == 1 else 'runs'} failed. {error}"
            for error, count in self.errors.items()
        ]


@dataclass(kw_only=True)
class BenchReport:
    """Everything that a reader needs to believe the numbers; a bench fills it while it measures."""

    kind: str  # one of KINDS
    started: str  # ISO 8601
    machine: Machine
    versions: dict[str, str] = field(default_factory=dict)  # of voicecli, Python and every engine, by name
    metrics: Sequence[Metric]  # in the order in which they are shown
    samples: list[Sample] = field(default_factory=list)  # in the order in which they were taken
    cases: Sequence[Case] = ()  # in the order in which they are shown; those that are lacking come last
    references: Sequence[Case] = ()  # that others are held against: no budget counts for them
    engines: list[Participant] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)  # as JSON carries them
    seed: int = 0  # of everything that chance decides, the intervals included
    excluded: list[str] = field(default_factory=list)  # what is not in the numbers, as `notes`
    notes: list[str] = field(default_factory=list)  # what could not be measured; no full stops
    facts: dict[str, str] = field(default_factory=dict)  # more lines for the head: "speaker", "network"
    details: Mapping[str, Any] = field(default_factory=dict)  # more keys for the JSON, of this kind alone
    charts: Sequence[Chart] = ()
    tables: Sequence[Grid] = ()  # of what is not a metric
    limits: Sequence[Limit] = ()
    interrupted: bool = False

    @cached_property
    def results(self) -> list[Outcome]:
        """An outcome for every case, worked out from the samples when all of them are there.

        The limits are of what somebody waits for again and again: neither of cold runs nor of `references`.
        """
        by_case = grouped(in_order(self.samples, self.cases), lambda sample: case_key(sample.case))
        free = set(map(case_key, self.references))
        return [
            _outcome(
                found,
                self.metrics,
                () if key in free or found[0].case.get("temperature") == COLD else self.limits,
                self.seed,
            )
            for key, found in by_case.items()
        ]

    @property
    def breaches(self) -> list[str]:
        """Every budget that was not seen to be kept, in words."""
        said = []
        for result in self.results:
            for limit, verdict in result.verdicts.items():
                unit = " s" if self.metric(limit.span).unit in (Measure.TIME, Measure.LENGTH) else ""
                value = "was not measured" if verdict.value is None else f"is {verdict.value:.3f}{unit}"
                name = f"{case_name(result.case)}: {limit.span}.{limit.statistic}"
                said += [] if verdict.ok else [f"{name} {value}, budget {limit.seconds:g}{unit}"]
        return said

    @property
    def failures(self) -> list[str]:
        """Which cases had runs that failed, but for `references`: no percentile knows of them."""
        free = set(map(case_key, self.references))
        return [
            f"{case_name(result.case)}: {result.failed} of {result.failed + result.ok} failed"
            for result in self.results
            if result.failed and case_key(result.case) not in free
        ]

    @property
    def begun(self) -> str:
        """When, as people read it."""
        return self.started.replace("T", " ")

    @property
    def labels(self) -> list[str]:
        """All that tell its cases apart."""
        return list(dict.fromkeys(name for sample in self.samples for name in sample.case))

    def metric(self, name: str) -> Metric:
        """Raises KeyError."""
        return {metric.name: metric for metric in self.metrics}[name]

    def shown_labels(self) -> list[str]:
        """The labels that tell its cases apart, or all of the only one, without those too long to show."""
        cases = [result.case for result in self.results]
        shown = [
            name for name in dict.fromkeys(name for case in cases for name in case) if name not in _UNSHOWN
        ]
        return [name for name in shown if len({str(case.get(name, "")) for case in cases}) > 1] or shown


def grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Those that have a key in common, in the order in which they first came."""
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def counted(samples: Iterable[Sample]) -> list[Sample]:
    """Those that are in the statistics."""
    return [sample for sample in samples if sample.counted and sample.ok]


def values_of(samples: Iterable[Sample], metric: str) -> list[float]:
    """What was measured of it."""
    return [value for sample in samples if (value := sample.values.get(metric)) is not None]


def case_name(case: Case) -> str:
    """The labels in one line, as in `simulated pcm short warm`."""
    return " ".join(str(value) for name, value in case.items() if name not in _UNSHOWN and value != "")


def case_key(case: Case) -> Key:
    """What two that are the same have in common, whatever order their labels are in."""
    return tuple(sorted((name, str(value)) for name, value in case.items()))


def in_order(samples: Iterable[Sample], cases: Sequence[Case]) -> list[Sample]:
    """Samples sorted by their place among the cases; those of one case stay as they are."""
    places = {key: place for place, key in enumerate(dict.fromkeys(map(case_key, cases)))}
    return sorted(samples, key=lambda sample: places.get(case_key(sample.case), len(places)))


def _outcome(
    samples: Sequence[Sample], metrics: Sequence[Metric], limits: Sequence[Limit], seed: int
) -> Outcome:
    taken, failed = counted(samples), [sample for sample in samples if not sample.ok]
    values = {metric.name: values_of(taken, metric.name) for metric in metrics}
    found = {name: summed_up(measured, seed) for name, measured in values.items()}
    statistics = {name: None if summary is None else summary.statistics for name, summary in found.items()}
    return Outcome(
        case=samples[0].case,
        ok=len(taken),
        failed=len(failed),
        metrics=found,
        totals={one.name: sum(values[one.name], 0.0) for one in metrics if one.total},
        errors=Counter(f"{sample.error.kind}: {sample.error.message}" for sample in failed if sample.error),
        verdicts=judge_statistics(statistics, limits),
    )
