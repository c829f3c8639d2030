"""`voicecli listen`: recordings and pipes as text."""

import json
import re
import signal
import subprocess
import wave
from pathlib import Path

import av
import pytest

from tests.cli.program import PATIENCE, Program, await_event, ended, question

HEARD = "What is the weather like today?"  # what the simulated recogniser understands


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """The question, twice, with two seconds of silence around."""
    with wave.open(str(question(tmp_path))) as file:
        speech, rate = file.readframes(file.getnframes()), file.getframerate()
    silence = bytes(2 * 2 * rate)
    path = tmp_path / "two.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(silence + speech + silence + speech + silence)
    return path


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(64_000))
    return path


LISTEN = ["listen", "--asr", "simulated", "--set", "asr.simulated.delay=0"]


def test_lines_of_text(program: Program, two: Path) -> None:
    end = program.run(*LISTEN, "--mic", two)
    assert end.status == 0
    assert end.text.splitlines() == [HEARD, HEARD]
    assert end.errors.startswith("simulated (as asked for) listens to")


def test_passages_as_json(program: Program, two: Path) -> None:
    end = program.run(*LISTEN, "--mic", two, "--json")
    assert end.errors == ""
    assert [event["event"] for event in end.events()] == ["ready", "transcript", "transcript"]
    first, second = end.events("transcript")
    assert (first["turn"], first["text"], first["final"]) == (1, HEARD, True)
    assert (second["turn"], second["text"], second["final"]) == (2, HEARD, True)
    assert 1.9 < first["start"] < 2.1 < 3.3 < first["end"] < 3.9
    assert 5.6 < second["start"] < 6.0


def test_interim(program: Program, two: Path) -> None:
    end = program.run(*LISTEN, "--mic", two, "--json", "--interim")
    passing = [event for event in end.events("transcript") if not event["final"]]
    assert {event["turn"] for event in passing} == {1, 2}
    texts = [event["text"] for event in passing if event["turn"] == 1]
    assert texts == sorted(set(texts), key=len)
    assert all(HEARD.startswith(text) for text in texts)


@pytest.mark.parametrize("codec", ["wav", "mp3", "m4a", "opus", "flac"])
def test_recordings(program: Program, tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"speech.{codec}"
    if codec == "m4a":
        with av.open(str(question(tmp_path))) as spoken, av.open(str(path), "w") as made:
            stream = made.add_stream("aac", rate=22_050)
            for frame in [*spoken.decode(audio=0), None]:
                made.mux(stream.encode(frame))
    else:
        assert program.run("tts", HEARD, "--tts", "espeak", "--out", path).status == 0
    assert program.run(*LISTEN, "--mic", path).text == f"{HEARD}\n"


def test_subtitles(program: Program, two: Path, tmp_path: Path) -> None:
    for kind in ("srt", "vtt", "txt", "jsonl"):
        program.run(*LISTEN, "--mic", two, "--out", f"out.{kind}")
    stamps = r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}"
    srt = re.fullmatch(rf"1\n{stamps}\n(.*)\n\n2\n{stamps}\n(.*)\n\n", (tmp_path / "out.srt").read_text())
    assert srt is not None
    assert srt.groups() == (HEARD, HEARD)
    vtt = (tmp_path / "out.vtt").read_text()
    assert vtt.startswith("WEBVTT\n\n00:00:0")
    assert re.findall(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n(.*)\n", vtt) == [HEARD, HEARD]
    assert (tmp_path / "out.txt").read_text() == f"{HEARD}\n{HEARD}\n"
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [set(record) for record in records] == [{"start", "end", "text"}] * 2


def test_silence_only(program: Program, silence: Path) -> None:
    end = program.run(*LISTEN, "--mic", silence)
    assert (end.status, end.text) == (0, "")
    assert "No speech was noticed" in end.errors
    end = program.run(*LISTEN, "--mic", silence, "--json")
    assert "No speech was noticed" in end.event("warning")["message"]


def test_pipe(program: Program) -> None:
    end = program.run(*LISTEN, "--mic", "-", stdin=b"\1")
    assert (end.status, end.text) == (0, "")


def test_what_cannot_be_heard(program: Program, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    program.run(*LISTEN, "--mic", "text.wav").refuses(1, "text.wav is not audio")
    program.run(*LISTEN, "--mic", "none.wav").refuses(2, "There is no file none.wav")
    program.run(*LISTEN, "--mic", "./").refuses(2, "folder")


def test_what_cannot_be_written(program: Program, two: Path, tmp_path: Path) -> None:
    program.run(*LISTEN, "--mic", two, "--out", "out.doc").refuses(2, "out.doc", ".srt")
    before = two.read_bytes()
    program.run(*LISTEN, "--mic", two, "--out", two).refuses(2, "two.wav")
    assert two.read_bytes() == before
    (tmp_path / "full.txt").symlink_to("/dev/full")
    end = program.run(*LISTEN, "--mic", two, "--out", "full.txt", "--json")
    end.refuses(1, "disk is full")
    assert end.event("error")["kind"] == "SaveError"


def test_failure_leaves_no_file(program: Program, two: Path, silence: Path, tmp_path: Path) -> None:
    refused = ["--set", "asr.simulated.fail=refuse", "--mic", two]
    (tmp_path / "old.txt").write_text("precious")
    for name in ("new.txt", "new.vtt", "old.txt"):
        program.run(*LISTEN, *refused, "--out", name, "--json").refuses(4, "refuses the key")
    assert not list(tmp_path.glob("new.*"))
    assert (tmp_path / "old.txt").read_text() == "precious"
    program.run(*LISTEN, "--mic", "none.wav", "--out", "new.txt").refuses(2, "none.wav")
    assert not (tmp_path / "new.txt").exists()
    # That nothing was said is a result.
    assert program.run(*LISTEN, "--mic", silence, "--out", "old.txt").status == 0
    assert program.run(*LISTEN, "--mic", silence, "--out", "new.vtt").status == 0
    assert (tmp_path / "old.txt").read_text() == ""
    assert (tmp_path / "new.vtt").read_text() == "WEBVTT\n\n"


def test_failure_that_passes(program: Program, two: Path) -> None:
    """One passage that cannot be recognised does not cost the rest."""
    failing = ["--set", "asr.simulated.fail=down", "--set", "asr.simulated.fail_on=[1]"]
    end = program.run(*LISTEN, *failing, "--mic", two, "--json")
    assert end.status == 4
    assert end.event("error")["kind"] == "Unavailable"
    assert [event["text"] for event in end.events("transcript")] == [HEARD]


def test_key_that_is_refused(program: Program, two: Path) -> None:
    """Asking again for every passage would be no use."""
    end = program.run(*LISTEN, "--set", "asr.simulated.fail=refuse", "--mic", two, "--json")
    end.refuses(4, "refuses the key")
    assert end.event("error")["kind"] == "Refused"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal(program: Program, number: signal.Signals) -> None:
    process = program.start(*LISTEN, "--mic", "-", "--json", stdin=subprocess.PIPE)
    await_event(process, lambda event: event["event"] == "ready")
    process.send_signal(number)
    process.wait(PATIENCE)  # with its standard input open: the end of that would end it too
    assert ended(process).status == 130
