"""How well the words were understood: the word error rate. The door to jiwer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from voicecli.providers.assistant.numbers import figures

__all__ = ["WordErrors", "normalized", "total", "word_errors"]

_APART = re.compile(r"[^\w'.]+|(?<!\d)\.|\.(?!\d)|_")  # a point within a number separates nothing
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'"})


@dataclass(frozen=True, slots=True)
class WordErrors:
    """What has to be changed in what was understood to make it what was said."""

    said: int  # words
    substituted: int = 0
    deleted: int = 0  # said and not understood
    inserted: int = 0  # understood and not said

    @property
    def errors(self) -> int:
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float | None:
        """Errors by words; above 1 when much was made up, None when nothing was said."""
        return self.errors / self.said if self.said else None


def normalized(text: str) -> str:
    """Lower case, without punctuation, English numbers in figures: what does not sound different is alike."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).lower()
    words = [word.strip("'.") for word in _APART.split(text)]
    return " ".join(figures([word for word in words if word]))


def word_errors(said: str, understood: str) -> WordErrors:
    """Count over the texts as `normalized` gives them."""
    reference, hypothesis = normalized(said), normalized(understood)
    words = len(reference.split())
    if not reference or not hypothesis:  # jiwer refuses the one, and the other needs no alignment
        return WordErrors(words, deleted=words, inserted=len(hypothesis.split()))
    from jiwer import process_words

    found = process_words(reference, hypothesis)
    return WordErrors(words, found.substitutions, found.deletions, found.insertions)


def total(counts: Iterable[WordErrors]) -> WordErrors | None:
    """Of all together, so that long utterances weigh more; None without any."""
    found = [astuple(count) for count in counts]
    return WordErrors(*map(sum, zip(*found, strict=True))) if found else None
