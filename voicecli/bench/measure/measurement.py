"""One bench: what it measures, until the end or Ctrl-C, and the report of what there is so far."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol

from voicecli.bench.host import Machine, machine
from voicecli.bench.metric import Metric
from voicecli.bench.report import Participant, Report
from voicecli.config import Loaded
from voicecli.errors import VoiceError
from voicecli.latency.budget import Limit
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
    """What every kind of bench gathers; nothing is measured before `gather`."""

    kind: ClassVar[str]  # one of KINDS
    metrics: ClassVar[Sequence[Metric]]
    excluded: ClassVar[Sequence[str]]

    loaded: Loaded
    limits: Sequence[Limit] = ()
    started: str = field(default_factory=lambda: datetime.now().astimezone().isoformat(timespec="seconds"))
    machine: Machine = field(default_factory=machine)
    settings: Mapping[str, Any] = field(default_factory=dict)
    engines: list[Participant] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def budgets(self) -> Mapping[Span, float]:
        """Of the settings; they hold for spans that nobody gave a limit for."""
        return {}

    async def gather(self, bars: Bars) -> VoiceError | None:
        """Measure until all is measured, or Ctrl-C, or what fails for good: that is returned."""
        try:
            async with AsyncExitStack() as stack:
                await self._measure(stack, bars)
        except asyncio.CancelledError:
            self.interrupted = True
        except VoiceError as error:
            self.interrupted = True
            return error
        return None

    @abstractmethod
    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        """Measure everything; what `stack` has is closed afterwards."""

    @abstractmethod
    def report(self) -> Report | None:
        """Of what there is so far; None when nothing was measured."""

    def _head(self, seed: int) -> Report:
        """A report without samples, to be filled in."""
        return Report(
            kind=self.kind,
            started=self.started,
            machine=self.machine,
            versions=self.versions,
            metrics=self.metrics,
            samples=(),
            engines=self.engines,
            settings=self.settings,
            seed=seed,
            excluded=self.excluded,
            notes=self.notes,
            facts=self.facts,
            limits=self.limits,
            interrupted=self.interrupted,
        )
