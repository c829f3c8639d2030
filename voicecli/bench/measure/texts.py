"""What is spoken: three bundled texts, texts of any number of words, and questions said by a voice."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.conversation.rehearsal import said_aloud
from voicecli.errors import ProviderError, UsageError
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SPOKEN", "TEXTS", "Line", "line_of", "lines_of", "spoken_question"]

_NAME = 24  # characters of a text that name it in the report


@dataclass(frozen=True, slots=True)
class Line:
    """A text to be spoken, and what the report calls it."""

    name: str
    text: str

    @property
    def words(self) -> int:
        """How many there are."""
        return len(self.text.split())


TEXTS = (
    Line("short", "Yes, it leaves at nine."),
    Line("medium", "The next train to the coast leaves at nine fifteen, and you have to change on the way."),
    Line(
        "long",
        "The next train to the coast leaves at nine fifteen, from platform four. You have to change on the "
        "way, and there are twelve minutes for that. It is raining where you are going, so take a coat. If "
        "you would rather stay dry, the museum is open until six, and on Thursdays it costs nothing.",
    ),
)
"""A word of agreement, a sentence, and a paragraph of several phrases."""

# Sentences of the lengths that answers have, so that a longer text has more of them and not longer ones.
_STORY = (  # noqa: SIM905 (a story is read as one)
    "The ferry to the islands leaves from the old harbour twice a day. "
    "In the morning it is full of people who work there, and in the evening of those who have been swimming. "
    "The crossing takes about forty minutes, or an hour when the sea is rough. "
    "You can buy a ticket on the boat, but it is cheaper at the kiosk beside the fountain. "
    "Take something warm with you, because the wind is colder than it looks. "
    "There is a small café on the upper deck. "
    "It sells soup, bread and coffee until the boat is half way. "
    "From the landing a path leads through the pines to the lighthouse, where the keeper's garden is open in "
    "summer. "
).split()


def lines_of(texts: Sequence[str], numbers: Sequence[int]) -> tuple[Line, ...]:
    """These texts, and some of so many words, each once; the bundled ones without any. Raises UsageError."""
    if not all(map(str.strip, texts)):
        raise UsageError("There is nothing to say: a --text is empty.")
    lines = [Line(textwrap.shorten(text, _NAME, placeholder="…"), text) for text in texts]
    return tuple(dict.fromkeys([*lines, *map(line_of, numbers)])) or TEXTS


def line_of(words: int) -> Line:
    """A text of so many words, ending in a full stop; every length begins in the same way."""
    if words < 1:
        raise ValueError("a text has at least one word")
    found = [_STORY[index % len(_STORY)] for index in range(words)]
    found[-1] = f"{found[-1].rstrip('.,')}."
    return Line(f"{words} {'word' if words == 1 else 'words'}", " ".join(found))


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


async def spoken_question(text: str, voice: Synthesizer) -> SpokenQuestion:
    """Have `voice` say it. Raises ProviderError."""
    samples = await said_aloud(text, voice)
    peak = float(np.max(np.abs(samples), initial=0.0))
    if not peak:
        raise ProviderError(f"{voice.name} made no sound for {text!r}.")
    voiced = np.flatnonzero(np.abs(samples) >= peak * _VOICED)
    start, end = float(voiced[0]) / LISTENING_RATE, float(voiced[-1] + 1) / LISTENING_RATE
    kept = samples[: round((end + _AFTER) * LISTENING_RATE)]
    return SpokenQuestion(name=text, samples=kept, text=text, start=start, end=end)
