"""`voicecli serve` as whoever runs it sees it: access, limits, logs, traces, and its end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.cli.program import Program, ended
from tests.server.served import QUICK, Served, said, served, silence, start, stop, tone
from tests.telemetry.test_traces import EXAMPLE, collecting

ALICE, BOB = "alice-secret-0123456789", "bob-secret-01234567890"
TOKENS = {"VOICECLI_SERVER_TOKENS": f"alice:{ALICE},bob:{BOB}"}
TEXT = "What is the weather like today?"  # what the simulated recogniser hears
SEGMENTED = "/api/v1/segmented"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for this machine only."""
    with served(
        tmp_path_factory.mktemp("plain"),
        *("--set", "server.sessions.idle=1", "--set", "server.sessions.most=3"),
        *("--set", 'server.origins=["https://page.example"]'),
    ) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for everybody with a token."""
    with served(
        tmp_path_factory.mktemp("guarded"),
        *("--host", "0.0.0.0", "--set", "server.sessions.start=0.5", "--set", "server.tokens.sessions=1"),
        *("--set", "server.sessions.length=1", "--set", "server.tokens.audio=60"),
        env=TOKENS,
    ) as server:
        server.headers = {"Authorization": f"Bearer {ALICE}"}
        yield server


async def speak(websocket: ClientConnection, first: str | None = None) -> list[dict[str, Any]]:
    """One utterance; every event of it."""
    for message in (first or start(), tone(0.4), silence(0.5), stop()):
        await websocket.send(message)
    return await said(websocket)


def spoken(server: Served, path: str = SEGMENTED, first: str | None = None, **options: Any) -> list[str]:
    """The kinds of events of one utterance."""

    async def run() -> list[dict[str, Any]]:
        async with connect(server.address + path, **options) as websocket:
            return await speak(websocket, first)

    return [event["type"] for event in asyncio.run(run())]


def refused(server: Served, path: str = SEGMENTED, **options: Any) -> int:
    """The status with which a WebSocket is refused."""

    async def run() -> None:
        async with connect(server.address + path, **options):
            pass

    with pytest.raises(InvalidStatus) as failed:
        asyncio.run(run())
    return failed.value.response.status_code


def bearer(token: str) -> dict[str, Any]:
    return {"additional_headers": {"authorization": f"Bearer {token}"}}


def test_pages(plain: Served):
    assert plain.get("/api/v1/health") == (200, b'{"status":"healthy"}')
    assert plain.get("/api/v1/ready") == (200, b'{"status":"ready"}')
    assert plain.get("/metrics")[0] == 200
    assert plain.get("/nothing")[0] == 404
    assert plain.numbers()["voicecli_ready"] == 1


def test_both_paths(plain: Served):
    assert spoken(plain) == ["active", "inactive", "segment"]
    assert spoken(plain, "/api/v1/simple") == ["segment"]
    assert refused(plain, "/api/v1/other") == refused(plain, "/") == 404


def test_numbers_of_a_session(plain: Served):
    before = plain.numbers()
    spoken(plain)
    after = plain.numbers()
    for name, least in {
        'media_duration_seconds_sum{pipeline="audio_decoding"}': 0.85,
        'media_duration_seconds_sum{pipeline="vad_processing"}': 0.8,
        'media_duration_seconds_sum{pipeline="model_inference"}': 0.3,
        'rtf_count{pipeline="model_inference"}': 1,
        'voicecli_sessions_begun_total{mode="segmented"}': 1,
        'voicecli_event_delay_seconds_count{event="segment"}': 1,
    }.items():
        assert after[name] - before[name] >= least, name


def test_strange_pages_and_names_are_refused(plain: Served):
    assert refused(plain, origin="https://evil.example") == 403
    assert refused(plain, additional_headers={"host": "evil.example"}) == 400  # besides its own
    assert plain.get("/metrics", Host="evil.example")[0] == 421
    assert spoken(plain, origin="https://page.example")[-1] == "segment"
    assert spoken(plain, origin=f"http://127.0.0.1:{plain.port}")[-1] == "segment"
    assert plain.numbers()['voicecli_refused_total{reason="origin"}'] >= 1


def test_idle_sessions_end(plain: Served):
    async def run() -> list[dict[str, Any]]:
        async with connect(plain.address + SEGMENTED) as websocket:
            await websocket.send(start())
            await websocket.send(tone(0.5))
            events = await said(websocket)
            assert websocket.close_code == 1008
            return events

    events = asyncio.run(run())
    assert [event["type"] for event in events] == ["active", "inactive", "segment", "error"]
    assert "Nothing has come for 1 seconds" in events[-1]["message"]


def test_sessions_are_capped(plain: Served):
    async def run() -> None:
        async with (
            connect(plain.address + SEGMENTED),
            connect(plain.address + SEGMENTED),
            connect(plain.address + SEGMENTED),
        ):
            with pytest.raises(InvalidStatus) as failed:
                await connect(plain.address + SEGMENTED)
            assert failed.value.response.status_code == 503
            assert failed.value.response.headers["retry-after"] == "5"

    plain.await_sessions(0)
    asyncio.run(run())
    plain.await_sessions(0)
    assert spoken(plain)[-1] == "segment"


def test_tokens_open(guarded: Served):
    assert spoken(guarded, **bearer(ALICE))[-1] == "segment"
    guarded.await_sessions(0)
    assert spoken(guarded, first=start(token=BOB))[-1] == "segment"  # as a browser does
    for wrong in ("nonsense", ALICE[:-1], ""):
        assert refused(guarded, **bearer(wrong)) == 401
    assert guarded.get("/api/v1/health")[0] == 200
    assert guarded.get("/api/v1/ready")[0] == 200
    assert guarded.get("/metrics")[0] == 401
    assert guarded.get("/api/v1/openapi.json")[0] == 401
    assert guarded.get("/metrics", Authorization=f"Bearer {ALICE}")[0] == 200


@pytest.mark.parametrize(
    "first",
    [start(), start(token="nonsense"), stop(), "nonsense", b"\0\0", None],
    ids=lambda value: str(value)[:20],
)
def test_without_token_nothing_opens(guarded: Served, first: str | bytes | None):
    async def run() -> None:
        async with connect(guarded.address + SEGMENTED) as websocket:
            if first is not None:
                await websocket.send(first)
            (event,) = await said(websocket)
            assert event["type"] == "error"
            assert websocket.close_code == 1008

    asyncio.run(run())


def test_token_has_its_share(guarded: Served):
    guarded.await_sessions(0)

    async def run() -> None:
        async with connect(guarded.address + SEGMENTED, **bearer(ALICE)):
            with pytest.raises(InvalidStatus) as failed:
                await connect(guarded.address + SEGMENTED, **bearer(ALICE))
            assert failed.value.response.status_code == 429
            async with connect(guarded.address + SEGMENTED) as websocket:
                await websocket.send(start(token=ALICE))
                assert "all of its 1 sessions" in (await said(websocket))[0]["message"]
                assert websocket.close_code == 1013

    asyncio.run(run())


def test_sessions_last_so_long(guarded: Served):
    guarded.await_sessions(0)

    async def run() -> None:
        async with connect(guarded.address + SEGMENTED, **bearer(BOB)) as websocket:
            await websocket.send(start())
            for _ in range(10_000):  # a minute's share is soon used up: the rest waits
                try:
                    await websocket.send(silence(1.0))
                except ConnectionClosed:
                    break
            assert "has lasted 1 seconds" in (await said(websocket))[-1]["message"]
            assert websocket.close_code == 1008

    asyncio.run(run())
    assert guarded.numbers()["voicecli_throttled_seconds_total"] > 0


# Its beginning


def test_other_addresses_need_a_token(tmp_path: Path):
    Program(tmp_path).run("serve", "--host", "0.0.0.0", *QUICK).refuses(
        2, "0.0.0.0 can be reached from other machines", "VOICECLI_SERVER_TOKENS", "openssl rand -hex 32"
    )


def test_bad_tokens_are_refused(tmp_path: Path):
    program = Program(tmp_path)
    program.env["VOICECLI_SERVER_TOKENS"] = "alice:1234"
    ended = program.run("serve", *QUICK)
    ended.refuses(2, "VOICECLI_SERVER_TOKENS", "'alice'")
    assert "1234" not in ended.errors


def test_tokens_are_never_shown(tmp_path: Path):
    program = Program(tmp_path)
    program.env |= TOKENS
    shown = program.run("config", "show", "--json")
    assert ALICE not in shown.text
    assert "VOICECLI_SERVER_TOKENS" in shown.text


def test_port_in_use(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        Program(tmp_path).run("serve", "--port", port, *QUICK).refuses(2, f"Port {port}", "in use", "--port")


def test_addresses_that_are_none(tmp_path: Path):
    program = Program(tmp_path)
    program.env |= TOKENS
    program.run("serve", "--host", "no.such.host.invalid", *QUICK).refuses(2, "no.such.host.invalid")
    program.run("serve", "--host", "192.0.2.1", *QUICK).refuses(2, "no address of this machine")


def test_what_a_person_is_told(tmp_path: Path):
    process = Program(tmp_path).start("serve", "--port", 0, *QUICK)
    assert process.stdout is not None
    lines = [process.stdout.readline().decode() for _ in range(9)]
    process.send_signal(signal.SIGINT)
    ended_ = ended(process)
    assert ended_.status == 0
    assert ended_.text == "stopped\n"
    told = {line[:8].strip(): line[9:].strip() for line in lines}
    assert list(told) == ["serving", "asr", "vad", "llm", "tts", "access", "limits", "watch", "try"]
    assert told["asr"] == "simulated (as asked for), 1 process"
    assert told["try"].startswith("voicecli connect -i FILE --addr ws://127.0.0.1:")


# Its end


def test_sessions_finish_first(tmp_path: Path):
    async def run(server: Served) -> list[dict[str, Any]]:
        async with connect(server.address + SEGMENTED) as websocket:
            await websocket.send(start())
            await websocket.send(tone(1.0))
            assert json.loads(await websocket.recv())["type"] == "active"
            server.process.send_signal(signal.SIGTERM)
            events = await said(websocket)
            assert websocket.close_code == 1001
            return events

    with served(tmp_path) as server:
        events = asyncio.run(run(server))
        ended_ = ended(server.process)
        assert ended_.status == 0
        assert ended_.events("stopped") == [{"event": "stopped", "finished": True}]
        assert ended_.errors == ""
    assert [event["type"] for event in events] == ["inactive", "segment", "error"]
    assert events[1]["text"] == TEXT
    assert "shutting down" in events[-1]["message"]


def test_nobody_new_while_stopping(tmp_path: Path):
    slow = ("--set", "asr.simulated.delay=1.5")

    async def run(server: Served) -> None:
        async with connect(server.address + SEGMENTED) as websocket:
            for message in (start(), tone(1.0), silence(0.5)):
                await websocket.send(message)
            assert json.loads(await websocket.recv())["type"] == "active"
            server.process.send_signal(signal.SIGTERM)
            assert await server.unready() == (503, b'{"status":"stopping"}')
            assert (await asyncio.to_thread(server.get, "/api/v1/health"))[0] == 200
            with pytest.raises(InvalidStatus) as failed:
                await connect(server.address + SEGMENTED)
            assert failed.value.response.status_code == 503
            assert [event["type"] for event in await said(websocket)] == ["inactive", "segment", "error"]

    with served(tmp_path, *slow) as server:
        asyncio.run(run(server))
        assert ended(server.process).status == 0


async def deaf(server: Served) -> None:
    """Until it takes no more connections."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except ConnectionError:
            return
        writer.close()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("hurry", [False, True])
