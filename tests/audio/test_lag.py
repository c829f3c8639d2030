"""Which estimates of a lag are believed."""

from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.lag import Lag


def test_opening_estimate_is_corrected():
    lag = Lag()
    believed = [lag.push(estimate, time / 10) for time, estimate in enumerate([0.48, 0.3, 0.1, 0.02, 0.025])]
    assert believed == [0.48, 0.3, 0.1, 0.02, 0.02]


def test_longer_lag_is_believed_in_the_end():
    lag = Lag(memory=2.0)
    lag.push(0.02, 0.0)
    assert lag.push(0.2, 0.5) == 0.02
    later = [lag.push(0.2, 1.0 + second) for second in range(4)]
    assert later[-1] == 0.2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_never_more_than_the_latest_estimate(estimates):
    lag = Lag()
    for time, estimate in enumerate(estimates):
        assert lag.push(estimate, time * 0.1) <= estimate
