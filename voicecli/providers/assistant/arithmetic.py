"""Sums as they are said, by recursive descent: "twenty three times four", and "times two" after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import TypeAlias, TypeVar

from voicecli.providers.assistant import operations
from voicecli.providers.assistant.dialogue import Context, Excuse, Reply, Topic, intent
from voicecli.providers.assistant.numbers import PARTS, is_number, ordinal, written
from voicecli.providers.assistant.operations import Value, constant, plus, raised, times
from voicecli.providers.assistant.wording import capital

__all__ = ["evaluate", "total"]


@dataclass(frozen=True, slots=True)
class Result(Topic):
    """What the last sum came to."""

    value: Value


Function = TypeVar("Function")
Choices: TypeAlias = tuple[tuple[str, Function], ...]
One: TypeAlias = Callable[[Value], Value]
Two: TypeAlias = Callable[[Value, Value], Value]

# The words of an operation, and what it does; those that bind more loosely first.
_SUMS: Choices[Two] = (
    (r"(?:and )?plus|added to", plus),
    (r"(?:and )?minus|take away|less|subtract", lambda a, b: plus(a, b, -1)),
)
_PRODUCTS: Choices[Two] = (
    (r"(?:and )?times|multipl(?:ied|y) by", times),
    (r"(?:and )?divided by|divide by|over", operations.divided),
    (r"modulo|mod", operations.remainder),
)
_POWERS: Choices[Two] = (
    (r"(?:raised )?to the power(?: of)?|raised to|power", raised),
    (r"percent of(?: the)?", lambda a, b: times(constant(a.number / 100), b, f"{a.said} percent of")),
    (r"percent off(?: of)?", lambda a, b: times(constant(1 - a.number / 100), b, f"{a.said} percent off")),
)
_BEHIND: Choices[One] = (
    (r"squared?", lambda a: raised(a, constant(2), f"{a.said} squared")),
    (r"cubed", lambda a: raised(a, constant(3), f"{a.said} cubed")),
    (r"factorial", operations.factorial),
    (r"percent", lambda a: replace(a, number=a.number / 100, said=f"{a.said} percent", percent=True)),
)
_BEFORE: Choices[One] = (
    (r"(?:the )?(?:square root(?: of)?|root of)", lambda a: operations.root(a, 2)),
    (r"(?:the )?cub(?:e|ic) root of", lambda a: operations.root(a, 3)),
    (r"(?:the )?factorial of", operations.factorial),
    (r"(?:the )?square of", _BEHIND[0][1]),
    (r"(?:the )?cube of", _BEHIND[1][1]),
)
# Operation first; with the words between its operands.
_AROUND: Choices[tuple[str, Two]] = (
    (r"(?:the )?(?:sum of|add)", ("and|to|plus", plus)),
    (r"(?:the )?(?:product of|multiply)", ("by|and|with|times", times)),
    (r"(?:the )?(?:divide|quotient of)", ("by|and", operations.divided)),
    (r"subtract|take", ("from", lambda a, b: plus(b, a, -1))),
    (r"(?:the )?difference (?:between|of)", ("and", operations.difference)),
    (r"(?:the |what |how many )?percent(?:age)? of", ("is|are", operations.percentage)),
)
_PI = Value(Fraction("3.14159265358979323846264338327950288419716939937510"), "pi", exact=False)
_MISHEARD = {"for": 4, "fore": 4, "to": 2, "too": 2, "won": 1, "ate": 8}  # only beside an operation
_BESIDE = r"(?:plus|minus|times|by|divided|multiplied|percent|squared|of)"
_PARTS = PARTS | {"hundredth": 100}
_NAMES = "|".join(_PARTS)
_PART = rf"(?P<count>\d+) (?P<plural>halves|(?:{_NAMES})s)|(?:(?:an?|one|1) )?(?P<name>{_NAMES})"
_MULTIPLES = {"twice": 2, "double": 2, "triple": 3, "thrice": 3, "quadruple": 4}


class _NotArithmetic(Exception):
    """The words are no sum."""


def evaluate(text: str, last: Value | None = None) -> Value | None:
    """The value of the words, None when they are no sum; `last` is what "that" means. Raises Excuse."""
    parser = _Parser(re.sub(r"(?:(?:^| )(?:equals|equal|is|make|be))+$", "", text), last)
    try:
        value = parser.sum()
        parser.end()
    except _NotArithmetic:
        return None
    return value if value.steps else None


@cache
def _phrase(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{pattern})(?: |$)")


@dataclass(slots=True)
class _Parser:
    text: str
    last: Value | None
    at: int = 0

    def end(self) -> None:
        if self.at < len(self.text):
            first, second = (self.text[: self.at].split() or [""])[-1], self.text[self.at :].split()[0]
            if is_number(first) and is_number(second):
                heard = f"I heard two numbers in a row, {first} and {second}."
                raise Excuse(f"{heard} Please say that again as one number.")
            raise _NotArithmetic

    def take(self, pattern: str) -> re.Match[str] | None:
        """Take the words of the pattern, when they come next."""
        match = _phrase(pattern).match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def choose(self, table: Choices[Function]) -> Function | None:
        """What the table has for the words that come next."""
        return next((function for pattern, function in table if self.take(pattern)), None)

    def expect(self, pattern: str) -> None:
        if not self.take(pattern):
            self.end()
            raise _NotArithmetic

    def sum(self, *, plain_and: bool = True) -> Value:
        plain_and = plain_and and not self.at
        left = self.product()
        while True:
            if function := self.choose(_SUMS):
                left = function(left, self.product())
            elif plain_and and not left.steps and self.take(r"and(?= \d)"):
                left = plus(left, self.product())
            else:
                return left

    def product(self) -> Value:
        left = self.power()
        while function := self.choose(_PRODUCTS):
            left = function(left, self.power())
        return left

    def power(self) -> Value:
        if self.take(r"minus|negative"):
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
        if self.take(r"to the(?= \d+(?:\.\d+)?(?: |$))"):
            return self.power()
        words = self.text[self.at :].split(" ", 4)
        if words[:2] != ["to", "the"] or not (found := ordinal(words, 2)):
            return None
        self.at += len(" ".join(words[: 2 + found[1]])) + 1
        self.take("power")
        return constant(found[0])

    def primary(self) -> Value:
        if self.take(r"\("):
            inner = self.sum()
            self.expect(r"\)")
            return replace(inner, said=f"({inner.said})", open=False)
        if value := self.named() or self.part() or self.number():
            return value
        if self.last is None or not self.take(r"that|it|this|(?:the (?:last )?)?result|the answer"):
            raise _NotArithmetic
        text, exact = written(self.last.number)
        said = text if self.last.exact and exact else f"about {text}"
        return replace(self.last, said=said, percent=False, open=False, steps=0)

    def named(self) -> Value | None:
        """The forms that name the operation first: "the sum of 2 and 3", "multiply 2 by 3"."""
        if found := self.choose(_AROUND):
            joint, function = found
            first = self.sum(plain_and=False)
            self.expect(joint)
            return function(first, self.sum(plain_and=False))
        if alone := self.choose(_BEFORE):
            return alone(self.power())
        if self.take(r"(?:the )?remainder of"):
            whole = self.power()
            self.expect(r"divided by|over|by")
            return operations.remainder(whole, self.power())
        if not self.take(r"(?:the )?(?:average|mean) of"):
            return None
        values = [self.sum(plain_and=False)]
        while self.at < len(self.text):
            self.take("and")
            values.append(self.sum(plain_and=False))
        if len(values) < 2:
            raise Excuse("The average of which numbers?")
        return operations.average(values)

    def part(self) -> Value | None:
        """ "half of", "two thirds of", "a quarter", "twice"."""
        if multiple := self.take(rf"({'|'.join(_MULTIPLES)})(?: of)?"):
            return times(constant(_MULTIPLES[multiple[1]]), self.power(), multiple[1])
        if not (match := self.take(_PART)):
            return None
        fraction = _fraction(match)
        bare = match["name"] == "half" and self.text[self.at : self.at + 1].isdigit()
        if bare or self.take(r"of(?: the)?"):
            return times(fraction, self.power(), f"{fraction.said.replace('a half', 'half')} of")
        return fraction

    def number(self) -> Value | None:
        if word := self.take(r"(\d+(?:\.\d+)?)"):
            value = Value(Fraction(word[1]), written(Fraction(word[1]))[0])
            if not (more := self.take(rf"and (?=an? |\d)(?:{_PART})(?! of)")):
                return value
            rest = _fraction(more)
            return Value(value.number + rest.number, f"{value.said} and {rest.said}")
        if self.take("pi"):
            return _PI
        before = re.search(rf"\b{_BESIDE} $", self.text[: self.at][-12:])
        misheard = self.take(rf"({'|'.join(_MISHEARD)})" + ("" if before else rf"(?= {_BESIDE}\b)"))
        return constant(_MISHEARD[misheard[1]]) if misheard else None


def _fraction(match: re.Match[str]) -> Value:
    name = match["name"] or match["plural"].removesuffix("s").replace("halve", "half")
    count = int(match["count"] or 1)
    return Value(Fraction(count, _PARTS[name]), f"{'a' if count == 1 else count} {match['plural'] or name}")


# What was asked with, and the sum itself.
_QUESTION = re.compile(
    r"(?:(?:and|then|now|so) )*((?:what (?:is|are|was|does|do|about|would be)|how much (?:is|are"
    r"|does|do)|calculate|compute|work out|solve|evaluate|give me|find|how about|what)(?: the (?:result|value"
    r"|answer) of)? )?(.*)"
)
_PART_OF = re.compile(r"(?:and |then )?(.+) (?:as a|(?:is|are) what) percent(?:age)? of (.+)")
_REFERS = re.compile(r"\b(?:that|it|this|result|answer)\b")
_ALONE = re.compile(r"(\d+(?:\.\d+)?)(?: (percent))?")
_CURRENCY = re.compile(r" (dollar|euro|pound|cent|franc|peso|rupee)s?\b")
_INTO = re.compile(r"\b(?:in|into|to)\b")
_HALFWAY = re.compile(r"(.*\d.*) (?:plus|minus|times|(?:divided|multiplied) by|percent of|to the power of)")


@intent("sum", r".+")
def total(match: re.Match[str], context: Context) -> Reply | str | None:
    """Any sum, exactly; asks back where it is unclear and says why where there is no answer."""
    core = match[0]
    if part_of := _PART_OF.fullmatch(core):
        core = f"what percent of {part_of[2]} is {part_of[1]}"
    asked, text = _QUESTION.findall(core)[0]
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


def _evaluated(text: str, asked: str, context: Context) -> Value | None:
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
    match = _HALFWAY.fullmatch(text)
    return f"{text} what?" if match and (_ALONE.fullmatch(match[1]) or evaluate(match[1])) else None
