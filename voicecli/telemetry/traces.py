"""Traces for OpenTelemetry: one of every spoken turn, one of every session that is served.

Spans are made from times that were measured already, so that tracing adds nothing to what it describes; they
leave in batches from a thread of their own. The one file that imports opentelemetry.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from voicecli.errors import LibraryMissing, UsageError
from voicecli.latency.timeline import SPANS, Timeline
from voicecli.telemetry.traceparent import Traceparent

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span as OtelSpan

__all__ = ["Attributes", "Trace", "Tracer"]

log = logging.getLogger(__name__)

Attributes: TypeAlias = Mapping[str, str | bool | int | float]

_PATH: Final = "/v1/traces"  # of a collector's OTLP/HTTP receiver
_BATCH: Final = 1.0  # seconds that a span waits for others to leave with
_TIMEOUT: Final = 5.0  # seconds for the collector to take a batch
_PAUSE: Final = 30.0  # seconds after a failure in which spans are dropped instead of sent
_WAITING: Final = 2048  # spans; more are dropped
_NOISY: Final = (
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.trace.export",
)


class Trace:
    """A span that is under way, with spans below it; times are monotonic seconds."""

    def __init__(self, tracer: Tracer, span: OtelSpan) -> None:
        self._tracer = tracer
        self._span = span
        context = span.get_span_context()
        self.parent = Traceparent(context.trace_id, context.span_id, context.trace_flags.sampled)

    def note(self, attributes: Attributes) -> None:
        """Add to what is known about the span."""
        self._span.set_attributes(dict(attributes))

    def span(
        self, name: str, began: float, ended: float, attributes: Attributes | None = None, error: str = ""
    ) -> None:
        """A span below this one, from `began` to `ended`."""
        span = self._tracer.begin(name, began, self.parent, attributes, remote=False)
        span.end(ended, error)

    def end(self, ended: float | None = None, error: str = "") -> None:
        """The span is over; `error` says how it failed, if it did. What comes after is ignored."""
        if error:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, error))
        self._span.end(end_time=_nanoseconds(time.monotonic() if ended is None else ended))


class Tracer:
    """Makes traces and sends them to `url`, a collector that speaks OTLP over HTTP.

    A collector that is not there costs one warning and the spans. Raises LibraryMissing, and UsageError for
    what is no URL.
    """

    def __init__(self, url: str, *, service: str = "voicecli", version: str = "") -> None:
        if not url.startswith(("http://", "https://")):
            raise UsageError(f"{url!r} is no URL of a collector.", "It looks like http://localhost:4318.")
        for name in _NOISY:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # it would complain of every batch
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise LibraryMissing(
                "Traces need OpenTelemetry.", "Run `pip install 'voicecli[telemetry]'`."
            ) from error
        target = url.rstrip("/")
        target = target if target.endswith(_PATH) else target + _PATH
        self._way = _Way(OTLPSpanExporter(endpoint=target, timeout=_TIMEOUT), target)
        way = cast("SpanExporter", self._way)  # whose base class would be loaded too early
        self._processor = BatchSpanProcessor(
            way, max_queue_size=_WAITING, schedule_delay_millis=_BATCH * 1000
        )
        resource = Resource.create({"service.name": service, "service.version": version})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("voicecli")

    def begin(
        self,
        name: str,
        began: float | None = None,
        parent: Traceparent | None = None,
        attributes: Attributes | None = None,
        *,
        remote: bool = True,
    ) -> Trace:
        """A span that begins now or at `began`, below `parent` or as the root of a new trace."""
        from opentelemetry import trace
        from opentelemetry.context import Context

        context = Context()
        if parent is not None:
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if parent.sampled else 0)
            above = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=remote, trace_flags=flags)
            context = trace.set_span_in_context(trace.NonRecordingSpan(above), context)
        kind = trace.SpanKind.SERVER if remote and parent is not None else trace.SpanKind.INTERNAL
        start = _nanoseconds(time.monotonic() if began is None else began)
        return Trace(
            self,
            self._tracer.start_span(name, context, kind, dict(attributes or {}), start_time=start),
        )

    def turn(
        self,
        timeline: Timeline,
        attributes: Attributes | None = None,
        error: str = "",
        parent: Traceparent | None = None,
    ) -> None:
        """A trace of a finished turn, with a span for each that the turn reached."""
        if not timeline.marks:
            return
        began, ended = min(timeline.marks.values()), max(timeline.marks.values())
        turn = self.begin("turn", began, parent, attributes)
        for span, (first, last) in SPANS.items():
            if timeline.span(span) is not None:
                begin = timeline.marks[first]
                turn.span(span.value, begin, max(begin, timeline.marks[last]))
        turn.end(ended, error)

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, for at most `timeout` seconds."""
        # Its own shutdown may wait for as long as the collector keeps it waiting.
        ending = threading.Thread(target=self._processor.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(timeout)
        if ending.is_alive():
            self._way.warn()


class _Way:
    """The way to the collector, which may be closed: then spans are dropped for a while."""

    def __init__(self, exporter: SpanExporter, target: str) -> None:
        self._inner = exporter
        self._target = target
        self._closed_until = 0.0
        self._warned = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Whether they have arrived."""
        from opentelemetry.sdk.trace.export import SpanExportResult

        if time.monotonic() < self._closed_until:
            return SpanExportResult.FAILURE
        result = self._inner.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._warned = False
        else:
            self._closed_until = time.monotonic() + _PAUSE
            self.warn()
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def warn(self) -> None:
        """Say once that nothing arrives."""
        if not self._warned:
            self._warned = True
            log.warning("Traces do not reach %s; they are dropped until they do.", self._target)


def _nanoseconds(monotonic: float) -> int:
    """Monotonic seconds as the nanoseconds since 1970 that spans carry."""
    return time.time_ns() + int((monotonic - time.monotonic()) * 1e9)
