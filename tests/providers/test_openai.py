"""What the three stages share: connections, keys, addresses and the words of errors."""

import asyncio
import itertools
import os
import subprocess
import sys
import time

import numpy as np
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.providers.openai_server import flow, hang, models, say, serving, talk
from voicecli import secrets
from voicecli.errors import ProviderError, RateLimited, Refused, SettingsError, TimedOut, Unavailable
from voicecli.providers.language_model import Message
from voicecli.providers.openai.audio_speech import OpenAISynthesizer, OpenAISynthesizerOptions
from voicecli.providers.openai.base_url import Address, address, missing_key
from voicecli.providers.openai.chat_completions import OpenAILanguageModel, OpenAILanguageModelOptions
from voicecli.providers.openai.faults import Call, reason, retry_after, translated, transport_library
from voicecli.providers.openai.sdk import Client
from voicecli.providers.openai.thought import ThoughtFilter
from voicecli.providers.openai.transcriptions import OpenAIRecognizer, OpenAIRecognizerOptions

http = transport_library()
HERE = Address("http://127.0.0.1:9/v1")
CALL = Call("llm", HERE, "small", 3.0)


def every(kind):
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in every(child))]


def raised(kind):
    """An error of the library as the library makes it."""
    request = http.Request("POST", HERE.url)
    if issubclass(kind, openai.APIStatusError):
        status = getattr(kind, "status_code", 418)
        response = http.Response(status if isinstance(status, int) else 500, request=request)
        if kind.__name__ == "OAuthError":
            return kind(response=response, body={"message": "the words"})
        return kind("x", response=response, body={"message": "the words"})
    if issubclass(kind, openai.APIResponseValidationError):
        return kind(http.Response(200, request=request), None, message="the words")
    if issubclass(kind, openai.APITimeoutError):
        return kind(request)
    if issubclass(kind, openai.APIConnectionError):
        return kind(message="the words", request=request)
    if issubclass(kind, openai.APIError):
        return kind("the words", request, body=None)
    error = Exception.__new__(kind)
    Exception.__init__(error, "the words")
    return error


