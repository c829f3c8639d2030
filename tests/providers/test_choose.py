"""Which engine, and why."""

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest

from voicecli.errors import LibraryMissing, ProviderError, Refused, UsageError
from voicecli.providers import choose as choosing
from voicecli.providers.choose import (
    AUTO,
    Choice,
    choose,
    choose_detector,
    choose_language_model,
    choose_recognizer,
    choose_synthesizer,
)
from voicecli.providers.local_servers import LocalServer
from voicecli.providers.registry import BUILT_IN, Stage, engine_class

OLLAMA = LocalServer("Ollama", "http://127.0.0.1:11434/v1", ("llama3.2", "nomic-embed-text"))
KOKORO = LocalServer("Kokoro-FastAPI", "http://127.0.0.1:8880/v1", ("kokoro",))


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine without keys, addresses or fetched models."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    empty = str(tmp_path_factory.mktemp("models"))
    for name in ("VOICECLI_MODELS", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, empty)


def chosen(
    stage: Stage, requested: str = "auto", options: Mapping[str, Any] | None = None, **more: Any
) -> Choice[Any]:
    return asyncio.run(choose(stage, requested, options, **{"servers": [], **more}))


@pytest.mark.parametrize(
    ("stage", "bundled"), [("asr", "pocketsphinx"), ("llm", "assistant"), ("tts", "espeak")]
)
def test_bare_machine_gets_the_bundled(stage: Stage, bundled: str) -> None:
    choice = chosen(stage)
    assert choice.name == bundled
    assert choice.reason.startswith("no OPENAI_API_KEY; nothing listens on 11434, 1234, 8080, 8000")
    assert type(choice.engine) is engine_class(stage, bundled)


def test_voice_detector_is_silero() -> None:
    choice = asyncio.run(choose_detector())
    assert (choice.name, choice.engine.name) == ("silero", "silero")
    assert choice.reason


def test_unusable_detector_is_passed() -> None:
    options = {"silero": engine_class("vad", "silero").Options(model="/nowhere/model.onnx")}
    choice = chosen("vad", options=options)
    assert choice.name == "energy"
    assert choice.reason == "silero: no model file /nowhere/model.onnx"


@pytest.mark.parametrize("stage", ["asr", "llm", "tts"])
def test_key_takes_openai(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    choice = chosen(stage, servers=[OLLAMA, KOKORO])
    assert (choice.name, choice.reason) == ("openai", "there is a key in OPENAI_API_KEY")


def test_local_server_is_used() -> None:
    choice = asyncio.run(choose_language_model(servers=[KOKORO, OLLAMA]))
    assert choice.name == "openai"
    assert choice.reason == "no OPENAI_API_KEY; Ollama is running at 127.0.0.1:11434 with llama3.2"
    assert (choice.options.base_url, choice.options.model) == (OLLAMA.base_url, "llama3.2")
    assert choice.options.api_key_env == ""


def test_local_server_speaks() -> None:
    choice = asyncio.run(choose_synthesizer(servers=[OLLAMA, KOKORO]))
    assert (choice.name, choice.options.base_url) == ("openai", KOKORO.base_url)


def test_server_without_a_model_is_passed() -> None:
    choice = chosen("tts", servers=[OLLAMA])
    assert choice.name == "espeak"
    assert "Ollama at 127.0.0.1:11434 has no model for tts" in choice.reason


def test_own_model_is_kept() -> None:
    server = dataclasses.replace(OLLAMA, models=("llama3.2", "qwen3"))
    options = {"openai": engine_class("llm", "openai").Options(model="qwen3")}
    assert chosen("llm", options=options, servers=[server]).options.model == "qwen3"


def test_own_address_is_used() -> None:
    options = {"openai": engine_class("tts", "openai").Options(base_url="http://localhost:9000/v1")}
    choice = chosen("tts", options=options, servers=[OLLAMA])
    assert (choice.name, choice.reason) == ("openai", "tts.openai.base_url is localhost:9000")


def test_shared_address_is_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    assert chosen("llm").reason == "OPENAI_BASE_URL is localhost:11434"
    choice = chosen("tts")
    assert choice.name == "espeak"
    assert "OPENAI_BASE_URL (localhost:11434) is taken to be for llm" in choice.reason


def test_asked_for_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    for stage in ("asr", "llm", "tts"):
        choice = chosen(stage, "simulated")
        assert (choice.name, choice.reason) == ("simulated", "as asked for")


def test_asked_for_without_key_is_an_error() -> None:
    with pytest.raises(Refused) as caught:
        chosen("tts", "openai", servers=[KOKORO])
    assert caught.value.message == "The tts engine openai cannot be used: no key."
    assert caught.value.hint.startswith("Set OPENAI_API_KEY")


def test_asked_for_without_library_is_an_error() -> None:
    try:
        import torch  # noqa: F401
    except ImportError:
        with pytest.raises(LibraryMissing) as caught:
            chosen("vad", "silero-torch")
        assert "cannot be used" in caught.value.message
        assert "voicecli[silero]" in caught.value.hint
    else:
        pytest.skip("torch is installed")


def test_unknown_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"Did you mean assistant\?"):
        chosen("llm", "assistent")


def test_options_reach_the_engine() -> None:
    options = engine_class("tts", "espeak").Options(speed=2.0)
    choice = chosen("tts", "espeak", {"espeak": options})
    assert choice.options is options


def test_domain_reaches_who_takes_it() -> None:
    choice = asyncio.run(choose_recognizer("simulated", domain="numbers"))
    assert choice.name == "simulated"

    class Listener:
        def __init__(self, options: object, domain: object = None) -> None: ...

    assert choosing.accepted(Listener, {"domain": "numbers", "other": 1}) == {"domain": "numbers"}  # type: ignore[arg-type]
    assert choosing.accepted(Listener, {"domain": None}) == {}  # type: ignore[arg-type]


def test_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(choosing.AUTO, "vad", ("silero",))  # type: ignore[arg-type]
    options = {"silero": engine_class("vad", "silero").Options(model="/nowhere/model.onnx")}
    with pytest.raises(ProviderError, match=r"No vad engine works here: silero: no model file"):
        chosen("vad", options=options)


def test_auto_knows_its_engines() -> None:
    for stage, names in AUTO.items():
        assert set(names) <= set(BUILT_IN[stage])
        assert "simulated" not in names


def test_real_search_finds_nothing_or_something() -> None:
    choice = asyncio.run(choose("llm"))
    assert choice.name in ("assistant", "openai")
    assert choice.reason
