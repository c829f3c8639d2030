"""How sure percentiles are."""

import random

from hypothesis import given
from hypothesis import strategies as st

from voicecli.bench.bootstrap import PERCENTILES, intervals, summed_up

MEASURED = st.lists(st.floats(0, 100), min_size=2, max_size=30)


def test_one_measurement_says_nothing() -> None:
    assert intervals([0.3]) == {}
    found = summed_up([None, 0.3])
    assert found is not None
    assert found.as_dict()["ci"] == {}
    assert summed_up([None]) is None


def test_same_seed_same_interval() -> None:
    chance = random.Random(1)
    values = [chance.gauss(1, 0.1) for _ in range(20)]
    assert intervals(values, 1) == intervals(list(reversed(values)), 1)
    assert intervals(values, 1) != intervals(values, 2)


@given(MEASURED)
def test_interval_is_within_the_measurements(values: list[float]) -> None:
    for low, high in intervals(values).values():
        assert min(values) <= low <= high <= max(values)


def test_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    chance = random.Random(7)
    held = 0
    for _ in range(100):
        low, high = intervals([chance.gauss(0, 1) for _ in range(40)])["p50"]
        held += low <= 0 <= high
    assert held >= 88


def test_more_measurements_are_surer() -> None:
    chance = random.Random(3)
    values = [chance.gauss(0, 1) for _ in range(400)]
    few, many = intervals(values[:20])["p50"], intervals(values)["p50"]
    assert many[1] - many[0] < (few[1] - few[0]) / 2
    assert set(intervals(values)) == set(PERCENTILES)
