"""A table of a report as plain data, which the terminal, the page and Markdown each draw in their own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

__all__ = ["Cell", "Grid"]


class Cell(str):
    """A text, and what it means: nothing, `good`, `bad`, or `unsure`."""

    __slots__ = ("tone",)
    tone: str

    def __new__(cls, text: str, tone: str = "") -> Self:
        self = super().__new__(cls, text)
        self.tone = tone
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cells as they are shown; those that are a `Cell` mean something as well."""

    title: str = ""
    headings: Sequence[str]
    words: int = 1  # columns on the left that are not numbers
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.headings) for row in self.rows):
            raise ValueError(f"{self.title}: a row has not as many cells as there are headings")
