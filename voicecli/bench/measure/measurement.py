"""One bench: what it measures, until the end or Ctrl-C, and the report of what there is so far."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from voicecli.bench.host import machine
from voicecli.bench.metric import Metric
from voicecli.bench.report import BenchReport
from voicecli.config import Loaded
from voicecli.errors import VoiceError
from voicecli.latency.timeline import Span
from voicecli.providers.fetch import Reporter

__all__ = ["Bars", "Measurement"]


class Bars(Protocol):
    """What somebody sees meanwhile."""

    @property
    def fetching(self) -> Reporter:
        """Told of models that are fetched, before anything is measured."""

    def measuring(self, total: int, done: int = 0) -> AbstractContextManager[Callable[[str], None]]:
        """Yield what is to be called, with a name, after each of `total` things."""


@dataclass(kw_only=True)
class Measurement(ABC):
    """A kind of bench: what is measured, and what is made of it; the report fills meanwhile."""

    kind: ClassVar[str]  # one of KINDS
    metrics: ClassVar[Sequence[Metric]]
    excluded: ClassVar[Sequence[str]]

    loaded: Loaded
    report: BenchReport = field(init=False)

    def __post_init__(self) -> None:
        self.report = BenchReport(
            kind=self.kind,
            started=datetime.now().astimezone().isoformat(timespec="seconds"),
            machine=machine(),
            metrics=self.metrics,
            excluded=[*self.excluded],
        )

    @property
    def budgets(self) -> Mapping[Span, float]:
        """Of the settings; they hold for spans that nobody gave a limit for."""
        return {}

    @property
    def broken(self) -> Sequence[str]:
        """What was reported and is not as claimed, in words."""
        return ()

    async def gather(self, bars: Bars) -> VoiceError | None:
        """Measure until all is measured, or Ctrl-C, or what fails for good: that is returned.

        The report has no samples when nothing was measured.
        """
        lost: VoiceError | None = None
        try:
            async with AsyncExitStack() as stack:
                await self._measure(stack, bars)
        except asyncio.CancelledError:
            self.report.interrupted = True
        except VoiceError as error:
            self.report.interrupted, lost = True, error
        self._sum_up()
        return lost

    @abstractmethod
    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        """Measure everything; what `stack` has is closed afterwards."""

    @abstractmethod
    def _sum_up(self) -> None:
        """Fill in what there is so far: samples, facts, tables, charts."""
