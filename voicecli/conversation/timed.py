"""Text and the sound that belongs to it, as flows pass them on."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.audio.lengths import AnyFormat

__all__ = ["AudioWithText", "TimedText"]


@dataclass(frozen=True, slots=True)
class AudioWithText:
    """A phrase as sound and as text."""

    audio: bytes  # a whole stream in `audio_format`
    text: str
    audio_format: AnyFormat


@dataclass(frozen=True, slots=True)
class TimedText:
    """Text and how long it takes to be heard."""

    text: str
    duration_in_seconds: float
    event_name: str = "timed_text"
