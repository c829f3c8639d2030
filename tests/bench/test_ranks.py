"""The rank sum test."""

import itertools
import random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.bench.ranks import difference

FEW = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=5)


def enumerated(before: list[float], after: list[float]) -> float:
    """The p-value by trying every division."""
    values = before + after
    ordered = sorted(values)
    ranks = [(2 * ordered.index(value) + ordered.count(value) + 1) / 2 for value in values]
    middle = len(before) * (len(values) + 1) / 2
    off = abs(sum(ranks[: len(before)]) - middle)
    ways = [abs(sum(part) - middle) for part in itertools.combinations(ranks, len(before))]
    return sum(way >= off - 1e-9 for way in ways) / len(ways)


@given(FEW, FEW)
@settings(max_examples=60)
def test_p_is_that_of_every_division(before: list[float], after: list[float]) -> None:
    assert difference(before, after).p == pytest.approx(enumerated(before, after))


@given(FEW, FEW)
@settings(max_examples=60)
def test_shift_is_the_median_of_all_differences(before: list[float], after: list[float]) -> None:
    found = difference(before, after)
    assert found.shift == median(new - old for old in before for new in after)
    assert found.low <= found.shift <= found.high


def test_textbook_values() -> None:
    found = difference([1, 2, 3, 4], [5, 6, 7, 8])
    assert found.p == pytest.approx(2 / 70) == found.least_p
    assert (found.low, found.shift, found.high) == (1, 4, 7)  # Moses' interval is all differences here


def test_nothing_is_no_difference() -> None:
    assert difference([1.0] * 5, [1.0] * 5).p == 1.0
    assert difference([1.0] * 100, [1.0] * 100).p == 1.0
    with pytest.raises(ValueError, match="nothing"):
        difference([], [1.0])


def test_many_are_as_few() -> None:
    chance = random.Random(5)
    before = [chance.gauss(0, 1) for _ in range(60)]
    after = [chance.gauss(0.4, 1) for _ in range(60)]
    counted = difference(before, after)
    approximated = difference(before, [*after, median(after)])  # one more, and it is not counted out any more
    assert approximated.p == pytest.approx(counted.p, rel=0.15)


def test_chance_alone_is_seldom_significant() -> None:
    chance = random.Random(11)
    found = 0
    for _ in range(200):
        drawn = [chance.gauss(0, 1) for _ in range(20)]
        found += difference(drawn[:10], drawn[10:]).p < 0.05
    assert found <= 20


def test_very_many_are_thinned() -> None:
    values = [float(index % 997) for index in range(3000)]
    found = difference(values, [value + 5 for value in values])
    assert found.shift == pytest.approx(5, abs=1)
