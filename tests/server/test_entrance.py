"""The door of a running server: what it says to whom it does not let in, and to whoever runs it."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.cli.program import SIMULATED, Program, await_event, ended
from tests.server.served import QUICK, TEXT, Raw, Served, close_code, frame, said, served, start, stop

ALICE, BOB = "alice-secret-0123456789", "bob-secret-01234567890"
PAGE = "https://page.example"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with tokens behind a proxy, with few sockets for one address."""
    with served(
        tmp_path_factory.mktemp("guarded"),
        *("--set", f'server.origins=["{PAGE}"]', "--set", 'server.trusted_proxies=["127.0.0.1"]'),
        *("--set", "server.connections.header_timeout=0.5", "--set", "server.connections.body_timeout=0.5"),
        *("--set", "server.connections.per_address=2", "--set", "server.connections.most=200"),
        *("--set", "server.connections.memory=4000000"),
        env={"VOICECLI_SERVER_TOKENS": f"alice:{ALICE}", "SOME_API_KEY": "k", "OTHER": "o"},
    ) as server:
        yield server
        assert ALICE not in server.stop().errors


def answered(server: Served, request: bytes) -> bytes:
    """What a server says to these bytes until it closes."""

    async def run() -> bytes:
        async with asyncio.timeout(20), Raw.dropping():
            raw = await Raw.open(server)
            await raw.send(request)
            return await raw.closed()

    return asyncio.run(run())


HEAD = b"GET /api/v1/health HTTP/1.1\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Host: 127.0.0.1\r\nX-Half: a", 408),
        (b"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + ALICE.encode() + b"\r\n"
         b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{", 408),
        (HEAD + b"Host: 127.0.0.1\r\nHost: evil.example\r\n\r\n", 400),
        (HEAD + b"\r\n", 400),
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
        (HEAD + b"Host: 127.0.0.1\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET /api/v1/simple HTTP/1.1\r\nHost: a\r\nHost: b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 400),
    ],
    ids=["half a head", "half a body", "two hosts", "no host", "long URL", "long header", "WebSocket"],
)  # fmt: skip
def test_wrong_requests_are_told_what_is_wrong(guarded: Served, request_: bytes, status: int):
    said = answered(guarded, request_)
    assert said.startswith(f"HTTP/1.1 {status} ".encode()), said
    assert said.count(b"HTTP/1.1") == 1


def test_pages_of_origins_may_ask(guarded: Served):
    def preflight(origin: str) -> bytes:
        return answered(
            guarded,
            f"OPTIONS /api/v1/query HTTP/1.1\r\nHost: a\r\nOrigin: {origin}\r\nConnection: close\r\n"
            "Access-Control-Request-Method: POST\r\n"
            "Access-Control-Request-Headers: authorization,content-type\r\n\r\n".encode(),
        ).lower()

    assert preflight(PAGE).startswith(b"http/1.1 200 ")
    assert f"access-control-allow-origin: {PAGE}".encode() in preflight(PAGE)
    assert b"authorization" in preflight(PAGE)
    assert preflight("https://evil.example").startswith(b"http/1.1 400 ")
    assert b"allow-origin" not in preflight("https://evil.example")
    refused = answered(
        guarded,
        f"POST /api/v1/query HTTP/1.1\r\nHost: a\r\nOrigin: {PAGE}\r\nContent-Length: 0\r\n\r\n".encode(),
    )
    assert b" 401 " in refused
    assert PAGE.encode() in refused  # else the page could not read why


def test_clients_of_a_proxy_have_their_own_share(guarded: Served):
    def options(address: str) -> dict[str, Any]:
        return {"additional_headers": {"X-Forwarded-For": address, "Authorization": f"Bearer {ALICE}"}}

    async def run() -> None:
        url = f"{guarded.address}/api/v1/segmented"
        async with connect(url, **options("192.0.2.1")), connect(url, **options("192.0.2.1")):
            with pytest.raises(InvalidStatus) as failed:
                await connect(url, **options("192.0.2.1"))
            assert failed.value.response.status_code == 503
            async with connect(url, **options("192.0.2.2")):
                pass

    asyncio.run(run())


def test_without_token_little_is_kept(guarded: Served):
    """Unfinished messages of those without a token: each ends at once, and a holder of one comes in."""

    async def run() -> float:
        before = guarded.memory()
        async with asyncio.timeout(50), Raw.dropping():
            strangers = []
            for _ in range(120):  # one by one: a head has half a second
                strangers.append(await Raw.open(guarded))
                await strangers[-1].upgrade()
            for raw in strangers:
                await raw.send(frame(TEXT, bytes(200_000), length=1_000_000))
            codes = [close_code(await raw.closed()) for raw in strangers]
            assert set(codes) <= {1009, None}
            assert 1009 in codes
            return guarded.memory() - before

    assert asyncio.run(run()) < 16


def test_strangers_make_room(guarded: Served):
    """Those without a token hold no place that a holder of one wants."""

    async def run() -> list[str]:
        async with asyncio.timeout(50), Raw.dropping():
            for _ in range(300):
                raw = await Raw.open(guarded)
                await raw.upgrade()
            headers = {"Authorization": f"Bearer {ALICE}"}
            url = f"{guarded.address}/api/v1/segmented"
            async with connect(url, additional_headers=headers) as websocket:
                await websocket.send(start())
                await websocket.send(stop())
                return [event["type"] for event in await said(websocket)]

    assert asyncio.run(run()) == []
    assert guarded.numbers()['voicecli_refused_total{reason="guest"}'] >= 100


def test_workers_know_no_secrets(guarded: Served):
    def environment(pid: int) -> bytes:
        return Path(f"/proc/{pid}/environ").read_bytes()

    pid = guarded.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert guarded.ready["token"]
    assert children
    for child in children:
        assert b"OTHER=o" in environment(int(child))
        for secret in (ALICE.encode(), b"SOME_API_KEY"):
            assert secret not in environment(int(child))


def test_tokens_and_settings_are_read_again(tmp_path: Path):
    config, tokens, errors = tmp_path / "settings.toml", tmp_path / "tokens", tmp_path / "errors"
    tokens.write_text(f"alice:{ALICE}\n")
    tokens.chmod(0o600)

    def write(origins: str, more: str = "") -> None:
        config.write_text(f'[server]\ntoken_file = "{tokens}"\norigins = [{origins}]\n{more}')

    def asked(server: Served, secret: str, **headers: str) -> int:
        return server.get("/api/v1/openapi.json", Authorization=f"Bearer {secret}", **headers)[0]

    def reload(server: Served, lines: int) -> str:
        server.process.send_signal(signal.SIGHUP)
        for _ in range(500):
            if errors.read_text().count("eloaded") >= lines:
                return errors.read_text().splitlines()[-1]
            server.get("/api/v1/health")
        raise AssertionError("Nothing is reloaded.")

    write("")
    with served(tmp_path, "--config", config, "--set", f"log.file={errors}") as server:
        assert (asked(server, ALICE), asked(server, BOB)) == (200, 401)
        assert asked(server, ALICE, Origin=PAGE) == 403
        tokens.write_text(f"bob:{BOB}\n")
        write(f'"{PAGE}"', "batched = false\n")
        assert "new start is needed for server.batched" in reload(server, 1)
        assert (asked(server, ALICE), asked(server, BOB)) == (401, 200)
        assert asked(server, BOB, Origin=PAGE) == 200
        for broken in ("bob:short\n", ""):  # changes nothing
            tokens.write_text(broken)
            assert "Nothing was reloaded" in reload(server, 2 if broken else 3)
            assert (asked(server, ALICE), asked(server, BOB)) == (401, 200)
        assert server.stop().status == 0
    log = errors.read_text()
    assert "127.0.0.1 was refused (token)" in log
    assert ALICE not in log
    assert BOB not in log


def test_tokens_that_others_may_read_are_refused(tmp_path: Path):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"alice:{ALICE}\n")
    tokens.chmod(0o644)
    refused = Program(tmp_path).run("serve", "--set", f"server.token_file={tokens}", *QUICK)
    refused.refuses(2, f"Others may read {tokens}", "chmod 600")


