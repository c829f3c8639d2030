"""What is seen of sessions: numbers for Prometheus, spans for OpenTelemetry, lines in the log."""

from __future__ import annotations

import logging
from time import monotonic

from voicecli.errors import VoiceError
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.telemetry.logs import enter_trace, traced
from voicecli.telemetry.prometheus import Exposition, Pipeline
from voicecli.telemetry.traceparent import Traceparent, new_traceparent, parse_traceparent
from voicecli.telemetry.traces import Attributes, Trace, Tracer
from voicecli.wire.recognition import Format, Segment

__all__ = ["SessionWatch", "Watch"]

log = logging.getLogger(__name__)

_FILTER = 1.0  # seconds of audio that cost as much as a filter for a rate nobody had yet


class Watch:
    """Watches what all sessions share; called on the event loop."""

    def __init__(self, exposition: Exposition) -> None:
        self._exposition = exposition

    def processed(self, pipeline: Pipeline, media_seconds: float, seconds: float) -> None:
        self._exposition.processed(pipeline, media_seconds, seconds)

    def panicked(self, pipeline: Pipeline) -> None:
        self._exposition.panicked()
        log.error("A defect ended what was under way in %s.", pipeline)

    def queued(self, jobs: int) -> None:
        self._exposition.set("queue_depth", jobs, "recognition")


class SessionWatch:
    """Watches one session; called on the event loop. What was said is in the log with `log_text` only."""

    def __init__(
        self,
        exposition: Exposition,
        tracer: Tracer | None,
        mode: str,
        parent: Traceparent | None,
        *,
        log_text: bool = False,
    ) -> None:
        self._exposition = exposition
        self._tracer = tracer
        self._mode = mode
        self._header = parent
        self._log_text = log_text
        self._trace: Trace | None = None
        self._parent: Traceparent | None = None  # of what the log says about the stream
        self._nonsense = False  # a trace_id was none, and that has been said
        self._segments = 0
        self._heard = 0.0  # seconds of sound of the stream
        self._spoken: dict[int, float] = {}  # by channel: when speech began, monotonic
        self.heard = 0.0  # seconds of sound, or what costs as much, since somebody last looked

    def started(self, trace_id: str | None, format: Format) -> None:
        """A stream begins; also when a stop kept the socket and sound comes again."""
        own = parse_traceparent(trace_id)
        if trace_id is not None and own is None and not self._nonsense:
            self._nonsense = True
            log.warning("The trace_id of a start is no traceparent, and is ignored.")
        parent = own or self._header
        if self._tracer is not None:
            attributes: Attributes = {
                "voicecli.mode": self._mode,
                "voicecli.channels": format.channels,
                "voicecli.sample_rate": format.sample_rate,
            }
            self._trace = self._tracer.begin("session", parent=parent, attributes=attributes)
            self._parent = self._trace.parent
        else:
            self._parent = parent or new_traceparent()
        enter_trace(self._parent)
        if format.sample_rate != LISTENING_RATE:
            self.heard += _FILTER  # counts with the token's audio
        self._segments, self._heard = 0, 0.0
        log.info(
            "A %s stream begins: %d channels, %d samples a second.",
            self._mode,
            format.channels,
            format.sample_rate,
        )

    def decoded(self, media_seconds: float, seconds: float) -> None:
        """So much sound took so long to decode; told about once a second of sound."""
        self._exposition.processed("audio_decoding", media_seconds, seconds)
        self.heard += media_seconds
        self._heard += media_seconds

    def active(self, channel: int) -> None:
        self._spoken[channel] = monotonic()

    def inactive(self, channel: int, delay: float) -> None:
        """Speech ended, which was known `delay` seconds of sound later."""
        self._exposition.delayed("inactive", delay)
        began = self._spoken.pop(channel, None)
        if self._trace is not None and began is not None:
            self._trace.span("speech", began, monotonic(), {"voicecli.channel": channel})

    def segment(self, segment: Segment, latency: float) -> None:
        """One was answered, `latency` seconds after its last sound was there; one that is not final, so long
        after the engine was last given sound.
        """
        if segment.is_final is False:
            self._exposition.delayed("interim", latency)
            return
        self._exposition.delayed("segment", latency)
        self._segments += 1
        length = segment.end_time - segment.start_time
        if self._trace is not None:
            now = monotonic()
            attributes: Attributes = {"voicecli.channel": segment.channel, "voicecli.audio": length}
            self._trace.span("recognition", now - max(latency, 0.0), now, attributes)
        if self._log_text:
            log.info("Channel %d, %.2f s: %s", segment.channel, length, segment.text)
        else:
            log.debug("Channel %d, %.2f s.", segment.channel, length)

    def failed(self, error: VoiceError) -> None:
        self._exposition.add("failures", 1, error.kind)
        # Its words may repeat what the client sent.
        log.info("The client was told of an error (%s).", error.kind)
        if self._trace is not None:
            self._trace.note({"error.type": error.kind})

    def waited(self, seconds: float) -> None:
        """A message of the client had to wait for room."""
        log.debug("The client waited %.3f s for room.", seconds)

    def stopped(self) -> None:
        """The stream ended, and everything in it has been answered or dropped."""
        with traced(self._parent):  # whichever task ends it
            log.info("The stream ended: %.1f s of sound, %d segments.", self._heard, self._segments)
        if self._trace is not None:
            self._trace.note({"voicecli.segments": self._segments, "voicecli.audio": self._heard})
            self._trace.end()
            self._trace = None

    def ended(self) -> None:
        if self._trace is not None:  # the client went in the middle of it
            self.stopped()
