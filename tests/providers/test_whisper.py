"""Whisper without its weights: what it is asked, and what becomes of its answers."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.providers.published import hub
from voicecli.errors import NotFound, SettingsError, Unavailable
from voicecli.providers.recognizer import Transcript
from voicecli.providers.whisper import WhisperOptions, WhisperRecognizer


class CountingModel:
    """Understands the seconds it hears."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.threads: set[str] = set()

    def transcribe(self, samples: Any, **options: Any) -> tuple[Any, None]:
        self.asked.append(options)
        self.threads.add(threading.current_thread().name)
        text = f" {len(samples) / 16_000:.1f} seconds"
        return iter([SimpleNamespace(text=text, tokens=[1, 2], avg_logprob=-0.5)]), None


class CountingRecognizer(WhisperRecognizer):
    """Opens a model that counts."""

    def _open(self, folder: Path) -> Any:
        self.model = CountingModel()
        return self.model


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "model.bin").touch()
    return str(tmp_path)


async def speech(seconds: float) -> AsyncIterator[Any]:
    for _ in range(round(seconds * 10)):
        await asyncio.sleep(0.002)
        yield np.zeros(1_600, np.float32)


def hear(seconds: float, **options: Any) -> tuple[list[Transcript], CountingModel]:
    async def run() -> tuple[list[Transcript], CountingModel]:
        async with CountingRecognizer(WhisperOptions(**options)) as engine:
            return [said async for said in engine.transcribe(speech(seconds))], engine.model

    return asyncio.run(run())


def test_utterance_is_understood(folder: str) -> None:
    heard, _ = hear(1.5, model=folder)
    assert heard == [Transcript("1.5 seconds", True, pytest.approx(0.6065, abs=1e-3))]


def test_partials_when_asked(folder: str) -> None:
    heard, _ = hear(3.0, model=folder, partial=0.5)
    partials = [said for said in heard if not said.final]
    assert partials
    assert [float(said.text.split()[0]) for said in partials] == sorted(
        float(said.text.split()[0]) for said in partials
    )
    assert heard[-1].text == "3.0 seconds"


def test_nothing_heard(folder: str) -> None:
    assert hear(0.0, model=folder)[0] == [Transcript("", True)]


def test_options_reach_the_library(folder: str) -> None:
    library = pytest.importorskip("faster_whisper")
    _, model = hear(1.0, model=folder, language="de-AT", prompt="Umlaut", beam=5)
    inspect.signature(library.WhisperModel.transcribe).bind(None, np.zeros(1), **model.asked[-1])
    assert model.asked[-1]["language"] == "de"
    assert model.asked[-1]["initial_prompt"] == "Umlaut"
    assert model.asked[-1]["beam_size"] == 5


def test_language_is_guessed(folder: str) -> None:
    assert hear(1.0, model=folder, language="")[1].asked[-1]["language"] is None


def test_loop_does_no_work(folder: str) -> None:
    assert all(name.startswith("whisper") for name in hear(1.0, model=folder)[1].threads)


def test_closing_early(folder: str) -> None:
    closed = []

    async def endless() -> AsyncIterator[Any]:
        try:
            while True:
                yield np.zeros(16_000, np.float32)
                await asyncio.sleep(0.001)
        finally:
            closed.append(True)

    async def run() -> None:
        async with CountingRecognizer(WhisperOptions(model=folder, partial=0.5)) as engine:
            stream = engine.transcribe(endless())
            await anext(stream)
            await stream.aclose()

    asyncio.run(run())
    assert closed == [True]


def test_damaged_model(folder: str) -> None:
    pytest.importorskip("faster_whisper")

    async def run() -> None:
        async with WhisperRecognizer(WhisperOptions(model=folder)):
            pass

    with pytest.raises(Unavailable, match="whisper failed"):
        asyncio.run(run())


def test_unknown_model() -> None:
    async def run() -> None:
        async with CountingRecognizer(WhisperOptions(model="gigantic")):
            pass

    with pytest.raises(NotFound, match=r"tiny\.en"):
        asyncio.run(run())


NAMES = ["README.md", "config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]
TINY = "Systran/faster-whisper-tiny"


def test_model_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the files that Whisper needs, and the second time nothing is asked."""
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    options = WhisperOptions(model="tiny")
    assert not WhisperRecognizer.cached(options)
    with hub(TINY, {name: name.encode() for name in NAMES}) as asked:
        monkeypatch.setenv("HF_ENDPOINT", asked[0])
        assert hear(1.0, model="tiny")[0][-1].text == "1.0 seconds"
        before = len(asked)
        assert hear(1.0, model="tiny")[0][-1].text == "1.0 seconds"
        assert len(asked) == before
    assert WhisperRecognizer.cached(options)
    fetched = tmp_path / "whisper/Systran--faster-whisper-tiny"
    assert sorted(path.name for path in fetched.iterdir()) == [
        "config.json",
        "files.json",
        "model.bin",
        "tokenizer.json",
        "vocabulary.txt",
    ]


def test_an_altered_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the SHA-256 that the hub states of it."""
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    with hub(TINY, {name: name.encode() for name in NAMES}, altered=b"evil") as asked:
        monkeypatch.setenv("HF_ENDPOINT", asked[0])
        with pytest.raises(Unavailable, match="not the file it should be: its SHA-256"):
            hear(1.0, model="tiny")
    assert not list(tmp_path.rglob("model.bin"))


def test_a_repository_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    with hub(TINY, {}) as asked:
        monkeypatch.setenv("HF_ENDPOINT", asked[0])
        with pytest.raises(NotFound, match="There is no model some/body"):
            hear(1.0, model="some/body")


def test_every_size_has_the_librarys_repository() -> None:
    known = pytest.importorskip("faster_whisper.utils")._MODELS
    from voicecli.providers.whisper import REPOSITORIES

    assert known == REPOSITORIES


def test_option_out_of_range() -> None:
    with pytest.raises(SettingsError, match="beam"):
        WhisperRecognizer(WhisperOptions(beam=0))
