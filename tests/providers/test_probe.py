"""The way to a server, and what it lists."""

import asyncio
import socket

import pytest

from tests.providers.openai_server import models, say, serving
from voicecli.errors import ProviderError, Refused
from voicecli.providers.openai.address import Address
from voicecli.providers.probe import listed_models, proxy_for, travel


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_way_to_a_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        journey = travel(Address(f"http://127.0.0.1:{server.getsockname()[1]}/v1"), 2.0)
    assert journey.dns is not None
    assert journey.connect is not None
    assert journey.tls is None
    assert journey.failure == ""


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
            return listed, server.requests[0].headers

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
