"""What the output callback does, block by block."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.playout import Playout
from voicecli.audio.ring import Ring

RATE = 1000
BLOCK = 10


def playing(samples, *, prebuffer=0, complete=False):
    ring = Ring(10_000)
    playout = Playout(ring, RATE, fade=0.004)
    playout.prebuffer = prebuffer
    playout.complete = complete
    ring.push(np.asarray(samples, np.float32))
    return ring, playout


def block(playout, time=0.0):
    out = np.full(BLOCK, np.nan, np.float32)
    count = playout.fill(out, time)
    assert not np.isnan(out).any()
    return out, count


def test_underflow_is_silence():
    _, playout = playing(np.ones(15))
    block(playout)
    out, count = block(playout)
    assert count == 5
    assert out.tolist() == [1] * 5 + [0] * 5
    assert playout.underruns == 0  # not before it is known that sound goes on


def test_underrun_counts_when_sound_goes_on():
    ring, playout = playing(np.ones(15))
    for _ in range(4):
        block(playout)
    ring.push(np.ones(10, np.float32))
    block(playout)
    assert playout.underruns == 1
    assert playout.missing == 25


def test_end_is_no_underrun():
    ring, playout = playing(np.ones(15))
    for _ in range(3):
        block(playout)
    playout.complete = True
    block(playout)
    ring.push(np.ones(10, np.float32))
    playout.complete = False
    block(playout)
    assert (playout.underruns, playout.missing) == (0, 0)


def test_prebuffer_holds_sound_back():
    ring, playout = playing(np.ones(19), prebuffer=20)
    assert block(playout)[1] == 0
    ring.push(np.ones(1, np.float32))
    assert block(playout)[1] == BLOCK


def test_short_reply_plays_below_the_prebuffer():
    _, playout = playing(np.ones(3), prebuffer=20, complete=True)
    assert block(playout)[1] == 3


def test_abort_is_silent_within_one_block():
    ring, playout = playing(np.ones(100))
    block(playout)
    playout.discard_to = ring.written
    out, _ = block(playout)
    assert out[0] == 1
    assert all(np.diff(out[:4]) < 0)
    assert not out[4:].any()
    assert not block(playout)[0].any()
    ring.push(np.full(10, 0.5, np.float32))
    assert block(playout)[0].tolist() == [0.5] * 10


def test_pause_keeps_what_was_not_heard():
    ring, playout = playing(np.arange(1, 101))
    block(playout)
    playout.paused = True
    block(playout)
    assert not block(playout)[0].any()
    position = ring.read
    playout.paused = False
    assert block(playout)[0][0] == position + 1


def test_first_sound_is_dated_inside_the_block():
    _, playout = playing(np.concatenate((np.zeros(14), np.ones(20))))
    playout.audible_at = 14
    block(playout, 5.0)
    assert playout.first_sound is None
    block(playout, 5.010)
    assert abs(playout.first_sound - 5.014) < 1e-9


def test_wake_comes_once():
    _, playout = playing(np.ones(100))
    woken = []
    playout.wake, playout.wake_at = lambda: woken.append(True), 15
    for _ in range(4):
        block(playout)
    assert woken == [True]


@given(st.lists(st.one_of(st.integers(1, 40), st.none()), max_size=60))
def test_everything_written_is_played_once(steps):
    ring, playout = playing([])
    written, heard = 0, []
    for step in steps:
        if step is None:
            out, count = block(playout)
            heard.extend(out[:count])
        else:
            written += ring.push(np.arange(written + 1, written + step + 1, dtype=np.float32))
    playout.complete = True
    while True:
        out, count = block(playout)
        if not count:
            break
        heard.extend(out[:count])
    assert heard == list(range(1, written + 1))


def test_first_sound_is_corrected_while_a_device_settles():
    ring = Ring(10_000)
    playout = Playout(ring, RATE, settling=0.05)
    ring.push(np.ones(100, np.float32))
    playout.complete, playout.audible_at = True, 0
    block(playout, 5.067)  # too late by 67 ms, as the next block shows
    block(playout, 5.010)
    assert abs(playout.first_sound - 5.0) < 1e-9
    block(playout, 6.020)  # a break after it is not its time
    assert abs(playout.first_sound - 5.0) < 1e-9