@pytest.mark.parametrize("kind", every(openai.OpenAIError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_library(kind):
    original = raised(kind)
    with pytest.raises(ProviderError) as caught, translated(CALL):
        raise original
    assert caught.value.__cause__ is original
    assert caught.value.message
    assert type(caught.value) is not ProviderError or not issubclass(kind, openai.APIError)


@pytest.mark.parametrize("kind", every(http.RequestError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_transport(kind):
    with pytest.raises(ProviderError) as caught, translated(CALL):
        raise kind("x")
    assert isinstance(caught.value, TimedOut) == issubclass(kind, http.TimeoutException)


def test_cancellation_passes():
    with pytest.raises(asyncio.CancelledError), translated(CALL):
        raise asyncio.CancelledError


def test_quota_is_told_by_its_type():
    response = http.Response(429, request=http.Request("POST", HERE.url), headers={"retry-after": "7"})
    error = openai.RateLimitError(
        "x", response=response, body={"type": "insufficient_quota", "message": "spent"}
    )
    with pytest.raises(RateLimited, match="no quota left") as caught, translated(CALL):
        raise error
    assert "billing" in caught.value.hint


async def utterance():
    yield np.full(4000, 0.25, np.float32)


async def turn(recognizer, model, synthesizer):
    """One after the other, but the second phrase while the first is still arriving, as in a conversation."""
    [*_, heard] = [transcript async for transcript in recognizer.transcribe(utterance())]
    reply = model.complete([Message("user", heard.text)])
    await anext(reply)

    async def speak():
        return [chunk async for chunk in synthesizer.synthesize("Hello there.")]

    await asyncio.gather(speak(), speak())
    return [token async for token in reply]


@pytest.fixture
def stages():
    def make(server):
        shared = {"base_url": server.url, "api_key_env": "", "timeout": 5.0}
        return (
            OpenAIRecognizer(OpenAIRecognizerOptions(**shared)),
            OpenAILanguageModel(OpenAILanguageModelOptions(**shared)),
            OpenAISynthesizer(OpenAISynthesizerOptions(**shared)),
        )

    return make


def scripted():
    return serving(
        chat=talk("Well", "come", "."),
        speech=flow([b"\x00" * 960] * 3, "audio/pcm"),
        transcriptions=say({"text": "Hello"}),
    )


async def unhurried(exchange):
    await asyncio.sleep(0.1)
    await models()(exchange)


def test_first_turn_opens_no_connection(stages):
    async def run():
        async with scripted() as server:
            server.replies["/models"] = [unhurried]  # so that no request finds another's connection free
            recognizer, model, synthesizer = stages(server)
            async with recognizer, model, synthesizer:
                client = recognizer._client
                assert client is model._client is synthesizer._client
                await client._warming
                warmed = server.connections
                for _ in range(3):
                    await turn(recognizer, model, synthesizer)
                return warmed, server.connections, len(Client._shared)

    assert asyncio.run(run()) == (4, 4, 1)
    assert not Client._shared


@pytest.mark.benchmark
def test_first_turn_beside_later_ones(stages, capsys):
    async def run():
        async with scripted() as server:
            recognizer, model, synthesizer = stages(server)
            async with recognizer, model, synthesizer:
                await recognizer._client._warming
                seconds = []
                for _ in range(9):
                    begun = time.perf_counter()
                    await turn(recognizer, model, synthesizer)
                    seconds.append(time.perf_counter() - begun)
                return seconds

    first, *later = asyncio.run(run())
    with capsys.disabled():
        print(f"\nfirst turn {first * 1000:.1f} ms, later {sorted(later)[len(later) // 2] * 1000:.1f} ms")


@pytest.mark.parametrize("reply", [hang, say("no", 500), say({"error": "key"}, 401)])
def test_failing_to_warm_delays_nothing(stages, reply):
    async def run():
        async with scripted() as server:
            server.replies["/models"] = [reply]
            recognizer, model, synthesizer = stages(server)
            async with recognizer, model, synthesizer:
                assert await turn(recognizer, model, synthesizer) == ["come", "."]
                warming = model._client._warming
            assert warming.cancelled() == (reply is hang)
            await asyncio.sleep(0.01)  # the library leaves a generator or two to the garbage collector
            ours = {task for task in asyncio.all_tasks() if "serve" not in repr(task)}
            return ours - {asyncio.current_task()}

    assert asyncio.run(run()) == set()


def test_ollama_loads_its_model(stages):
    async def run():
        async with scripted() as server:
            server.replies["/api/generate"] = [say({"done": True})]
            _, model, _ = stages(server)
            async with model:
                model._client.load("small")
                await server.asked.wait()
            return server.posts()[0]

    request = asyncio.run(run())
    assert (request.path, request.json) == ("/api/generate", {"model": "small"})
    assert address("localhost:11434", "").is_ollama
    assert not address("https://example.com:11434", "").is_ollama


def test_server_that_closes_idle_connections(stages):
    reply = talk("Well", "come")

    async def reply_and_close(exchange):
        await reply(exchange)
        exchange.writer.close()

    async def run():
        async with scripted() as server:
            server.replies["/chat/completions"] = [reply_and_close]
            _, model, _ = stages(server)
            async with model:
                for _ in range(3):
                    said = [token async for token in model.complete([Message("user", "Hello")])]
                    assert said == ["Well", "come"]

    asyncio.run(run())


def test_stages_close_in_any_order(stages):
    async def run():
        async with scripted() as server:
            recognizer, model, synthesizer = stages(server)
            await model.__aenter__()
            await synthesizer.__aenter__()
            await model.__aexit__()
            await recognizer.__aenter__()
            await synthesizer.__aexit__()
            [*_, last] = [transcript async for transcript in recognizer.transcribe(utterance())]
            await recognizer.__aexit__()
            await recognizer.__aexit__()  # closing twice does no harm
            return last.text, dict(Client._shared)

    assert asyncio.run(run()) == ("Hello", {})


def test_opening_may_be_cancelled(stages):
    async def run():
        async with scripted() as server:
            _, model, _ = stages(server)
            task = asyncio.create_task(model.__aenter__())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not Client._shared
            async with model:
                return [token async for token in model.complete([Message("user", "Hello")])]

    assert asyncio.run(run()) == ["Well", "come", "."]


def test_proxy_setting_that_cannot_be_used(monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://nowhere")

    async def run():
        async with OpenAILanguageModel(OpenAILanguageModelOptions(base_url="http://192.0.2.1/v1")):
            pass

    with pytest.raises(Unavailable, match="cannot be set up"):
        asyncio.run(run())


def test_proxy_is_not_for_this_machine(monkeypatch, stages):
    monkeypatch.setenv("ALL_PROXY", "http://192.0.2.1:1")

    async def run():
        async with scripted() as server:
            recognizer, model, synthesizer = stages(server)
            async with recognizer, model, synthesizer:
                return await turn(recognizer, model, synthesizer)

    assert asyncio.run(run()) == ["come", "."]


def test_importing_is_cheap():
    code = (
        "import sys, voicecli.providers.openai, voicecli.providers.local_servers as _; "
        "print([name for name in ('openai', 'httpx2', 'keyring') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("given_url", "url", "local"),
    [
        (None, "https://api.openai.com/v1", False),
        ("", "https://api.openai.com/v1", False),
        ("localhost:11434", "http://localhost:11434/v1", True),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1", True),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1", True),
        ("http://192.168.1.4:1234/api", "http://192.168.1.4:1234/api", True),
        ("ollama:11434", "http://ollama:11434/v1", True),
        ("http://tower.local:8000/v1/", "http://tower.local:8000/v1", True),
        ("api.groq.com/openai/v1", "https://api.groq.com/openai/v1", False),
        ("https://8.8.8.8/v1", "https://8.8.8.8/v1", False),
    ],
)
def test_addresses(monkeypatch, given_url, url, local):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    server = address(given_url, "")
    assert (server.url, server.is_local) == (url, local)


def test_address_from_the_environment(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:4000/v1")
    assert address(None, "").url == "http://localhost:4000/v1"
    assert address("http://localhost:5000", "").url == "http://localhost:5000/v1"


@pytest.mark.parametrize("bad", ["ftp://x/v1", "http://", "http://x:y/v1", "http://[::1/v1"])
def test_bad_addresses(bad):
    with pytest.raises(SettingsError, match="base_url"):
        address(bad, "")
    assert "base_url" in (missing_key(bad, "") or "")


def test_password_in_an_address_is_not_shown():
    assert address("http://me:hidden@localhost:1/v1", "").host == "localhost:1"


@pytest.mark.parametrize("engine", [OpenAIRecognizer, OpenAILanguageModel, OpenAISynthesizer])
def test_missing_key(monkeypatch, engine):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    assert (engine.missing(engine.Options()) or "").startswith("no key: set OPENAI_API_KEY")
    assert engine.missing(engine.Options(base_url="http://localhost:1/v1")) is None
    monkeypatch.setenv("OPENAI_API_KEY", "abc")
    assert engine.missing(engine.Options()) is None
    monkeypatch.setenv("OPENAI_API_KEY", "ab c")
    assert "OPENAI_API_KEY holds" in (engine.missing(engine.Options()) or "")


def test_secret_from_the_keyring(monkeypatch, caplog):
    keyring = pytest.importorskip("keyring")
    backend = pytest.importorskip("keyring.backend")
    errors = pytest.importorskip("keyring.errors")
    stored = {("voicecli", "KEY_ONE"): " ring-secret "}

    class Ring(backend.KeyringBackend):
        priority = 1

        def get_password(self, service, username):
            if username == "LOCKED":
                raise errors.KeyringLocked("locked")
            return stored.get((service, username))

        def set_password(self, service, username, password): ...

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    secrets._from_keyring.cache_clear()
    try:
        assert secrets.secret("KEY_ONE") == "ring-secret"
        assert address("https://example.com/v1", "KEY_ONE").key == "ring-secret"
        assert address("http://localhost:1/v1", "KEY_ONE").key is None
        monkeypatch.setenv("KEY_ONE", "from outside")
        assert secrets.secret("KEY_ONE") == "from outside"
        assert secrets.secret("KEY_TWO") is None
        caplog.set_level("INFO")
        assert secrets.secret("LOCKED") is None
        assert "LOCKED" in caplog.text
        assert secrets.secret("") is None
    finally:
        keyring.set_keyring(before)
        secrets._from_keyring.cache_clear()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "a\n  b", "type": "x"}}, "a b"),
        ({"error": "plain"}, "plain"),
        ({"message": "one"}, "one"),
        ({"detail": "two"}, "two"),
        ({"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "body.model: field required"),
        ({"detail": {"error": "kind", "message": "three"}}, "three"),
        ([{"error": {"message": "four"}}], "four"),
        ({"errors": [{"message": "five"}, "six"]}, "five; six"),
        ("words", "words"),
        (b"bytes \xff", "bytes �"),
        (
            "<!DOCTYPE html><html><title>Not &amp; here</title><body>x</body></html>",
            "Not & here",
        ),
        ("<html><head><style>p{}</style></head><body><h1>Oh</h1> dear</body></html>", "Oh dear"),
        ("key sk-proj-abcdef123456 is wrong", "key … is wrong"),
        ("mine: ownkey9", "mine: …"),
        ({}, ""),
        (None, ""),
        ({"error": {"message": None}, "detail": "late"}, "late"),
    ],
)
def test_reasons(body, words):
    assert reason(body, "ownkey9") == words


def test_long_reasons_are_cut():
    assert len(reason("word " * 1000)) <= 300


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_body_has_a_reason(body):
    assert "\n" not in reason(body)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, 0.0),
        ({}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after(headers, now=10.0) == seconds


def cut(text, places):
    edges = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[begin:end] for begin, end in itertools.pairwise(edges)]


@pytest.mark.parametrize(
    ("whole", "reply"),
    [
        ("<think>\nhm <b> hm</think>\n\nFour.", "Four."),
        ("  <thinking>x</thinking>Four.", "Four."),
        ("<b>Four</b> <think>no</think>", "<b>Four</b> <think>no</think>"),
        ("Four.", "Four."),
        ("<", "<"),
        ("<thin", "<thin"),
        ("<think>never ends", ""),
        ("", ""),
    ],
)
@given(places=st.lists(st.integers(0, 100), max_size=8))
def test_thoughts_in_any_pieces(whole, reply, places):
    thought = ThoughtFilter()
    pieces = [thought.push(piece) for piece in cut(whole, places)]
    assert "".join(pieces) + thought.flush() == reply


def test_keys_never_show(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "hidden-987654")
    server = address("https://example.com/v1", "SOME_KEY")
    call = Call("llm", server, "m", 1.0)
    assert server.key == "hidden-987654"
    response = http.Response(401, request=http.Request("POST", server.url))
    with pytest.raises(Refused) as caught, translated(call):
        raise openai.AuthenticationError("x", response=response, body={"message": "hidden-987654 is wrong"})
    assert "hidden" not in repr(server) + repr(call) + str(caught.value) + repr(caught.value)
    assert "SOME_KEY" in str(caught.value)
    assert os.environ["SOME_KEY"] == "hidden-987654"
