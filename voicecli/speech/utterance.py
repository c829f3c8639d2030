"""The sound of one utterance: a little before its first sample, and everything up to its end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Samples
from voicecli.speech.vad import RATE

__all__ = ["Utterance", "UtteranceOptions"]

HINDSIGHT = 1.0  # seconds more than the pre-roll that are kept: by so much may the start be dated back


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceOptions:
    pre_roll: float = 0.4  # seconds kept before speech started: no first syllable is lost
    longest: float = 40.0  # seconds kept at most, above the endpoint's cap: what comes later is dropped

    def __post_init__(self) -> None:
        if self.pre_roll < 0 or self.longest <= self.pre_roll:
            raise ValueError("pre_roll must not be negative, and longest above pre_roll")


class Utterance:
    """Keeps the recent past until speech has started, and then all of it until the end; no sample twice.

    A streaming recogniser takes it piece by piece, another one whole. Samples that belonged to one utterance
    are not in the pre-roll of the next.
    """

    def __init__(self, options: UtteranceOptions | None = None) -> None:
        self.options = options or UtteranceOptions()
        self._past: deque[tuple[Samples, float]] = deque()  # pieces with the time of their first samples
        self._past_length = 0
        self._pieces: list[Samples] = []
        self._length = 0
        self._taken = 0  # pieces
        self._time: float | None = None
        self._dropped = 0

    @property
    def time(self) -> float | None:
        """When the first sample was at the microphone (seconds); None before the start."""
        return self._time

    @property
    def duration(self) -> float:
        """Seconds kept since the start, pre-roll included."""
        return self._length / RATE

    @property
    def dropped(self) -> int:
        """Samples that came after the longest utterance was full."""
        return self._dropped

    def push(self, samples: Samples, time: float) -> None:
        """Take the samples that follow, at `RATE`; the first was at the microphone at `time`."""
        if not len(samples):
            return
        piece = np.array(samples, np.float32)
        if self._time is not None:
            self._keep(piece)
            return
        self._past.append((piece, time))
        self._past_length += len(piece)
        kept = round((self.options.pre_roll + HINDSIGHT) * RATE)
        while self._past_length - len(self._past[0][0]) >= kept:
            self._past_length -= len(self._past.popleft()[0])

    def begin(self, time: float) -> None:
        """Speech started at `time`, at or before the samples pushed last; ignored while an utterance runs."""
        if self._time is not None:
            return
        first = time - self.options.pre_roll
        past, self._past, self._past_length = self._past, deque(), 0
        self._time = past[-1][1] + len(past[-1][0]) / RATE if past else time
        for piece, start in past:
            skip = min(max(0, round((first - start) * RATE)), len(piece))
            if skip < len(piece):
                self._time = min(self._time, start + skip / RATE)
                self._keep(piece[skip:])

    def take(self) -> Samples:
        """The samples that came since the last `take`; empty before the start."""
        pieces = self._pieces[self._taken :]
        self._taken = len(self._pieces)
        return _join(pieces)

    def rewind(self) -> None:
        """Let `take` begin again at the first sample: for a recogniser that was told too soon of the end."""
        self._taken = 0

    def whole(self) -> Samples:
        """All samples since the start, pre-roll included; does not count as taken."""
        return _join(self._pieces)

    def end(self) -> None:
        """Forget the utterance and listen for the next one; take or read it before."""
        self._pieces = []
        self._length = 0
        self._taken = 0
        self._time = None
        self._dropped = 0

    def _keep(self, piece: Samples) -> None:
        room = round(self.options.longest * RATE) - self._length
        if room < len(piece):
            self._dropped += len(piece) - max(0, room)
            piece = piece[: max(0, room)]
        if len(piece):
            self._pieces.append(piece)
            self._length += len(piece)


def _join(pieces: list[Samples]) -> Samples:
    return np.concatenate(pieces) if pieces else np.empty(0, np.float32)
