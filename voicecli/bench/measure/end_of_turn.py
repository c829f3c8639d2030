"""The end-of-turn decision held against recordings in which the end is known.

Nothing is played: time is an argument of everything that decides, so minutes of speech are judged in seconds.
The detector's probabilities are worked out once for each recording; edges, gate and endpointer are the real
ones, and run anew for every setting.
"""

from __future__ import annotations

import bisect
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from voicecli.audio.block import Samples
from voicecli.bench.measure.recordings import LabelledUtterance, Recorded
from voicecli.flow.scope import scoped
from voicecli.latency.statistics import percentile
from voicecli.providers.recognizer import LISTENING_RATE, Recognizer
from voicecli.speech.edges import EdgeOptions
from voicecli.speech.endpoint import EndpointOptions, SoftEnd, TurnEnded
from voicecli.speech.gate import GateOptions, SpeechStarted
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.vad import WINDOW, WINDOW_SECONDS, VoiceDetector, Window

__all__ = [
    "SILENCES",
    "Decision",
    "Listened",
    "Point",
    "RecognizedWords",
    "Score",
    "Words",
    "at_most",
    "decide",
    "listen",
    "point_of",
    "reference_words",
    "score",
]

SILENCES = tuple(round(0.2 + 0.1 * step, 1) for step in range(19))
"""Seconds of maximum silence: the points of the curve."""

_ROOM = 2.8  # seconds that must follow the last utterance, so that its end is decided
_PRE_ROLL = 0.4  # seconds before the speech that a recogniser is given
_SURE = 0.1  # seconds by which labels may be wrong: an end that is not earlier than this cut nothing


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listened:
    """A recording, and the probability of speech in each of its windows."""

    recorded: Recorded
    samples: Samples  # at the hearing rate, with enough silence at the end, in whole windows
    probabilities: Sequence[float]

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / LISTENING_RATE


def listen(recorded: Recorded, detector: VoiceDetector, seed: int = 0) -> Listened:
    """Run the detector over a recording; `seed` is of the noise behind it. Raises UsageError, DecodeError."""
    samples = recorded.samples()
    last = max((one.end for one in recorded.utterances), default=0.0)
    missing = max(0, round((last + _ROOM) * LISTENING_RATE) - len(samples))
    samples = np.concatenate((samples, _room(samples, missing + -(len(samples) + missing) % WINDOW, seed)))
    detector.reset()
    found = [
        detector.probability(samples[start : start + WINDOW]) for start in range(0, len(samples), WINDOW)
    ]
    return Listened(recorded=recorded, samples=samples, probabilities=found)


def _room(samples: Samples, count: int, seed: int) -> Samples:
    """Noise as loud as the recording is where nobody speaks: the end of a file is no silence of a room."""
    whole = len(samples) // WINDOW * WINDOW
    power = np.square(samples[:whole].reshape(-1, WINDOW)).mean(axis=1) if whole else np.zeros(1)
    level = float(np.sqrt(np.percentile(power, 5)))
    return (np.random.default_rng(7 + seed).standard_normal(count) * level).astype(np.float32)


Words = Callable[[Listened, float, float], Awaitable[str]]
"""What a recogniser would have understood between two moments of a recording, in seconds."""


class RecognizedWords:
    """What an engine understands of the sound; each stretch is recognised once. Raises ProviderError."""

    def __init__(self, engine: Recognizer) -> None:
        self._engine = engine
        self._known: dict[tuple[Path, int, int], str] = {}

    async def __call__(self, listened: Listened, begun: float, until: float) -> str:
        """Recognise the sound between the two moments, and a little around it."""
        first = max(0, round((begun - _PRE_ROLL) * LISTENING_RATE))
        last = round((until + _SURE) * LISTENING_RATE)
        key = (listened.recorded.path, first, last)
        if key not in self._known:
            text = ""
            sound = _once(listened.samples[first:last])
            async with scoped(self._engine.transcribe(sound)) as transcripts:
                async for transcript in transcripts:
                    text = transcript.text
            self._known[key] = text
        return self._known[key]


async def _once(samples: Samples) -> AsyncIterator[Samples]:
    yield samples


async def reference_words(listened: Listened, begun: float, until: float) -> str:
    """The words of the manifest, each at its place: spread evenly over the speech of its utterance.

    A word that was begun and not finished has not been understood.
    """
    found: list[str] = []
    for one in listened.recorded.utterances:
        words = one.text.split()
        places = _places(listened, one, len(words))
        first, last = bisect.bisect_left(places, begun), bisect.bisect_right(places, until + _SURE)
        found += words[first:last]
    return " ".join(found)


