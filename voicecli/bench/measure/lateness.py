"""Why a turn was as late as it was: what no engine's delay accounts for, and which stage is to blame."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from voicecli.latency.timeline import STAGE_SPANS, Mark, Span, Timeline
from voicecli.providers.simulated import (
    SimulatedLanguageModelOptions,
    SimulatedRecognizerOptions,
    SimulatedSynthesizerOptions,
)
from voicecli.reply.phrases import PhraseCutter, PhraseOptions

__all__ = ["Blame", "Stated", "blame", "first_phrase_tokens", "usual_waits"]

_LATE = 1.2  # times the median from which a turn is late without a budget
_LATE_BY = 0.05  # seconds that it must be above the median at the least


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """The delays that simulated engines say they have, in seconds."""

    asr: float  # from the end of the audio to the transcript
    ttft: float  # from the question to the first token
    token: float  # between two tokens
    ttfb: float  # from the phrase to its first byte
    silence: float = 0.0  # at the beginning of the speech

    @classmethod
    def of(cls, asr: object, llm: object, tts: object) -> Self | None:
        """What engines with these options say; None where one is not simulated, and with any jitter."""
        if not isinstance(asr, SimulatedRecognizerOptions) or not isinstance(
            llm, SimulatedLanguageModelOptions
        ):
            return None
        if not isinstance(tts, SimulatedSynthesizerOptions) or asr.jitter or llm.jitter or tts.jitter:
            return None
        token = 1 / llm.tokens_per_second if llm.tokens_per_second else 0.0
        return cls(asr=asr.delay, ttft=llm.ttft, token=token, ttfb=tts.ttfb, silence=tts.leading_silence)

    def first_sound(self, timeline: Timeline, tokens: int, latency: float) -> float | None:
        """The earliest moment at which the reply could have been heard; None where a mark is missing.

        Each engine is asked the moment what it needs exists, the first phrase is spoken when its last of
        `tokens` has come, and nothing is heard before the turn has ended. `latency` is the loudspeaker's.
        """
        marks = timeline.marks
        ended = marks.get(Mark.TURN_ENDED)
        if ended is None:
            return None
        begun = marks.get(Mark.SOFT_END, ended)
        made = begun + self.asr + self.ttft + max(0, tokens - 1) * self.token + self.ttfb
        return max(ended, made) + self.silence + latency

    def overhead(self, timeline: Timeline, tokens: int, latency: float) -> float | None:
        """Seconds by which the first sound came later than that."""
        best, heard = self.first_sound(timeline, tokens, latency), timeline.marks.get(Mark.FIRST_SOUND)
        return None if best is None or heard is None else heard - best


def first_phrase_tokens(tokens: Sequence[str], options: PhraseOptions) -> int:
    """How many of a reply's tokens its first phrase is made of: what lies behind it is not waited for."""
    needed = _first_phrase(PhraseCutter(options), tokens)
    lengths = accumulate(map(len, tokens))
    return next((count for count, length in enumerate(lengths, 1) if length >= needed), len(tokens))


def _first_phrase(cutter: PhraseCutter, tokens: Sequence[str]) -> int:
    """Characters up to the last one of the first phrase that has something to say."""
    before = 0
    for phrases in (*(cutter.push(token) for token in tokens), cutter.flush()):
        for phrase in phrases:
            if phrase.strip():
                return before + len(phrase.rstrip())
            before += len(phrase)
    return before


@dataclass(frozen=True, slots=True)
class Blame:
    """The stage that made a turn late."""

    stage: str  # endpoint, asr, llm, tts or playout
    by: float  # seconds above what it usually takes, above its budget, or above nothing
    against: str  # "median", "budget", or "nothing" where no stage is over its own and all are together


def usual_waits(turns: Sequence[Timeline]) -> dict[str, float]:
    """The median of each stage's wait, over the turns that were heard; empty without any."""
    waits = [found for turn in turns if (found := turn.waits())]
    return {stage: statistics.median(one[stage] for one in waits) for stage in (waits[0] if waits else ())}


def blame(
    timeline: Timeline, usual: Mapping[str, float], median: float, budgets: Mapping[Span, float]
) -> Blame | None:
    """Who made the turn late; None when it was not, or was not heard.

    A turn is late that took a fifth longer than the `median` of voice_to_voice, and then the stage is to
    blame that is furthest above its `usual` wait. One that is over its budget and no later than others is
    the fault of the stage that is furthest above its own budget, or of the longest one if none is.
    """
    waits = timeline.waits()
    if not waits:
        return None
    took = sum(waits.values())
    if took > max(median * _LATE, median + _LATE_BY):
        stage, excess = _furthest(waits, usual)
        return Blame(stage, excess, "median")
    limit = budgets.get(Span.VOICE_TO_VOICE, 0.0)
    if limit and took > limit:
        own = {stage: sum(budgets.get(span, 0.0) for span in spans) for stage, spans in STAGE_SPANS.items()}
        stage, excess = _furthest(waits, own)
        return Blame(stage, excess, "budget") if excess > 0 else Blame(*_furthest(waits, {}), "nothing")
    return None


def _furthest(waits: Mapping[str, float], reference: Mapping[str, float]) -> tuple[str, float]:
    beyond = {stage: wait - reference.get(stage, 0.0) for stage, wait in waits.items()}
    stage = max(beyond, key=lambda name: beyond[name])
    return stage, beyond[stage]
