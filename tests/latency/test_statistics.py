"""Percentiles, against numpy's."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.latency.statistics import percentile, summarize


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.floats(0, 1))
def test_percentile_is_numpys(values, fraction):
    expected = np.percentile(values, fraction * 100)
    assert abs(percentile(sorted(values), fraction) - expected) < 1e-9


def test_unmeasured_is_left_out():
    statistics = summarize([0.3, None, 0.1])
    assert (statistics.min, statistics.max, statistics.n) == (0.1, 0.3, 2)


def test_nothing_measured_is_none():
    assert summarize([None]) is None
