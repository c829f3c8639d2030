"""Networks by name: delay, jitter and loss put between the conversation and any engine.

What a stage sends and what it gets back travel on a link each, in order, as over one TCP connection: what
is late holds up what is behind it, and a packet that is lost costs a pause until it is sent again.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import TypeVar

from voicecli.audio.block import Samples
from voicecli.bench.measure.relay import Relay
from voicecli.errors import UsageError
from voicecli.flow.feeds import ReadAhead
from voicecli.flow.scope import scoped
from voicecli.providers.language_model import LanguageModel, Message, Token
from voicecli.providers.recognizer import Recognizer, Transcript
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["NETWORKS", "Conditions", "Link", "Networked", "find_network"]

T = TypeVar("T")

_PACKET = 1400  # bytes of a packet's payload on the usual networks
_SAMPLE = 2  # bytes of a sample as it is sent
_IN_FLIGHT = 1024  # chunks, tokens and transcripts on their way


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a way between here and an engine does to every packet; both ways are alike."""

    name: str
    delay: float = 0.0  # seconds one way
    jitter: float = 0.0  # seconds by which a packet is later than that, on the average
    loss: float = 0.0  # share of the packets that are lost
    pause: float = 0.2  # seconds until a lost one has been noticed and sent again

    def __post_init__(self) -> None:
        if min(self.delay, self.jitter, self.pause) < 0 or not 0 <= self.loss < 1:
            raise ValueError("delay, jitter and pause must not be negative, and loss is a share below 1")

    def __str__(self) -> str:
        if self == NETWORKS["none"]:
            return "none"
        way = f"{self.delay * 1000:g} ms each way, {self.jitter * 1000:g} ms jitter"
        return f"{self.name}: {way}, {self.loss:.1%} lost for {self.pause * 1000:g} ms"


NETWORKS: Mapping[str, Conditions] = MappingProxyType(
    {
        network.name: network
        for network in (
            Conditions(name="none"),
            Conditions(name="lan", delay=0.0005, jitter=0.0002),
            Conditions(name="dsl", delay=0.015, jitter=0.003, loss=0.001, pause=0.2),
            Conditions(name="4g", delay=0.035, jitter=0.012, loss=0.005, pause=0.25),
            Conditions(name="bad", delay=0.1, jitter=0.05, loss=0.03, pause=0.4),
        )
    }
)
"""A cable in the house, a good line, a telephone on the move, and a hotel's wireless network at night."""


def find_network(name: str) -> Conditions:
    """Raises UsageError."""
    if name not in NETWORKS:
        raise UsageError(f"There is no network {name!r}.", f"Networks are {', '.join(NETWORKS)}.")
    return NETWORKS[name]


class Link:
    """One direction of one request: says when what is sent now will arrive. Pure."""

    def __init__(self, network: Conditions, chance: random.Random) -> None:
        self._network = network
        self._chance = chance
        self._last = float("-inf")

    def due(self, sent: float, packets: int = 1) -> float:
        """When the last of `packets`, sent at `sent` (seconds), arrives: never before one sent earlier."""
        network, chance = self._network, self._chance
        arrival = sent + network.delay
        if network.jitter:
            arrival += chance.expovariate(1 / network.jitter)
        for _ in range(packets if network.loss else 0):
            if chance.random() < network.loss:
                arrival += network.pause
        self._last = max(self._last, arrival)
        return self._last


async def _carried(
    source: AsyncIterator[T],
    link: Link,
    packets: Callable[[T], int],
    request: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[T]:
    """Yield what `source` does, each when the link has brought it; the end of the stream travels too.

    Nothing is asked for before the `request` has arrived.
    """
    clock = asyncio.get_running_loop()

    async def sent() -> AsyncIterator[tuple[float, list[T]]]:
        async with scoped(source) as items:
            async for item in items:
                yield link.due(clock.time(), packets(item)), [item]
        yield link.due(clock.time()), []

    if request is not None:
        await request()
    under_way = ReadAhead(sent(), _IN_FLIGHT)
    try:
        async for due, items in under_way:
            if (left := due - clock.time()) > 0:
                await asyncio.sleep(left)
            for item in items:
                yield item
    finally:
        await under_way.aclose()


async def _requested(link: Link, size: int) -> None:
    """Wait until a request of `size` bytes is where it should be."""
    clock = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, link.due(clock.time(), _packets(size)) - clock.time()))


def _packets(size: int) -> int:
    return max(1, -(-size // _PACKET))


def _one(_: object) -> int:
    return 1


class Networked(Relay):
    """An engine of any stage at the other end of a network, and the links to it and back."""

    def __init__(
        self, engine: Recognizer | LanguageModel | Synthesizer, network: Conditions, seed: int = 0
    ) -> None:
        super().__init__(engine)
        self._network = network
        self._seed = seed
        self._calls = itertools.count(1)

    def _links(self) -> tuple[Link, Link]:
        """There and back; calls that overlap do not change one another."""
        call = next(self._calls)
        there, back = (random.Random(f"{self._seed} {self.name} {call} {way}") for way in ("there", "back"))
        return Link(self._network, there), Link(self._network, back)

    def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """As the engine does, later; the audio is streamed to it."""
        there, back = self._links()
        heard = _carried(audio, there, lambda samples: _packets(len(samples) * _SAMPLE))
        return _carried(self._engine.transcribe(heard), back, _one)

    def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        """As the engine does, later."""
        there, back = self._links()
        request = partial(_requested, there, sum(len(message.content.encode()) for message in messages))
        return _carried(self._engine.complete(messages), back, _one, request)

    def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """As the engine does, later."""
        there, back = self._links()
        request = partial(_requested, there, len(text.encode()))
        return _carried(self._engine.synthesize(text), back, lambda chunk: _packets(len(chunk)), request)
