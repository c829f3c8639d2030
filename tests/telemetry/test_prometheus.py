"""Numbers for Prometheus."""

import math
import urllib.request
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from voicecli.errors import UsageError
from voicecli.latency.timeline import Mark, Timeline
from voicecli.telemetry.prometheus import PIPELINES, Exposition, serve_metrics


def samples(exposition: Exposition) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every number by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exposition.text().decode())
        for sample in family.samples
    }


def value(exposition: Exposition, name: str, **labels: str) -> float | None:
    return samples(exposition).get((name, frozenset(labels.items())))


def test_names_of_the_protocol():
    exposition = Exposition("1.2")
    for pipeline in PIPELINES:
        for name in ("media_duration_seconds", "processing_duration_seconds", "rtf"):
            assert value(exposition, f"{name}_count", pipeline=pipeline) == 0
    assert value(exposition, "service_panics") == 0
    assert value(exposition, "voicecli_info", version="1.2") == 1


def test_pipelines_are_measured():
    exposition = Exposition()
    exposition.processed("vad_processing", 2.0, 0.5)
    assert value(exposition, "media_duration_seconds_sum", pipeline="vad_processing") == 2.0
    assert value(exposition, "processing_duration_seconds_sum", pipeline="vad_processing") == 0.5
    assert value(exposition, "rtf_sum", pipeline="vad_processing") == 0.25


def test_factor_is_always_finite():
    exposition = Exposition()
    for media, seconds in [
        (0.0, 1.0),
        (-1.0, 1.0),
        (math.nan, 1.0),
        (1.0, math.inf),
        (1.0, -1.0),
        (5e-324, 0.1),
    ]:
        exposition.processed("model_inference", media, seconds)
    for (name, _), number in samples(exposition).items():
        assert math.isfinite(number) or name.endswith("_bucket"), name


def test_panics_count():
    exposition = Exposition()
    exposition.panicked()
    assert value(exposition, "service_panics") == 1


def test_turn_is_observed():
    exposition = Exposition()
    timeline = Timeline({Mark.SPEECH_STOPPED: 1.0, Mark.TURN_ENDED: 1.25, Mark.FIRST_SOUND: 1.5})
    exposition.observe_turn(timeline)
    exposition.observe_turn(Timeline(), failed=True)
    exposition.observe_turn(Timeline(), interrupted=True)
    assert value(exposition, "voicecli_span_seconds_sum", span="endpoint") == 0.25
    assert value(exposition, "voicecli_span_seconds_sum", span="voice_to_voice") == 0.5
    assert value(exposition, "voicecli_span_seconds_count", span="ttft") == 0
    for outcome in ("finished", "interrupted", "failed"):
        assert value(exposition, "voicecli_turns_total", outcome=outcome) == 1


def test_sessions_come_and_go():
    exposition = Exposition()
    exposition.expect(mode=["simple"], reason=["token"], queue=["vad"], event=["segment"])
    exposition.add("sessions_begun", 2, "simple")
    exposition.add("sessions", 2, "simple")
    exposition.add("sessions", -1, "simple")
    exposition.refused("token")
    exposition.set("queue_depth", 3, "vad")
    exposition.delayed("segment", -0.1)
    assert value(exposition, "voicecli_sessions", mode="simple") == 1
    assert value(exposition, "voicecli_sessions_begun_total", mode="simple") == 2
    assert value(exposition, "voicecli_refused_total", reason="token") == 1
    assert value(exposition, "voicecli_queue_depth", queue="vad") == 3
    assert value(exposition, "voicecli_event_delay_seconds_sum", event="segment") == 0


def test_page_on_a_port_of_its_own():
    exposition = Exposition()
    with serve_metrics(exposition, 0) as url:
        exposition.panicked()
        port = urlsplit(url).port
        assert port is not None
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.headers["content-type"].startswith("text/plain")
            assert b"service_panics 1.0" in answer.read()
        with pytest.raises(UsageError, match=f"port {port}"), serve_metrics(exposition, port):
            pass
    with serve_metrics(exposition, port):
        pass
