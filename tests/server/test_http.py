"""The door, with sockets that are none."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import pytest

from voicecli.server.guard import Reason
from voicecli.server.http import Door, DoorOptions


class Wire:
    """A transport that knows whether it was dropped."""

    def __init__(self) -> None:
        self.aborted = False
        self.closing = False

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closing or self.aborted


class Entrance:
    """A door and the reasons that it gave."""

    def __init__(self, **options: float) -> None:
        self.reasons: Counter[Reason] = Counter()
        self.door = Door(DoorOptions(**options), lambda reason: self.reasons.update([reason]))  # type: ignore[arg-type]

    def enter(self, now: float = 0.0, address: str = "a") -> Wire | None:
        wire = Wire()
        return wire if self.door.enter(cast(asyncio.Transport, wire), address, now) else None

    def asked(self, wire: Wire | None) -> None:
        self.door.asked(cast(asyncio.Transport, wire))
        self.door.came(cast(asyncio.Transport, wire), Reason.HEADER)


def test_sockets_that_do_something_are_capped():
    entrance = Entrance(most=3)
    for _ in range(3):
        entrance.asked(entrance.enter())
    assert entrance.enter() is None
    assert entrance.reasons == {Reason.CONNECTIONS: 1}
    assert len(entrance.door) == 3


def test_full_house_drops_who_waits():
    entrance = Entrance(most=3)
    first, *_ = [entrance.enter() for _ in range(3)]
    assert first is not None
    assert entrance.enter() is not None
    assert first.aborted
    assert len(entrance.door) == 3


def test_waiting_sockets_are_capped():
    entrance = Entrance(waiting=2)
    wires = [entrance.enter(0.0), entrance.enter(0.5), entrance.enter(0.6)]
    entrance.door.sweep(0.2)  # all came together: nobody is to blame
    assert [wire.aborted for wire in wires if wire] == [False, False, False]
    entrance.door.sweep(0.7)
    assert [wire.aborted for wire in wires if wire] == [True, False, False]
    assert entrance.reasons == {Reason.WAITING: 1}


def test_one_address_has_its_share():
    entrance = Entrance(per_address=1)
    assert entrance.enter(address="a") is not None
    assert entrance.enter(address="a") is None
    assert entrance.enter(address="b") is not None
    assert entrance.reasons == {Reason.ADDRESS: 1}


def test_those_who_leave_make_room():
    entrance = Entrance(per_address=1)
    wire = entrance.enter()
    entrance.door.leave(cast(asyncio.Transport, wire))
    entrance.door.leave(cast(asyncio.Transport, wire))
    assert len(entrance.door) == 0
    assert entrance.enter() is not None


@pytest.mark.parametrize("reason", [Reason.HEADER, Reason.BODY, Reason.UNREAD])
def test_late_sockets_are_dropped(reason: Reason):
    entrance = Entrance()
    late, early = entrance.enter(), entrance.enter()
    for wire in (late, early):
        entrance.asked(wire)
        entrance.door.expect(cast(asyncio.Transport, wire), reason, 5.0)
    entrance.door.came(cast(asyncio.Transport, early), reason)
    entrance.door.sweep(4.9)
    assert late is not None
    assert early is not None
    assert not late.aborted
    entrance.door.sweep(5.0)
    assert late.aborted
    assert not early.aborted
    assert entrance.reasons == {reason: 1}


def test_closing_may_not_take_for_ever():
    entrance = Entrance()
    wire = entrance.enter()
    assert wire is not None
    entrance.asked(wire)
    wire.closing = True
    entrance.door.sweep(10.0)
    assert not wire.aborted
    entrance.door.sweep(20.0)
    assert wire.aborted
