"""The player under test: what its callback costs, and how often the sound breaks off.

The callback is timed beside a player that queues single samples, block by block, so that both meet the same
machine. Breaks are counted in simulated time: replies arrive over a simulated network, and the real ring,
callback and estimate of unevenness play them.
"""

from __future__ import annotations

import random
import statistics
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.player import Arrivals, PlayerOptions
from voicecli.audio.playout import Playout
from voicecli.audio.ring import Ring
from voicecli.bench.measure.network import Conditions, Link

__all__ = ["Allocated", "Breaks", "CallbackCost", "Reply", "allocated", "callback_cost", "played", "replies"]

_RATE = 24_000  # samples a second
_LENGTH, _CHUNK = 8.0, 0.05  # seconds of a reply, and of sound in a chunk
_BLOCK = 0.01  # seconds between two calls of the simulated loudspeaker


@dataclass(frozen=True, slots=True)
class CallbackCost:
    """What filling one block takes."""

    frames: int
    ours: Sequence[float]  # seconds, one for each block
    reference: Sequence[float]  # seconds, of the queue of samples, for the same blocks
    equal: bool  # whether both played the same samples

    @property
    def ratio(self) -> float:
        """How many times as much the reference takes, by the medians."""
        return statistics.median(self.reference) / max(statistics.median(self.ours), 1e-9)


def callback_cost(blocks: int = 400, frames: int = 1024) -> CallbackCost:
    """Time both players over the same blocks, one after the other for each."""
    ring, reference = Ring(4 * _RATE), Queue[float]()
    playout = _playing(ring)
    block = np.random.default_rng(1).uniform(-1, 1, frames).astype(np.float32)
    out, expected = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    ours, theirs = [], []
    equal = True
    for index in range(blocks):
        ring.push(block)
        for sample in block:
            reference.put(float(sample))
        at = index * frames / _RATE
        began = time.perf_counter()
        playout.fill(out, at)
        between = time.perf_counter()
        _fill(expected, reference)
        ended = time.perf_counter()
        ours.append(between - began)
        theirs.append(ended - between)
        equal = equal and bool(np.array_equal(out, expected))
    return CallbackCost(frames, ours, theirs, equal)


def _playing(ring: Ring) -> Playout:
    playout = Playout(ring, _RATE)
    playout.complete = False
    return playout


def _fill(out: Samples, queue: Queue[float]) -> None:
    """The reference: a queue with an entry for every sample, as in many a first player."""
    for index in range(len(out)):
        try:
            out[index] = queue.get_nowait()
        except Empty:
            out[index] = 0.0


@dataclass(frozen=True, slots=True)
class Allocated:
    """Memory that calls of the callback took."""

    most: int  # bytes in one call, given back or not
    kept: int  # bytes after all calls that were not there before
    calls: int


def allocated(calls: int = 300, frames: int = 1024) -> Allocated:
    """Watch the callback's memory: an array of a block would show as four bytes a frame."""
    ring = Ring(4 * _RATE)
    playout = _playing(ring)
    block, out = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    try:
        for index in range(8):  # what is made once, at the first calls
            ring.push(block)
            playout.fill(out, index * 0.01)
        most, first = 0, tracemalloc.get_traced_memory()[0]
        for index in range(calls):
            if index % 3:  # blocks that are filled, filled in part and empty
                ring.push(block[: frames // (index % 3)])
            at = index * 0.01
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            playout.fill(out, at)
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
        kept = tracemalloc.get_traced_memory()[0] - first
    finally:
        if not tracing:
            tracemalloc.stop()
    return Allocated(most, max(0, kept), calls)


Reply = Sequence[tuple[float, int]]
"""When each chunk of a reply arrives, in seconds after it was asked for, and how many samples it has."""


def replies(network: Conditions, speed: float, count: int, seed: int = 0) -> Iterator[Reply]:
    """Yield `count` replies, made `speed` times as fast as they last; the same for the same seed."""
    chance = random.Random(f"{seed} {network.jitter} {speed}")
    for _ in range(count):
        link = Link(network, chance)
        chunks = range(round(_LENGTH / _CHUNK))
        yield [(link.due(index * _CHUNK / speed), round(_CHUNK * _RATE)) for index in chunks]


@dataclass(slots=True)
class Breaks:
    """What came of playing replies."""

    delays: list[float] = field(default_factory=list)  # seconds from the first chunk to the first sound
    underruns: list[int] = field(default_factory=list)  # of each reply
    missing: list[float] = field(default_factory=list)  # seconds of silence in each reply
    sound: float = 0.0  # seconds of speech in all

    @property
    def per_minute(self) -> float:
        """Breaks in a minute of speech."""
        return sum(self.underruns) * 60 / self.sound if self.sound else 0.0


def played(speech: Iterable[Reply], options: PlayerOptions) -> Breaks:
    """Play one reply after the other, as one conversation: the player learns from each for the next."""
    arrivals, breaks = Arrivals(), Breaks()
    for reply in speech:
        _play(reply, options, arrivals, breaks)
    return breaks


def _play(reply: Reply, options: PlayerOptions, arrivals: Arrivals, breaks: Breaks) -> None:
    total = sum(count for _, count in reply)
    ring = Ring(total)  # what a full ring would hold back is not at stake here
    playout = Playout(ring, _RATE, options.fade)
    sound = np.ones(max(count for _, count in reply), np.float32)
    out = np.zeros(round(_BLOCK * _RATE), np.float32)
    arrivals.begin()
    playout.complete = False
    playout.audible_at = 0
    playout.prebuffer = _prebuffer(options, arrivals)
    waiting = iter(reply)
    following = next(waiting, None)
    calls = 0
    while ring.read < total:
        now = calls * _BLOCK
        while following is not None and following[0] <= now:
            at, count = following
            arrivals.push(at, count / _RATE)
            playout.prebuffer = _prebuffer(options, arrivals)
            ring.push(sound[:count])
            following = next(waiting, None)
            playout.complete = following is None
        playout.fill(out, now + _BLOCK)
        calls += 1
    first = playout.first_sound
    breaks.delays.append((first if first is not None else 0.0) - reply[0][0])
    breaks.underruns.append(playout.underruns)
    breaks.missing.append(playout.missing / _RATE)
    breaks.sound += total / _RATE


def _prebuffer(options: PlayerOptions, arrivals: Arrivals) -> int:
    """Samples to hold, as the player decides it."""
    seconds = options.prebuffer
    if options.adaptive:
        seconds = min(max(seconds, arrivals.head_start), options.max_prebuffer)
    return round(seconds * _RATE)
