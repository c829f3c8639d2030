"""Rules: what is said in place of what is written, one replacement after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Said", "rules", "words"]

Said: TypeAlias = str | Callable[[re.Match[str]], str]
"""A template, or a function of what was found."""


def rules(*found: tuple[str, Said]) -> Callable[[str], str]:
    """A function that replaces what each pattern finds, in this order."""
    compiled = [(re.compile(pattern), said) for pattern, said in found]

    def applied(text: str) -> str:
        for pattern, said in compiled:
            text = pattern.sub(said, text)
        return text

    return applied


def words(text: str) -> frozenset[str]:
    """The words of `text`, to be looked up."""
    return frozenset(text.split())