def test_no_more_is_announced_than_there_are_files(tmp_path: Path):
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80))

    program = Program(tmp_path)
    process = program.start("serve", "--port", 0, "--json", *QUICK, preexec_fn=few)
    try:
        server = Served(process, await_event(process, lambda event: event["event"] == "ready"))
        limits = server.ready["limits"]
        assert 1 <= limits["sessions"] <= limits["connections"] < 80

        async def run() -> None:
            url = f"{server.address}/api/v1/segmented"
            async with asyncio.timeout(30):
                opened = [await connect(url) for _ in range(limits["sessions"])]
                with pytest.raises(InvalidStatus) as failed:
                    await connect(url)
                assert failed.value.response.status_code == 503
                for websocket in opened:
                    await websocket.send(start())
                    await websocket.send(stop())
                    await websocket.wait_closed()

        asyncio.run(run())
        last = server.stop()
    finally:
        if process.poll() is None:
            process.kill()
    assert last.status == 0
    assert "raise the limit of open files" in last.errors


@pytest.mark.parametrize("number", [0, 1, 2])
def test_serves_without_a_standard_stream(tmp_path: Path, number: int):
    program = Program(tmp_path)
    command = [
        "-m",
        "voicecli",
        "serve",
        "--port",
        "0",
        "--json",
        *SIMULATED,
        "--vad",
        "energy",
        "--workers",
        "1",
    ]
    closing = f"import os, sys; os.close({number}); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    process = subprocess.Popen(
        [sys.executable, "-c", closing, *command],
        env=program.env,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        for _ in range(600):
            port = listening(process.pid)
            if port and process.poll() is None and healthy(port):
                break
            assert process.poll() is None, process.communicate()
            asyncio.run(asyncio.sleep(0.05))
        else:
            raise AssertionError("It never serves.")
        process.send_signal(signal.SIGTERM)
        assert ended(process).status == 0
    finally:
        if process.poll() is None:
            process.kill()


def listening(pid: int) -> int:
    """The port that a process listens on; 0 while there is none."""
    found = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    try:
        files = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        return 0
    ports = [int(line[1].split(":")[1], 16) for line in found if f"socket:[{line[9]}]" in files]
    return ports[0] if ports else 0


def healthy(port: int) -> bool:
    server = Served.__new__(Served)
    server.url = f"http://127.0.0.1:{port}"
    try:
        return json.loads(server.get("/api/v1/health")[1])["status"] == "healthy"
    except OSError:
        return False
