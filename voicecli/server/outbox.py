"""What a client is told, each channel's in order, though what recognises finishes out of order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from voicecli.errors import VoiceError, WireError
from voicecli.server.watch import SessionWatch
from voicecli.wire.recognition import Active, Event, Failure, Inactive, Segment
from voicecli.workers.job import Answer, Job, Outcome

__all__ = ["Events", "Outbox", "Pending"]


class Events:
    """Those of a session; called on the loop, never waits."""

    def __init__(self, most: int, watch: SessionWatch) -> None:
        self._most = most  # that may wait
        self.over = False
        self.seconds = 0.0  # of sound of the stream so far
        self.room = asyncio.Event()  # there may be room where there was none
        self._watch = watch
        self._waiting: deque[Event] = deque()
        self._arrived = asyncio.Event()

    @property
    def are_full(self) -> bool:
        """Whether as many wait as may."""
        return len(self._waiting) >= self._most

    async def read(self) -> AsyncIterator[Event]:
        """Yield them until there are no more; for one reader."""
        while True:
            while self._waiting:
                event = self._waiting.popleft()
                if len(self._waiting) == self._most - 1:
                    self.room.set()
                yield event
            if self.over:
                return
            self._arrived.clear()
            await self._arrived.wait()

    def end(self) -> None:
        """No more come."""
        self.over = True
        self._arrived.set()

    def clear(self) -> None:
        """Nobody reads what waits."""
        self._waiting.clear()

    def emit(self, event: Event) -> None:
        """Let the client know."""
        if self.over:
            return
        self._waiting.append(event)
        self._arrived.set()
        if isinstance(event, Active):
            self._watch.active(event.channel)
        elif isinstance(event, Inactive):
            self._watch.inactive(event.channel, self.seconds - event.time)

    def answered(self, segment: Segment, latency: float) -> None:
        """`emit` a segment that became known `latency` seconds after its last sound was there."""
        self._watch.segment(segment, latency)
        self.emit(segment)

    def failed(self, error: VoiceError, channel: int | None) -> None:
        """Something the client must know; what to do about our engines is not its business."""
        message = str(error) if isinstance(error, WireError) else error.message
        self._watch.failed(error)
        self.emit(Failure(message, channel))


class Pending:
    """The place of a segment that has ended, among the events, until it is answered."""

    __slots__ = ("job", "outcome", "segment", "since")

    def __init__(self, job: Job, segment: Segment, since: float) -> None:
        self.job = job
        self.segment = segment
        self.since = since
        self.outcome: Outcome | None = None


class Outbox:
    """Those of a channel; what is behind a segment waits until that is answered."""

    def __init__(self, channel: int, events: Events, now: Callable[[], float]) -> None:
        self._channel = channel
        self._events = events
        self._now = now
        self._waiting: deque[Event | Pending] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def backlog(self) -> float:
        """Seconds of sound in segments that are not answered."""
        return sum(entry.job.duration for entry in self._waiting if isinstance(entry, Pending))

    def ahead(self, now: float) -> float:
        """Seconds from the end of the first segment that waits to `now`, of the stream."""
        first = next((entry for entry in self._waiting if isinstance(entry, Pending)), None)
        return 0.0 if first is None else now - first.segment.end_time

    def put(self, event: Event) -> None:
        if self._waiting:
            self._waiting.append(event)
        else:
            self._events.emit(event)

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
                self._events.emit(entry)
            self._waiting.popleft()
        self._events.room.set()

    def close(self) -> None:
        for entry in self._waiting:
            if isinstance(entry, Pending):
                entry.job.cancel()
        self._waiting.clear()

    def _answer(self, pending: Pending, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            segment = replace(pending.segment, text=outcome.text)
            self._events.answered(segment, self._now() - pending.since)
        else:
            self._events.failed(outcome, self._channel)
