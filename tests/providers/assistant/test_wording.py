import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.assistant.wording import hear


@pytest.mark.parametrize(
    ("said", "core"),
    [
        ("What's 15% of eighty, please?", "what is 15 percent of 80"),
        ("um whats fifteen percent of eighty", "what is 15 percent of 80"),
        ("It's 7:30 p.m.", "it is 7 30 pm"),
        ("three p m", "3 pm"),
        ("2+2", "2 plus 2"),
        ("(2+3)*4", "( 2 plus 3 ) times 4"),
        ("5-3", "5 minus 3"),
        ("-5 + 3", "minus 5 plus 3"),
        ("2d6", "2d6"),
        ("5km in miles", "5 km in miles"),
        ("100°F in C", "100 degrees fahrenheit in c"),
        ("1,234,567 * 2", "1234567 times 2"),
        ("December 25th", "december 25th"),
        ("São Paulo", "sao paulo"),
        ("Hey, could you please set a timer for me", "set a timer"),
        ("twenty-three", "23"),
        ("hey computer", "computer"),
        ("what time is it, computer?", "what time is it"),
        ("restart the computer", "restart the computer"),
        ("don't stop", "do not stop"),
        ("what can you do", "what can you do"),
        ("new year's eve", "new years eve"),
    ],
)
def test_spellings_become_one(said: str, core: str) -> None:
    assert hear(said).core == core


@given(st.text(max_size=80))
def test_politeness_never_empties(said: str) -> None:
    heard = hear(said)
    assert bool(heard.text) == bool(heard.core)
    assert heard.text in heard.readings
