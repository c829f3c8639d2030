"""Word error rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.bench.measure.word_errors import WordErrors, normalized, total, word_errors


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("My voice is my passport, verify me.", "my voice is my passport verify me"),
        ("Twenty-three miles", "23 miles"),
        ("It’s 7:30!", "it's seven thirty"),
        ("“Stop.”", "stop"),
        ("10.5 kilometers.", "10.5 kilometers"),
    ],
)
def test_what_sounds_alike_is_alike(first: str, second: str) -> None:
    assert normalized(first) == normalized(second)
    assert word_errors(first, second).errors == 0


def test_each_kind_of_error() -> None:
    found = word_errors("turn on the living room lamp", "turn of the room lamp please")
    assert (found.said, found.substituted, found.deleted, found.inserted) == (6, 1, 1, 1)
    assert found.rate == pytest.approx(0.5)


def test_nothing_understood_and_nothing_said() -> None:
    assert word_errors("stop", "") == WordErrors(1, deleted=1)
    assert word_errors("", "stop it") == WordErrors(0, inserted=2)
    assert word_errors("", "").rate is None


def test_long_utterances_weigh_more() -> None:
    together = total([WordErrors(9), WordErrors(1, substituted=1)])
    assert together is not None
    assert together.rate == pytest.approx(0.1)
    assert total([]) is None


@given(st.text(max_size=60))
def test_normal_form_is_stable(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)
    assert word_errors(text, text).errors == 0
