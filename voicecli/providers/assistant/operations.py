"""What sums are made of: exact values that know how they are said, and the operations on them."""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass, replace
from fractions import Fraction

from voicecli.providers.assistant.numbers import written

__all__ = [
    "NoAnswer",
    "Unclear",
    "Value",
    "difference",
    "divided",
    "factorial",
    "last_name",
    "percentage",
    "plus",
    "raised",
    "remainder",
    "root",
    "times",
]

LARGEST = 500_000  # bits a power may have before it is refused
LARGEST_FACTORIAL = 5000


class NoAnswer(Exception):
    """The sum has no result; the text says why, as a sentence."""


class Unclear(Exception):
    """The sum can be meant in several ways; the text asks back."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number, how it is said, and what that says about it."""

    number: Fraction
    said: str
    exact: bool = True
    percent: bool = False  # "10 percent" by itself: 50 plus 10 percent is 55
    open: bool = False  # "half of 20": a comma shows where it ends when more follows
    steps: int = 0  # operations in it; none in a bare number


def last_name(value: Value) -> str:
    """The last result as it is said in the next sum."""
    return ("" if value.exact and written(value.number)[1] else "about ") + written(value.number)[0]


def _joined(left: Value, word: str, right: Value, number: Fraction, *, opens: bool = False) -> Value:
    # A comma opens what a comma closes: "the square root of 9, plus 7, is 16".
    paused = left.open or left.said.endswith(",")
    said = (
        f"{left.said.removesuffix(',')}, {word} {right.said},"
        if paused
        else f"{left.said} {word} {right.said}"
    )
    return Value(
        number, said, left.exact and right.exact,
        open=right.open or opens, steps=left.steps + right.steps + 1,
    )  # fmt: skip


def plus(left: Value, right: Value, sign: int) -> Value:
    amount = left.number * right.number if right.percent and not left.percent else right.number
    value = _joined(left, "plus" if sign > 0 else "minus", right, left.number + sign * amount)
    return replace(value, open=False, percent=left.percent and right.percent)


def times(left: Value, right: Value, said: str = "", *, opens: bool = False) -> Value:
    if said:
        text = f"{said} {right.said}"
        return Value(
            left.number * right.number, text, left.exact and right.exact, open=opens, steps=right.steps + 1
        )
    return _joined(left, "times", right, left.number * right.number)


def divided(left: Value, right: Value) -> Value:
    if not right.number:
        raise NoAnswer("Nothing can be divided by zero.")
    return _joined(left, "divided by", right, left.number / right.number)


def remainder(left: Value, right: Value) -> Value:
    if not right.number:
        raise NoAnswer("Nothing can be divided by zero.")
    said = f"the remainder of {left.said} divided by {right.said}"
    return Value(
        left.number % right.number, said, left.exact and right.exact, steps=left.steps + right.steps + 1
    )


def percentage(part: Value, whole: Value) -> Value:
    if not whole.number:
        raise NoAnswer("Zero has no percentages.")
    said = f"{part.said} as a percentage of {whole.said}"
    return Value(
        part.number / whole.number,
        said,
        part.exact and whole.exact,
        percent=True,
        steps=part.steps + whole.steps + 1,
    )


def difference(left: Value, right: Value) -> Value:
    said = f"the difference between {left.said} and {right.said}"
    return Value(abs(left.number - right.number), said, left.exact and right.exact, open=True, steps=1)


def factorial(value: Value) -> Value:
    if value.number.denominator != 1 or value.number < 0:
        raise NoAnswer("Only whole numbers from zero on have a factorial.")
    if value.number > LARGEST_FACTORIAL:
        raise NoAnswer("That number is too large for me.")
    return Value(
        Fraction(math.factorial(value.number.numerator)),
        f"{value.said} factorial",
        value.exact,
        steps=value.steps + 1,
    )


def raised(base: Value, exponent: Value, said: str = "") -> Value:
    said = said or f"{base.said} to the power of {exponent.said}"
    steps = base.steps + exponent.steps + 1
    if not base.number and exponent.number <= 0:
        raise NoAnswer(f"{said[0].upper()}{said[1:]} is not defined.")
    if exponent.number.denominator == 1:
        size = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
        if size * abs(exponent.number) > LARGEST and abs(base.number) != 1:
            raise NoAnswer("That number is too large for me.")
        number = base.number**exponent.number.numerator
        return Value(Fraction(number), said, base.exact and exponent.exact, steps=steps)
    if base.number < 0:
        raise NoAnswer(f"{said[0].upper()}{said[1:]} is not a real number.")
    number, exact = _irrational(base.number, exponent.number)
    return Value(number, said, exact and base.exact and exponent.exact, steps=steps)


def root(value: Value, degree: int) -> Value:
    name = "square" if degree == 2 else "cube"
    said = f"the {name} root of {value.said}"
    if value.number < 0 and degree % 2 == 0:
        raise NoAnswer(f"The {name} root of {value.said} is not a real number.")
    sign = -1 if value.number < 0 else 1
    number, exact = (
        _irrational(abs(value.number), Fraction(1, degree)) if value.number else (Fraction(0), True)
    )
    return Value(sign * number, said, exact and value.exact, open=True, steps=value.steps + 1)


def _irrational(base: Fraction, exponent: Fraction) -> tuple[Fraction, bool]:
    """A positive base to a fractional power, and whether it came out as a fraction."""
    with decimal.localcontext(prec=50, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN) as context:
        size = context.divide(base.numerator, base.denominator)
        if abs(context.log10(size) * context.divide(exponent.numerator, exponent.denominator)) > LARGEST / 4:
            raise NoAnswer("That number is too large for me.")
        power = context.power(size, context.divide(exponent.numerator, exponent.denominator))
        number = Fraction(power)
    if exponent.denominator <= 12 and abs(exponent.numerator) <= 100:
        for near in (Fraction(round(number)), number.limit_denominator(10**6)):
            if near and near**exponent.denominator == base**exponent.numerator:
                return near, True
    return number, False
