"""Axes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.bench.draw.scale import Scale
from voicecli.bench.metric import Measure

VALUES = st.lists(
    st.floats(-1e6, 1e6).filter(lambda value: not 0 < abs(value) < 1e-9), min_size=1, max_size=20
)


@given(VALUES, st.sampled_from(list(Measure)), st.integers(2, 10))
def test_everything_is_on_the_axis(values: list[float], unit: Measure, marks: int) -> None:
    scale = Scale.over(values, unit, marks)
    assert len(scale.ticks) <= 3 * marks + 3
    for value in values:
        assert -1e-6 <= scale.place(value) <= 1 + 1e-6


def test_round_numbers() -> None:
    scale = Scale.over([0.02, 0.186], Measure.TIME, 5)
    assert scale.ticks == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])


def test_what_is_alike_is_not_cut() -> None:
    assert Scale.over([0.160, 0.166], Measure.TIME, 4).low > 0
    assert Scale.over([0.100, 0.166], Measure.TIME, 4).low == 0


def test_counts_are_whole() -> None:
    assert Scale.over([0, 1], Measure.COUNT, 5).ticks == [0, 1]
    assert Scale.over([3], Measure.COUNT, 5).step >= 1


def test_nothing_and_nought() -> None:
    assert Scale.over([], Measure.TIME, 5).place(0.0) == 0
    assert Scale.over([0.0], Measure.TIME, 5).high > 0
    assert Scale.over([-2.0], Measure.TIME, 5).low < -2 + 1e-9
