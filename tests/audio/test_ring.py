"""The ring: nothing lost, nothing doubled, whatever the order of pushes and pulls."""

import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.ring import Ring


@given(st.integers(1, 50), st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=60))
def test_samples_come_out_in_order(capacity, steps):
    ring = Ring(capacity)
    source = np.arange(1, 4000, dtype=np.float32)
    pushed, pulled = 0, []
    for is_push, count in steps:
        if is_push:
            pushed += ring.push(source[pushed : pushed + count])
        else:
            out = np.zeros(count, np.float32)
            pulled.extend(out[: ring.pull(out)])
        assert 0 <= ring.readable <= capacity
        assert ring.readable + ring.writable == capacity
    pulled.extend(ring.take())
    assert pulled == list(source[:pushed])


def test_full_ring_takes_nothing():
    ring = Ring(4)
    assert ring.push(np.ones(9, np.float32)) == 4
    assert ring.push(np.ones(1, np.float32)) == 0


def test_skip_never_goes_back_or_beyond():
    ring = Ring(10)
    ring.push(np.arange(8, dtype=np.float32))
    ring.skip(5)
    ring.skip(2)
    assert ring.read == 5
    ring.skip(99)
    assert ring.read == 8


@pytest.fixture
def often_switched():
    """Threads take turns a thousand times as often as they would."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("often_switched")
def test_two_threads_lose_nothing():
    ring = Ring(333)
    total = 200_000
    source = np.arange(total, dtype=np.float32)
    got = []

    def read():
        count = 0
        out = np.zeros(100, np.float32)
        while count < total:
            found = ring.pull(out)
            got.append(out[:found].copy())
            count += found
            if not found:
                time.sleep(0)

    reader = threading.Thread(target=read)
    reader.start()
    position = 0
    while position < total:
        pushed = ring.push(source[position : position + 77])
        position += pushed
        if not pushed:
            time.sleep(0)
    reader.join()
    assert np.array_equal(np.concatenate(got), source)
