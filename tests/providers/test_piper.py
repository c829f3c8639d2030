"""Piper on the real library, with a model of one operation in place of a voice."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.providers.published import hub
from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import NotFound, SettingsError, Unavailable
from voicecli.providers.piper import PiperOptions, PiperSynthesizer


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A voice that says a constant for 256 samples a phoneme, a second of them taking two at half speed."""
    pytest.importorskip("piper")
    helper = pytest.importorskip("onnx.helper")
    types = pytest.importorskip("onnx").TensorProto
    nodes = [
        helper.make_node("Cast", ["input"], ["phonemes"], to=types.FLOAT),
        helper.make_node("Mul", ["phonemes", "zero"], ["silent"]),
        helper.make_node("Add", ["silent", "half"], ["flat"]),
        helper.make_node("Gather", ["scales", "one"], ["scale"], axis=0),
        helper.make_node("Mul", ["scale", "frames"], ["length"]),
        helper.make_node("Cast", ["length"], ["times"], to=types.INT64),
        helper.make_node("Concat", ["unit", "times"], ["tiling"], axis=0),
        helper.make_node("Tile", ["flat", "tiling"], ["output"]),
    ]
    constants = [
        helper.make_tensor("zero", types.FLOAT, [], [0.0]),
        helper.make_tensor("half", types.FLOAT, [], [0.5]),
        helper.make_tensor("one", types.INT64, [1], [1]),
        helper.make_tensor("unit", types.INT64, [1], [1]),
        helper.make_tensor("frames", types.FLOAT, [1], [256.0]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", types.INT64, [1, "phonemes"]),
        helper.make_tensor_value_info("input_lengths", types.INT64, [1]),
        helper.make_tensor_value_info("scales", types.FLOAT, [3]),
    ]
    output = helper.make_tensor_value_info("output", types.FLOAT, [1, "samples"])
    graph = helper.make_graph(nodes, "voice", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "toy.onnx"
    path.write_bytes(model.SerializeToString())
    letters = {chr(code): [code - 30] for code in range(97, 123)}
    described = {
        "audio": {"sample_rate": 16_000},
        "espeak": {"voice": "en-us"},
        "num_symbols": 100,
        "num_speakers": 1,
        "phoneme_id_map": {"^": [1], "$": [2], "_": [0], " ": [3], ".": [4], **letters},
    }
    path.with_name("toy.onnx.json").write_text(json.dumps(described))
    return path


def say(text: str, **options: Any) -> tuple[list[bytes], StreamFormat]:
    async def run() -> tuple[list[bytes], StreamFormat]:
        async with PiperSynthesizer(PiperOptions(**options)) as engine:
            return [chunk async for chunk in engine.synthesize(text)], engine.format

    return asyncio.run(run())


def test_sentences_come_one_by_one(voice: Path) -> None:
    chunks, format = say("Hello there. How are you.", voice=str(voice))
    assert len(chunks) == 2
    assert format == StreamFormat(Codec.PCM, 16_000, 1)
    assert np.frombuffer(chunks[0], "<i2").min() == 32_767  # Piper normalises


def test_speed_shortens(voice: Path) -> None:
    usual = len(say("Hello there", voice=str(voice))[0][0])
    assert len(say("Hello there", voice=str(voice), speed=2.0)[0][0]) == usual / 2


def test_volume_scales(voice: Path) -> None:
    [chunk], _ = say("Hello", voice=str(voice), volume=0.5)
    assert np.frombuffer(chunk, "<i2").max() == pytest.approx(16_383, abs=2)


def test_brackets_are_no_phonemes(voice: Path) -> None:
    assert len(say("[[a]]", voice=str(voice))[0]) <= 1


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_to_say(voice: Path, text: str) -> None:
    assert say(text, voice=str(voice))[0] == []


def test_calls_overlap(voice: Path) -> None:
    async def run() -> list[int]:
        async with PiperSynthesizer(PiperOptions(voice=str(voice))) as engine:

            async def spoken(text: str) -> int:
                return sum([len(chunk) async for chunk in engine.synthesize(text)])

            return await asyncio.gather(*(spoken(text) for text in ("one.", "one two.", "one two three.")))

    sizes = asyncio.run(run())
    assert sizes == sorted(sizes)


def test_missing_voice_file(tmp_path: Path) -> None:
    pytest.importorskip("piper")
    with pytest.raises(NotFound, match="not there"):
        say("Hello", voice=str(tmp_path / "absent.onnx"))


def test_damaged_voice(voice: Path) -> None:
    voice.write_bytes(b"not a model")
    with pytest.raises(Unavailable, match="piper failed"):
        say("Hello", voice=str(voice))


def test_damaged_description(voice: Path) -> None:
    voice.with_name("toy.onnx.json").write_text("{}")
    with pytest.raises(Unavailable, match="does not describe"):
        say("Hello", voice=str(voice))


def test_speed_out_of_range() -> None:
    with pytest.raises(SettingsError, match="speed"):
        PiperSynthesizer(PiperOptions(speed=9))


def test_voice_file_is_cached(tmp_path: Path) -> None:
    assert PiperSynthesizer.cached(PiperOptions(voice=str(tmp_path / "any.onnx")))


@pytest.fixture
def published(tmp_path: Path, voice: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub with one voice, and an empty model folder."""
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path / "models"))
    name = "en_US-lessac-medium"
    language = {"code": "en_US", "name_english": "English"}
    known = {name: {"language": language, "quality": "medium", "num_speakers": 1}}
    files = {"voices.json": json.dumps(known).encode(), "en/en_US/lessac/medium/MODEL_CARD": b""}
    for end in (".onnx", ".onnx.json"):
        files[f"en/en_US/lessac/medium/{name}{end}"] = voice.with_name(f"toy{end}").read_bytes()
    with hub("rhasspy/piper-voices", files) as asked:
        monkeypatch.setenv("HF_ENDPOINT", asked[0])
        yield


def test_voice_is_fetched(published: None) -> None:
    assert not PiperSynthesizer.cached(PiperOptions())
    assert say("Hello there.")[0]
    assert PiperSynthesizer.cached(PiperOptions())
    assert PiperSynthesizer.missing(PiperOptions()) is None


def test_unknown_voice_names_the_nearest(published: None) -> None:
    with pytest.raises(NotFound, match="en_US-lessac-medium"):
        say("Hello", voice="en_US-lesac-medium")
    with pytest.raises(NotFound, match="en_US-lessac-medium"):
        say("Hello", voice="lessac-medium")


def test_voices_are_listed(published: None) -> None:
    [listed] = asyncio.run(PiperSynthesizer().voices())
    assert (listed.name, listed.language) == ("en_US-lessac-medium", "en-US")
    assert listed.description == "English, medium"
