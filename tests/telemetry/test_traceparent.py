"""The header that joins traces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.telemetry.traceparent import Traceparent, new_traceparent, parse_traceparent

EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_example_of_the_standard():
    found = parse_traceparent(EXAMPLE)
    assert found == Traceparent(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, sampled=True)
    assert str(found) == EXAMPLE
    unsampled = parse_traceparent(EXAMPLE[:-1] + "0")
    assert unsampled is not None
    assert not unsampled.sampled


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        EXAMPLE.upper(),
        EXAMPLE + "-more",
        "ff" + EXAMPLE[2:],
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01",
        EXAMPLE[:-1],
    ],
)
def test_what_the_standard_ignores(text: str | None):
    assert parse_traceparent(text) is None


def test_later_versions_may_say_more():
    assert parse_traceparent("cc" + EXAMPLE[2:] + "-what-else") == parse_traceparent(EXAMPLE)


@given(st.text(max_size=80))
def test_no_text_raises(text: str):
    parse_traceparent(text)


def test_new_ones_are_valid():
    made = new_traceparent()
    assert parse_traceparent(str(made)) == made
    assert new_traceparent() != made
