"""The door, with sockets that are none."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest

from voicecli.config.serving import ConnectionSettings, ServerSettings
from voicecli.server.door import Door, Visitor
from voicecli.server.refusals import Reason


class Wire:
    """A transport that knows whether it was dropped."""

    visitor: Visitor

    def __init__(self) -> None:
        self.aborted = False
        self.closing = False
        self.said = b""

    def write(self, data: bytes) -> None:
        self.said += data

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted = True

    def is_closing(self) -> bool:
        return self.closing or self.aborted


class Entrance:
    """A door and the reasons that it gave."""

    def __init__(self, proxies: Sequence[str] = (), **limits: Any) -> None:
        settings = ServerSettings(trusted_proxies=list(proxies), connections=ConnectionSettings(**limits))
        self.reasons: Counter[Reason] = Counter()
        self.door = Door(settings, lambda reason: self.reasons.update([reason]))

    def enter(self, now: float = 0.0, address: str = "a") -> Wire | None:
        wire = Wire()
        visitor = self.door.enter(cast(asyncio.Transport, wire), address, now)
        if visitor is None:
            return None
        wire.visitor = visitor
        return wire

    def greeted(self, address: str = "a") -> Wire | None:
        """Let one in that has shown its token."""
        wire = self.enter(address=address)
        if wire is not None:
            self.asked(wire)
            wire.visitor.greet()
        return wire

    def asked(self, wire: Wire | None) -> None:
        assert wire is not None
        wire.visitor.asked()
        wire.visitor.came(Reason.HEADER)


def test_sockets_that_do_something_are_capped():
    entrance = Entrance(most=3)
    for _ in range(3):
        entrance.greeted()
    assert entrance.enter() is None
    assert entrance.reasons == {Reason.CONNECTIONS: 1}
    assert len(entrance.door) == 3


def test_full_house_drops_who_waits():
    entrance = Entrance(most=3, reserved=0.0)
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
    assert entrance.greeted(address="a") is not None
    assert entrance.enter(address="a") is None
    assert entrance.enter(address="b") is not None
    assert entrance.reasons == {Reason.ADDRESS: 1}


def test_those_who_leave_make_room():
    entrance = Entrance(per_address=1)
    wire = entrance.enter()
    wire.visitor.leave()
    wire.visitor.leave()
    assert len(entrance.door) == 0
    assert entrance.enter() is not None


@pytest.mark.parametrize("reason", [Reason.HEADER, Reason.BODY, Reason.UNREAD])
def test_late_sockets_are_dropped(reason: Reason):
    entrance = Entrance()
    late, early = entrance.enter(), entrance.enter()
    for wire in (late, early):
        entrance.asked(wire)
        wire.visitor.expect(reason, 5.0)
    early.visitor.came(reason)
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


def test_places_are_reserved_for_tokens():
    entrance = Entrance(most=8)  # a quarter of them
    guests = [entrance.enter() for _ in range(8)]
    for wire in guests:
        entrance.asked(wire)
    assert len(entrance.door) == 6
    assert [wire.aborted for wire in guests if wire] == [True] * 2 + [False] * 6
    holders = [entrance.greeted() for _ in range(8)]
    assert all(wire is not None and not wire.aborted for wire in holders)  # each took a guest's place
    assert all(wire.aborted for wire in guests if wire)
    assert entrance.enter() is None
    assert entrance.reasons[Reason.GUEST] + entrance.reasons[Reason.WAITING] == 8


def test_room_is_made_where_most_guests_are():
    entrance = Entrance(most=4, reserved=0.0)
    lonely = entrance.enter(address="b")
    crowd = [entrance.enter(address="a") for _ in range(5)]
    assert lonely is not None
    assert not lonely.aborted
    assert [wire.aborted for wire in crowd if wire] == [True, True, False, False, False]


def test_who_was_answered_is_a_guest_again():
    entrance = Entrance(most=1, reserved=0.0)
    idle = entrance.greeted()
    assert entrance.enter() is None
    idle.visitor.forget()
    assert entrance.enter() is not None
    assert idle is not None
    assert idle.aborted


def test_a_guest_goes_for_a_neighbour_of_its_address():
    entrance = Entrance(per_address=2)
    guest = entrance.enter()
    entrance.asked(guest)
    entrance.greeted()
    assert entrance.greeted() is not None
    assert guest is not None
    assert guest.aborted
    assert entrance.enter() is None


def test_ipv6_counts_by_its_network():
    entrance = Entrance(per_address=2)
    assert entrance.greeted("2001:db8:1:2::1") is not None
    assert entrance.greeted("2001:db8:1:2:ffff::7") is not None
    assert entrance.enter(address="2001:db8:1:2:abcd::9") is None
    assert entrance.enter(address="2001:db8:1:3::1") is not None
    assert entrance.greeted("::ffff:192.0.2.1") is not None
    assert entrance.greeted("192.0.2.1") is not None
    assert entrance.enter(address="192.0.2.1") is None


def test_clients_of_a_proxy_are_counted_by_their_own_address():
    entrance = Entrance(per_address=1, proxies=["127.0.0.1"])
    wires = [entrance.enter(address="127.0.0.1") for _ in range(3)]
    visitors = [wire.visitor for wire in wires if wire]
    for visitor in visitors:
        visitor.greet()
    assert visitors[0].move("192.0.2.1")
    assert visitors[0].move("192.0.2.1")
    assert not visitors[1].move("192.0.2.1")
    assert visitors[1].move("192.0.2.2")
    visitors[0].leave()
    assert visitors[2].move("192.0.2.1")


def test_memory_has_one_budget_and_guests_go_first():
    entrance = Entrance(memory=1000)
    holder, guest, small = entrance.greeted(), entrance.enter(), entrance.enter()
    visitors = [wire.visitor for wire in (holder, guest, small) if wire]
    for visitor, count in zip(visitors, (700, 200, 50), strict=True):
        visitor.hold(count)
    assert entrance.door.memory == 950
    visitors[0].hold(800)
    assert [wire.aborted for wire in (holder, guest, small) if wire] == [False, True, False]
    assert entrance.door.memory == 850
    visitors[0].hold(1001)
    assert [wire.aborted for wire in (holder, guest, small) if wire] == [True, True, True]
    assert entrance.door.memory == 0
    assert entrance.reasons == {Reason.MEMORY: 3}


def test_late_sockets_are_told_where_that_helps():
    entrance = Entrance()
    wire = entrance.enter()
    assert wire is not None
    wire.visitor.expect(Reason.HEADER, 5.0, lambda: b"408")
    entrance.door.sweep(5.0)
    assert (wire.said, wire.closing, wire.aborted) == (b"408", True, False)
