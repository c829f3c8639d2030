"""Sums as they are said, worked out exactly.

A recursive descent over words: sums, then products, then powers, then the forms that come in words only ("15
percent of 80", "half of 90", "the sum of 2 and 3"). Values are fractions; other roots keep 50 digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cache

from voicecli.providers.assistant.numbers import is_number, written
from voicecli.providers.assistant.operations import (
    NoAnswer,
    Unclear,
    Value,
    average,
    difference,
    divided,
    factorial,
    last_name,
    percentage,
    plus,
    raised,
    remainder,
    root,
    times,
)
from voicecli.providers.assistant.ordinals import ordinal

__all__ = ["NoAnswer", "Unclear", "Value", "evaluate", "sentence"]

_PI = Fraction("3.14159265358979323846264338327950288419716939937510")
_MISHEARD = {"for": 4, "fore": 4, "to": 2, "too": 2, "won": 1, "ate": 8}  # only where a number must stand
_PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
    "hundredth": 100,
}
_PLURALS = {"halves": 2, **{f"{name}s": size for name, size in _PARTS.items() if name != "half"}}
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3, "thrice": 3, "quadruple": 4}
_LAST = (
    ("that",),
    ("it",),
    ("this",),
    ("the", "result"),
    ("the", "answer"),
    ("the", "last", "result"),
    ("result",),
)


class _NotArithmetic(Exception):
    """The words are no sum."""


def evaluate(text: str, last: Value | None = None, *, continued: bool = False) -> Value | None:
    """The value of the words, None when they are no sum.

    `last` is the result that "that" means; with `continued`, a sum that begins with an operator ("times two")
    goes on from it. Raises NoAnswer and Unclear.
    """
    words = text.split()
    while words and words[-1] in ("equals", "equal", "is", "make", "be"):
        words.pop()
    if not words:
        return None
    parser = _Parser(words, last, continued)
    try:
        value = parser.sum()
        parser.end()
    except _NotArithmetic:
        return None
    return value if value.steps else None


def sentence(value: Value) -> str:
    """The answer: "23 times 4 is 92."."""
    text, exact = written(value.number * 100 if value.percent else value.number)
    about = "" if exact and value.exact else "about "
    said = value.said[0].upper() + value.said[1:]
    unit = " percent" if value.percent else ""
    return f"{said} is {about}{text}{unit}."


@cache
def _starting(phrases: tuple[str, ...]) -> dict[str, list[list[str]]]:
    """The words of each phrase, by the first of them."""
    found: dict[str, list[list[str]]] = {}
    for phrase in phrases:
        words = phrase.split()
        found.setdefault(words[0], []).append(words)
    return found


class _Parser:
    def __init__(self, words: list[str], last: Value | None, continued: bool) -> None:
        self.words = words
        self.at = 0
        self.last = last
        self.continued = continued

    # Words

    def end(self) -> None:
        if self.at < len(self.words):
            if self.at and is_number(self.words[self.at]) and is_number(self.words[self.at - 1]):
                first, second = self.words[self.at - 1 : self.at + 1]
                raise Unclear(
                    f"I heard two numbers in a row, {first} and {second}. Please say that again as one "
                    f"number."
                )
            raise _NotArithmetic

    def accept(self, *phrases: str) -> bool:
        """Take one of the phrases, when it comes next."""
        if self.at < len(self.words):
            for parts in _starting(phrases).get(self.words[self.at], ()):
                if self.words[self.at : self.at + len(parts)] == parts:
                    self.at += len(parts)
                    return True
        return False

    def expect(self, *phrases: str) -> None:
        if not self.accept(*phrases):
            self.end()
            raise _NotArithmetic

    def peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    # Levels

    def sum(self, *, plain_and: bool = True) -> Value:
        start = self.at
        left = self.continuation() or self.product()
        while True:
            if self.accept("plus", "and plus", "added to"):
                left = plus(left, self.product(), 1)
            elif self.accept("minus", "and minus", "take away", "less", "subtract"):
                left = plus(left, self.product(), -1)
            elif (
                plain_and
                and not left.steps
                and start == 0
                and self.peek() == "and"
                and is_number(self.peek(1))
            ):
                self.at += 1
                left = plus(left, self.product(), 1)
            else:
                return left

    def continuation(self) -> Value | None:
        """A sum that begins with its operator goes on from the last result."""
        if self.at or not self.continued:
            return None
        before = self.at
        for phrases, function in _CONTINUATIONS:
            if self.accept(*phrases):
                if phrases == _MINUS and self.last is None:
                    break  # "minus five plus three" is a sum of its own
                left = self.result()
                return function(left, self)
        self.at = before
        return None

    def product(self) -> Value:
        left = self.power()
        while True:
            if self.accept("times", "multiplied by", "and times", "multiply by"):
                left = times(left, self.power())
            elif self.accept("divided by", "over", "and divided by", "divide by"):
                left = divided(left, self.power())
            elif self.accept("modulo", "mod"):
                left = remainder(left, self.power())
            else:
                return left

    def power(self) -> Value:
        if self.accept("minus", "negative"):
            inner = self.power()
            return replace(inner, number=-inner.number, said=f"minus {inner.said}")
        base = self.primary()
        while True:
            if self.accept("squared", "square"):
                base = raised(base, Value(Fraction(2), "2"), f"{base.said} squared")
            elif self.accept("cubed"):
                base = raised(base, Value(Fraction(3), "3"), f"{base.said} cubed")
            elif self.accept("factorial"):
                base = factorial(base)
            elif self.accept(
                "to the power of", "to the power", "raised to the power of", "raised to", "power"
            ):
                base = raised(base, self.power())
            elif self.words[self.at : self.at + 2] == ["to", "the"] and is_number(self.peek(2)):
                self.at += 2
                base = raised(base, self.power())
            elif (
                self.peek() == "to" and self.peek(1) == "the" and (found := ordinal(self.words, self.at + 2))
            ):
                exponent, length = found
                self.at += 2 + length
                self.accept("power")
                base = raised(base, Value(Fraction(exponent), str(exponent)))
            elif self.accept("percent of the", "percent of"):
                base = times(
                    Value(base.number / 100, ""), self.power(), f"{base.said} percent of", opens=True
                )
            elif self.accept("percent off of", "percent off"):
                base = times(
                    Value(1 - base.number / 100, ""), self.power(), f"{base.said} percent off", opens=True
                )
            elif self.accept("percent"):
                base = replace(base, number=base.number / 100, said=f"{base.said} percent", percent=True)
            else:
                return base

    def primary(self) -> Value:
        if self.accept("("):
            inner = self.sum()
            self.expect(")")
            return replace(inner, said=f"({inner.said})", open=False)
        if self.accept(
            "the square root of", "square root of", "the square root", "square root", "the root of", "root of"
        ):
            return root(self.power(), 2)
        if self.accept("the cube root of", "cube root of", "the cubic root of", "cubic root of"):
            return root(self.power(), 3)
        if (value := self.named()) or (value := self.part()) or (value := self.number()):
            return value
        for phrase in _LAST:
            if self.accept(" ".join(phrase)):
                return self.result()
        raise _NotArithmetic

    def named(self) -> Value | None:
        """The forms that name the operation first: "the sum of 2 and 3", "multiply 2 by 3"."""
        start = self.at
        self.accept("the")
        for phrases, joints, function in _NAMED:
            if self.accept(*phrases):
                first = self.sum(plain_and=False)
                if self.accept(*joints):
                    return function(first, self.sum(plain_and=False))
                self.end()
                raise _NotArithmetic
        if self.accept("remainder of"):
            whole = self.power()
            self.expect("divided by", "over", "by")
            return remainder(whole, self.power())
        if self.accept("average of", "mean of"):
            return self.average()
        if self.accept("factorial of"):
            return factorial(self.primary())
        if self.accept("square of"):
            inner = self.primary()
            return raised(inner, Value(Fraction(2), "2"), f"{inner.said} squared")
        if self.accept("cube of"):
            inner = self.primary()
            return raised(inner, Value(Fraction(3), "3"), f"{inner.said} cubed")
        if self.accept("what percentage of", "what percent of", "percentage of"):
            whole = self.sum(plain_and=False)
            self.expect("is", "are")
            return percentage(self.sum(plain_and=False), whole)
        self.at = start
        return None

    def average(self) -> Value:
        values = [self.sum(plain_and=False)]
        while self.at < len(self.words):
            self.accept("and")
            values.append(self.sum(plain_and=False))
        if len(values) < 2:
            raise Unclear("The average of which numbers?")
        return average(values)

    def part(self) -> Value | None:
        """ "half of", "two thirds of", "a quarter", "twice"."""
        if self.peek() in _MULTIPLES:
            word = self.peek()
            self.at += 1
            self.accept("of")
            return times(Value(Fraction(_MULTIPLES[word]), ""), self.power(), word, opens=True)
        start = self.at
        count = 1
        article = self.accept("a", "an", "one")
        if (
            not article
            and self.peek().isdigit()
            and (self.peek(1) in _PLURALS or (self.peek() == "1" and self.peek(1) in _PARTS))
        ):
            count = int(self.peek())
            self.at += 1
        name = self.peek()
        size = _PARTS.get(name, 0) or _PLURALS.get(name, 0)
        if not size:
            self.at = start
            return None
        self.at += 1
        fraction = Fraction(count, size)
        said = f"{'a' if count == 1 else count} {name}"
        if self.accept("of the", "of") or (name == "half" and self.peek() and is_number(self.peek())):
            short = "half" if said == "a half" else said
            return times(Value(fraction, ""), self.power(), f"{short} of", opens=True)
        return Value(fraction, said)

    def number(self) -> Value | None:
        word = self.peek()
        if is_number(word):
            self.at += 1
            value = Fraction(word)
            said, _ = written(value)
            if self.peek() == "and" and (self.peek(1) in ("a", "an") or self.peek(2) in _PLURALS):
                before = self.at
                self.at += 1
                if (fraction := self.part()) and not fraction.steps and fraction.number < 1:
                    return Value(value + fraction.number, f"{said} and {fraction.said}")
                self.at = before
            return Value(value, said)
        if self.accept("pi"):
            return Value(_PI, "pi", exact=False)
        nearby = {self.peek(1), self.words[self.at - 1] if self.at else ""}
        if word in _MISHEARD and nearby & {
            "plus",
            "minus",
            "times",
            "by",
            "divided",
            "multiplied",
            "percent",
            "squared",
            "of",
        }:
            self.at += 1
            return Value(Fraction(_MISHEARD[word]), str(_MISHEARD[word]))
        return None

    def result(self) -> Value:
        """The last result, as a bare number."""
        if self.last is None:
            raise _NotArithmetic
        return replace(self.last, said=last_name(self.last), percent=False, open=False, steps=0)


# Operation first: the phrases, the words between its operands, and what is done with them.
_NAMED: tuple[tuple[tuple[str, ...], tuple[str, ...], Callable[[Value, Value], Value]], ...] = (
    (("sum of", "add"), ("and", "to", "plus"), lambda a, b: plus(a, b, 1)),
    (("product of",), ("and", "times", "by"), lambda a, b: times(a, b)),
    (("multiply",), ("by", "and", "with", "times"), lambda a, b: times(a, b)),
    (("divide", "quotient of"), ("by", "and"), divided),
    (("subtract", "take"), ("from",), lambda a, b: plus(b, a, -1)),
    (("difference between", "difference of"), ("and",), difference),
)

_MINUS = ("minus", "subtract", "take away", "less")
_CONTINUATIONS: tuple[tuple[tuple[str, ...], Callable[[Value, _Parser], Value]], ...] = (
    (("plus", "add"), lambda left, rest: plus(left, rest.product(), 1)),
    (_MINUS, lambda left, rest: plus(left, rest.product(), -1)),
    (("times", "multiplied by", "multiply by"), lambda left, rest: times(left, rest.power())),
    (("divided by", "divide by", "over"), lambda left, rest: divided(left, rest.power())),
    (("squared",), lambda left, rest: raised(left, Value(Fraction(2), "2"), f"{left.said} squared")),
    (("cubed",), lambda left, rest: raised(left, Value(Fraction(3), "3"), f"{left.said} cubed")),
    (("to the power of",), lambda left, rest: raised(left, rest.power())),
)
