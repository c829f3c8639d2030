"""Limits that spans are held against."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from voicecli.errors import UsageError
from voicecli.latency.statistics import Statistics
from voicecli.latency.timeline import Span, Timeline

__all__ = ["STATISTICS", "Limit", "Verdict", "judge", "judge_statistics", "parse_limit"]

STATISTICS = ("p50", "p90", "p95", "p99", "min", "max")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One span against its limit; `ok` is None when the span was not measured."""

    limit: float  # seconds
    value: float | None  # seconds that were waited for
    ok: bool | None


def judge(timeline: Timeline, budgets: Mapping[Span, float]) -> dict[Span, Verdict]:
    """Hold what was waited for in every budgeted span of a turn against its limit."""
    verdicts = {}
    for span, limit in budgets.items():
        value = timeline.waited(span)
        verdicts[span] = Verdict(limit, value, None if value is None else value <= limit)
    return verdicts


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on one statistic of one span, or of anything else that is measured, as in `ttfa.p95=0.3`."""

    span: str
    statistic: str
    seconds: float  # or whatever the unit of what is measured is

    def __str__(self) -> str:
        return f"{self.span}.{self.statistic}={self.seconds:g}"


def parse_limit(text: str, spans: Sequence[str] = tuple(Span)) -> Limit:
    """Read `SPAN.STAT=SECONDS`, for one of `spans`. Raises UsageError naming what is wrong."""
    name, equals, seconds = text.partition("=")
    span, _, statistic = name.strip().partition(".")
    if not equals:
        raise UsageError(f"A budget is SPAN.STAT=SECONDS, not {text!r}.", "For example: ttfa.p95=0.3")
    if span not in spans:
        raise UsageError(f"There is no span {span!r}.", f"Spans are {', '.join(spans)}.")
    if statistic not in STATISTICS:
        raise UsageError(f"There is no statistic {statistic!r}.", f"Statistics are {', '.join(STATISTICS)}.")
    try:
        value = float(seconds)
    except ValueError:
        raise UsageError(f"A budget is a number of seconds, not {seconds!r}.") from None
    if not 0 <= value < math.inf:
        raise UsageError(f"A budget cannot be {seconds} seconds.")
    return Limit(span, statistic, value)


def judge_statistics(
    statistics: Mapping[str, Statistics | None], limits: Iterable[Limit]
) -> dict[Limit, Verdict]:
    """Hold a summary against its limits."""
    verdicts = {}
    for limit in limits:
        found = statistics.get(limit.span)
        value = None if found is None else float(getattr(found, limit.statistic))
        verdicts[limit] = Verdict(limit.seconds, value, None if value is None else value <= limit.seconds)
    return verdicts
