"""Timers, alarms and reminders that are running, and when the next of them is due."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Timer", "Timers"]


@dataclass(frozen=True, slots=True, eq=False)
class Timer:
    """Something that will ring; two of the same name and length are still two."""

    label: str  # "tea timer", "5 minute timer", "7:30 AM alarm"
    announcement: str  # what is said when it is due
    due: float  # seconds, on the event loop's clock
    at: datetime | None = None  # an alarm follows the wall clock, which goes on while a computer sleeps

    def left(self, clock: float, now: datetime) -> float:
        """Seconds until it rings; not positive when it is due."""
        return self.due - clock if self.at is None else (self.at - now).total_seconds()


@dataclass(slots=True)
class Timers:
    """The running ones, in the order in which they were set."""

    running: list[Timer] = field(default_factory=list)
    last_set: tuple[Timer, ...] = ()  # what the last change was: these were set
    last_cancelled: tuple[Timer, ...] = ()  # or these cancelled

    def set(self, timer: Timer) -> None:
        self.running.append(timer)
        self.last_set, self.last_cancelled = (timer,), ()

    def cancel(self, timers: tuple[Timer, ...]) -> None:
        """Drop these; those that have rung meanwhile are no error."""
        self.last_set, self.last_cancelled = (), tuple(timer for timer in self.running if timer in timers)
        self._drop(timers)

    def undo(self) -> None:
        """Take the last change back; what has rung meanwhile stays away."""
        self._drop(self.last_set)
        self.running += self.last_cancelled
        self.last_set, self.last_cancelled = (), ()

    def _drop(self, timers: tuple[Timer, ...]) -> None:
        self.running = [timer for timer in self.running if timer not in timers]

    def ring(self, clock: float, now: datetime) -> list[Timer]:
        """Take out those that are due, the longest overdue first."""
        due = [timer for timer in self.running if timer.left(clock, now) <= 0]
        self._drop(tuple(due))
        return sorted(due, key=lambda timer: timer.left(clock, now))

    def wait(self, clock: float, now: datetime) -> float | None:
        """Seconds until the next one is due, None when none is running."""
        return min((timer.left(clock, now) for timer in self.running), default=None)
