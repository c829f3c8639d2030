"""Recognition: audio in, text out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from voicecli.audio.block import Samples
from voicecli.providers.engine import Engine

__all__ = ["LISTENING_RATE", "Recognizer", "Transcript"]

LISTENING_RATE = 16_000  # samples a second: what every recogniser and VAD here is fed


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood so far; each one replaces the one before."""

    text: str
    final: bool = False
    confidence: float | None = None  # 0 to 1 where the engine gives one
    certain: bool = True  # sure enough for what acts on it (an alarm, leaving) not to ask first


class Recognizer(Engine, Protocol):
    """Turns one utterance into text."""

    def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts while `audio` runs, and exactly one final one after it ends.

        `audio` is mono at `LISTENING_RATE`, in pieces of any length; its end is the end of the utterance. An
        utterance in which nothing was understood gives a final transcript with empty text. Closing the
        iterator early abandons the utterance and its request. Several utterances may be under way at once; an
        attribute `places` may say how many the engine hears without making some of them wait.

        Raises ProviderError.
        """
        ...
