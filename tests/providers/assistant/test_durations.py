import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.assistant.durations import find, label, parse, spell_out


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5 minutes", 300),
        ("a minute", 60),
        ("half an hour", 1800),
        ("an hour and a half", 5400),
        ("1 and a half hours", 5400),
        ("1 hour and 30 minutes", 5400),
        ("1 hour 30", 5400),
        ("1 hour 30 minutes 10 seconds", 5410),
        ("a quarter of an hour", 900),
        ("3 quarters of an hour", 2700),
        ("2 and a half minutes", 150),
        ("a couple of minutes", 120),
        ("90 seconds", 90),
        ("1.5 hours", 5400),
        ("10 min", 600),
        ("2 h 5 m", 7500),
    ],
)
def test_lengths_are_read(text: str, seconds: float) -> None:
    assert parse(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "minutes", "a mistake", "5 minutes 10 hours", "15 apples", "soon"])
def test_other_words_are_no_lengths(text: str) -> None:
    assert parse(text) is None


def test_length_is_found_between_words() -> None:
    assert find("set a timer for 5 minutes for the eggs") == (300.0, "set a timer for", "for the eggs")


@given(st.integers(1, 10 * 86400))
def test_spelled_lengths_are_read_again(seconds: int) -> None:
    assert parse(spell_out(seconds).replace(",", "")) == seconds


def test_label_is_an_adjective() -> None:
    assert label(5400) == "1 hour and 30 minute"
