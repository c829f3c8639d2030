"""The rota: whose bytes are looked at next, so that nobody's flood is a drought for others."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from time import perf_counter
from typing import Final, Protocol

__all__ = ["Reader", "Rota"]

_ROUND: Final = 0.003  # seconds of a turn of the event loop that are spent on looking


class Reader(Protocol):
    """A socket with bytes that nobody has looked at."""

    @property
    def first(self) -> bool:
        """Whether it goes before others: they have shown no token."""
        ...

    def read(self) -> bool:
        """Look at a little; whether there is more to look at now."""
        ...


class Rota:
    """Everybody reads a little in turn. What does not fit into one turn of the event loop waits for the next,
    so that what else there is to do is done between.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._first: OrderedDict[Reader, None] = OrderedDict()
        self._others: OrderedDict[Reader, None] = OrderedDict()
        self._due: asyncio.Handle | None = None

    def join(self, reader: Reader) -> None:
        """It has something to read."""
        (self._first if reader.first else self._others)[reader] = None
        if self._due is None:
            self._due = asyncio.get_running_loop().call_soon(self._go_round)

    def _go_round(self) -> None:
        self._due = None
        until = self._clock() + _ROUND
        for line in (self._first, self._others):  # at least one of each
            while line:
                reader, _ = line.popitem(last=False)
                if reader.read():
                    self.join(reader)
                if self._clock() >= until:
                    break
