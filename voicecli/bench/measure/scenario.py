"""Scenarios: simulated engines with the delays of a pipeline that others know.

`tutorial` is the streaming voice agent of many an introduction: partial transcripts every 0.08 s and 0.3 s to
make the last one final, 0.3 s to the first token, 0.02 s a token, 0.15 s to the first chunk of speech. Its
answer has eight tokens, so that in its order (all of the answer, then speech) 0.3 + 7 × 0.02 + 0.15 = 0.59 s
lie between the transcript and the first chunk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from voicecli.bench.measure.partner import SerialOptions
from voicecli.config import Loaded
from voicecli.config.settings import Engines as StageEngines
from voicecli.errors import UsageError
from voicecli.providers.registry import Stage
from voicecli.providers.simulated import (
    SimulatedLanguageModelOptions,
    SimulatedRecognizerOptions,
    SimulatedSynthesizerOptions,
)

__all__ = ["SCENARIOS", "Scenario", "find_scenario"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Engines, and the order that they are used in elsewhere."""

    said: str  # what is simulated, for people
    asr: SimulatedRecognizerOptions
    llm: SimulatedLanguageModelOptions
    tts: SimulatedSynthesizerOptions
    serial: SerialOptions

    def over(self, loaded: Loaded) -> Loaded:
        """The settings with its engines in them."""
        stages: tuple[Stage, ...] = ("asr", "llm", "tts")
        changed = {}
        for stage in stages:
            engines = StageEngines(stage, {"simulated": getattr(self, stage)})
            changed[stage] = replace(getattr(loaded.settings, stage), engine="simulated", engines=engines)
        return replace(loaded, settings=replace(loaded.settings, **changed))


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "tutorial": Scenario(
            said="asr 0.08 s a partial, 0.3 s to the final; llm 0.3 s, then 0.02 s a token; tts 0.15 s",
            asr=SimulatedRecognizerOptions(partial=0.08, delay=0.3),
            llm=SimulatedLanguageModelOptions(
                ttft=0.3, tokens_per_second=50.0, texts=("It is sunny today, about twenty degrees outside.",)
            ),
            tts=SimulatedSynthesizerOptions(ttfb=0.15),
            serial=SerialOptions(silence=0.5, whole_speech=False, streamed_recognition=True),
        )
    }
)


def find_scenario(name: str) -> Scenario:
    """Raises UsageError."""
    if name not in SCENARIOS:
        raise UsageError(f"There is no scenario {name!r}.", f"There is {', '.join(SCENARIOS)}.")
    return SCENARIOS[name]
