"""A channel's events in their order, though what recognises finishes out of order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from voicecli.errors import VoiceError
from voicecli.wire.recognition import Event, Segment
from voicecli.workers.job import Answer, Job, Outcome

__all__ = ["Outbox", "Outlet", "Pending"]


class Outlet(Protocol):
    """Where a channel's events go; called on the loop, never waits."""

    def emit(self, event: Event) -> None: ...

    def answered(self, segment: Segment, latency: float) -> None:
        """`emit` a segment that became known `latency` seconds after its last sound was there."""
        ...

    def failed(self, error: VoiceError, channel: int) -> None: ...

    def changed(self) -> None:
        """There may be room where there was none."""
        ...


class Pending:
    """The place of a segment that has ended, among the events, until it is answered."""

    __slots__ = ("job", "outcome", "segment", "since")

    def __init__(self, job: Job, segment: Segment, since: float) -> None:
        self.job = job
        self.segment = segment
        self.since = since
        self.outcome: Outcome | None = None


class Outbox:
    """Events in order; those behind a segment wait until it is answered."""

    def __init__(self, channel: int, outlet: Outlet, now: Callable[[], float]) -> None:
        self._channel = channel
        self._outlet = outlet
        self._now = now
        self._waiting: deque[Event | Pending] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def backlog(self) -> float:
        return sum(entry.job.duration for entry in self._waiting if isinstance(entry, Pending))

    def ahead(self, now: float) -> float:
        """Seconds from the end of the first segment that waits to `now`, of the stream."""
        first = next((entry for entry in self._waiting if isinstance(entry, Pending)), None)
        return 0.0 if first is None else now - first.segment.end_time

    def put(self, event: Event) -> None:
        if self._waiting:
            self._waiting.append(event)
        else:
            self._outlet.emit(event)

    def reserve(self, job: Job, segment: Segment) -> Pending:
        pending = Pending(job, segment, self._now())
        self._waiting.append(pending)
        return pending

    def settle(self, pending: Pending, outcome: Outcome) -> None:
        pending.outcome = outcome
        while self._waiting:
            entry = self._waiting[0]
            if isinstance(entry, Pending):
                if entry.outcome is None:
                    break
                self._answer(entry, entry.outcome)
            else:
                self._outlet.emit(entry)
            self._waiting.popleft()
        self._outlet.changed()

    def close(self) -> None:
        for entry in self._waiting:
            if isinstance(entry, Pending):
                entry.job.cancel()
        self._waiting.clear()

    def _answer(self, pending: Pending, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            segment = replace(pending.segment, text=outcome.text)
            self._outlet.answered(segment, self._now() - pending.since)
        else:
            self._outlet.failed(outcome, self._channel)