def test_questions_finish_too(tmp_path: Path, hurry: bool):
    """Unless somebody asks twice."""

    async def run(server: Served) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            b"POST /api/v1/query HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            b'Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"question": "Who?"}'
        )
        begun = await reader.readuntil(b"int16")
        server.process.send_signal(signal.SIGTERM)
        if hurry:
            await deaf(server)
            server.process.send_signal(signal.SIGTERM)
        rest = await reader.read(-1)
        writer.close()
        return begun + rest

    with served(tmp_path, "--set", "llm.simulated.tokens_per_second=10") as server:
        answer = asyncio.run(run(server))
        assert ended(server.process).status == (130 if hurry else 0)
    assert (b'"sign": 3' in answer) is not hurry


@pytest.mark.parametrize("hurry", [False, True])
def test_end_that_does_not_wait(tmp_path: Path, hurry: bool):
    """Because the time is up, or because somebody asked twice."""
    words = ("--set", "asr.simulated.delay=60", "--set", f"server.grace={60 if hurry else 0.2}")
    words = (*words, "--set", "asr.timeout=600")

    async def run(server: Served) -> None:
        async with connect(server.address + SEGMENTED) as websocket:
            for message in (start(), tone(1.0), silence(0.5)):
                await websocket.send(message)
            assert [json.loads(await websocket.recv())["type"] for _ in range(2)] == ["active", "inactive"]
            server.process.send_signal(signal.SIGTERM)
            if hurry:
                await server.unready()
                server.process.send_signal(signal.SIGTERM)
            events = await said(websocket)
            assert [event["type"] for event in events] == ["error"]
            assert websocket.close_code == 1001

    with served(tmp_path, *words) as server:
        began = time.monotonic()
        asyncio.run(run(server))
        ended_ = ended(server.process)
        assert time.monotonic() - began < 50  # far less than what it did not wait for
        assert ended_.status == (130 if hurry else 0)


