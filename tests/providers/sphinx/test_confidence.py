"""Requests held against dictation."""

import math
from dataclasses import replace

import pytest

from voicecli.providers.sphinx.confidence import compare, probability
from voicecli.providers.sphinx.decoder import Fragment, Hypothesis

SAID = Hypothesis(
    (
        Fragment("", 0, 19, -50),
        Fragment("what", 20, 49, -200),
        Fragment("time", 50, 99, -400),
        Fragment("", 100, 119, -50),
    ),
    -1000,
)


def _sounding(hypothesis: Hypothesis, change: float) -> Hypothesis:
    """The same words, each frame fitting the sound better by `change`."""
    fragments = tuple(replace(word, score=word.score + change * word.frames) for word in hypothesis.fragments)
    assert hypothesis.score is not None
    return Hypothesis(fragments, hypothesis.score + change * 120)


def test_the_same_words_are_sure() -> None:
    assert probability(compare(SAID, SAID)) > 0.9


def test_what_fits_worse_is_less_sure() -> None:
    sure = [probability(compare(_sounding(SAID, -loss), SAID)) for loss in (0, 10, 20, 40, 80)]
    assert sure == sorted(sure, reverse=True)
    assert sure[-1] < 0.01


def test_one_bad_word_counts() -> None:
    bad = replace(
        SAID, fragments=(*SAID.fragments[:2], replace(SAID.fragments[2], score=-3000), SAID.fragments[3])
    )
    assert probability(compare(bad, SAID)) < probability(compare(SAID, SAID))


def test_what_leaves_speech_out_is_not_sure() -> None:
    part = replace(
        SAID,
        fragments=(Fragment("", 0, 49, -250), Fragment("time", 50, 69, -150), Fragment("", 70, 119, -250)),
    )
    assert probability(compare(part, SAID)) < 0.3


@pytest.mark.parametrize("nothing", [Hypothesis(), Hypothesis((Fragment("", 0, 99, -10),), -10.0)])
def test_nothing_to_compare(nothing: Hypothesis) -> None:
    assert compare(nothing, SAID) is None
    assert compare(SAID, nothing) is None
    assert probability(None) == 0


def test_impossible_scores_are_not_sure() -> None:
    assert probability(compare(_sounding(SAID, -math.inf), SAID)) == pytest.approx(0, abs=1e-6)
