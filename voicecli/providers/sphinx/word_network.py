"""A JSGF grammar read into a weighted network of words.

The subset that speech grammars are written in: rules, references, groups, optional parts, repetition (* and
+), weights, tags (dropped), <NULL>, comments. (JSpeech Grammar Format, https://www.w3.org/TR/jsgf/)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Network", "network"]

SPOKEN = 0.35  # how likely an optional part is spoken
REPEATED = 0.5  # how likely a repeated part comes once more
DEEPEST = 60  # references inside references; more is a rule that contains itself

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"(?P<public>public\s+)?<(?P<name>[^<>\s]+)>\s*=\s*(?P<body>[^;]*);")
_TOKEN = re.compile(
    r"\s*(?:(?P<tag>\{[^}]*\})|(?P<reference><[^<>\s]+>)|/(?P<weight>[\d.eE+-]+)/"
    r"|(?P<mark>[][()|*+])|\"(?P<quoted>[^\"]*)\"|(?P<word>[^\s<>()|/\[\]{}*+\";=]+))"
)


@dataclass(slots=True)
class Network:
    """Numbered states joined by arcs; an arc without a word is walked in silence. State 0 begins, 1 ends."""

    arcs: list[list[tuple[str, int, float]]] = field(
        default_factory=lambda: [[], []]
    )  # (word, to, probability)

    def state(self) -> int:
        self.arcs.append([])
        return len(self.arcs) - 1

    def join(self, source: int, target: int, probability: float = 1.0, word: str = "") -> None:
        self.arcs[source].append((word, target, probability))


def network(text: str) -> Network:
    """The network of the first public rule, in lower case; raises ValueError where `text` is no grammar."""
    rules: dict[str, list[tuple[str, str]]] = {}
    start = ""
    for match in _RULE.finditer(_COMMENT.sub("", text)):
        rules[match["name"]] = list(_tokens(match["body"], match["name"]))
        if match["public"] and not start:
            start = match["name"]
    if not start:
        raise ValueError("the grammar has no public rule")
    found = Network()
    _Builder(rules, found).rule(start, 0, 1, 0)
    return found


def _tokens(body: str, rule: str) -> Iterator[tuple[str, str]]:
    position = 0
    while body[position:].strip():
        match = _TOKEN.match(body, position)
        if match is None:
            raise ValueError(f"rule <{rule}>: cannot read {body[position:].strip()[:30]!r}")
        position = match.end()
        kind = match.lastgroup or ""
        if kind == "quoted":
            yield from (("word", word.lower()) for word in match["quoted"].split())
        elif kind != "tag":
            value = match[kind]
            yield kind, value.lower() if kind == "word" else value


class _Builder:
    """Walks a rule's tokens and lays its arcs between two states."""

    def __init__(self, rules: dict[str, list[tuple[str, str]]], into: Network) -> None:
        self._rules = rules
        self._network = into

    def rule(self, name: str, source: int, target: int, depth: int) -> None:
        if name not in self._rules:
            raise ValueError(f"rule <{name}> is used and not defined")
        if depth > DEEPEST:
            raise ValueError(f"rule <{name}> contains itself; write a repetition with * or +")
        tokens = self._rules[name]
        end = self._choice(tokens, 0, source, target, (name, depth))
        if end != len(tokens):
            raise ValueError(f"rule <{name}>: {tokens[end][1]!r} closes nothing")

    def _choice(
        self, tokens: list[tuple[str, str]], at: int, source: int, target: int, rule: tuple[str, int]
    ) -> int:
        """Lay alternatives from token `at` between the states; return where they ended."""
        branches: list[tuple[int, float]] = []
        while True:
            weight = 1.0
            if at < len(tokens) and tokens[at][0] == "weight":
                weight = _weight(tokens[at][1], rule[0])
                at += 1
            entry = self._network.state()
            branches.append((entry, weight))
            at = self._sequence(tokens, at, entry, target, rule)
            if at >= len(tokens) or tokens[at][1] != "|":
                break
            at += 1
        total = sum(weight for _, weight in branches)
        if total <= 0:
            raise ValueError(f"rule <{rule[0]}>: the weights of its alternatives add up to nothing")
        for entry, weight in branches:
            self._network.join(source, entry, weight / total)
        return at

    def _sequence(
        self, tokens: list[tuple[str, str]], at: int, source: int, target: int, rule: tuple[str, int]
    ) -> int:
        here = source
        while at < len(tokens) and not (tokens[at][0] == "mark" and tokens[at][1] in "|)]"):
            start, end = self._network.state(), self._network.state()
            at, optional = self._item(tokens, at, start, end, rule)
            repeat = tokens[at][1] if at < len(tokens) and tokens[at][0] == "mark" else ""
            if repeat in ("*", "+"):
                at += 1
                follow = self._network.state()
                self._network.join(end, start, REPEATED)
                self._network.join(end, follow, 1 - REPEATED)
                end, optional = follow, optional or repeat == "*"
            self._network.join(here, start, SPOKEN if optional else 1.0)
            if optional:
                self._network.join(here, end, 1 - SPOKEN)
            here = end
        self._network.join(here, target)
        return at

    def _item(
        self, tokens: list[tuple[str, str]], at: int, start: int, end: int, rule: tuple[str, int]
    ) -> tuple[int, bool]:
        """Lay one word, reference, group or optional part; return where it ended and if it is optional."""
        kind, value = tokens[at]
        if kind == "word":
            self._network.join(start, end, 1.0, value)
        elif value == "<NULL>":
            self._network.join(start, end)
        elif kind == "reference":
            self.rule(value[1:-1], start, end, rule[1] + 1)
        elif value in ("(", "["):
            closing = ")" if value == "(" else "]"
            at = self._choice(tokens, at + 1, start, end, rule)
            if at >= len(tokens) or tokens[at][1] != closing:
                raise ValueError(f"rule <{rule[0]}>: a {value!r} is not closed")
            return at + 1, value == "["
        else:
            raise ValueError(f"rule <{rule[0]}>: unexpected {value!r}")
        return at + 1, False


def _weight(text: str, rule: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"rule <{rule}>: the weight {text!r} is not a number") from None
