"""Moonshine without its weights: its streams, its list of files, its errors."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from voicecli.errors import NotFound, SettingsError, Unavailable
from voicecli.providers.fetch import ModelFile
from voicecli.providers.moonshine import MoonshineOptions, MoonshineRecognizer, _wanted
from voicecli.providers.recognizer import Transcript


class CountingStream:
    """Understands the seconds it was given."""

    def __init__(self, **options: Any) -> None:
        self.given, self.closed, self.fails = 0, False, False

    def start(self) -> None: ...

    def add_audio(self, samples: list[float], rate: int) -> None:
        assert all(type(sample) is float for sample in samples)  # ctypes takes no other
        self.given += len(samples)

    def update_transcription(self) -> Any:
        line = f"{self.given / 16_000:.1f} seconds"
        return SimpleNamespace(lines=[SimpleNamespace(text=f" {line} "), SimpleNamespace(text="")])

    def stop(self) -> Any:
        return None if self.fails else self.update_transcription()

    def close(self) -> None:
        self.closed = True


class CountingTranscriber:
    """Opens streams that count."""

    def __init__(self) -> None:
        self.streams: list[CountingStream] = []

    def create_stream(self, **options: Any) -> CountingStream:
        self.streams.append(CountingStream(**options))
        return self.streams[-1]

    def close(self) -> None: ...


class CountingRecognizer(MoonshineRecognizer):
    """Has a transcriber that counts, without a model."""

    async def __aenter__(self) -> "CountingRecognizer":
        self._model = self.counting = CountingTranscriber()
        return self


async def speech(seconds: float) -> AsyncIterator[Any]:
    for _ in range(round(seconds * 10)):
        yield np.zeros(1_600, np.float32)


def hear(seconds: float, **options: Any) -> list[Transcript]:
    async def run() -> list[Transcript]:
        async with CountingRecognizer(MoonshineOptions(**options)) as engine:
            heard = [said async for said in engine.transcribe(speech(seconds))]
            assert [stream.closed for stream in engine.counting.streams] == [True]
            return heard

    return asyncio.run(run())


def test_partials_and_final() -> None:
    assert hear(1.2, partial=0.5) == [
        Transcript("0.5 seconds"),
        Transcript("1.0 seconds"),
        Transcript("1.2 seconds", True),
    ]


def test_no_audio() -> None:
    assert hear(0.0) == [Transcript("", True)]


def test_closing_early_closes_the_stream() -> None:
    async def run() -> list[bool]:
        async with CountingRecognizer(MoonshineOptions()) as engine:
            stream = engine.transcribe(speech(9.0))
            await anext(stream)
            await stream.aclose()
            return [one.closed for one in engine.counting.streams]

    assert asyncio.run(run()) == [True]


def test_failure_at_the_end() -> None:
    async def run() -> None:
        async with CountingRecognizer(MoonshineOptions()) as engine:
            stream = engine.transcribe(speech(9.0))
            await anext(stream)
            engine.counting.streams[0].fails = True
            async for _ in stream:
                pass

    with pytest.raises(Unavailable, match="end of the utterance"):
        asyncio.run(run())


def test_streams_take_the_librarys_arguments() -> None:
    import inspect

    library = pytest.importorskip("moonshine_voice.transcriber")
    inspect.signature(library.Transcriber.create_stream).bind(None, update_interval=1.0)
    for name in ("start", "add_audio", "update_transcription", "stop", "close"):
        assert hasattr(library.Stream, name)


def files(**options: Any) -> tuple[int, list[ModelFile]]:
    pytest.importorskip("moonshine_voice")
    return _wanted(MoonshineOptions(**options))


def test_files_come_from_the_librarys_list() -> None:
    architecture, listed = files(language="en-GB")
    assert architecture == 4  # small-streaming
    assert {file.path.rpartition("/")[2] for file in listed} >= {"encoder.ort", "tokenizer.bin"}
    assert all(file.path.startswith("moonshine/en-auto/") for file in listed)


def test_model_by_name() -> None:
    assert files(model="tiny-streaming")[0] == 2
    with pytest.raises(NotFound, match="small-streaming"):
        files(model="gigantic")


def test_every_language_has_a_model() -> None:
    for language in ("ar", "de", "es", "ja", "ko", "tl", "uk", "vi", "zh"):
        assert files(language=language)[1]


def test_unknown_language() -> None:
    with pytest.raises(NotFound, match="en, es"):
        files(language="sw")


def test_damaged_model(tmp_path: Path) -> None:
    pytest.importorskip("moonshine_voice")

    async def run() -> None:
        engine = MoonshineRecognizer()
        await engine._inference.run(lambda: engine._open(tmp_path, 4))

    with pytest.raises(Unavailable, match="moonshine failed"):
        asyncio.run(run())


def test_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    assert not MoonshineRecognizer.cached(MoonshineOptions())


def test_option_out_of_range() -> None:
    with pytest.raises(SettingsError, match="partial"):
        MoonshineRecognizer(MoonshineOptions(partial=0))
