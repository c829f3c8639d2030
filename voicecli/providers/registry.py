"""Which engines there are: those that ship with voicecli and those that other packages plug in.

An engine of our own is looked up in a table, so that finding one costs nothing. The entry points
`voicecli.asr`, `voicecli.llm`, `voicecli.tts` and `voicecli.vad` of installed packages are read only for a
name that the table lacks, or to list everything.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from voicecli.errors import LibraryMissing, ProviderError, UsageError
from voicecli.nearest import nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = [
    "BUILT_IN",
    "STAGES",
    "EngineClass",
    "Stage",
    "closest",
    "engine_class",
    "engines",
    "is_engine",
    "package_of",
]

Stage: TypeAlias = Literal["asr", "llm", "tts", "vad"]
STAGES: tuple[Stage, ...] = ("asr", "llm", "tts", "vad")

# In the order in which `auto` tries them.
BUILT_IN: Mapping[Stage, Mapping[str, str]] = {
    "asr": {
        "openai": "voicecli.providers.openai.transcriptions:OpenAIRecognizer",
        "moonshine": "voicecli.providers.moonshine:MoonshineRecognizer",
        "whisper": "voicecli.providers.whisper:WhisperRecognizer",
        "pocketsphinx": "voicecli.providers.pocketsphinx:PocketsphinxRecognizer",
        "simulated": "voicecli.providers.simulated:SimulatedRecognizer",
    },
    "llm": {
        "openai": "voicecli.providers.openai.chat_completions:OpenAILanguageModel",
        "assistant": "voicecli.providers.assistant:Assistant",
        "simulated": "voicecli.providers.simulated:SimulatedLanguageModel",
    },
    "tts": {
        "openai": "voicecli.providers.openai.audio_speech:OpenAISynthesizer",
        "kokoro": "voicecli.providers.kokoro:KokoroSynthesizer",
        "piper": "voicecli.providers.piper:PiperSynthesizer",
        "espeak": "voicecli.providers.espeak:EspeakSynthesizer",
        "simulated": "voicecli.providers.simulated:SimulatedSynthesizer",
    },
    "vad": {
        "silero": "voicecli.speech.silero:SileroDetector",
        "silero-torch": "voicecli.speech.silero_torch:SileroTorchDetector",
        "energy": "voicecli.speech.energy:EnergyDetector",
    },
}


class EngineClass(Protocol):
    """What the class of an engine offers before there is an object of it."""

    @property
    def Options(self) -> type[Any]: ...  # noqa: N802 - engines name their options class so

    def __call__(self, options: Any, **more: Any) -> Any: ...

    def missing(self, options: Any) -> str | None: ...


def engines(stage: Stage) -> list[str]:
    """The name of every engine of the stage: our own first, then the plug-ins by name."""
    return [*BUILT_IN[stage], *sorted(_plugins(stage))]


def package_of(stage: Stage, name: str) -> str:
    """The distribution that plugs the engine in; empty for our own."""
    point = _plugins(stage).get(name)
    return "" if point is None else point.dist.name if point.dist else "?"


def is_engine(stage: Stage, name: str) -> bool:
    """Whether there is an engine of that name, ours or plugged in."""
    return name in BUILT_IN[stage] or name in _plugins(stage)


def engine_class(stage: Stage, name: str) -> EngineClass:
    """The class of the engine called `name`.

    Raises UsageError for an unknown name, LibraryMissing or ProviderError for a broken plug-in.
    """
    if name in BUILT_IN[stage]:
        module, _, attribute = BUILT_IN[stage][name].partition(":")
        found: EngineClass = getattr(importlib.import_module(module), attribute)
        return found
    point = _plugins(stage).get(name)
    if point is None:
        raise unknown_engine(stage, name)
    return _load(stage, point)


def unknown_engine(stage: Stage, name: str) -> UsageError:
    """The error for a name that no engine has, with the nearest one that does."""
    known = engines(stage)
    meant = closest(name, known)
    hint = f"Did you mean {meant}? " if meant else ""
    return UsageError(f"There is no {stage} engine {name!r}.", f"{hint}Known: auto, {', '.join(known)}.")


def closest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that was probably meant."""
    return next(iter(nearest(word, known)), None)


def _load(stage: Stage, point: EntryPoint) -> EngineClass:
    package = point.dist.name if point.dist else point.module
    what = f"The {stage} engine {point.name} of {package}"
    why = ""
    try:
        found: EngineClass = point.load()
    except ImportError as exc:
        hint = f"Reinstall {package}, or choose another engine."
        raise LibraryMissing(f"{what} cannot be imported: {exc}.", hint) from exc
    except AttributeError:
        why = f"{point.value} does not exist"
    else:
        lacking = [name for name in ("name", "Options", "missing", "__aenter__") if not hasattr(found, name)]
        if not lacking:
            return found
        why = f"it has no {' and no '.join(lacking)}"
    hint = f"Update {package}, or choose another engine."
    raise ProviderError(f"{what} is not one that voicecli can use: {why}.", hint)


@functools.cache
def _plugins(stage: Stage) -> Mapping[str, EntryPoint]:
    """The plug-ins by name; a name that one of ours has stays ours."""
    from importlib.metadata import entry_points  # reading every package's metadata takes tens of ms

    found = entry_points(group=f"voicecli.{stage}")
    return {point.name: point for point in found if point.name not in BUILT_IN[stage]}
