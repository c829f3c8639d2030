"""Heard: which part of a reply has left the loudspeaker, word for word.

A sound that is being played tells only how long it has lasted. Each phrase is shared out among its words by
how long they take to say, the words of the written text being matched with those the engine was given.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

__all__ = ["SpokenPhrase", "heard_text"]


@dataclass(frozen=True, slots=True)
class SpokenPhrase:
    """A phrase that was handed to synthesis."""

    text: str  # as it was written
    duration: float | None  # seconds of its sound; None while not all of it has been made
    spoken: str  # as the engine was given it, empty when there was nothing to say


_TOLERANCE = 0.02  # seconds: the end of a phrase is quiet, and resampling moves it by a few samples
_PACE = 17.0  # letters a second, until a finished phrase has shown the true pace
_DIGIT = 4.0  # letters that a digit takes to say
_PAUSES = {
    ",": 2.0,
    ";": 3.0,
    ":": 3.0,
    "—": 3.0,
    ".": 5.0,
    "!": 5.0,
    "?": 5.0,
    "。": 5.0,
    "，": 2.0,
    "、": 2.0,
}
_WIDE = "\u2e80-\u2fdf\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
# Scripts without spaces: a character is a word, with the marks behind it.
_WORD = re.compile(rf"[{_WIDE}][^\w\s]*|[^\s{_WIDE}]+")
_ALIGNED = 400  # words of a phrase that are matched one by one; longer ones are shared out evenly


class _Pace(NamedTuple):
    """When each word of a phrase ends, as a fraction of its sound."""

    letters: float  # how long the phrase takes to say
    fractions: tuple[float, ...]  # rising to 1
    ends: tuple[int, ...]  # where the words end in the text


def heard_text(phrases: Sequence[SpokenPhrase], seconds: float) -> str:
    """The beginning of the phrases' text that `seconds` of their sound have said, up to the end of a word.

    Phrases after one whose sound is not complete have not been heard. With the same phrases, more seconds
    never give less text; the whole duration gives the whole text.
    """
    if seconds <= 0:
        return ""
    heard: list[str] = []
    for phrase in phrases:
        if not phrase.spoken:
            heard.append(phrase.text)
            continue
        duration = phrase.duration
        if duration is None:
            duration = _pace(phrase.text, phrase.spoken).letters / _learnt(phrases)
        if seconds < duration - _TOLERANCE or (phrase.duration is None and seconds < duration):
            heard.append(_beginning(phrase, seconds / duration))
            break
        heard.append(phrase.text)
        if phrase.duration is None:
            break
        seconds = max(0.0, seconds - duration)
    return "".join(heard)


def _learnt(phrases: Sequence[SpokenPhrase]) -> float:
    """Letters a second in the phrases whose sound is complete."""
    whole = [phrase for phrase in phrases if phrase.duration and phrase.spoken]
    duration = sum(phrase.duration or 0.0 for phrase in whole)
    letters = sum(_pace(phrase.text, phrase.spoken).letters for phrase in whole)
    return letters / duration if duration > 0 else _PACE


def _beginning(phrase: SpokenPhrase, fraction: float) -> str:
    pace = _pace(phrase.text, phrase.spoken)
    words = bisect_right(pace.fractions, fraction)
    return phrase.text[: pace.ends[words - 1]] if words else ""


def _letters(word: str) -> float:
    """How long a word takes to say, with the pause behind it, in letters."""
    said = sum(_DIGIT if c.isdigit() else 1.0 for c in word if c.isalnum())
    if said == 0:
        return 0.0
    wide = 3.0 if word[0] >= "\u2e80" else 1.0  # a syllable, or a letter and its share of the space
    return said + wide + _PAUSES.get(word[-1], 0.0)


@lru_cache(maxsize=512)
def _pace(text: str, spoken: str) -> _Pace:
    written = list(_WORD.finditer(text))
    if not written:
        return _Pace(max(_letters(spoken), 1.0), (1.0,), (len(text),))
    costs = list(_costs([match.group() for match in written], _WORD.findall(spoken)))
    total = sum(costs) or 1.0
    fractions = [min(1.0, said / total) for said in accumulate(costs)]
    # Marks that are not said belong to the word before them, however many they are.
    fractions[-1] = 1.0
    return _Pace(total, tuple(fractions), tuple(match.end() for match in written))


def _costs(written: Sequence[str], spoken: Sequence[str]) -> Iterator[float]:
    """How long each written word takes, from the spoken words that stand for it."""
    if max(len(written), len(spoken)) > _ALIGNED:
        yield from _shared(written, sum(map(_letters, spoken)))
        return
    matcher = SequenceMatcher(
        None, [_key(word) for word in written], [_key(word) for word in spoken], autojunk=False
    )
    waiting = 0.0  # spoken words that stand for none, added to the next
    for kind, start, stop, first, last in matcher.get_opcodes():
        lengths = [_letters(word) for word in spoken[first:last]]
        if kind == "equal":
            lengths[0] += waiting
            yield from lengths
        elif start == stop:
            waiting += sum(lengths)
            continue
        else:
            yield from _shared(written[start:stop], sum(lengths) + waiting)
        waiting = 0.0


def _shared(words: Sequence[str], said: float) -> Iterator[float]:
    lengths = [_letters(word) for word in words]
    total = sum(lengths)
    for length in lengths:
        yield said * length / total if total else said / len(words)


def _key(word: str) -> str:
    return "".join(c for c in word if c.isalnum()).lower()
