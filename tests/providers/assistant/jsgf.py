"""A JSGF grammar as a tree from which sentences can be drawn.

The subset that pocketsphinx reads and we write: rules, references, groups, optional parts, weighted
alternatives, <NULL>, comments. (JSpeech Grammar Format, https://www.w3.org/TR/jsgf/)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

__all__ = ["Choice", "Grammar", "Reference", "Sequence", "Word"]

OPTIONAL = 0.35  # how often an optional part is spoken in a drawn sentence

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_RULE = re.compile(r"(?:public\s+)?<([\w.]+)>\s*=\s*([^;]*);")
_TOKEN = re.compile(r"\s*(<[\w.]+>|/[\d.]+/|[][()|]|[^\s<>()|/[\]]+)")


@dataclass(frozen=True, slots=True)
class Word:
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    rule: str


@dataclass(frozen=True, slots=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of `options`, each as likely as its weight says."""

    options: tuple[Node, ...]
    weights: tuple[float, ...]


Node: TypeAlias = Word | Reference | Sequence | Choice
NOTHING = Sequence(())


class Grammar:
    """The rules of one grammar; raises ValueError where the text is not one."""

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Node] = {}
        for name, expansion in _RULE.findall(_COMMENT.sub("", text)):
            if name in self.rules:
                raise ValueError(f"rule <{name}> is defined twice")
            self.rules[name] = _Parser(expansion, name).parse()
        missing = {reference for node in self.rules.values() for reference in _references(node)} - set(
            self.rules
        )
        if missing:
            raise ValueError(f"rules are used and not defined: {', '.join(sorted(missing))}")

    def draw(self, rule: str, random: Random) -> tuple[list[str], list[str]]:
        """A sentence of `rule`: its words, and the names of the rules it went through, outermost first."""
        words: list[str] = []
        path: list[str] = []
        stack: list[Node] = [Reference(rule)]
        while stack:
            node = stack.pop()
            if isinstance(node, Word):
                words.append(node.text)
            elif isinstance(node, Reference):
                path.append(node.rule)
                stack.append(self.rules[node.rule])
            elif isinstance(node, Sequence):
                stack.extend(reversed(node.parts))
            else:
                stack.append(random.choices(node.options, node.weights)[0])
        return words, path

    def words(self, rule: str) -> set[str]:
        """Every word that a sentence of `rule` can hold."""
        found: set[str] = set()
        seen: set[str] = set()
        stack: list[Node] = [Reference(rule)]
        while stack:
            node = stack.pop()
            if isinstance(node, Word):
                found.add(node.text)
            elif isinstance(node, Reference):
                if node.rule not in seen:
                    seen.add(node.rule)
                    stack.append(self.rules[node.rule])
            else:
                stack.extend(node.parts if isinstance(node, Sequence) else node.options)
        return found


def _references(node: Node) -> Iterator[str]:
    if isinstance(node, Reference):
        yield node.rule
    elif isinstance(node, Sequence | Choice):
        for inner in node.parts if isinstance(node, Sequence) else node.options:
            yield from _references(inner)


class _Parser:
    """Recursive descent over one rule's expansion."""

    def __init__(self, text: str, rule: str) -> None:
        self.rule = rule
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def parse(self) -> Node:
        node = self._choice()
        if self.at < len(self.tokens):
            raise ValueError(f"rule <{self.rule}>: unexpected {self.tokens[self.at]!r}")
        return node

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, expected: str = "") -> str:
        token = self._peek()
        if not token or (expected and token != expected):
            raise ValueError(
                f"rule <{self.rule}>: expected {expected or 'a word'}, found {token or 'its end'!r}"
            )
        self.at += 1
        return token

    def _choice(self) -> Node:
        options: list[Node] = []
        weights: list[float] = []
        while True:
            weights.append(float(self._take().strip("/")) if self._peek().startswith("/") else 1.0)
            options.append(self._sequence())
            if self._peek() != "|":
                break
            self._take()
        return options[0] if len(options) == 1 else Choice(tuple(options), tuple(weights))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")", "]"):
            parts.append(self._part())
        if not parts:
            raise ValueError(f"rule <{self.rule}>: an alternative is empty")
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _part(self) -> Node:
        token = self._take()
        if token == "(":
            node = self._choice()
            self._take(")")
            return node
        if token == "[":
            node = self._choice()
            self._take("]")
            return Choice((node, NOTHING), (OPTIONAL, 1 - OPTIONAL))
        if token == "<NULL>":
            return NOTHING
        return Reference(token[1:-1]) if token.startswith("<") else Word(token)
