"""Questions spoken by a voice, for machines without recorded speech."""

from __future__ import annotations

import numpy as np

from voicecli.bench.measure.recordings import Question
from voicecli.conversation.rehearsal import said_aloud
from voicecli.errors import ProviderError
from voicecli.providers.recognizer import HEARING_RATE
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SPOKEN", "spoken_question"]

SPOKEN = (
    "What time is it in Tokyo?",
    "How many kilometers is five miles?",
    "What is fifteen percent of eighty?",
    "Set a timer for ten minutes.",
    "What day is it tomorrow?",
    "What is twelve times twelve?",
    "How many ounces are in a pound?",
    "Roll two dice.",
    "What is the date today?",
    "How many feet are in a mile?",
)
"""What the bundled assistant understands."""

_VOICED = 0.02  # share of the peak from which a sample is voiced: -34 dB
_AFTER = 0.3  # seconds of silence behind the last voiced sample


async def spoken_question(text: str, voice: Synthesizer) -> Question:
    """Have `voice` say it. Raises ProviderError."""
    samples = await said_aloud(text, voice)
    peak = float(np.max(np.abs(samples), initial=0.0))
    if not peak:
        raise ProviderError(f"{voice.name} made no sound for {text!r}.")
    voiced = np.flatnonzero(np.abs(samples) >= peak * _VOICED)
    start, end = float(voiced[0]) / HEARING_RATE, float(voiced[-1] + 1) / HEARING_RATE
    kept = samples[: round((end + _AFTER) * HEARING_RATE)]
    return Question(name=text, samples=kept, text=text, start=start, end=end)