# What is written down


def test_log_keeps_what_was_said_to_itself(tmp_path: Path):
    async def wrong(server: Served) -> None:
        async with connect(server.address + SEGMENTED) as websocket:
            await websocket.send('{"request": "secret words"}')
            assert "secret words" in str(await websocket.recv())

    log = ("--set", "log.level=debug", "--set", "log.format=json")
    with served(tmp_path, *log) as server:
        spoken(server, first=start(trace_id=EXAMPLE))
        asyncio.run(wrong(server))
        errors = server.stop().errors
    lines = [json.loads(line) for line in errors.splitlines()]
    assert "weather" not in errors
    assert "secret words" not in errors
    streams = [line for line in lines if line["message"].startswith("A segmented stream begins")]
    assert streams[0]["trace_id"] == EXAMPLE.split("-")[1]
    assert any(line["message"].startswith("The stream ended: 0.9 s") for line in lines)


def test_nonsense_for_a_trace_costs_no_stream(tmp_path: Path):
    """A warning, once a session, without the nonsense; and a trace of its own."""
    log = ("--set", "log.level=info", "--set", "log.format=json")
    with served(tmp_path, *log) as server:
        for nonsense in ("caf\u00e9", "x" * 300, "twentyletterstwentyl", ""):
            assert spoken(server, first=start(trace_id=nonsense)) == ["active", "inactive", "segment"]
        errors = server.stop().errors
    lines = [json.loads(line) for line in errors.splitlines()]
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    assert warnings == ["The trace_id of a start is no traceparent, and is ignored."] * 4
    assert "twentyletters" not in errors
    traces = {line["trace_id"] for line in lines if line["message"].startswith("A segmented stream begins")}
    assert len(traces) == 4


