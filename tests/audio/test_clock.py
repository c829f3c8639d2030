"""Times of blocks, from reports that are wrong in the ways that devices are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.clock import InputClock

RATE = 48_000
BLOCK = 480  # 10 ms


def heard(lags, late=None):
    """Blocks that are 20 ms on their way, whatever is reported; `late` are callbacks that run later."""
    clock = InputClock(RATE)
    late = late or [0.0] * len(lags)
    times = []
    for index, (lag, delay) in enumerate(zip(lags, late, strict=True)):
        began = 100.0 + index * 0.01
        taken = began + 0.01 + 0.02 + delay
        times.append(clock.push(BLOCK, taken - 0.01 - lag, taken) - began)
    return times


def test_true_reports_are_kept():
    assert heard([0.02] * 50) == pytest.approx([0.0] * 50)


def test_too_much_delay_at_the_opening_is_forgotten():
    errors = heard([0.4] * 20 + [0.02] * 80)
    assert errors[0] == pytest.approx(-0.38)
    assert errors[20:] == pytest.approx([0.0] * 80)


def test_late_callback_is_not_late_sound():
    errors = heard([0.02] * 100, late=[0.0] * 50 + [0.08] + [0.0] * 49)
    assert errors == pytest.approx([0.0] * 100)


@given(st.lists(st.floats(0, 0.3), min_size=30, max_size=300))
def test_late_callbacks_never_date_a_block_later_than_they_are(late):
    errors = heard([0.02] * len(late), late)
    assert all(error <= delay + 1e-9 for error, delay in zip(errors, late, strict=True))


def test_drift_is_followed():
    clock = InputClock(RATE)
    error = 0.0
    for index in range(60_000):  # ten minutes
        began = index * 0.01 * 1.0001  # a device that is 100 ppm slow
        error = clock.push(BLOCK, began, began + 0.01) - began
    assert abs(error) < 0.001


def test_lost_samples_begin_a_new_line():
    clock = InputClock(RATE)
    for index in range(100):
        clock.push(BLOCK, 10.0 + index * 0.01, 10.0 + index * 0.01 + 0.02)
    clock.reset()
    assert clock.push(BLOCK, 12.0, 12.02) == pytest.approx(12.0)


def test_silent_loss_is_noticed_within_a_second():
    clock = InputClock(RATE)
    errors = []
    for index in range(300):
        began = index * 0.01 + (0.5 if index >= 100 else 0.0)
        errors.append(clock.push(BLOCK, began, began + 0.02) - began)
    assert errors[210:] == pytest.approx([0.0] * 90)
