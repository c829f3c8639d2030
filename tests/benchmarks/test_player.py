"""What the loudspeaker's callback costs, beside a player that queues single samples."""

import queue
import statistics
import time
from collections.abc import Callable

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.playout import Playout
from voicecli.audio.ring import Ring

FRAMES = 1024
RATE = 24_000
BLOCKS = 200


def timed(work: Callable[[], object]) -> float:
    """Microseconds."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1000


class SampleQueue:
    """The reference: one queue entry a sample."""

    def __init__(self) -> None:
        self.samples: queue.Queue[float] = queue.Queue()

    def push(self, samples: Samples) -> None:
        for sample in samples:
            self.samples.put(float(sample))

    def fill(self, out: Samples) -> None:
        for index in range(len(out)):
            try:
                out[index] = self.samples.get_nowait()
            except queue.Empty:
                out[index] = 0.0


@pytest.mark.benchmark
def test_callback(capsys: pytest.CaptureFixture[str]) -> None:
    ring = Ring(4 * RATE)
    playout = Playout(ring, RATE)
    reference = SampleQueue()
    block = np.random.default_rng(1).uniform(-1, 1, FRAMES).astype(np.float32)
    out, expected = np.zeros(FRAMES, np.float32), np.zeros(FRAMES, np.float32)
    ours, theirs = [], []
    playout.complete = False
    for index in range(BLOCKS):
        ring.push(block)
        reference.push(block)
        at = index * FRAMES / RATE
        ours.append(timed(lambda at=at: playout.fill(out, at)))  # type: ignore[misc]
        theirs.append(timed(lambda: reference.fill(expected)))
        assert np.array_equal(out, expected)
    median, reference_median = statistics.median(ours), statistics.median(theirs)
    with capsys.disabled():
        print(
            f"\ncallback of {FRAMES} frames, median of {BLOCKS}: {median:.1f} µs (worst {max(ours):.0f}); "
            f"a queue of samples: {reference_median:.0f} µs (worst {max(theirs):.0f}); "
            f"{reference_median / median:.0f} times as much"
        )
