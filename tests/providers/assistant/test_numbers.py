from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from voicecli.providers.assistant.numbers import figures, written


def spell(number: int) -> str:
    return str(num2words(number)).replace(",", "").replace("-", " ")


@given(st.integers(0, 10**9))
def test_spoken_integers_round_trip(number: int) -> None:
    assert figures(spell(number).split()) == [str(number)]


@given(st.integers(0, 99_999), st.text("0123456789", min_size=1, max_size=4))
def test_spoken_decimals_round_trip(whole: int, decimals: str) -> None:
    words = [*spell(whole).split(), "point", *(spell(int(digit)) for digit in decimals)]
    assert figures(words) == [f"{whole}.{decimals}"]


@given(st.lists(st.integers(21, 99).filter(lambda number: number % 10), min_size=1, max_size=5))
def test_numbers_in_a_row_stay_apart(numbers: list[int]) -> None:
    assert figures([word for number in numbers for word in spell(number).split()]) == [
        str(n) for n in numbers
    ]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a hundred and five miles", "105 miles"),
        ("between a hundred and two hundred", "between 100 and 200"),
        ("between twenty and five hundred", "between 20 and 500"),
        ("one hundred and two", "102"),
        ("seven thirty", "7 30"),
        ("seven oh five", "7 0 5"),
        ("oh dear", "oh dear"),
        ("zero", "0"),
        ("one zero zero", "1 0 0"),
        ("point five", "0.5"),
        ("point one million", "100000"),
        ("oh oh", "oh oh"),
        ("point taken", "point taken"),
        ("three point one four", "3.14"),
        ("three point twenty five", "3.25"),
        ("two point five million", "2500000"),
        ("5 million", "5000000"),
        ("1.5 thousand", "1500"),
        ("fifteen hundred", "1500"),
        ("nineteen eighty four", "19 84"),
        ("a thousand and one nights", "1001 nights"),
        ("a dog and one cat", "a dog and 1 cat"),
        ("twenty fifth", "20 fifth"),
        ("two and three", "2 and 3"),
        ("hundred", "100"),
    ],
)
def test_spoken_numbers(said: str, meant: str) -> None:
    assert " ".join(figures(said.split())) == meant


@pytest.mark.parametrize(
    ("value", "text", "exact"),
    [
        (Fraction(92), "92", True),
        (Fraction(-3), "minus 3", True),
        (Fraction(1234567), "1,234,567", True),
        (Fraction(25, 8), "3.125", True),
        (Fraction(1, 3), "0.3333", False),
        (Fraction(10, 3), "3.3333", False),
        (Fraction(1, 300), "0.003333", False),
        (Fraction(1, 20), "0.05", True),
        (Fraction(19999999, 10**4), "1,999.9999", True),
        (Fraction(-1, 4), "minus 0.25", True),
        (Fraction(2**100), "1.27 times 10 to the power of 30", False),
        (Fraction(10**400), "1 times 10 to the power of 400", True),
        (Fraction(1, 10**9), "1 times 10 to the power of minus 9", True),
        (Fraction(0), "0", True),
    ],
)
def test_written_numbers(value: Fraction, text: str, exact: bool) -> None:
    assert written(value) == (text, exact)


@given(st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6))
def test_rounding_stays_close(value: Fraction) -> None:
    text, exact = written(value)
    short = Fraction(text.replace("minus ", "-").replace(",", ""))
    assert (short == value) or not exact
    assert abs(short - value) <= max(abs(value) / 1000, Fraction(1, 10**9))
