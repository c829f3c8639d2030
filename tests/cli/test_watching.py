"""Metrics and traces of a conversation that is running."""

import http.server
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as TraceSpan
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.program import QUICK, SHORT, SIMULATED, Program, await_event, ended, spoken


@contextmanager
def collector() -> Iterator[tuple[str, list[TraceSpan]]]:
    """A server that takes traces as a collector does, and what it was sent."""
    found: list[TraceSpan] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    found.extend(scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", found
        server.shutdown()
        thread.join()


def samples(url: str) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(url, timeout=10) as page:
        text = page.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_turns_are_exported(tmp_path: Path) -> None:
    program = Program(tmp_path)
    with collector() as (url, spans):
        process = program.start(
            "talk", *SIMULATED, *SHORT, *QUICK, "--mic", "-", "--speaker", "null", "--fast", "--json",
            "--no-save", "--prometheus", 0, "--otlp", url, stdin=PIPE,
        )  # fmt: skip
        page = await_event(process, lambda event: "Metrics are at" in event.get("message", ""))
        assert process.stdin is not None
        for _ in range(2):
            process.stdin.write(spoken() + bytes(2 * 16_000 * 3))
            turn = await_event(process, lambda event: event["event"] == "turn")
        found = samples(page["message"].rpartition(" ")[2])
        assert ended(process).status == 0
    assert found["voicecli_turns_total", "finished"] == 2
    assert found["voicecli_span_seconds_count", "voice_to_voice"] == 2
    assert found["voicecli_span_seconds_sum", "endpoint"] > 0
    roots = [span for span in spans if span.name == "turn"]
    assert len({span.trace_id for span in roots}) == len(roots) == 2
    last = [span for span in spans if span.parent_span_id == roots[1].span_id]
    assert {span.name for span in last} == {
        name for name, value in turn["spans"].items() if value is not None
    }
    whole = next(span for span in last if span.name == "voice_to_voice")
    seconds = (whole.end_time_unix_nano - whole.start_time_unix_nano) / 1e9
    assert seconds == pytest.approx(turn["spans"]["voice_to_voice"], abs=1e-5)
    told = {attribute.key: attribute.value for attribute in roots[1].attributes}
    assert told["voicecli.engine.asr"].string_value == "simulated"
    assert "weather" not in str(spans).lower()


def test_collector_that_is_not_there(tmp_path: Path) -> None:
    done = Program(tmp_path).run(
        "talk", "--text", *SIMULATED, *SHORT, *QUICK, "--speaker", "null", "--fast", "--no-save", "--otlp",
        "http://127.0.0.1:9", stdin=b"Hello\n",
    )  # fmt: skip
    assert done.status == 0
    assert "Here is a short answer." in done.text
    assert done.errors.count("127.0.0.1:9") == 1


def test_what_cannot_be_watched(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.run("talk", "--text", "--otlp", "nowhere").refuses(2, "'nowhere'", "http://")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        program.run("talk", "--text", "--prometheus", server.server_port).refuses(2, str(server.server_port))
