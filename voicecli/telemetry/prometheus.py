"""Numbers for Prometheus: what is measured while serving and talking, and the page that shows it.

The names without a prefix are those of github.com/xd009642/streamer-template. The one file that imports
prometheus_client.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from voicecli.errors import LibraryMissing, UsageError
from voicecli.latency.timeline import Span, Timeline

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "PIPELINES", "Exposition", "Pipeline", "serve_metrics"]

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
_METRICS: Final = {  # kind, what it tells, labels
    "voicecli_info": ("Gauge", "Which version this is.", "version"),
    "media_duration_seconds": (_DURATIONS, "Length of the audio worked on.", "pipeline"),
    "processing_duration_seconds": (_DURATIONS, "Time that working on it took.", "pipeline"),
    "rtf": (_RTFS, "Time taken for a second of audio.", "pipeline"),
    "voicecli_ready": ("Gauge", "1 while new sessions are taken.", ""),
    "voicecli_connections": ("Gauge", "Sockets that are open.", ""),
    "voicecli_sessions": ("Gauge", "Sessions that are open.", "mode"),
    "voicecli_sessions_begun": ("Counter", "Sessions since the start.", "mode"),
    "voicecli_queue_depth": ("Gauge", "What waits to be worked on.", "queue"),
    "voicecli_refused": ("Counter", "Clients sent away, and why.", "reason"),
    "voicecli_refused_tokens": ("Counter", "Clients sent away though their token is known.", "token reason"),
    "voicecli_failures": ("Counter", "Error messages sent to clients.", "kind"),
    "voicecli_throttled_seconds": (
        "Counter",
        "Time that clients waited for their token's share of audio.",
        "",
    ),
    "voicecli_event_delay_seconds": (
        _LATENCIES,
        "From the audio that caused an event to the event.",
        "event",
    ),
    "voicecli_span_seconds": (_LATENCIES, "Spans of spoken turns.", "span"),
    "voicecli_turns": ("Counter", "Spoken turns, and how they ended.", "outcome"),
}


class Exposition:
    """Every number, and the text that shows them all; may be used from any thread.

    Labels have few values, which are fixed by the program or the settings: nothing that a client sends
    becomes one. Raises LibraryMissing.
    """

    def __init__(self, version: str = "") -> None:
        client = _library()
        client.disable_created_metrics()  # a line for each number, saying when it was first counted
        self.registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self.registry)
        self._panics = _Panics()
        self.registry.register(self._panics)
        self._metrics = {
            name: getattr(client, kind)(name, help, labels.split(), registry=self.registry)
            if isinstance(kind, str)
            else client.Histogram(name, help, labels.split(), registry=self.registry, buckets=kind)
            for name, (kind, help, labels) in _METRICS.items()
        }
        self.set("info", 1, version)
        self.expect(
            pipeline=PIPELINES,
            span=[span.value for span in Span],
            outcome=("finished", "interrupted", "failed"),
        )

    def expect(self, **values: Iterable[str]) -> None:
        """Show these values of labels at 0 from the start, so that a rate over them begins with the first."""
        for name, (_, _, label) in _METRICS.items():
            for value in values.get(label, ()):
                self._metrics[name].labels(value)

    def text(self) -> bytes:
        """The page, in the format of `CONTENT_TYPE`."""
        page: bytes = _library().generate_latest(self.registry)
        return page

    def set(self, name: str, value: float, *labels: str) -> None:
        """The number of that name, which goes up and down, is `value`."""
        self._metric(f"voicecli_{name}", labels).set(value)

    def add(self, name: str, value: float = 1, *labels: str) -> None:
        """It has become more, or where it goes up and down, less."""
        self._metric(f"voicecli_{name}", labels).inc(value)

    def delayed(self, event: str, seconds: float) -> None:
        """An event came so long after the audio that caused it."""
        if math.isfinite(seconds):
            self._metric("voicecli_event_delay_seconds", (event,)).observe(max(seconds, 0.0))

    def refused(self, reason: str, token: str | None = None) -> None:
        """Somebody was; `token` is the name of the one that was shown, where it is known."""
        self.add("refused", 1, reason)
        if token is not None:
            self.add("refused_tokens", 1, token, reason)

    def processed(self, pipeline: Pipeline, media: float, seconds: float) -> None:
        """So many seconds of audio went through `pipeline` in so many seconds."""
        if not (math.isfinite(media) and math.isfinite(seconds)):
            return
        media, seconds = max(media, 0.0), max(seconds, 0.0)
        self._metric("media_duration_seconds", (pipeline,)).observe(media)
        self._metric("processing_duration_seconds", (pipeline,)).observe(seconds)
        if media > _SAMPLE:  # without audio there is no factor
            self._metric("rtf", (pipeline,)).observe(seconds / media)

    def panicked(self) -> None:
        """A task ended by a defect of ours."""
        self._panics.count += 1

    def observe_turn(self, timeline: Timeline, *, interrupted: bool = False, failed: bool = False) -> None:
        """The spans of one turn; those that it did not reach count nowhere."""
        self.add("turns", 1, "failed" if failed else "interrupted" if interrupted else "finished")
        for span, seconds in timeline.spans().items():
            if seconds is not None:
                self._metric("voicecli_span_seconds", (span.value,)).observe(seconds)

    def _metric(self, name: str, labels: tuple[str, ...]) -> Any:
        metric = self._metrics[name]
        return metric.labels(*labels) if labels else metric


class _Panics:
    """`service_panics` by that very name: the library's own counters end in `_total`."""

    def __init__(self) -> None:
        self.count = 0

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import UnknownMetricFamily

        yield UnknownMetricFamily("service_panics", "Tasks that a defect ended.", self.count)


@contextmanager
def serve_metrics(exposition: Exposition, port: int, host: str = "127.0.0.1") -> Iterator[str]:
    """A page `/metrics` in a thread and on a port of its own, 0 for any; its URL. Raises UsageError."""
    try:
        server, thread = _library().start_http_server(port, host, exposition.registry)
    except OSError as error:
        raise UsageError(
            f"Metrics cannot be shown on port {port}: {error.strerror or error}.", "Choose another port."
        ) from error
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(1.0)


def _library() -> Any:
    try:
        import prometheus_client
    except ImportError as error:
        raise LibraryMissing(
            "Metrics need prometheus_client.", "Run `pip install 'voicecli[telemetry]'`."
        ) from error
    return prometheus_client
