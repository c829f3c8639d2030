"""Kokoro on the real library, with a model of a few operations in place of the 82 million weights."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, SettingsError, Unavailable
from voicecli.providers.kokoro import KokoroOptions, KokoroSynthesizer, _sentences


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that hums for 600 samples a phoneme, and two voices for it."""
    pytest.importorskip("kokoro_onnx")
    helper = pytest.importorskip("onnx.helper")
    types = pytest.importorskip("onnx").TensorProto
    nodes = [
        helper.make_node("Cast", ["tokens"], ["phonemes"], to=types.FLOAT),
        helper.make_node("Mul", ["phonemes", "zero"], ["silent"]),
        helper.make_node("Add", ["silent", "half"], ["flat"]),
        helper.make_node("Div", ["frames", "speed"], ["length"]),
        helper.make_node("Cast", ["length"], ["times"], to=types.INT64),
        helper.make_node("Concat", ["unit", "times"], ["tiling"], axis=0),
        helper.make_node("Tile", ["flat", "tiling"], ["tone"]),
        helper.make_node("Reshape", ["tone", "all"], ["audio"]),
        helper.make_node("ReduceSum", ["style"], ["unused"], keepdims=0),
    ]
    constants = [
        helper.make_tensor("zero", types.FLOAT, [], [0.0]),
        helper.make_tensor("half", types.FLOAT, [], [0.5]),
        helper.make_tensor("unit", types.INT64, [1], [1]),
        helper.make_tensor("all", types.INT64, [1], [-1]),
        helper.make_tensor("frames", types.FLOAT, [1], [600.0]),
    ]
    inputs = [
        helper.make_tensor_value_info("tokens", types.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("style", types.FLOAT, [1, 256]),
        helper.make_tensor_value_info("speed", types.FLOAT, [1]),
    ]
    outputs = [
        helper.make_tensor_value_info("audio", types.FLOAT, ["samples"]),
        helper.make_tensor_value_info("unused", types.FLOAT, []),
    ]
    graph = helper.make_graph(nodes, "kokoro", inputs, outputs, constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    folder = tmp_path / "kokoro"
    folder.mkdir()
    path = folder / "kokoro-v1.0.onnx"
    path.write_bytes(made.SerializeToString())
    style = np.ones((510, 1, 256), np.float32)
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, af_heart=style, am_adam=style, bf_emma=style)
    return path


def say(text: str, **options: Any) -> list[bytes]:
    async def run() -> list[bytes]:
        async with KokoroSynthesizer(KokoroOptions(**options)) as engine:
            assert engine.format == StreamFormat(Codec.PCM, 24_000, 1)
            return [chunk async for chunk in engine.synthesize(text)]

    return asyncio.run(run())


def test_speech_is_audible(model: Path) -> None:
    [sound] = say("Hello there")
    samples = np.frombuffer(sound, "<i2")
    assert np.abs(samples).max() == pytest.approx(16_384, abs=2)
    assert len(samples) > 3_000


def test_sentences_come_one_by_one(model: Path) -> None:
    assert len(say("This sentence is long enough to stand alone. So is this one, I should think.")) == 2


def test_speed_shortens(model: Path) -> None:
    assert len(say("Hello there", speed=2.0)[0]) < 0.6 * len(say("Hello there")[0])


def test_pause_follows_punctuation(model: Path) -> None:
    assert say("Hello.")[0].endswith(bytes(12_000))
    assert not say("Hello.", pause=False)[0].endswith(bytes(12_000))


@pytest.mark.parametrize("text", ["", " ", "...", "—"])
def test_nothing_to_say(model: Path, text: str) -> None:
    assert say(text) == []


def test_language_chooses(model: Path) -> None:
    assert say("Hello", language="en-GB")
    assert say("Hello", language="en-AU")


def test_unknown_voice_names_the_nearest(model: Path) -> None:
    with pytest.raises(NotFound, match="am_adam"):
        say("Hello", voice="am_adan")


def test_unknown_language() -> None:
    lacking = KokoroSynthesizer.missing(KokoroOptions(language="sw"))
    assert lacking is not None


def test_voices_are_listed(model: Path) -> None:
    voices = asyncio.run(KokoroSynthesizer().voices())
    assert [(voice.name, voice.language, voice.description) for voice in voices] == [
        ("bf_emma", "en-GB", "female"),
        ("af_heart", "en-US", "female"),
        ("am_adam", "en-US", "male"),
    ]


def test_damaged_model(model: Path) -> None:
    model.write_bytes(b"not a model")
    with pytest.raises(Unavailable, match="kokoro failed"):
        say("Hello")


def test_model_by_path(model: Path) -> None:
    moved = model.rename(model.with_name("mine.onnx"))
    assert say("Hello", model=str(moved))
    with pytest.raises(NotFound, match="not there"):
        say("Hello", model=str(model))


def test_model_is_cached(model: Path) -> None:
    assert KokoroSynthesizer.cached(KokoroOptions())
    model.unlink()
    assert not KokoroSynthesizer.cached(KokoroOptions())


def test_speed_out_of_range() -> None:
    with pytest.raises(SettingsError, match="speed"):
        KokoroSynthesizer(KokoroOptions(speed=9))


def test_text_is_cut_at_sentences() -> None:
    assert _sentences("Yes. No. " + "a b " * 10 + "end. And more.") == [
        "Yes. No. " + "a b " * 10 + "end.",
        "And more.",
    ]
    assert _sentences("?! ... one") == ["?! ... one"]
