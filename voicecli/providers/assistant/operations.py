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
    "average",
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

# What all operations of a sum may make together, in bits: a thousandth of a second's work or two. A
# denominator counts eight times, for every operation on fractions looks for what shortens them.
LARGEST = 150_000
EXACT_ROOTS = 20_000  # bits of a power up to which a root is tried for being exact
PRECISE = 4000  # bits of a number that 50 digits are worked out from
TOO_LARGE = "That number is too large for me."


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
    work: int = 0  # bits that they have made

    @property
    def bits(self) -> tuple[int, int]:
        """The lengths of numerator and denominator."""
        return self.number.numerator.bit_length(), self.number.denominator.bit_length() - 1


def _work(values: tuple[Value, ...], numerator: float, denominator: float = 0.0) -> int:
    """The work in `values` and in a result of so many bits; raises NoAnswer before it is too much."""
    bits = numerator + 8 * denominator
    if not bits <= LARGEST:  # nor what no float can hold
        raise NoAnswer(TOO_LARGE)
    work = sum(value.work for value in values) + int(bits)
    if work > LARGEST:
        raise NoAnswer(TOO_LARGE)
    return work


def _crossed(left: Value, right: Value, *, upside_down: bool = False) -> int:
    """The work of a sum or a product of the two, of a quotient with the second `upside_down`."""
    over, under = left.bits
    other, divisor = right.bits[::-1] if upside_down else right.bits
    return _work((left, right), max(over + max(other, divisor), other + under), under + divisor)


def last_name(value: Value) -> str:
    """The last result as it is said in the next sum."""
    return ("" if value.exact and written(value.number)[1] else "about ") + written(value.number)[0]


def _joined(left: Value, word: str, right: Value, number: Fraction, work: int) -> Value:
    # A comma opens what a comma closes: "the square root of 9, plus 7, is 16".
    paused = left.open or left.said.endswith(",")
    said = (
        f"{left.said.removesuffix(',')}, {word} {right.said},"
        if paused
        else f"{left.said} {word} {right.said}"
    )
    return Value(
        number, said, left.exact and right.exact,
        open=right.open, steps=left.steps + right.steps + 1, work=work,
    )  # fmt: skip


def plus(left: Value, right: Value, sign: int) -> Value:
    work = _crossed(left, right)
    amount = left.number * right.number if right.percent and not left.percent else right.number
    value = _joined(left, "plus" if sign > 0 else "minus", right, left.number + sign * amount, work)
    return replace(value, open=False, percent=left.percent and right.percent)


def times(left: Value, right: Value, said: str = "", *, opens: bool = False) -> Value:
    work = _crossed(left, right)
    number = left.number * right.number
    if said:
        exact = left.exact and right.exact
        return Value(number, f"{said} {right.said}", exact, open=opens, steps=right.steps + 1, work=work)
    return _joined(left, "times", right, number, work)


def divided(left: Value, right: Value) -> Value:
    if not right.number:
        raise NoAnswer("Nothing can be divided by zero.")
    work = _crossed(left, right, upside_down=True)
    return _joined(left, "divided by", right, left.number / right.number, work)


def remainder(left: Value, right: Value) -> Value:
    if not right.number:
        raise NoAnswer("Nothing can be divided by zero.")
    work = _crossed(left, right, upside_down=True)
    said = f"the remainder of {left.said} divided by {right.said}"
    steps, exact = left.steps + right.steps + 1, left.exact and right.exact
    return Value(left.number % right.number, said, exact, steps=steps, work=work)


def percentage(part: Value, whole: Value) -> Value:
    if not whole.number:
        raise NoAnswer("Zero has no percentages.")
    work = _crossed(part, whole, upside_down=True)
    said = f"{part.said} as a percentage of {whole.said}"
    steps, exact = part.steps + whole.steps + 1, part.exact and whole.exact
    return Value(part.number / whole.number, said, exact, percent=True, steps=steps, work=work)


