"""What the recognition server tells those who watch it: values, and nothing of metrics or traces."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from voicecli.errors import VoiceError
from voicecli.wire.recognition import Format, Segment
from voicecli.workers.pool import PoolObserver

__all__ = ["HearingObserver", "Observer", "Pipeline"]

Pipeline: TypeAlias = Literal["audio_decoding", "vad_processing", "model_inference"]


class HearingObserver(PoolObserver, Protocol):
    """Watches what all sessions share; called on the event loop, and must be quick."""

    def processed(self, pipeline: Pipeline, media_seconds: float, seconds: float) -> None:
        """So much sound took so long; once a batch for the voice detector, once a job for the model."""
        ...


class Observer(Protocol):
    """Watches one session; called on the event loop, and must be quick."""

    def started(self, trace_id: str | None, format: Format) -> None:
        """A stream begins; also when a stop kept the socket and sound comes again."""
        ...

    def processed(self, pipeline: Pipeline, media_seconds: float, seconds: float) -> None:
        """So much sound of the session took so long to decode; about once a second of sound."""
        ...

    def active(self, channel: int, time: float) -> None:
        """Speech began at `time` of the stream's clock."""
        ...

    def inactive(self, channel: int, time: float, delay: float) -> None:
        """Speech ended at `time`; it was known `delay` seconds of sound later."""
        ...

    def segment(self, segment: Segment, latency: float) -> None:
        """A segment was answered, `latency` seconds after its last sound was there; one that is not final, so
        long after the engine was last given sound.
        """
        ...

    def failed(self, error: VoiceError, channel: int | None) -> None:
        """The client was told of an error. `error` may hold more than it was told: the hint."""
        ...

    def waited(self, seconds: float) -> None:
        """A message of the client had to wait for room."""
        ...

    def stopped(self) -> None:
        """The stream ended, and everything in it has been answered or dropped."""
        ...

    def ended(self) -> None:
        """The session is over; nothing comes after it."""
        ...
