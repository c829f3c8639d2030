"""The sound of one utterance: a little before its first sample, and everything up to its end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from voicecli.audio.block import Samples
from voicecli.speech.vad import RATE

__all__ = ["Utterance", "UtteranceOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceOptions:
    pre_roll: float = 0.4  # seconds kept before speech started: no first syllable is lost
    longest: float = 40.0  # seconds kept at most, above the endpoint's cap: what comes later is dropped

    def __post_init__(self) -> None:
        if self.pre_roll < 0 or self.longest <= self.pre_roll:
            raise ValueError("pre_roll must not be negative, and longest above pre_roll")


class Utterance:
    """Keeps the recent past until speech has started, and then all of it until the end; no sample twice.

    Samples that belonged to one utterance are not in the pre-roll of the next.
    """

    def __init__(self, options: UtteranceOptions | None = None, hindsight: float = 1.0) -> None:
        """`hindsight` is by how many seconds at most the start is dated back."""
        self.options = options or UtteranceOptions()
        self.time: float | None = None  # of its first sample, in seconds; None before the start
        self.waiting = 0  # samples to be taken
        self._past: deque[tuple[Samples, float]] = deque()  # pieces with the time of their first samples
        self._past_length = 0
        self._past_kept = round((self.options.pre_roll + hindsight) * RATE)
        self._pieces: list[Samples] = []
        self._room = 0  # samples that it may yet have

    def push(self, samples: Samples, time: float) -> None:
        """Take the samples that follow, at `RATE`, and keep them as they are; the first came at `time`."""
        if self.time is not None:
            self._keep(samples)
            return
        self._past.append((samples, time))
        self._past_length += len(samples)
        while self._past_length - len(self._past[0][0]) >= self._past_kept:
            self._past_length -= len(self._past.popleft()[0])

    def begin(self, time: float) -> None:
        """Speech started at `time`, at or before the samples pushed last; ignored while an utterance runs."""
        if self.time is not None:
            return
        self.take()
        self._room = round(self.options.longest * RATE)
        first = time - self.options.pre_roll
        past, self._past, self._past_length = self._past, deque(), 0
        self.time = past[-1][1] + len(past[-1][0]) / RATE if past else time
        for piece, start in past:
            skip = max(0, round((first - start) * RATE))
            if skip < len(piece):
                self.time = min(self.time, start + skip / RATE)
                self._keep(piece[skip:])

    def take(self) -> Samples:
        """The samples that came since the last `take`; empty before the start."""
        pieces, self._pieces, self.waiting = self._pieces, [], 0
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)

    def end(self) -> None:
        """Listen for the next one; what is left of this one may be taken until that begins."""
        self.time = None

    def _keep(self, piece: Samples) -> None:
        piece = piece[: self._room]
        if len(piece):
            self._pieces.append(piece)
            self.waiting += len(piece)
            self._room -= len(piece)
