"""Numbers for Prometheus: what is measured while serving and talking, and the page that shows it.

The names without a prefix are those of github.com/xd009642/streamer-template. The one file that imports
prometheus_client.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from voicecli.errors import LibraryMissing, UsageError
from voicecli.latency.timeline import Span, Timeline

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "PIPELINES", "Exposition", "MetricsServer", "Pipeline", "serve_metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Pipeline: TypeAlias = Literal["audio_decoding", "vad_processing", "model_inference"]
PIPELINES: Final[tuple[Pipeline, ...]] = ("audio_decoding", "vad_processing", "model_inference")

# Seconds. Those of the project named above from 0.25 on; decoding and VAD take less.
_DURATIONS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
    0.25, 0.5, 0.75, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 60.0, 90.0, 120.0, 300.0,
)  # fmt: skip
_RTFS: Final = (
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.1, 1.2, 1.3, 1.4,
    1.5, 1.75, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0,
)  # fmt: skip
_LATENCIES: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0,
)  # fmt: skip
_SAMPLE: Final = 1e-6  # seconds: less than a sample of any rate lasts


class Exposition:
    """Every number, and the text that shows them all; may be used from any thread.

    Labels have few values, which are fixed by the program or the settings: nothing that a client sends
    becomes one. Raises LibraryMissing.
    """

    def __init__(self, version: str = "") -> None:
        client = _library()
        client.disable_created_metrics()  # a line for each number, saying when it was first counted
        self._registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self._registry)
        self._panics = _Panics()
        self._registry.register(self._panics)
        info = self._gauge("voicecli_info", "Which version this is.", ["version"])
        info.labels(version).set(1)
        self._pipelines(client)
        self._serving()
        self._turns()

    def _pipelines(self, client: Any) -> None:
        def histogram(name: str, help: str, buckets: Sequence[float]) -> Histogram:
            made: Histogram = client.Histogram(
                name, help, ["pipeline"], registry=self._registry, buckets=buckets
            )
            for pipeline in PIPELINES:
                made.labels(pipeline)
            return made

        self._media = histogram("media_duration_seconds", "Length of the audio worked on.", _DURATIONS)
        self._processing = histogram(
            "processing_duration_seconds", "Time that working on it took.", _DURATIONS
        )
        self._rtf = histogram("rtf", "Time taken for a second of audio.", _RTFS)

    def _serving(self) -> None:
        self._ready = self._gauge("voicecli_ready", "1 while new sessions are taken.")
        self._connections = self._gauge("voicecli_connections", "Sockets that are open.")
        self._sessions = self._gauge("voicecli_sessions", "Sessions that are open.", ["mode"])
        self._begun = self._counter("voicecli_sessions_begun", "Sessions since the start.", ["mode"])
        self._queued = self._gauge("voicecli_queue_depth", "What waits to be worked on.", ["queue"])
        self._refused = self._counter("voicecli_refused", "Clients sent away, and why.", ["reason"])
        self._refused_tokens = self._counter(
            "voicecli_refused_tokens", "Clients sent away though their token is known.", ["token", "reason"]
        )
        self._failed = self._counter("voicecli_failures", "Error messages sent to clients.", ["kind"])
        self._held = self._counter(
            "voicecli_throttled_seconds", "Time that clients waited for their token's share of audio."
        )
        self._delay = self._histogram(
            "voicecli_event_delay_seconds", "From the audio that caused an event to the event.", ["event"]
        )

    def _turns(self) -> None:
        self._spans = self._histogram("voicecli_span_seconds", "Spans of spoken turns.", ["span"])
        for span in Span:
            self._spans.labels(span.value)
        self._turn = self._counter("voicecli_turns", "Spoken turns, and how they ended.", ["outcome"])
        for outcome in ("finished", "interrupted", "failed"):
            self._turn.labels(outcome)

    def text(self) -> bytes:
        """The page, in the format of `CONTENT_TYPE`."""
        page: bytes = _library().generate_latest(self._registry)
        return page

    # Recognition

    def processed(self, pipeline: Pipeline, media: float, seconds: float) -> None:
        """So many seconds of audio went through `pipeline` in so many seconds."""
        if not (math.isfinite(media) and math.isfinite(seconds)):
            return
        media, seconds = max(media, 0.0), max(seconds, 0.0)
        self._media.labels(pipeline).observe(media)
        self._processing.labels(pipeline).observe(seconds)
        if media > _SAMPLE:  # without audio there is no factor
            self._rtf.labels(pipeline).observe(seconds / media)

    def panicked(self) -> None:
        """A task ended by a defect of ours."""
        self._panics.count += 1

    # Serving

    def expect(
        self,
        *,
        modes: Sequence[str] = (),
        reasons: Sequence[str] = (),
        queues: Sequence[str] = (),
        events: Sequence[str] = (),
    ) -> None:
        """Show these at 0 from the start, so that a rate over them begins with the first."""
        for mode in modes:
            self._sessions.labels(mode)
            self._begun.labels(mode)
        for reason in reasons:
            self._refused.labels(reason)
        for queue in queues:
            self._queued.labels(queue)
        for event in events:
            self._delay.labels(event)

    def ready(self, ready: bool) -> None:
        self._ready.set(int(ready))

    def connections(self, count: int) -> None:
        self._connections.set(count)

    def session_began(self, mode: str) -> None:
        self._sessions.labels(mode).inc()
        self._begun.labels(mode).inc()

    def session_ended(self, mode: str) -> None:
        self._sessions.labels(mode).dec()

    def queue_depth(self, queue: str, depth: int) -> None:
        self._queued.labels(queue).set(depth)

    def refused(self, reason: str, token: str | None = None) -> None:
        """`token` is the name of the one that was shown, where it is known."""
        self._refused.labels(reason).inc()
        if token is not None:
            self._refused_tokens.labels(token, reason).inc()

    def failed(self, kind: str) -> None:
        self._failed.labels(kind).inc()

    def throttled(self, seconds: float) -> None:
        self._held.inc(max(seconds, 0.0))

    def event_delay(self, event: str, seconds: float) -> None:
        if math.isfinite(seconds):
            self._delay.labels(event).observe(max(seconds, 0.0))

    # Turns

    def observe_turn(self, timeline: Timeline, *, interrupted: bool = False, failed: bool = False) -> None:
        """The spans of one turn; those that it did not reach count nowhere."""
        self._turn.labels("failed" if failed else "interrupted" if interrupted else "finished").inc()
        for span, seconds in timeline.spans().items():
            if seconds is not None:
                self._spans.labels(span.value).observe(seconds)

    def _gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        made: Gauge = _library().Gauge(name, help, labels, registry=self._registry)
        return made

    def _counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        made: Counter = _library().Counter(name, help, labels, registry=self._registry)
        return made

    def _histogram(self, name: str, help: str, labels: Sequence[str]) -> Histogram:
        made: Histogram = _library().Histogram(
            name, help, labels, registry=self._registry, buckets=_LATENCIES
        )
        return made


class _Panics:
    """`service_panics` by that very name: the library's own counters end in `_total`."""

    def __init__(self) -> None:
        self.count = 0

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import UnknownMetricFamily

        yield UnknownMetricFamily("service_panics", "Tasks that a defect ended.", self.count)


class MetricsServer:
    """A page `/metrics` on a port of its own, in a thread of its own; close it or use it with `with`."""

    def __init__(self, exposition: Exposition, port: int, host: str = "127.0.0.1") -> None:
        client = _library()
        try:
            self._server, self._thread = client.start_http_server(port, host, exposition._registry)
        except OSError as error:
            raise UsageError(
                f"Metrics cannot be shown on port {port}: {error.strerror or error}.", "Choose another port."
            ) from error
        self.port: int = self._server.server_port

    @property
    def url(self) -> str:
        host = self._server.server_address[0]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/metrics"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(1.0)

    def __enter__(self) -> MetricsServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def serve_metrics(exposition: Exposition, port: int, host: str = "127.0.0.1") -> MetricsServer:
    """Show `exposition` at `http://host:port/metrics`; port 0 takes any. Raises UsageError."""
    return MetricsServer(exposition, port, host)


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise LibraryMissing(
            "Metrics need prometheus_client.", "Run `pip install 'voicecli[telemetry]'`."
        ) from error
    return prometheus_client