def difference(left: Value, right: Value) -> Value:
    work = _crossed(left, right)
    said = f"the difference between {left.said} and {right.said}"
    number, exact = abs(left.number - right.number), left.exact and right.exact
    return Value(number, said, exact, open=True, steps=1, work=work)


def average(values: list[Value]) -> Value:
    """Of two or more."""
    total = values[0]
    for value in values[1:]:
        total = plus(replace(total, percent=False), replace(value, percent=False), 1)
    said = ", ".join(value.said for value in values[:-1]) + f" and {values[-1].said}"
    number = total.number / len(values)
    return Value(number, f"the average of {said}", total.exact, open=True, steps=1, work=total.work)


def factorial(value: Value) -> Value:
    number = value.number
    if number.denominator != 1 or number < 0:
        raise NoAnswer("Only whole numbers from zero on have a factorial.")
    bits = math.lgamma(number + 1) / math.log(2) if number < LARGEST else math.inf
    work = _work((value,), bits)
    said = f"{value.said} factorial"
    return Value(Fraction(math.factorial(int(number))), said, value.exact, steps=value.steps + 1, work=work)


def raised(base: Value, exponent: Value, said: str = "") -> Value:
    said = said or f"{base.said} to the power of {exponent.said}"
    steps = base.steps + exponent.steps + 1
    if not base.number and exponent.number <= 0:
        raise NoAnswer(f"{said[0].upper()}{said[1:]} is not defined.")
    exact = base.exact and exponent.exact
    if exponent.number.denominator == 1:
        size = float(min(abs(exponent.number), Fraction(10 * LARGEST)))
        over, under = (_log2(part) * size for part in base.number.as_integer_ratio())
        work = _work((base, exponent), *((over, under) if exponent.number > 0 else (under, over)))
        return Value(base.number**exponent.number.numerator, said, exact, steps=steps, work=work)
    if base.number < 0:
        raise NoAnswer(f"{said[0].upper()}{said[1:]} is not a real number.")
    number, whole, work = _irrational(base, exponent)
    return Value(number, said, whole and exact, steps=steps, work=work)


def root(value: Value, degree: int) -> Value:
    name = "square" if degree == 2 else "cube"
    said = f"the {name} root of {value.said}"
    if value.number < 0 and degree % 2 == 0:
        raise NoAnswer(f"The {name} root of {value.said} is not a real number.")
    number, exact, work = value.number, True, value.work
    if number:
        positive = replace(value, number=abs(number))
        number, exact, work = _irrational(positive, Value(Fraction(1, degree), ""))
    sign = -1 if value.number < 0 else 1
    steps = value.steps + 1
    return Value(sign * number, said, exact and value.exact, open=True, steps=steps, work=work)


def _irrational(base: Value, exponent: Value) -> tuple[Fraction, bool, int]:
    """A positive base to a fractional power, whether it came out as a fraction, and the work."""
    over, under = exponent.number.as_integer_ratio()
    if max(abs(over), under) >> PRECISE:
        raise NoAnswer(TOO_LARGE)
    log2 = _log2(base.number.numerator) - _log2(base.number.denominator)
    bits = log2 * float(exponent.number) if abs(exponent.number) < LARGEST else math.inf
    work = _work((base, exponent), PRECISE / 16 + max(bits, 0.0), max(-bits, 0.0))
    with decimal.localcontext(prec=50, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN) as context:
        size = context.divide(_rounded(base.number.numerator), _rounded(base.number.denominator))
        number = Fraction(context.power(size, context.divide(over, under)))
    if under <= 12 and abs(over) <= 100 and max(base.bits) * abs(over) <= EXACT_ROOTS:
        for near in (Fraction(round(number)), number.limit_denominator(10**6)):
            if near and near**under == base.number**over:
                return near, True, work
    return number, False, work


def _rounded(whole: int) -> decimal.Decimal:
    """To the precision of the context; a long number takes a decimal long to read."""
    shift = max(whole.bit_length() - PRECISE, 0)
    return decimal.Decimal(whole >> shift) * decimal.Decimal(2) ** shift


def _log2(whole: int) -> float:
    return math.log2(abs(whole)) if whole else 0.0
