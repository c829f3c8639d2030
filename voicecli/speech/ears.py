"""Ears: blocks of sound in, signs of speech out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from voicecli.audio.block import Block, Samples
from voicecli.audio.resample import OneRate
from voicecli.speech.segmenter import Segmenter, SpeechSign
from voicecli.speech.vad import RATE, VoiceDetector, Window, Windows

__all__ = ["Ears"]


class Ears:
    """Resamples, cuts windows, asks the detector about each, and runs a segmenter over them.

    Times are seconds of sound since the beginning, which neither jitter nor drift. `push` and `close` work as
    they are iterated: always to the end.
    """

    def __init__(self, detector: VoiceDetector, segmenter: Segmenter | None = None) -> None:
        self.segmenter = segmenter or Segmenter()
        self.offset = 0.0  # from these times to those of the blocks, as the last block has it
        self._detector = detector
        self._sound = OneRate(RATE)
        self._windows = Windows()
        self._came = 0.0  # seconds of sound, before it was resampled

    @property
    def now(self) -> float:
        """Seconds of sound so far."""
        return self._windows.count / RATE

    def push(self, block: Block) -> Iterator[SpeechSign]:
        """Yield what is noticed in `block`, in order."""
        yield from self._judge(self._windows.push(self._next(block)))

    def skip(self, block: Block) -> None:
        """Pay no attention to `block`; time goes on."""
        self._windows.skip(len(self._next(block)))

    def close(self) -> Iterator[SpeechSign]:
        """At the end of the sound, or of what is listened to, yield how what is under way ends."""
        yield from self._judge(self._windows.push(self._sound.flush()) + self._windows.flush())
        yield from self.segmenter.close()

    def take(self) -> Samples:
        """What came of the utterance since the last time, from its pre-roll on."""
        return self.segmenter.utterance.take()

    def recognised(self, text: str) -> None:
        """What was recognised of the utterance so far: after a whole sentence its end comes sooner."""
        self.segmenter.endpointer.recognised(text)

    def reset(self) -> None:
        """Forget what is under way; what is known of the speaker stays."""
        self._detector.reset()
        self._windows.skip(0)
        self.segmenter.reset()

    def _next(self, block: Block) -> Samples:
        self.offset = block.time - self._came
        self._came += len(block.samples) / block.rate
        return self._sound.push(block.samples, block.rate)

    def _judge(self, windows: Sequence[Window]) -> Iterator[SpeechSign]:
        for window in windows:
            yield from self.segmenter.push(window, self._detector.probability(window.samples))
