import asyncio

import pytest

from tests.providers.openai_server import hang, hang_up, say, serving
from voicecli.providers.local_servers import PORTS, LocalServer, find_servers


def found(reply, usual="Somebody", limit=5.0):
    async def run():
        async with serving(models=reply) as server:
            return await find_servers({server.port: usual}, limit), server.port

    return asyncio.run(run())


def listing(*names, **more):
    return say({"object": "list", "data": [{"id": name, **more} for name in names]})


def test_server_is_found():
    servers, port = found(listing("llama3.2:3b", "qwen3:8b"))
    assert servers == [LocalServer("Somebody", f"http://127.0.0.1:{port}/v1", ("llama3.2:3b", "qwen3:8b"))]


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        (listing("a", owned_by="library"), "Ollama"),
        (listing("a", owned_by="llamacpp"), "llama.cpp"),
        (say({"data": [{"id": "a"}]}, server="llama.cpp"), "llama.cpp"),
        (listing("a", owned_by="vllm"), "vLLM"),
        (listing("a", owned_by="organization_owner"), "LM Studio"),
        (listing("a", task="automatic-speech-recognition"), "speaches"),
        (listing("a", owned_by="me"), "Somebody"),
        (say({"object": "list", "data": None}), "Somebody"),
    ],
)
def test_servers_are_told_apart(reply, name):
    [server], _ = found(reply)
    assert server.name == name


@pytest.mark.parametrize(
    "reply",
    [
        say({"error": "no"}, 404),
        say("<html>a website", kind="text/html"),
        say({"hello": "world"}),
        say([1, 2]),
        say("", 200),
        hang_up,
        hang,
    ],
)
def test_other_servers_are_ignored(reply):
    assert found(reply, limit=0.2)[0] == []


def test_nothing_listens():
    async def run():
        async with serving() as server:
            pass
        return await find_servers({server.port: "Gone"})

    assert asyncio.run(run()) == []


def test_several_keep_their_order():
    async def run():
        async with (
            serving(models=listing("a")) as one,
            serving(models=hang) as two,
            serving(models=listing("b")) as three,
        ):
            ports = {three.port: "three", two.port: "two", one.port: "one"}
            return await find_servers(ports, 1.0)

    assert [server.name for server in asyncio.run(run())] == ["three", "one"]


@pytest.mark.parametrize(
    ("models", "stages"),
    [
        (["text-embedding-nomic-embed-text-v1.5", "llama3.2:3b"], (None, "llama3.2:3b", None)),
        (["nomic-embed-text:latest"], (None, None, None)),
        (["deepseek-r1:8b", "qwen2.5-coder:7b", "gemma3:4b"], (None, "gemma3:4b", None)),
        (["deepseek-r1:8b"], (None, "deepseek-r1:8b", None)),
        (["kokoro", "tts-1"], (None, None, "kokoro")),
        (
            ["Systran/faster-whisper-small", "speaches-ai/Kokoro-82M-v1.0-ONNX"],
            ("Systran/faster-whisper-small", None, "speaches-ai/Kokoro-82M-v1.0-ONNX"),
        ),
        (["BAAI/bge-m3"], (None, None, None)),
        ([], (None, None, None)),
    ],
)
def test_model_for_each_stage(models, stages):
    server = LocalServer("x", "http://127.0.0.1:1/v1", tuple(models))
    assert tuple(server.model(stage) for stage in ("asr", "llm", "tts")) == stages


def test_ollama_host_is_asked_first(monkeypatch):
    async def run():
        async with serving(models=listing("a")) as server:
            monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{server.port}")
            return await find_servers(), server.port

    servers, port = asyncio.run(run())
    assert (servers[0].name, servers[0].base_url) == ("Ollama", f"http://127.0.0.1:{port}/v1")
    assert port not in PORTS
