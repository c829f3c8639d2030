"""Echo: whether what was heard is the user or the loudspeaker."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from voicecli.reply.heard import SpokenPhrase, heard_text

__all__ = ["EchoGuard", "Said", "Verdict"]

_RING = 0.2  # seconds for which a room rings
_ERROR = 0.1  # seconds by which devices misdate
_EARLY = 0.7  # seconds: an echo is heard as soon as there is sound, a user has to listen first
_BEFORE = 1.0  # seconds before an utterance whose words may be in it, for their times are guesses
_AFTER = 0.3  # the same after it
_LIKE = 0.5  # share of a transcript that was being said, for one that ended with the sound
_SAME = 0.8  # the same for one that went on, for a user repeats words too
_SEVERAL = 3  # words that are no coincidence
_SIMILAR = 0.75  # of the letters of two words that a recogniser takes for each other
_MOST = 40  # words of each that are compared: both begin together, and it must cost no time
_REPLIES = 4  # that are remembered
_LONG = 1.0  # seconds of sound that would have been heard if it could be


class Verdict(StrEnum):
    """Who said it."""

    USER = "user"
    DOUBTFUL = "doubtful"  # so far as times tell it was the loudspeaker; it may have been a short word
    ECHO = "echo"  # the microphone hears the loudspeaker


@dataclass(frozen=True, slots=True)
class Said:
    """A reply, or as much of it as was in the air."""

    phrases: Sequence[SpokenPhrase]  # with the words that the engine was given as their text
    began: float  # monotonic seconds of the first audible sample at the loudspeaker
    ended: float  # of the last

    def between(self, start: float, stop: float) -> str:
        """The words that were in the air between two moments."""
        before = heard_text(self.phrases, start - self.began)
        return heard_text(self.phrases, stop - self.began)[len(before) :]


class EchoGuard:
    """Compares an utterance with what was said last: by words, as loosely as recognisers hear, and by time.

    One that begins with a reply and ends with its sound is that reply, interrupted by itself. Once that is in
    doubt, since somebody may have said a short word; twice in a row it is certain.
    """

    def __init__(self) -> None:
        self._said: deque[Said] = deque(maxlen=_REPLIES)
        self._doubts = 0  # in a row

    def said(self, said: Said, *, whole: bool) -> None:
        """A reply has ended; `whole` says that nothing interrupted it while the ears were open."""
        self._said.append(said)
        if whole and said.ended - said.began >= _LONG:
            self._doubts = 0

    def judge(self, text: str, began: float, stopped: float) -> Verdict:
        """Who said `text`, voiced from `began` to `stopped` (monotonic seconds at the microphone)."""
        said = next((said for said in reversed(self._said) if began > said.began - _ERROR), None)
        if said is None or began > said.ended + _RING:
            return Verdict.USER
        share, words = likeness(text, said.between(began - _BEFORE, stopped + _AFTER))
        if stopped > said.ended + _RING:
            return Verdict.ECHO if words >= _SEVERAL and share >= _SAME else Verdict.USER
        if words and share >= _LIKE:
            return Verdict.ECHO
        if began > said.began + _EARLY:
            return Verdict.USER
        self._doubts += 1
        return Verdict.ECHO if self._doubts > 1 else Verdict.DOUBTFUL


def likeness(heard: str, said: str) -> tuple[float, int]:
    """How much of `heard` stands in `said` in the same order: a share of its letters, and its words."""
    from rapidfuzz.distance import Indel  # 30 ms that only who speaks needs

    ours, theirs = _words(heard)[:_MOST], _words(said)[:_MOST]
    if not ours:
        return 0.0, 0
    # The longest common subsequence, of words that need only be similar.
    best = [0] * (len(theirs) + 1)
    for word in ours:
        before = best
        best = [0]
        for column, other in enumerate(theirs):
            fits = len(word) if Indel.normalized_similarity(word, other) >= _SIMILAR else 0
            best.append(max(best[column], before[column + 1], before[column] + fits))
    return best[-1] / sum(map(len, ours)), len(ours)


def _words(text: str) -> list[str]:
    kept = "".join(letter if letter.isalnum() else " " for letter in text.lower())
    return kept.split()
