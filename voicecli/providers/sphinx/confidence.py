"""How sure it is that a request of the grammar was said, and not something else forced into its shape.

The grammar's best path is held against the one of free dictation over the same frames. Dictation may say
anything, so its words fit the sound about as well as any do; a true request fits nearly as well, a forced one
worse.
The weights are a logistic regression over requests and other speech, human and synthetic
(tests/providers/pocketsphinx_calibration.py makes them anew).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from voicecli.providers.sphinx.decoder import Hypothesis, Segment

__all__ = ["Evidence", "compare", "probability"]

BIAS = -9.94
SLACK = 10  # frames added to a word's length, so that one short word does not decide alone


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the grammar's path compares with dictation's; scores are log to base 1.0001 a frame of speech."""

    acoustic: float  # how much better the sound fits the grammar's words
    worst: float  # the same for the word that fits worst
    total: float  # how much better the whole path is, likelihood of the words included
    shared: float  # share of the request's frames in words that dictation heard too
    ratio: float  # frames that the request explains, for each that dictation explains; at most 1


WEIGHTS = Evidence(acoustic=0.0424, worst=0.0752, total=0.147, shared=1.52, ratio=12.84)


def compare(request: Hypothesis, dictation: Hypothesis) -> Evidence | None:
    """The evidence for `request`, or None when either heard nothing."""
    words = [segment for segment in request.segments if segment.word]
    others = [segment for segment in dictation.segments if segment.word]
    if not words or not others or request.score is None or dictation.score is None:
        return None
    explained = sum(word.frames for word in words)
    reference = sum(word.frames for word in others)
    frames = max(explained, reference)
    heard = {word.word for word in others}
    fit = sum(segment.score for segment in request.segments)
    free = sum(segment.score for segment in dictation.segments)
    return Evidence(
        acoustic=(fit - free) / frames,
        worst=min((word.score - _over(dictation, word)) / (word.frames + SLACK) for word in words),
        total=(request.score - dictation.score) / frames,
        shared=sum(word.frames for word in words if word.word in heard) / explained,
        ratio=min(1.0, explained / reference),
    )


def probability(evidence: Evidence | None) -> float:
    """From 0 to 1: that the request was really said."""
    if evidence is None:
        return 0.0
    terms = (weight * value for weight, value in zip(astuple(WEIGHTS), astuple(evidence), strict=True))
    logit = BIAS + math.fsum(terms)
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))


def _over(hypothesis: Hypothesis, word: Segment) -> float:
    """The hypothesis's score over the frames of `word`, taking a segment's score as even along it."""
    total = 0.0
    for segment in hypothesis.segments:
        overlap = min(segment.end, word.end) - max(segment.start, word.start) + 1
        if overlap > 0:
            total += segment.score * overlap / segment.frames
    return total
