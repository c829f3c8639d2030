"""What the turns of a conversation come to."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from voicecli.latency.budget import Verdict
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.timeline import Span, Timeline

__all__ = ["Summary", "Tally"]


@dataclass(frozen=True, slots=True)
class Summary:
    """Seconds of all turns in which a span was measured; None where it never was."""

    turns: int
    spans: Mapping[Span, Statistics | None]  # how long each piece of work took
    waited: Mapping[Span, Statistics | None]  # how much of it was waited for: what budgets are held against
    budgets: Mapping[Span, float]
    over: Mapping[Span, int]  # turns in which what was waited for was beyond the budget


class Tally:
    """Numbers and no turns, for a conversation may last a day."""

    def __init__(self, budgets: Mapping[Span, float] | None = None) -> None:
        self.turns = 0
        self._budgets = dict(budgets or {})
        self._spans = {span: array("d") for span in Span}
        self._waited = {span: array("d") for span in Span}
        self._over: Counter[Span] = Counter()

    def count(self, timeline: Timeline, budget: Mapping[Span, Verdict]) -> None:
        """One more turn; its limits become the conversation's."""
        self.turns += 1
        for span in Span:
            for values, seconds in (
                (self._spans, timeline.span(span)),
                (self._waited, timeline.waited(span)),
            ):
                if seconds is not None:
                    values[span].append(seconds)
        for span, verdict in budget.items():
            self._budgets[span] = verdict.limit
            self._over[span] += verdict.ok is False

    def summary(self) -> Summary:
        """So far."""
        spans, waited = (
            {span: summarize(values[span]) for span in Span} for values in (self._spans, self._waited)
        )
        return Summary(self.turns, spans, waited, self._budgets, self._over)
