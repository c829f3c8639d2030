"""What sums are made of: exact values that know how they are said, and the operations on them."""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass, replace
from fractions import Fraction

from voicecli.providers.assistant.dialogue import Excuse
from voicecli.providers.assistant.wording import capital

__all__ = [
    "Value",
    "average",
    "constant",
    "difference",
    "divided",
    "factorial",
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


def constant(number: Fraction | int) -> Value:
    return Value(Fraction(number), str(number))


def _work(values: tuple[Value, ...], numerator: float, denominator: float = 0.0) -> int:
    """The work in `values` and in a result of so many bits; raises Excuse before it is too much."""
    bits = numerator + 8 * denominator
    if not bits <= LARGEST or (work := sum(value.work for value in values) + int(bits)) > LARGEST:
        raise Excuse(TOO_LARGE)  # also of what no float can hold
    return work


def _crossed(left: Value, right: Value, *, upside_down: bool = False) -> int:
    """The work of a sum or a product of the two, of a quotient with the second `upside_down`."""
    if upside_down and not right.number:
        raise Excuse("Nothing can be divided by zero.")
    over, under = left.bits
    other, divisor = right.bits[::-1] if upside_down else right.bits
    return _work((left, right), max(over + max(other, divisor), other + under), under + divisor)


def _made(
    number: Fraction, said: str, work: int, *of: Value, exact: bool = True, open: bool = False
) -> Value:
    steps = sum(value.steps for value in of) + 1
    return Value(number, said, exact and all(value.exact for value in of), open=open, steps=steps, work=work)


def _joined(left: Value, word: str, right: Value, number: Fraction, work: int) -> Value:
    # A comma opens what a comma closes: "the square root of 9, plus 7, is 16".
    if left.open or left.said.endswith(","):
        said = f"{left.said.removesuffix(',')}, {word} {right.said},"
    else:
        said = f"{left.said} {word} {right.said}"
    return _made(number, said, work, left, right, open=right.open)


def plus(left: Value, right: Value, sign: int = 1) -> Value:
    work = _crossed(left, right)
    amount = left.number * right.number if right.percent and not left.percent else right.number
    value = _joined(left, "plus" if sign > 0 else "minus", right, left.number + sign * amount, work)
    return replace(value, open=False, percent=left.percent and right.percent)


def times(left: Value, right: Value, said: str = "") -> Value:
    """The product; a part of something has its own words: "half of"."""
    work, number = _crossed(left, right), left.number * right.number
    if said:
        return _made(number, f"{said} {right.said}", work, left, right, open=True)
    return _joined(left, "times", right, number, work)


def divided(left: Value, right: Value) -> Value:
    work = _crossed(left, right, upside_down=True)
    return _joined(left, "divided by", right, left.number / right.number, work)


def remainder(left: Value, right: Value) -> Value:
    said = f"the remainder of {left.said} divided by {right.said}"
    return replace(divided(left, right), number=left.number % right.number, said=said, open=False)


def percentage(whole: Value, part: Value) -> Value:
    if not whole.number:
        raise Excuse("Zero has no percentages.")
    said = f"{part.said} as a percentage of {whole.said}"
    return replace(divided(part, whole), said=said, open=False, percent=True)


def difference(left: Value, right: Value) -> Value:
    said = f"the difference between {left.said} and {right.said}"
    return _made(abs(left.number - right.number), said, _crossed(left, right), left, right, open=True)


def average(values: list[Value]) -> Value:
    """Of two or more."""
    total = values[0]
    for value in values[1:]:
        total = plus(replace(total, percent=False), replace(value, percent=False))
    said = f"the average of {', '.join(value.said for value in values[:-1])} and {values[-1].said}"
    return _made(total.number / len(values), said, total.work, total, open=True)


def factorial(value: Value) -> Value:
    number = value.number
    if number.denominator != 1 or number < 0:
        raise Excuse("Only whole numbers from zero on have a factorial.")
    work = _work((value,), math.lgamma(number + 1) / math.log(2) if number < LARGEST else math.inf)
    return _made(Fraction(math.factorial(int(number))), f"{value.said} factorial", work, value)


def raised(base: Value, exponent: Value, said: str = "") -> Value:
    said = said or f"{base.said} to the power of {exponent.said}"
    if not base.number and exponent.number <= 0:
        raise Excuse(f"{capital(said)} is not defined.")
    if exponent.number.denominator == 1:
        size = float(min(abs(exponent.number), Fraction(10 * LARGEST)))
        bits = [_log2(part) * size for part in base.number.as_integer_ratio()]
        work = _work((base, exponent), *(bits if exponent.number > 0 else bits[::-1]))
        return _made(base.number**exponent.number.numerator, said, work, base, exponent)
    if base.number < 0:
        raise Excuse(f"{capital(said)} is not a real number.")
    number, exact, work = _irrational(base, exponent)
    return _made(number, said, work, base, exponent, exact=exact)


def root(value: Value, degree: int) -> Value:
    said = f"the {'square' if degree == 2 else 'cube'} root of {value.said}"
    if value.number < 0 and degree % 2 == 0:
        raise Excuse(f"{capital(said)} is not a real number.")
    size = replace(value, number=abs(value.number))
    number, exact, work = _irrational(size, constant(Fraction(1, degree)))
    return _made(-number if value.number < 0 else number, said, work, value, exact=exact, open=True)


def _irrational(base: Value, exponent: Value) -> tuple[Fraction, bool, int]:
    """A base from zero on to a fractional power, whether it came out as a fraction, and the work."""
    over, under = exponent.number.as_integer_ratio()
    if max(abs(over), under) >> PRECISE:
        raise Excuse(TOO_LARGE)
    log2 = _log2(base.number.numerator) - _log2(base.number.denominator)
    bits = log2 * float(exponent.number) if abs(exponent.number) < LARGEST else math.inf
    work = _work((base, exponent), PRECISE / 16 + max(bits, 0.0), max(-bits, 0.0))
    with decimal.localcontext(prec=50, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN) as context:
        size = context.divide(_rounded(base.number.numerator), _rounded(base.number.denominator))
        number = Fraction(context.power(size, context.divide(over, under)))
    if under <= 12 and abs(over) <= 100 and max(base.bits) * abs(over) <= EXACT_ROOTS:
        for near in (Fraction(round(number)), number.limit_denominator(10**6)):
            if near**under == base.number**over:
                return near, True, work
    return number, False, work


def _rounded(whole: int) -> decimal.Decimal:
    """To the precision of the context; a long number takes a decimal long to read."""
    shift = max(whole.bit_length() - PRECISE, 0)
    return decimal.Decimal(whole >> shift) * decimal.Decimal(2) ** shift


def _log2(whole: int) -> float:
    return math.log2(abs(whole)) if whole else 0.0
