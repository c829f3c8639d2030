"""Traces, received by a collector."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from voicecli.errors import UsageError
from voicecli.latency.timeline import Mark, Timeline
from voicecli.telemetry.traceparent import parse_traceparent
from voicecli.telemetry.traces import Tracer

EXAMPLE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Collector:
    """Takes OTLP over HTTP."""

    def __init__(self, status: int = 200) -> None:
        self.requests: list[Any] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

                body = self.rfile.read(int(self.headers["content-length"]))
                collector.requests.append((self.path, ExportTraceServiceRequest.FromString(body)))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def spans(self) -> dict[str, Any]:
        """Every span by its name."""
        return {
            span.name: span
            for _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    collector = Collector(status)
    try:
        yield collector
    finally:
        collector.close()


def test_turn_has_a_span_for_each_stage():
    now = time.monotonic()
    marks = {
        Mark.SPEECH_STARTED: now - 3,
        Mark.SPEECH_STOPPED: now - 2,
        Mark.TRANSCRIPT: now - 1.75,  # before the end of the turn was sure
        Mark.TURN_ENDED: now - 1.5,
        Mark.FIRST_TOKEN: now - 1,
    }
    with collecting() as collector:
        tracer = Tracer(collector.url)
        tracer.turn(Timeline(marks), {"turn": 1})
        tracer.turn(Timeline())
        tracer.close()
        spans = collector.spans()
        assert collector.requests[0][0] == "/v1/traces"
    assert set(spans) == {"turn", "endpoint", "asr", "ttft"}
    turn = spans["turn"]
    assert turn.end_time_unix_nano - turn.start_time_unix_nano == pytest.approx(2e9, abs=2e6)
    assert turn.start_time_unix_nano == pytest.approx((time.time() - 3) * 1e9, abs=5e9)
    for name, seconds in {"endpoint": 0.5, "asr": 0.0, "ttft": 0.75}.items():
        span = spans[name]
        assert span.trace_id == turn.trace_id
        assert span.parent_span_id == turn.span_id
        assert span.end_time_unix_nano - span.start_time_unix_nano == pytest.approx(seconds * 1e9, abs=2e6)


def test_parent_is_the_callers_span():
    parent = parse_traceparent(EXAMPLE)
    with collecting() as collector:
        tracer = Tracer(f"{collector.url}/v1/traces", service="mine", version="7")
        session = tracer.begin("session", parent=parent, attributes={"mode": "simple"})
        session.span("inference", 1.0, 2.0, {"audio": 3.0}, error="it broke")
        session.note({"segments": 2})
        session.end()
        tracer.close()
        spans = collector.spans()
        resource = collector.requests[0][1].resource_spans[0].resource
    named = {item.key: item.value.string_value for item in resource.attributes}
    assert (named["service.name"], named["service.version"]) == ("mine", "7")
    assert spans["session"].trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert spans["session"].parent_span_id.hex() == "00f067aa0ba902b7"
    assert spans["inference"].parent_span_id == spans["session"].span_id
    assert spans["inference"].status.message == "it broke"
    assert session.parent.trace == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert session.parent.span == spans["session"].span_id.hex()


def test_unsampled_traces_stay_here():
    with collecting() as collector:
        tracer = Tracer(collector.url)
        tracer.begin("session", parent=parse_traceparent(EXAMPLE[:-1] + "0")).end()
        tracer.close()
        assert collector.requests == []


def test_dead_collector_costs_one_warning(caplog: pytest.LogCaptureFixture):
    with collecting() as collector:
        url = collector.url
    tracer = Tracer(url)
    with caplog.at_level(logging.DEBUG, logger="voicecli"):
        for _ in range(3):
            for _ in range(1000):
                tracer.begin("session").end()
            tracer._processor.force_flush()
        tracer.close(10.0)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"Traces do not reach {url}/v1/traces; they are dropped until they do."
    ]


def test_wrong_url_is_said():
    with pytest.raises(UsageError, match="localhost:4318"):
        Tracer("localhost:4318")
