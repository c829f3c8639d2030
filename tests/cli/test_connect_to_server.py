"""`voicecli connect` against `voicecli serve`: both as their users run them."""

import signal
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import Program, await_event
from tests.server.served import RATE, Served, served, silence, tone
from voicecli.audio.recording import export_recording, load_recording
from voicecli.wire.riff import WavLayout, riff_header

REPLY = "Here is a sentence. And another."
UNDERSTOOD = "what is new"
ENGINES = [
    *("--set", f'llm.simulated.texts=["{REPLY}"]'),
    *("--set", f'asr.simulated.texts=["{UNDERSTOOD}"]'),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server"), *ENGINES) as running:
        yield running


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """Half a second of what counts as speech, and a silence that ends it, in stereo."""
    mono = np.frombuffer(tone(0.5) + silence(1.0), "<i2")
    path = tmp_path / "spoken.wav"
    data = np.repeat(mono, 2).tobytes()
    path.write_bytes(riff_header(WavLayout("integer", 16, 2, RATE), len(data)) + data)
    return path


# Recognition


@pytest.mark.parametrize("path", ["simple", "segmented"])
def test_recording_is_written_down(program: Program, server: Served, spoken: Path, path: str) -> None:
    end = program.run("connect", "-i", spoken, "--addr", server.address, "--path", path, "--json")
    assert (end.status, end.errors) == (0, "")
    assert {event["channel"] for event in end.events("segment")} == {0, 1}
    assert {event["text"] for event in end.events("segment")} == {UNDERSTOOD}
    assert end.event("summary")["audio"] == 1.5
    assert len(end.events("active")) == len(end.events("inactive")) == (2 if path == "segmented" else 0)


@pytest.mark.parametrize("name", ["spoken.flac", "spoken.opus"])
def test_other_formats_are_written_down(program: Program, server: Served, spoken: Path, name: str) -> None:
    path = program.home / name
    export_recording(path, *load_recording(spoken))
    end = program.run("connect", "-i", path, "--addr", server.address)
    assert (end.status, end.errors) == (0, "")
    assert end.text.endswith(f"  {UNDERSTOOD}\n")


def test_no_address_means_this_machine(program: Program, server: Served, spoken: Path) -> None:
    end = program.run("connect", "-i", spoken, "--set", f"server.port={server.port}")
    assert (end.status, end.text.count(UNDERSTOOD)) == (0, 2)


# Questions


def phrases(text: str) -> str:
    return " ".join(text.split())


def test_answer_is_played_and_shown(program: Program, server: Served) -> None:
    words = ["--addr", server.address, "--speaker", "answer.wav"]
    end = program.run("connect", "--frames", "--text", "hello", *words)
    assert (end.status, end.errors) == (0, "")
    assert end.text.splitlines() == ["Here is a sentence.", "And another."]
    with wave.open(str(program.home / "answer.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(len(REPLY) / 15, rel=0.3)


def test_spoken_question_is_answered(program: Program, server: Served, spoken: Path) -> None:
    words = ["--addr", server.address, "--speaker", "null", "--json"]
    end = program.run("connect", "--frames", "-i", spoken, *words)
    assert (end.status, end.errors) == (0, "")
    assert [event["event"] for event in end.events()] == ["question", "phrase", "phrase", "summary"]
    assert end.event("question")["text"] == UNDERSTOOD
    assert phrases("".join(event["text"] for event in end.events("phrase"))) == REPLY
    first, second = (event["start"] for event in end.events("phrase"))
    assert first == 0.0 < second < end.event("summary")["audio"]
    summary = end.event("summary")
    assert 0 < summary["first_frame"] <= summary["first_sound"] < 5
    assert summary["underruns"] == 0


def test_question_and_answer_through_pipes(program: Program, server: Served) -> None:
    words = ["--addr", server.address, "--speaker", "-"]
    end = program.run("connect", "--frames", "-i", "-", *words, stdin=tone(0.5))
    assert end.status == 0
    assert phrases(end.errors) == REPLY
    assert len(end.out) / 48_000 == pytest.approx(len(REPLY) / 15, rel=0.3)


def test_refused_question_is_told(program: Program, server: Served) -> None:
    words = ["--addr", server.address, "--speaker", "null"]
    program.run("connect", "--frames", "--text", " ", *words).refuses(4, "question is empty")
    program.run("connect", "--frames", "-i", "-", *words).refuses(4, "neither sound nor text")
    nowhere = ["--addr", f"{server.address}/nowhere", "--speaker", "null"]
    program.run("connect", "--frames", "--text", "x", *nowhere).refuses(4, "no such path")


def test_answer_that_breaks_off_is_heard_first(program: Program, tmp_path: Path) -> None:
    failing = ["--set", "tts.simulated.fail=drop", "--set", "tts.simulated.fail_on=[2]"]
    with served(tmp_path, *ENGINES, *failing) as server:
        words = ["--addr", server.address, "--speaker", "null"]
        end = program.run("connect", "--frames", "--text", "x", *words)
    assert end.status == 4
    assert end.text.startswith("Here is a sentence.\n")
    assert "could not go on: The simulated voice broke the connection" in end.errors


def test_interrupt_ends_the_answer(program: Program, server: Served) -> None:
    words = ["--addr", server.address, "--speaker", "null", "--json"]
    with program.start("connect", "--frames", "--text", "x", *words) as process:
        await_event(process, lambda event: event["event"] == "phrase")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == 130
