"""Speech: text in, audio out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from voicecli.audio.format import StreamFormat
from voicecli.nearest import nearest
from voicecli.providers.engine import Engine

__all__ = [
    "HasLanguage",
    "HasSpeed",
    "HasVoices",
    "Synthesizer",
    "Voice",
    "nearest_voices",
    "spoken_language",
]


class Synthesizer(Engine, Protocol):
    """Says one phrase."""

    @property
    def format(self) -> StreamFormat:
        """How the bytes of `synthesize` carry sound."""
        ...

    def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yield the encoded speech for `text`, in chunks of any length, as soon as each exists.

        Every call is one complete stream in `format`. Text without anything to say yields nothing. Closing
        the iterator early cancels the request. Calls may overlap. Raises ProviderError.
        """
        ...


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice that an engine can speak with."""

    name: str  # what `--voice` takes
    language: str = ""  # BCP 47, empty when it speaks several or the engine does not say
    description: str = ""


@runtime_checkable
class HasLanguage(Protocol):
    """An engine that knows what its voice speaks."""

    @property
    def language(self) -> str:
        """BCP 47; empty when it does not know."""
        ...


@runtime_checkable
class HasSpeed(Protocol):
    """An engine that can speak faster and slower while it is open."""

    speed: float  # times normal, of what is asked for from now on; 0.5 to 2 and what the options allow


def spoken_language(engine: object) -> str:
    """The language of the engine's voice; English when it does not say."""
    return (engine.language if isinstance(engine, HasLanguage) else "") or "en"


def nearest_voices(engine: str, wanted: str, known: Iterable[str], sign: str = "") -> str:
    """A hint: the voices that were probably meant, each with `sign` before it, and where all are listed."""
    near = nearest(wanted, known, 5)
    listed = f"voicecli tts --tts {engine} --list-voices lists them."
    return f"The nearest: {', '.join(sign + name for name in near)}. {listed}" if near else listed


@runtime_checkable
class HasVoices(Protocol):
    """An engine that can list its voices."""

    async def voices(self) -> Sequence[Voice]:
        """Every voice, sorted by language and name. Raises ProviderError."""
        ...