def _places(listened: Listened, one: LabelledUtterance, count: int) -> list[float]:
    """When each of `count` words has been said."""
    first, last = round(one.start / WINDOW_SECONDS), round(one.end / WINDOW_SECONDS)
    voiced = [
        index for index in range(first, last + 1) if listened.probabilities[index] >= GateOptions().start
    ]
    voiced = voiced or list(range(first, last + 1))
    ends = (voiced[max(0, round((word + 1) / count * len(voiced)) - 1)] for word in range(count))
    return [(end + 1) * WINDOW_SECONDS for end in ends]


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a turn, as it was decided."""

    time: float  # seconds in the recording: when
    began: float  # seconds: the first voiced sample of the turn
    stopped: float  # seconds: the last voiced sample
    text: str  # what was understood by then
    reason: str
    resumed: float | None = None  # seconds: when speech was heard again

    @property
    def pause(self) -> float | None:
        """Seconds that the speaker paused, as far as was heard."""
        return None if self.resumed is None else self.resumed - self.stopped


def at_most(options: EndpointOptions, silence: float) -> EndpointOptions:
    """The same decision, but never after more than `silence` seconds of it."""
    return replace(
        options,
        max_wait=silence,
        wait=min(options.wait, silence),
        min_wait=min(options.min_wait, silence),
        soft_end=min(options.soft_end, silence),
    )


async def decide(
    listened: Listened,
    options: EndpointOptions,
    words: Words | None,
    *,
    gate: GateOptions | None = None,
    edges: EdgeOptions | None = None,
    words_after: float = 0.2,
) -> list[Decision]:
    """Every end of a turn in the recording, the one that its end makes left out.

    `words` are asked at each soft end, and told to the endpointer `words_after` seconds later, as by a
    recogniser that needs so long; None: nothing is known of the words.
    """
    segmenter = Segmenter(gate=gate, endpoint=options, edges=edges)
    found: list[Decision] = []
    began: float | None = None
    text = ""
    due: tuple[float, str] | None = None  # a transcript on its way
    for index, probability in enumerate(listened.probabilities):
        start, now = index * WINDOW, index * WINDOW_SECONDS
        if due is not None and now >= due[0]:
            text, due = due[1], None
            segmenter.endpointer.recognised(text)
        window = Window(listened.samples[start : start + WINDOW], now)
        # To its end before anything is awaited: the segmenter works while it is iterated.
        for event in list(segmenter.push(window, probability)):
            if isinstance(event, SpeechStarted):
                due = None
                if found and found[-1].resumed is None:
                    found[-1] = replace(found[-1], resumed=event.time)
                began = event.time if began is None else began
            elif isinstance(event, SoftEnd) and words is not None:
                first = event.stopped if began is None else began
                due = (event.time + words_after, await words(listened, first, event.stopped))
            elif isinstance(event, TurnEnded):
                first = event.stopped if began is None else began
                found.append(Decision(event.time, first, event.stopped, text, str(event.reason)))
                began, text, due = None, "", None
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """One utterance judged."""

    recorded: Recorded
    utterance: LabelledUtterance
    delay: float | None  # seconds from its last voiced sample to the decision; None: there was none
    cuts: tuple[Decision, ...]  # those before it was over

    @property
    def cut_off(self) -> bool:
        """Whether the speaker was cut off at least once."""
        return bool(self.cuts)


def score(listened: Listened, decisions: Iterable[Decision]) -> list[Score]:
    """Each labelled utterance against the decisions that were made in it and after it."""
    utterances = listened.recorded.utterances
    ends = list(decisions)
    scores = []
    for index, one in enumerate(utterances):
        following = utterances[index + 1].start if index + 1 < len(utterances) else float("inf")
        over = one.end - _SURE
        cuts = tuple(end for end in ends if one.start <= end.time < over)
        last = next((end.time - one.end for end in ends if over <= end.time < following), None)
        scores.append(Score(listened.recorded, one, last, cuts))
    return scores


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the decision, over all utterances."""

    silence: float  # seconds: the longest that is waited for
    utterances: int
    cut_off: int  # of them
    unended: int
    delay: dict[str, float | None]  # seconds, by percentile: p50, p90

    @property
    def share(self) -> float:
        """Of the utterances that were cut off."""
        return self.cut_off / self.utterances if self.utterances else 0.0


def point_of(silence: float, scores: Sequence[Score]) -> Point:
    """What the scores of one setting come to."""
    delays = sorted(one.delay for one in scores if one.delay is not None)
    return Point(
        silence=silence,
        utterances=len(scores),
        cut_off=sum(one.cut_off for one in scores),
        unended=sum(one.delay is None for one in scores),
        delay={
            "p50": statistics.median(delays) if delays else None,
            "p90": percentile(delays, 0.9) if delays else None,
        },
    )