def test_of_refusals_the_log_has_the_token(tmp_path: Path):
    with served(tmp_path, env=TOKENS) as server:
        assert refused(server, **bearer("nobody-s-secret-0123")) == 401
        assert refused(server, origin="https://evil.example") == 403
        assert refused(server, "/api/v1/other") == 404
        (line,) = server.stop().errors.splitlines()
    assert line.endswith("127.0.0.1 was refused (token).")


@pytest.mark.parametrize("gone", [True, False])
def test_end_of_a_stream_is_logged_with_its_trace(tmp_path: Path, gone: bool):
    async def run(server: Served) -> None:
        async with connect(server.address + SEGMENTED) as websocket:
            await websocket.send(start(trace_id=EXAMPLE))
            await websocket.send(tone(0.5))
            assert json.loads(await websocket.recv())["type"] == "active"
            if not gone:
                server.process.send_signal(signal.SIGTERM)
                await said(websocket)

    with served(tmp_path, "--set", "log.level=info", "--set", "log.format=json") as server:
        asyncio.run(run(server))
        if gone:
            server.await_sessions(0)
        errors = server.stop().errors if gone else ended(server.process).errors
    lines = [json.loads(line) for line in errors.splitlines()]
    (end,) = (line for line in lines if line["message"].startswith("The stream ended"))
    assert end["trace_id"] == EXAMPLE.split("-")[1]


def test_log_may_hold_text(tmp_path: Path):
    with served(tmp_path, "--set", "log.level=info", "--set", "server.log_text=true") as server:
        spoken(server)
        assert TEXT in server.stop().errors


@pytest.mark.parametrize("way", ["start", "header"])
def test_traces_have_the_clients_parent(tmp_path: Path, way: str):
    with collecting() as collector, served(tmp_path, "--otlp", collector.url) as server:
        if way == "start":
            spoken(server, first=start(trace_id=EXAMPLE))
        else:
            spoken(server, additional_headers={"traceparent": EXAMPLE})
        assert server.stop().status == 0
        spans = collector.spans()
    assert {"session", "speech", "recognition"} <= set(spans)
    session = spans["session"]
    assert session.trace_id.hex() == EXAMPLE.split("-")[1]
    assert session.parent_span_id.hex() == EXAMPLE.split("-")[2]
    assert spans["recognition"].parent_span_id == session.span_id
    assert TEXT not in str(spans)


def test_questions_are_traced_and_counted(tmp_path: Path):
    body, headers = b'{"question": "Who?"}', {"Content-Type": "application/json", "traceparent": EXAMPLE}
    with collecting() as collector, served(tmp_path, "--otlp", collector.url) as server:
        request = urllib.request.Request(f"{server.url}/api/v1/query", body, headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.read()
        assert server.numbers()['voicecli_turns_total{outcome="finished"}'] == 1
        assert server.stop().status == 0
        spans = collector.spans()
    assert spans["turn"].parent_span_id.hex() == EXAMPLE.split("-")[2]
    assert spans["ttft"].parent_span_id == spans["turn"].span_id


def test_dead_collector_is_one_warning(tmp_path: Path):
    with collecting() as collector:
        url = collector.url
    with served(tmp_path, "--otlp", url) as server:
        for _ in range(3):
            assert spoken(server)[-1] == "segment"
        errors = server.stop().errors
    assert len(errors.splitlines()) == 1
    assert "Traces do not reach" in errors
