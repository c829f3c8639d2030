from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from voicecli.providers.assistant.arithmetic import evaluate
from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.wording import hear


def spell(number: int) -> str:
    return str(num2words(number)).replace(",", "").replace("-", " ")


SUMS = {
    "what is twenty three times four": "23 times 4 is 92.",
    "what's 15 percent of 80": "15 percent of 80 is 12.",
    "square root of 144": "The square root of 144 is 12.",
    "2 to the power of 10": "2 to the power of 10 is 1,024.",
    "12.5 divided by 4": "12.5 divided by 4 is 3.125.",
    "half of ninety": "Half of 90 is 45.",
    "half ninety": "Half of 90 is 45.",
    "what is ten divided by zero": "Nothing can be divided by zero.",
    "10 mod 0": "Nothing can be divided by zero.",
    "what is ten divided by three": "10 divided by 3 is about 3.3333.",
    "2+2*3": "2 plus 2 times 3 is 8.",
    "(2+3)*4": "(2 plus 3) times 4 is 20.",
    "5!": "5 factorial is 120.",
    "2^100": "2 to the power of 100 is about 1.27 times 10 to the power of 30.",
    "square root of two": "The square root of 2 is about 1.4142.",
    "square root of minus four": "The square root of minus 4 is not a real number.",
    "cube root of minus eight": "The cube root of minus 8 is minus 2.",
    "cube root of 27": "The cube root of 27 is 3.",
    "the square root of nine plus seven": "The square root of 9, plus 7, is 10.",
    "square root of 0.25": "The square root of 0.25 is 0.5.",
    "what is minus five plus three": "Minus 5 plus 3 is minus 2.",
    "what is two times for": "2 times 4 is 8.",
    "to plus to": "2 plus 2 is 4.",
    "what is a third of ninety": "A third of 90 is 30.",
    "two thirds of nine": "2 thirds of 9 is 6.",
    "three quarters of 100": "3 quarters of 100 is 75.",
    "add five and six": "5 plus 6 is 11.",
    "subtract three from ten": "10 minus 3 is 7.",
    "multiply 3 by 4": "3 times 4 is 12.",
    "divide 9 by 3": "9 divided by 3 is 3.",
    "the sum of one hundred and five and ten": "105 plus 10 is 115.",
    "the product of 6 and 7": "6 times 7 is 42.",
    "difference between 3 and 10": "The difference between 3 and 10 is 7.",
    "average of 2, 3 and 4": "The average of 2, 3 and 4 is 3.",
    "remainder of 10 divided by 3": "The remainder of 10 divided by 3 is 1.",
    "two and a half times four": "2 and a half times 4 is 10.",
    "pi times two": "Pi times 2 is about 6.2832.",
    "what percent of 80 is 20": "20 as a percentage of 80 is 25 percent.",
    "20 is what percent of 80": "20 as a percentage of 80 is 25 percent.",
    "what percent of zero is 5": "Zero has no percentages.",
    "fifty plus ten percent": "50 plus 10 percent is 55.",
    "20 percent off 50": "20 percent off 50 is 40.",
    "10 percent plus 20 percent": "10 percent plus 20 percent is 30 percent.",
    "twelve squared": "12 squared is 144.",
    "3 to the fourth": "3 to the power of 4 is 81.",
    "4 to the power of 0.5": "4 to the power of 0.5 is 2.",
    "zero to the power of zero": "0 to the power of 0 is not defined.",
    "minus 8 to the power of 0.5": "Minus 8 to the power of 0.5 is about minus 2.8284.",
    "10 to the power of 10 to the power of 10": "That number is too large for me.",
    "9 to the power of 999999999": "That number is too large for me.",
    "100000 factorial": "That number is too large for me.",
    "2.5 factorial": "Only whole numbers from zero on have a factorial.",
    "0.1+0.2": "0.1 plus 0.2 is 0.3.",
    "one million times one million": "1,000,000 times 1,000,000 is 1,000,000,000,000.",
    "what does two plus two equal": "2 plus 2 is 4.",
    "how much is 30% of 200?": "30 percent of 200 is 60.",
    "twice seven": "Twice 7 is 14.",
    "what is two and two": "2 plus 2 is 4.",
    "one fifty times two": "I heard two numbers in a row, 1 and 50. Please say that again as one number.",
    "what is 15 percent of 80 dollars": "15 percent of 80 is 12 dollars.",
    "20 dollars plus 5 dollars": "20 plus 5 is 25 dollars.",
    "what is three times": "3 times what?",
    "what is seven": "I heard 7. What should I do with it?",
    "10 to the 6": "10 to the power of 6 is 1,000,000.",
    "twenty percent": "20 percent of what?",
    "times two": "There is no result to go on from yet. Please say the whole sum.",
    "divide that by three": "There is no result to go on from yet. Please say the whole sum.",
}  # fmt: skip


@pytest.mark.parametrize("said", SUMS)
def test_sums_are_answered(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert (reply.intent, reply.text) == ("sum", SUMS[said])


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("what is 2 plus 2", "times two"), "4 times 2 is 8."),
        (("what is 2 plus 2", "and minus one"), "4 minus 1 is 3."),
        (("what is 2 plus 2", "times two times three"), "4 times 2 times 3 is 24."),
        (("what is 2 plus 2", "thanks", "times two"), "4 times 2 is 8."),
        (("10 divided by 3", "times three"), "About 3.3333 times 3 is 10."),
        (("2 plus 7", "and the square root of that"), "The square root of 9 is 3."),
        (("2 plus 7", "times two", "add five to that"), "5 plus 18 is 23."),
        (("2 plus 7", "add five"), "9 plus 5 is 14."),
        (("2 plus 7", "squared"), "9 squared is 81."),
        (("2 plus 7", "double it"), "Double 9 is 18."),
        (("2 plus 7", "what is minus one plus two"), "Minus 1 plus 2 is 1."),
        (("what time is it", "times two"), "There is no result to go on from yet. Please say the whole sum."),
    ],
)
def test_sums_go_on(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text


OPERATORS = {"plus": "+", "minus": "-", "times": "*"}


@given(
    st.integers(0, 10**6),
    st.lists(st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(0, 10**6)), min_size=1, max_size=4),
)
def test_spoken_sums_are_exact(first: int, rest: list[tuple[str, int]]) -> None:
    said = spell(first) + "".join(f" {word} {spell(number)}" for word, number in rest)
    products, sign = [[Fraction(first)]], [1]
    for word, number in rest:
        if word == "times":
            products[-1].append(Fraction(number))
        else:
            products.append([Fraction(number)])
            sign.append(1 if word == "plus" else -1)
    expected = Fraction(0)
    for factor, product in zip(sign, products, strict=True):
        value = Fraction(1)
        for number_ in product:
            value *= number_
        expected += factor * value
    value_ = evaluate(hear(said).core)
    assert value_ is not None
    assert value_.number == expected


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_quotients_are_exact(one: int, two: int) -> None:
    value = evaluate(hear(f"{spell(one)} divided by {spell(two)}").core)
    assert value is not None
    assert value.number == Fraction(one, two)


@given(st.integers(0, 10**12))
def test_square_roots_are_exact(root: int) -> None:
    value = evaluate(f"square root of {root * root}")
    assert value is not None
    assert value.exact
    assert value.number == root


@pytest.mark.parametrize(
    "said", ["", "plus", "5", "5 plus", "( 5 plus 2", "the plus the", "5 apples plus 2", "of of"]
)
def test_no_sum_is_none(said: str) -> None:
    assert evaluate(said) is None
