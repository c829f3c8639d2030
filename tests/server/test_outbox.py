"""Events stay in order, though what recognises finishes out of order."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import Dropped
from voicecli.server.outbox import Outbox
from voicecli.wire.recognition import Active, Segment
from voicecli.workers.job import Answer


@dataclass
class Told:
    events: list[object] = field(default_factory=list)
    changes: int = 0

    def emit(self, event):
        self.events.append(event)

    def answered(self, segment, latency):
        assert latency >= 0
        self.events.append(segment)

    def failed(self, error, channel):
        self.events.append((error.message, channel))

    @property
    def room(self):
        return self

    def set(self):
        self.changes += 1


@dataclass
class Work:
    duration: float = 1.0
    cancelled: bool = False

    def cancel(self):
        self.cancelled = True


def test_what_is_ready_goes_at_once():
    told = Told()
    Outbox(0, told, lambda: 0.0).put(Active(1.0, 0))
    assert told.events == [Active(1.0, 0)]


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)))
def test_order_survives_any_order(finished, failed):
    told = Told()
    outbox = Outbox(0, told, lambda: 5.0)
    pending = []
    for number in range(6):
        outbox.put(Active(float(number), 0))
        pending.append(outbox.reserve(Work(), Segment(float(number), number + 0.5)))
    assert outbox.backlog == 6.0
    assert outbox.ahead(7.0) == 6.5
    for count, number in enumerate(finished, 1):
        outcome = Dropped(f"no {number}.") if number in failed else Answer(str(number), None, 0.1)
        outbox.settle(pending[number], outcome)
        assert told.changes == count
    expected = []
    for number in range(6):
        expected.append(Active(float(number), 0))
        said = Segment(float(number), number + 0.5, str(number))
        expected.append((f"no {number}.", 0) if number in failed else said)
    assert told.events == expected
    assert not outbox
    assert outbox.backlog == outbox.ahead(9.0) == 0.0


def test_closing_cancels():
    told, works = Told(), [Work(), Work()]
    outbox = Outbox(0, told, lambda: 0.0)
    for work in works:
        outbox.reserve(work, Segment(0.0, 1.0))
    outbox.put(Active(1.0, 0))
    outbox.close()
    assert all(work.cancelled for work in works)
    assert told.events == []
    assert not outbox
