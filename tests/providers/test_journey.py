"""The way to a server, and what it lists."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.providers.openai_server import models, say, serving
from voicecli.errors import ProviderError, Refused
from voicecli.providers.journey import listed_models, proxy_for, travel
from voicecli.providers.openai.base_url import Address


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def answering(answer: bytes | None) -> Iterator[str]:
    """The address of a server that takes one request and sends `answer`, or hangs up, or says nothing."""
    asked: list[bytes] = []

    def serve() -> None:
        client, _ = server.accept()
        with client:
            asked.append(client.recv(4096))
            if answer is None:
                over.wait(5.0)
            else:
                client.sendall(answer)

    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        over.set()
        thread.join()
    assert asked[0].startswith(b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"uthorization" not in asked[0]


def test_way_to_a_server() -> None:
    with answering(b"HTTP/1.1 401 Unauthorized\r\n\r\n") as url:
        journey = travel(Address(url), 2.0)
    assert journey.tls is None
    assert journey.failure == ""
    assert list(journey.steps) == ["DNS", "connect", "first byte"]


@pytest.mark.parametrize(("answer", "word"), [(b"", "without an answer"), (None, "does not answer")])
def test_server_that_says_nothing(answer: bytes | None, word: str) -> None:
    with answering(answer) as url:
        journey = travel(Address(url), 0.2)
    assert journey.connect is not None
    assert journey.first_byte is None
    assert word in journey.failure


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    journey = travel(Address(f"http://127.0.0.1:{port}/v1"), 2.0)
    assert journey.connect is None
    assert "refused" in journey.failure.lower()


def test_name_that_no_network_knows() -> None:
    journey = travel(Address("http://no-such-host.invalid/v1"), 2.0)
    assert journey.dns is None
    assert "not known" in journey.failure


def test_server_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        journey = travel(Address(f"https://127.0.0.1:{server.getsockname()[1]}/v1"), 0.2)
    assert journey.connect is not None
    assert journey.tls is None
    assert journey.failure


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    far, near = Address("https://api.example.com/v1"), Address("http://127.0.0.1:1/v1")
    assert proxy_for(far) == ""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example.com:3128")
    monkeypatch.setenv("HTTP_PROXY", "proxy.example.com:3128")
    assert proxy_for(far) == "proxy.example.com:3128"
    assert proxy_for(near) == ""
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert proxy_for(far) == ""


def ask(reply, key: str | None = None) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    async def main():
        async with serving(models=reply) as server:
            listed = await listed_models(Address(server.url, key), 3.0)
            assert listed.seconds > 0
            return listed.models, server.requests[0].headers

    return asyncio.run(main())


def test_models_are_listed() -> None:
    listed, headers = ask(models("one", "two"), key="sk-abcdef")
    assert listed == ("one", "two")
    assert headers["authorization"] == "Bearer sk-abcdef"


def test_server_without_a_list() -> None:
    assert ask(say({"error": "no such thing"}, 404))[0] is None


def test_key_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        ask(say({"error": {"message": "Incorrect API key provided: sk-abcdef."}}, 401), key="sk-abcdef")
    assert "sk-abcdef" not in str(caught.value)


def test_other_kind_of_server() -> None:
    with pytest.raises(ProviderError, match="OpenAI-compatible"):
        ask(say({"hello": "world"}))
