"""`voicecli tts`: texts into the air, files and pipes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.limited_disk import limited_disk
from tests.cli.program import PATIENCE, PROGRAM, Ended, Program, ended
from voicecli.audio.format import Codec
from voicecli.audio.recording import load_recording
from voicecli.cli.tts import file_codec

TEXT = "Hello there, this is a test of the voice."
ESPEAK = ["tts", "--tts", "espeak"]
FIELDS = {
    *("engine", "format", "text", "chunks", "bytes", "bytes_to_first_sample", "audio", "rate", "device"),
    *("marks", "spans", "underruns", "silence", "ok"),
}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def record(end: Ended) -> dict[str, object]:
    """The one JSON object."""
    assert end.text.count("\n") == 1
    return json.loads(end.text)


def many(characters: int) -> str:
    """Sentences of different lengths."""
    words = [
        "the",
        "quick",
        "brown",
        "fox",
        "jumps",
        "over",
        "a",
        "lazy",
        "dog",
        "while",
        "seven",
        "men",
        "walk",
    ]
    choice = random.Random(1)
    sentences = [" ".join(choice.choices(words, k=choice.randint(4, 14))).capitalize() for _ in range(500)]
    text = ". ".join(sentences) + ". "
    return (text * (characters // len(text) + 1))[:characters]


# The account


def test_one_object(program: Program) -> None:
    end = program.run(*ESPEAK, TEXT, "--speaker", "null", "--json")
    assert (end.status, end.errors) == (0, "")
    told = record(end)
    assert set(told) == FIELDS
    assert (told["engine"], told["text"], told["ok"], told["device"]) == ("espeak", TEXT, True, "nowhere")
    assert told["underruns"] == 0
    marks = told["marks"]
    assert marks["first_phrase"] == 0.0
    assert marks["speech_stopped"] is None
    assert 0 < marks["first_chunk"] <= marks["first_sound"] < marks["playback_finished"]
    assert told["spans"]["ttfa"] == marks["first_sound"]
    assert told["spans"]["voice_to_voice"] is None
    # In the air it lasts as long as it is.
    assert marks["playback_finished"] - marks["first_sound"] == pytest.approx(told["audio"], abs=0.2)


def test_failure_is_an_object_too(program: Program) -> None:
    end = program.run(
        "tts", TEXT, "--tts", "simulated", "--set", "tts.simulated.fail=drop", "--out", "x.wav", "--json"
    )
    end.refuses(4, "broke the connection")
    told = record(end)
    assert told["ok"] is False
    assert told["error"]["kind"] == "Dropped"
    assert told["audio"] > 0


# Texts


@pytest.mark.parametrize("text", ["", "   ", "\n\t\n"])
def test_empty(program: Program, text: str) -> None:
    program.run(*ESPEAK, text, "--out", "x.wav").refuses(2, "nothing to say")
    program.run(*ESPEAK, stdin=text.encode()).refuses(2, "nothing to say")
    assert not (program.home / "x.wav").exists()


@pytest.mark.parametrize("text", ["...", "\N{GRINNING FACE}", "- * -"])
def test_no_words(program: Program, text: str) -> None:
    program.run(*ESPEAK, "--out", "x.wav", "-", stdin=text.encode()).refuses(2, "has no words")


def test_binary(program: Program, tmp_path: Path) -> None:
    garbage = bytes(range(256)) * 8
    program.run(*ESPEAK, "-", "--out", "x.wav", stdin=garbage).refuses(2, "Standard input is not text")
    (tmp_path / "garbage").write_bytes(garbage)
    program.run(*ESPEAK, "--file", "garbage", "--out", "x.wav").refuses(2, "garbage is not text")
    program.run(*ESPEAK, "-", "--out", "x.wav", stdin=b"a\0b").refuses(2, "NUL")
    assert not (tmp_path / "x.wav").exists()


def test_files(program: Program, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes("\ufeffGrüße.\r\n".encode())
    assert (
        record(program.run(*ESPEAK, "--file", "text.txt", "--out", "x.wav", "--json"))["text"] == "Grüße.\r\n"
    )
    program.run(*ESPEAK, "--file", "none.txt").refuses(2, "There is no file none.txt")
    program.run(*ESPEAK, "--file", ".").refuses(2, "folder")
    program.run(*ESPEAK, "words", "--file", "text.txt").refuses(2, "not both")


def test_long_text_in_little_memory(program: Program, tmp_path: Path) -> None:
    """Of half an hour of speech (nearly two hours at the usual pace) only the words are kept."""
    sizes = {}
    for characters in (10_000, 80_000):
        (tmp_path / "long.txt").write_text(many(characters))
        words = [*ESPEAK, "--file", "long.txt", "--speed", "5", "--out", "/dev/null", "--format", "pcm"]
        code = (
            "import resource, subprocess, sys;"
            "status = subprocess.run(sys.argv[1:]).returncode;"
            "print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
        )
        run = [sys.executable, "-c", code, *PROGRAM, *words]
        done = subprocess.run(
            run, env=program.env, cwd=tmp_path, capture_output=True, timeout=120, check=True
        )
        status, size = map(int, done.stdout.split())
        assert status == 0, done.stderr
        sizes[characters] = size / 1024
    assert sizes[80_000] - sizes[10_000] < 3, sizes  # megabytes


def test_interrupted(program: Program, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(many(1_000_000))
    process = program.start(*ESPEAK, "--file", "long.txt", "--speaker", "null")
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    asked = time.monotonic()
    end = ended(process)
    assert (end.status, end.out, end.errors) == (130, b"", "")
    assert time.monotonic() - asked < 5.0


def test_interrupted_file_is_whole(program: Program, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(many(1_000_000))
    process = program.start(*ESPEAK, "--file", "long.txt", "--out", "x.wav")
    path, patience = tmp_path / "x.wav", time.monotonic() + PATIENCE
    while not (path.exists() and path.stat().st_size > 50_000):
        assert time.monotonic() < patience
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert ended(process).status == 130
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getnframes() > 22_050
        assert 44 + 2 * file.getnframes() == (tmp_path / "x.wav").stat().st_size


# Files and pipes


@pytest.mark.parametrize("codec", ["wav", "mp3", "opus", "aac", "flac", "webm"])
def test_formats(program: Program, tmp_path: Path, codec: str) -> None:
    told = record(program.run(*ESPEAK, TEXT, "--format", codec, "--out", "speech", "--json"))
    samples, rate = load_recording(tmp_path / "speech")
    assert len(samples) / rate == pytest.approx(told["audio"], abs=0.06)
    loud = np.flatnonzero(np.abs(samples) > 0.02)
    assert (loud[-1] - loud[0]) / rate > 2.0


def test_format_by_name(program: Program, tmp_path: Path) -> None:
    for name, magic in {"a.ogg": b"OggS", "a.FLAC": b"fLaC", "a.wav": b"RIFF", "a": b"RIFF"}.items():
        assert program.run(*ESPEAK, "Hi.", "--out", name).status == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    program.run(*ESPEAK, "Hi.", "--out", "a.doc").refuses(2, "a.doc", "--format")
    program.run(*ESPEAK, "Hi.", "--format", "ogg").refuses(2, "'ogg'", "opus")


def test_name_and_format_disagree(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"precious")
    end = program.run(*ESPEAK, "Hi.", "--format", "mp3", "--out", "a.wav")
    end.refuses(2, "a.wav is named as WAV, and --format says mp3", "Leave --format out", "a.mp3")
    assert (tmp_path / "a.wav").read_bytes() == b"precious"
    assert file_codec("a.ogg", Codec.OPUS) is file_codec("a.opus", None) is Codec.OPUS
    assert file_codec("a.bin", Codec.MP3) is file_codec("a.MP3", None) is file_codec("a", Codec.MP3)
    assert file_codec("-", Codec.MP3) is Codec.MP3
    assert file_codec("-", None) is file_codec("a", None) is Codec.WAV


@pytest.mark.parametrize("name", ["x.wav", "x.mp3", "x.flac"])
def test_failure_leaves_what_was_made_or_nothing(program: Program, tmp_path: Path, name: str) -> None:
    fails = ["--tts", "simulated", "--set", "tts.simulated.ttfb=0", "--out", name]
    program.run("tts", TEXT, *fails, "--set", "tts.simulated.fail=down").refuses(4, "")
    assert not (tmp_path / name).exists()
    program.run("tts", TEXT, *fails, "--set", "tts.simulated.fail=drop").refuses(4, "broke the connection")
    assert len(load_recording(tmp_path / name)[0]) > 1000
    (tmp_path / name).write_bytes(b"precious")
    program.run("tts", TEXT, *fails, "--set", "tts.simulated.fail=down").refuses(4, "")
    assert (tmp_path / name).read_bytes() == b"precious"


def test_disk_that_fills_up(program: Program, tmp_path: Path) -> None:
    with limited_disk(30_000):
        for name in ("x.wav", "x.flac"):
            program.run(*ESPEAK, TEXT, "--out", name).refuses(1, f"Cannot save {name}", "larger")
    for name in ("x.wav", "x.flac"):
        assert 20_000 < (tmp_path / name).stat().st_size <= 30_000
        assert soundfile.info(tmp_path / name).frames == len(load_recording(tmp_path / name)[0]) > 10_000


def test_pcm(program: Program, tmp_path: Path) -> None:
    told = record(program.run(*ESPEAK, TEXT, "--out", "speech.pcm", "--json"))
    assert (tmp_path / "speech.pcm").stat().st_size == round(told["audio"] * told["rate"]) * 2


def test_wav_states_its_length(program: Program, tmp_path: Path) -> None:
    told = record(program.run(*ESPEAK, TEXT, "--out", "speech.wav", "--json"))
    with wave.open(str(tmp_path / "speech.wav")) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(told["audio"], abs=0.001)


def test_stdout_has_sound_alone(program: Program) -> None:
    end = program.run(*ESPEAK, TEXT, "--out", "-", "--json")
    told = json.loads(end.errors)
    assert end.out[:4] == b"RIFF"
    assert len(end.out) - 44 == round(told["audio"] * told["rate"]) * 2
    end = program.run(*ESPEAK, TEXT, "--speaker", "-", "--json")
    assert len(end.out) == pytest.approx(2 * 24_000 * json.loads(end.errors)["audio"], abs=2000)


def test_reader_goes(program: Program, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(many(100_000))
    for words in (["--out", "-"], ["--out", "-", "--format", "mp3"], ["--speaker", "-"]):
        process = program.start(*ESPEAK, "--file", "long.txt", *words)
        assert process.stdout is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr is not None
        with process.stderr:
            errors = process.stderr.read()
        end = Ended(process.wait(30), b"", errors)
        assert end.status in (1, 3)
        assert len(end.errors.splitlines()) <= 1


def test_what_cannot_be_written(program: Program, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program.run(*ESPEAK, TEXT, "--out", "/dev/full").refuses(1, "disk is full")
    program.run(*ESPEAK, TEXT, "--out", "/dev/full", "--format", "mp3").refuses(1, "disk is full")
    program.run(*ESPEAK, TEXT, "--out", ".", "--format", "wav").refuses(1, "folder")
    program.run(*ESPEAK, TEXT, "--out", "file/below.mp3").refuses(1, "file/below.mp3")


def test_failure_leaves_the_file(program: Program, tmp_path: Path) -> None:
    (tmp_path / "precious.wav").write_bytes(b"precious")
    program.run(*ESPEAK, TEXT, "--voice", "nobody", "--out", "precious.wav").refuses(4, "nobody")
    assert (tmp_path / "precious.wav").read_bytes() == b"precious"


# Voices


def test_voices(program: Program) -> None:
    lines = program.run(*ESPEAK, "--list-voices").text.splitlines()
    assert len(lines) > 100
    assert any(line.startswith("en-gb ") for line in lines)
    records = [json.loads(line) for line in program.run(*ESPEAK, "--list-voices", "--json").text.splitlines()]
    assert all(set(voice) == {"name", "language", "description"} for voice in records)
    assert len(records) == len(lines) - 1


def test_unknown_voice(program: Program) -> None:
    end = program.run(*ESPEAK, TEXT, "--voice", "en-uk", "--out", "x.wav")
    end.refuses(4, "no voice 'en-uk'", "en-gb", "--list-voices")


def test_unknown_engine(program: Program) -> None:
    program.run("tts", TEXT, "--tts", "espeek").refuses(2, "--tts", "Did you mean espeak?")


# What is not installed


def without(program: Program, folder: Path, *modules: str) -> None:
    """Let imports fail as they do where the system library is missing."""
    lines = [
        "import sys",
        "class Missing:",
        "    def find_spec(self, name, path=None, target=None):",
        f"        if name in {modules!r}:",
        "            raise OSError('library not found')",
        "sys.meta_path.insert(0, Missing())",
    ]
    (folder / "sitecustomize.py").write_text("\n".join(lines))
    program.env["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [program.env.get("PYTHONPATH")])])


def test_no_portaudio(program: Program, tmp_path: Path) -> None:
    without(program, tmp_path, "sounddevice")
    for words in (
        [*ESPEAK, TEXT],
        ["devices"],
        ["talk", "--asr", "simulated"],
        ["listen", "--asr", "simulated"],
    ):
        program.run(*words).refuses(3, "PortAudio is not installed", "apt install libportaudio2")
    assert program.run(*ESPEAK, TEXT, "--out", "x.wav").status == 0
    assert program.run(*ESPEAK, TEXT, "--speaker", "x.wav").status == 0


def test_no_libopus(program: Program, tmp_path: Path) -> None:
    """Raw packets need it; files do not."""
    without(program, tmp_path, "opuslib", "opuslib.api")
    assert program.run(*ESPEAK, TEXT, "--out", "x.opus").status == 0
    end = program.run(
        "tts", TEXT, "--tts", "simulated", "--set", "tts.simulated.format=opus", "--out", "x.wav"
    )
    assert end.status == 0 or "libopus" in end.errors
