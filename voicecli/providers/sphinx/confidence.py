"""How sure it is that a request of the grammar was said, and not something else forced into its shape.

The grammar's best path is held against the one of free dictation over the same frames. Dictation may say
anything, so its words fit the sound about as well as any do; a true request fits nearly as well, a forced one
worse.
The weights are a logistic regression over requests and other speech, human and synthetic
(tests/providers/sphinx/calibration.py fits them).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from voicecli.providers.sphinx.decoder import Fragment, Hypothesis

__all__ = ["Evidence", "compare", "probability"]

SLACK = 10  # frames added to a word's length, so that one short word does not decide alone
MISFIT = -20.0  # a word whose frames fit the sound worse than this, held against dictation's
LONGEST = 150  # frames; a longer request is judged as one of this length


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the grammar's path compares with dictation's; scores are log to base 1.0001."""

    total: float  # how much better the whole path scores, likelihood of the words included, a frame of speech
    length: float  # seconds of speech
    ratio: float  # frames that the request explains, for each that dictation explains; at most 1
    pace: float  # frames that dictation gives a word: many short ones are what it makes of noise
    missed: float  # share of the request's extent in which it is silent and dictation hears a word
    misfits: float  # share of the request's words that do not fit the sound


WEIGHTS = Evidence(total=0.196, length=-4.702, ratio=10.255, pace=-0.046, missed=-15.816, misfits=-2.253)
BIAS = -1.122


def compare(request: Hypothesis, dictation: Hypothesis) -> Evidence | None:
    """The evidence for `request`, or None when either heard nothing."""
    words = [fragment for fragment in request.fragments if fragment.word]
    others = [fragment for fragment in dictation.fragments if fragment.word]
    if not words or not others or request.score is None or dictation.score is None:
        return None
    explained = sum(word.frames for word in words)
    reference = sum(word.frames for word in others)
    frames = max(explained, reference)
    inside = set(range(words[0].start, words[-1].end + 1))
    misfits = [(word.score - _over(dictation, word)) / (word.frames + SLACK) < MISFIT for word in words]
    return Evidence(
        total=(request.score - dictation.score) / frames,
        length=min(frames, LONGEST) / 100,
        ratio=min(1.0, explained / reference),
        pace=reference / len(others),
        missed=len(_within(others) & inside - _within(words)) / len(inside),
        misfits=sum(misfits) / len(words),
    )


def probability(evidence: Evidence | None) -> float:
    """From 0 to 1: that the request was really said."""
    if evidence is None:
        return 0.0
    terms = (weight * value for weight, value in zip(astuple(WEIGHTS), astuple(evidence), strict=True))
    logit = BIAS + math.fsum(terms)
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def _within(words: list[Fragment]) -> set[int]:
    """The frames in which there is a word."""
    return {frame for word in words for frame in range(word.start, word.end + 1)}


def _over(hypothesis: Hypothesis, word: Fragment) -> float:
    """The hypothesis's score over the frames of `word`, taking a fragment's score as even along it."""
    total = 0.0
    for fragment in hypothesis.fragments:
        overlap = min(fragment.end, word.end) - max(fragment.start, word.start) + 1
        if overlap > 0:
            total += fragment.score * overlap / fragment.frames
    return total
