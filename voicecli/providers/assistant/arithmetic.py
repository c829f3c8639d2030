"""Sums as they are said, worked out exactly: "what is twenty three times four", and "times two" after it.

A recursive descent over words: sums, then products, then powers, then the forms that come in words only ("15
percent of 80", "half of 90", "the sum of 2 and 3"). Values are fractions; other roots keep 50 digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TypeAlias, TypeVar

from voicecli.providers.assistant.dialogue import Context, Excuse, Reply, Topic, intent
from voicecli.providers.assistant.numbers import is_number, ordinal, written
from voicecli.providers.assistant.operations import (
    Value,
    average,
    constant,
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
from voicecli.providers.assistant.wording import capital

__all__ = ["evaluate", "total"]


@dataclass(frozen=True, slots=True)
class Result(Topic):
    """What the last sum came to."""

    value: Value


Function = TypeVar("Function")
Table: TypeAlias = tuple[tuple[tuple[str, ...], Function], ...]
Two: TypeAlias = Callable[[Value, Value], Value]

# The words of an operation, and what it does; those that bind more loosely first.
_SUMS: Table[Two] = (
    (("plus", "and plus", "added to"), plus),
    (("minus", "and minus", "take away", "less", "subtract"), lambda a, b: plus(a, b, -1)),
)
_PRODUCTS: Table[Two] = (
    (("times", "multiplied by", "and times", "multiply by"), times),
    (("divided by", "over", "and divided by", "divide by"), divided),
    (("modulo", "mod"), remainder),
)
_POWERS: Table[Two] = (
    (("to the power of", "to the power", "raised to the power of", "raised to", "power"), raised),
    (
        ("percent of the", "percent of"),
        lambda a, b: times(constant(a.number / 100), b, f"{a.said} percent of"),
    ),
    (
        ("percent off of", "percent off"),
        lambda a, b: times(constant(1 - a.number / 100), b, f"{a.said} percent off"),
    ),
)
_BEHIND: Table[Callable[[Value], Value]] = (
    (("squared", "square"), lambda a: raised(a, constant(2), f"{a.said} squared")),
    (("cubed",), lambda a: raised(a, constant(3), f"{a.said} cubed")),
    (("factorial",), factorial),
    (("percent",), lambda a: replace(a, number=a.number / 100, said=f"{a.said} percent", percent=True)),
)
_BEFORE: Table[Callable[[Value], Value]] = (
    (("square root of", "square root", "root of"), lambda a: root(a, 2)),
    (("cube root of", "cubic root of"), lambda a: root(a, 3)),
    (("factorial of",), factorial),
    (("square of",), _BEHIND[0][1]),
    (("cube of",), _BEHIND[1][1]),
)
# Operation first; with the words between its operands.
_AROUND: Table[tuple[tuple[str, ...], Two]] = (
    (("sum of", "add"), (("and", "to", "plus"), plus)),
    (("product of",), (("and", "times", "by"), times)),
    (("multiply",), (("by", "and", "with", "times"), times)),
    (("divide", "quotient of"), (("by", "and"), divided)),
    (("subtract", "take"), (("from",), lambda a, b: plus(b, a, -1))),
    (("difference between", "difference of"), (("and",), difference)),
    (("what percentage of", "what percent of", "percentage of"), (("is", "are"), percentage)),
)
_LAST = ("that", "it", "this", "the result", "the answer", "the last result", "result")
_PI = Fraction("3.14159265358979323846264338327950288419716939937510")
_MISHEARD = {"for": 4, "fore": 4, "to": 2, "too": 2, "won": 1, "ate": 8}  # only where a number must stand
_BESIDE = re.compile(r"plus|minus|times|by|divided|multiplied|percent|squared|of")
_PARTS = {
    "half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10,
    "hundredth": 100,
}  # fmt: skip
_PLURALS = {"halves": 2, **{f"{name}s": size for name, size in _PARTS.items() if name != "half"}}
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3, "thrice": 3, "quadruple": 4}


class _NotArithmetic(Exception):
    """The words are no sum."""


def evaluate(text: str, last: Value | None = None) -> Value | None:
    """The value of the words, None when they are no sum; `last` is what "that" means. Raises Excuse."""
    words = text.split()
    while words and words[-1] in ("equals", "equal", "is", "make", "be"):
        words.pop()
    parser = _Parser(words, last)
    try:
        value = parser.sum()
        parser.end()
    except _NotArithmetic:
        return None
    return value if value.steps else None


@cache
def _starting(phrases: tuple[str, ...]) -> dict[str, list[list[str]]]:
    """The words of each phrase, by the first of them."""
    found: dict[str, list[list[str]]] = {}
    for phrase in phrases:
        words = phrase.split()
        found.setdefault(words[0], []).append(words)
    return found


class _Parser:
    def __init__(self, words: list[str], last: Value | None) -> None:
        self.words = words
        self.at = 0
        self.last = last

    # Words

    def end(self) -> None:
        if self.at < len(self.words):
            first, second = self.words[self.at - 1], self.words[self.at]
            if self.at and is_number(first) and is_number(second):
                raise Excuse(
                    f"I heard two numbers in a row, {first} and {second}. Please say that again as one "
                    "number."
                )
            raise _NotArithmetic

    def accept(self, *phrases: str) -> bool:
        """Take one of the phrases, when it comes next."""
        for parts in _starting(phrases).get(self.peek(), ()):
            if self.words[self.at : self.at + len(parts)] == parts:
                self.at += len(parts)
                return True
        return False

    def choose(self, table: Table[Function]) -> Function | None:
        """What the table has for the phrase that comes next."""
        return next((function for phrases, function in table if self.accept(*phrases)), None)

    def expect(self, phrases: tuple[str, ...]) -> None:
        if not self.accept(*phrases):
            self.end()
            raise _NotArithmetic

    def peek(self, ahead: int = 0) -> str:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else ""

    # Levels

    def sum(self, *, plain_and: bool = True) -> Value:
        plain_and = plain_and and not self.at
        left = self.product()
        while True:
            if function := self.choose(_SUMS):
                left = function(left, self.product())
            elif plain_and and not left.steps and self.peek() == "and" and is_number(self.peek(1)):
                self.at += 1
                left = plus(left, self.product())
            else:
                return left

    def product(self) -> Value:
        left = self.power()
        while function := self.choose(_PRODUCTS):
            left = function(left, self.power())
        return left

    def power(self) -> Value:
        if self.accept("minus", "negative"):
            inner = self.power()
            return replace(inner, number=-inner.number, said=f"minus {inner.said}")
        base = self.primary()
        while True:
            if function := self.choose(_POWERS):
                base = function(base, self.power())
            elif alone := self.choose(_BEHIND):
                base = alone(base)
            elif exponent := self.exponent():
                base = raised(base, exponent)
            else:
                return base

    def exponent(self) -> Value | None:
        """ "to the 6", "to the fourth"."""
        if self.words[self.at : self.at + 2] != ["to", "the"]:
            return None
        if is_number(self.peek(2)):
            self.at += 2
            return self.power()
        if not (found := ordinal(self.words, self.at + 2)):
            return None
        self.at += 2 + found[1]
        self.accept("power")
        return constant(found[0])

    def primary(self) -> Value:
        if self.accept("("):
            inner = self.sum()
            self.expect((")",))
            return replace(inner, said=f"({inner.said})", open=False)
        if value := self.named() or self.part() or self.number():
            return value
        if self.last is None or not self.accept(*_LAST):
            raise _NotArithmetic
        return replace(self.last, said=last_name(self.last), percent=False, open=False, steps=0)

    def named(self) -> Value | None:
        """The forms that name the operation first: "the sum of 2 and 3", "multiply 2 by 3"."""
        start = self.at
        self.accept("the")
        if found := self.choose(_AROUND):
            joints, function = found
            first = self.sum(plain_and=False)
            self.expect(joints)
            return function(first, self.sum(plain_and=False))
        if alone := self.choose(_BEFORE):
            return alone(self.power())
        if self.accept("remainder of"):
            whole = self.power()
            self.expect(("divided by", "over", "by"))
            return remainder(whole, self.power())
        if self.accept("average of", "mean of"):
            values = [self.sum(plain_and=False)]
            while self.at < len(self.words):
                self.accept("and")
                values.append(self.sum(plain_and=False))
            if len(values) < 2:
                raise Excuse("The average of which numbers?")
            return average(values)
        self.at = start
        return None

    def part(self) -> Value | None:
        """ "half of", "two thirds of", "a quarter", "twice"."""
        word, start, count = self.peek(), self.at, 1
        if word in _MULTIPLES:
            self.at += 1
            self.accept("of")
            return times(constant(_MULTIPLES[word]), self.power(), word)
        following = self.peek(1)
        if not self.accept("a", "an", "one") and word.isdigit():
            if not (following in _PLURALS or (word == "1" and following in _PARTS)):
                return None
            count = int(word)
            self.at += 1
        name = self.peek()
        if not (size := _PARTS.get(name) or _PLURALS.get(name)):
            self.at = start
            return None
        self.at += 1
        said = f"{'a' if count == 1 else count} {name}"
        fraction = Value(Fraction(count, size), said)
        if self.accept("of the", "of") or (name == "half" and is_number(self.peek())):
            return times(fraction, self.power(), f"{'half' if said == 'a half' else said} of")
        return fraction

    def number(self) -> Value | None:
        word = self.peek()
        if is_number(word):
            self.at += 1
            value = Value(Fraction(word), written(Fraction(word))[0])
            if self.peek() == "and" and (self.peek(1) in ("a", "an") or self.peek(2) in _PLURALS):
                before = self.at
                self.at += 1
                if (fraction := self.part()) and not fraction.steps and fraction.number < 1:
                    return Value(value.number + fraction.number, f"{value.said} and {fraction.said}")
                self.at = before
            return value
        if self.accept("pi"):
            return Value(_PI, "pi", exact=False)
        nearby = (self.peek(1), self.words[self.at - 1] if self.at else "")
        if word in _MISHEARD and any(map(_BESIDE.fullmatch, nearby)):
            self.at += 1
            return constant(_MISHEARD[word])
        return None


# Questions

_PREFIX = re.compile(
    r"(?:(?:and|then|now|so) )*(?P<asked>(?:what (?:is|are|was|does|do|about|would be)|how much (?:is|are"
    r"|does|do)|calculate|compute|work out|solve|evaluate|give me|find|how about|what)(?: the (?:result|value"
    r"|answer) of)? )?"
)
_PERCENT = (
    re.compile(r"(?:what |how many )percent(?:age)? of (?P<whole>.+?) (?:is|are) (?P<part>.+)"),
    re.compile(r"(?P<part>.+) (?:as a|(?:is|are) what) percent(?:age)? of (?P<whole>.+)"),
)
_REFERS = re.compile(r"\b(?:that|it|this|result|answer)\b")
_ALONE = re.compile(r"(\d+(?:\.\d+)?)(?: (percent))?")
_CURRENCY = re.compile(r" (dollar|euro|pound|cent|franc|peso|rupee)s?\b")
_INTO = re.compile(r"\b(?:in|into|to)\b")
_UNFINISHED = re.compile(
    r"(?P<start>.*\d.*) (?:plus|minus|times|divided by|multiplied by|percent of|to the power of)"
)


@intent("sum", r".+")
def total(match: re.Match[str], context: Context) -> Reply | str | None:
    """Any sum, exactly; asks back where it is unclear and says why where there is no answer."""
    text, asked = _sum(match[0])
    currencies = set() if _INTO.search(text) else set(_CURRENCY.findall(text))
    value = _evaluated(_CURRENCY.sub("", text) if len(currencies) == 1 else text, asked, context)
    if value is None:
        return _incomplete(text)
    figure, exact = written(value.number * 100 if value.percent else value.number)
    unit = " percent" if value.percent else ""
    if len(currencies) == 1 and not value.percent:
        unit = f" {currencies.pop()}{'s' if value.number != 1 else ''}"
    about = "" if exact and value.exact else "about "
    return Reply("sum", f"{capital(value.said)} is {about}{figure}{unit}.", topic=Result(value))


def _sum(core: str) -> tuple[str, bool]:
    """The words of the sum itself, and whether it was asked for as one that stands alone."""
    core = re.sub(r"^(?:and|then) ", "", core)
    if match := next(filter(None, (pattern.fullmatch(core) for pattern in _PERCENT)), None):
        return f"what percent of {match['whole']} is {match['part']}", True
    prefix = _PREFIX.match(core)
    return (core[prefix.end() :], prefix["asked"] is not None) if prefix else (core, False)


def _evaluated(text: str, asked: bool, context: Context) -> Value | None:
    """The value, with the last result where the words refer to it or begin with an operator."""
    refers = bool(_REFERS.search(text))
    value = None if refers else evaluate(text)
    if value is not None or (asked and not refers):
        return value
    for going_on in (text, f"that {re.sub('^add ', 'plus ', text)}"):
        if evaluate(going_on, constant(2)):  # whatever the last result is, this is a sum with it
            if not isinstance(topic := context.recall(), Result):
                raise Excuse("There is no result to go on from yet. Please say the whole sum.")
            return evaluate(going_on, topic.value)
    return None


def _incomplete(text: str) -> str | None:
    """What to ask when a number or an operator was the last that was heard."""
    if alone := _ALONE.fullmatch(text):
        return f"{text} of what?" if alone[2] else f"I heard {text}. What should I do with it?"
    match = _UNFINISHED.fullmatch(text)
    return f"{text} what?" if match and (_ALONE.fullmatch(match[1]) or evaluate(match[1])) else None
