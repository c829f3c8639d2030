"""The door: who may have a socket, what it may hold, and how long it may take.

What a client may do wrong has a bound: sockets, from one address and in all; time for the head of a request
and for the rest of it; bytes that wait; answers that nobody reads. What goes over a bound is dropped and
counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from voicecli.config.serving import ConnectionSettings, ServerSettings
from voicecli.server.crowd import Crowd
from voicecli.server.refusals import Reason
from voicecli.server.rota import Rota
from voicecli.server.subnet import is_within, subnet_of

__all__ = ["CLOSING", "VISITOR", "Door", "Guarded", "Visitor"]

VISITOR: Final = "voicecli.visitor"  # in the scope of a request: the `Visitor` that it comes from
CLOSING: Final = 3.0  # seconds that a socket may take to close

_SWEEP: Final = 0.25  # seconds between looks at the clock
_FRESH: Final = 0.25  # seconds for which a socket that has sent nothing is not to blame


class Visitor:
    """A socket that was let in."""

    def __init__(self, door: Door, transport: asyncio.Transport, subnet: str | None) -> None:
        self.transport = transport
        self.subnet = subnet  # where it counts; None for a proxy, which counts nowhere
        self.known = False  # whether it has shown a token, or needs none
        self.held = 0  # bytes that wait
        self.gone = asyncio.Event()  # that nothing more is heard of it
        self.welcome: Callable[[], None] = lambda: None  # told that it is known
        self.expected: dict[Reason, tuple[float, Callable[[], bytes]]] = {}  # until when, and last words
        self._door = door

    def asked(self) -> None:
        """It has sent a whole request."""
        self._door.waiting.pop(self, None)

    def greet(self) -> None:
        """It has shown a token, or needs none."""
        self.known = True
        self._door.guests.remove(self)
        self.welcome()

    def forget(self) -> None:
        """It has been answered, and is idle."""
        if self.known and self in self._door.inside:
            self.known = False
            self._door.guests.add(self, self.subnet)

    def move(self, address: str) -> bool:
        """A proxy says whom it speaks for; whether that one may have another."""
        subnet, door = subnet_of(address), self._door
        if self not in door.inside or self.subnet == subnet:
            return True
        if not door.has_room(subnet):
            return False
        self.subnet = subnet
        door.inside.add(self, subnet)
        if not self.known:
            door.guests.add(self, subnet)
        return True

    def hold(self, count: int) -> None:
        """So many bytes of it wait."""
        if self in self._door.inside:
            self._door.memory += count - self.held
            self.held = count
            self._door.make_room()

    def expect(self, reason: Reason, until: float, last_words: Callable[[], bytes] = bytes) -> None:
        """It is dropped for `reason`, with some words, unless `came` is called before `until`."""
        self.expected[reason] = until, last_words

    def came(self, reason: Reason) -> None:
        """What was expected has come."""
        self.expected.pop(reason, None)

    def drop(self, reason: Reason) -> None:
        """It has to go, for what it does or for somebody else."""
        self._door.refused(reason)
        self.leave()
        self.transport.abort()

    def leave(self) -> None:
        """The socket is gone."""
        self.gone.set()
        if self in self._door.inside:
            self._door.forget(self)


class Door:
    """Counts the sockets, what they hold, and the time that each has for what it is expected to do.

    Who has shown no token, or does nothing, makes room for who comes; whoever has most of them there first.
    """

    def __init__(
        self, settings: ServerSettings, refused: Callable[[Reason], None] = lambda reason: None
    ) -> None:
        self.settings = settings
        self.refused = refused
        self.rota = Rota()  # of those who are inside
        self.memory = 0  # bytes that wait, of all
        self.inside: Crowd[Visitor] = Crowd()
        self.guests: Crowd[Visitor] = Crowd()  # of them, who has shown no token or is idle
        self.waiting: dict[Visitor, float] = {}  # of them, who has sent no whole request, since when
        self._visitors: dict[asyncio.Transport, Visitor] = {}

    def __len__(self) -> int:
        return len(self.inside)

    @property
    def limits(self) -> ConnectionSettings:
        return self.settings.connections

    def enter(self, transport: asyncio.Transport, address: str, now: float) -> Visitor | None:
        """Let a socket in, unless there are too many that do something."""
        subnet = None if is_within(address, self.settings.trusted_proxies) else subnet_of(address)
        if not self.has_room(subnet):
            self.refused(Reason.ADDRESS)
            return None
        most = self.limits.most
        if len(self.inside) >= most or len(self.guests) >= max(1, most * (1 - self.limits.reserved)):
            if not self.guests:
                self.refused(Reason.CONNECTIONS)
                return None
            self._drop_guest(self.guests.loser())
        visitor = self._visitors[transport] = Visitor(self, transport, subnet)
        self.inside.add(visitor, subnet)
        self.guests.add(visitor, subnet)
        self.waiting[visitor] = now
        visitor.expect(Reason.HEADER, now + self.limits.header_timeout)
        return visitor

    def visitor(self, transport: asyncio.Transport) -> Visitor:
        """Whose socket it is, which is or was inside."""
        return self._visitors.get(transport) or Visitor(self, transport, None)

    def has_room(self, subnet: str | None) -> bool:
        """Whether one more may come from there, perhaps instead of another."""
        if subnet is not None and self.inside.count(subnet) >= self.limits.per_address:
            guest = self.guests.oldest(subnet)
            if guest is None:
                return False
            self._drop_guest(guest)
        return True

    def make_room(self) -> None:
        """If all hold too much, whoever holds most goes, guests first."""
        while self.memory > self.limits.memory:
            holding = (visitor for visitor in self.inside if visitor.held)
            max(holding, key=lambda visitor: (not visitor.known, visitor.held)).drop(Reason.MEMORY)

    def forget(self, visitor: Visitor) -> None:
        """It is not inside any more."""
        self.memory -= visitor.held
        self.inside.remove(visitor)
        self.guests.remove(visitor)
        self.waiting.pop(visitor, None)
        del self._visitors[visitor.transport]

    def _drop_guest(self, guest: Visitor) -> None:
        guest.drop(Reason.WAITING if guest in self.waiting else Reason.GUEST)

    def sweep(self, now: float) -> None:
        """Drop whoever is late, and of those who wait too many."""
        # The request of whoever came with many others may be there and not looked at yet.
        while len(self.waiting) > self.limits.waiting and now - next(iter(self.waiting.values())) > _FRESH:
            next(iter(self.waiting)).drop(Reason.WAITING)
        for visitor in list(self.inside):
            if visitor.transport.is_closing():
                visitor.expected.setdefault(Reason.UNREAD, (now + CLOSING, bytes))
            for reason in [reason for reason, (until, _) in visitor.expected.items() if until <= now]:
                self._part(visitor.transport, reason, visitor.expected.pop(reason)[1])

    def _part(self, transport: asyncio.Transport, reason: Reason, last_words: Callable[[], bytes]) -> None:
        """Drop a socket that is late, with some words where they can be said."""
        self.refused(reason)
        if not transport.is_closing() and (said := last_words()):
            transport.write(said)
            transport.close()
        else:
            transport.abort()

    async def keep(self) -> None:
        """Sweep until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            self.sweep(loop.time())


class Guarded(asyncio.Protocol):
    """What the protocols of a visitor have in common: it leaves, and has to read what it is sent."""

    loop: asyncio.AbstractEventLoop
    _door: Door
    _visitor: Visitor

    def connection_lost(self, exc: Exception | None) -> None:
        self._visitor.leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._visitor.expect(Reason.UNREAD, self.loop.time() + self._door.limits.send_timeout)

    def resume_writing(self) -> None:
        self._visitor.came(Reason.UNREAD)
        super().resume_writing()
