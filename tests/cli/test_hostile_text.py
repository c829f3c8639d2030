"""What a model, a transcript, a server, a device or a file says, in every command: nothing but text."""

import json
import logging
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection

from tests.cli.hostile import HOSTILE, SHOWN, assert_obeys_nothing
from tests.cli.program import QUICK, SIMULATED, Ended, Program, question
from tests.server.recognition_server import Heard, running_server, say, understand
from voicecli.audio import portaudio
from voicecli.audio.portaudio import Device
from voicecli.cli.answer import Told
from voicecli.cli.check import problem
from voicecli.cli.devices import list_devices
from voicecli.cli.doctor import _print as print_findings
from voicecli.cli.doctor import _write_report
from voicecli.errors import ExitStatus, NoDevice
from voicecli.telemetry.logs import log_formatter

TEXTS = json.dumps([HOSTILE])
HEARD = ["--set", f"asr.simulated.texts={TEXTS}"]
SAID = ["--set", f"llm.simulated.texts={TEXTS}"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def shows(end: Ended, *texts: str) -> None:
    """Its output has these texts and commands nothing."""
    assert_obeys_nothing(end.out)
    assert_obeys_nothing(end.errors.encode())
    for text in texts or (SHOWN,):
        assert text in end.text + end.errors


def converse(program: Program, *words: object, stdin: bytes = b"") -> Ended:
    return program.run("talk", *SIMULATED, *HEARD, *SAID, *QUICK, "--fast", *words, stdin=stdin)


def test_talk_and_what_is_saved(program: Program, tmp_path: Path):
    talked = converse(program, "--mic", question(tmp_path), "--speaker", "null")
    shows(talked, f"you    {SHOWN}", f"voice  {SHOWN}")
    assert "title" not in talked.text
    for words in (["list"], ["show"], ["show", "--json"], ["search", "safe"], ["search", "safe", "--json"]):
        shows(program.run("history", *words), "safe")
    shows(program.run("replay", *SIMULATED, *SAID, *QUICK, "--fast"))


def test_talk_as_json(program: Program, tmp_path: Path):
    end = converse(program, "--text", "--no-save", "--json", stdin=b"Hello\n")
    assert_obeys_nothing(end.out)
    assert end.event("turn")["reply"] == HOSTILE


def test_listen(program: Program, tmp_path: Path):
    path = tmp_path / "transcript.srt"
    words = ["listen", "--asr", "simulated", *HEARD, *QUICK[:2], "--mic", question(tmp_path)]
    shows(program.run(*words, "--out", path))
    assert_obeys_nothing(path.read_bytes())
    shows(program.run(*words, "--json"), "safe")


def test_names_in_errors(program: Program):
    shows(program.run("tts", "--file", f"{HOSTILE.replace('/', '')}.txt"), "safe")
    shows(program.run("listen", "--mic", f"{HOSTILE.replace('/', '')}.wav"), "safe")


def test_settings(program: Program, tmp_path: Path):
    path = tmp_path / "config.toml"
    path.write_text(f"[conversation]\nsystem = {json.dumps(HOSTILE)}\n")
    for words in ([], ["--json"]):
        shows(program.run("config", "show", "--config", path, *words), "safe")
    shows(program.run("config", "set", f"conversation.system={HOSTILE}"), "safe")


def test_connect(program: Program, tmp_path: Path):
    async def misunderstand(socket: ServerConnection, heard: Heard) -> None:
        await say(socket, type="segment", start_time=0, end_time=1, text=HOSTILE, is_final=True, channel=0)
        await understand(socket, heard)

    with running_server(misunderstand) as server:
        for words in ([], ["--json"]):
            end = program.run("connect", "-i", question(tmp_path), "--addr", server.address, *words)
            shows(end, "safe")


def test_answer_of_a_server(capsys: pytest.CaptureFixture[str]):
    Told(False).phrase(0.0, HOSTILE)
    assert capsys.readouterr().out == f"{SHOWN}\n"


def test_bench(program: Program, tmp_path: Path):
    page, table = tmp_path / "page.html", tmp_path / "table.csv"
    end = program.run(
        *[
            "bench",
            "tts",
            "--tts",
            "simulated",
            *QUICK,
            "--runs",
            1,
            "--cold",
            0,
            "--text",
            "safe\x1b[2J\x9b31m\u202e",
        ],
        *["--text", "Hello."],
        *["--markdown", "-", "--html", page, "--csv", table],
    )
    shows(end, "safe")
    for path in (page, table):
        assert b"safe" in path.read_bytes()
        assert_obeys_nothing(path.read_bytes())


def test_devices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    device = Device(0, f"{HOSTILE} [/b]", HOSTILE, 1, 0, 48_000, 0.01, 0.01, True, False)
    monkeypatch.setattr(portaudio, "devices", lambda: [device])
    for as_json in (False, True):
        with pytest.raises(NoDevice):
            list_devices(json=as_json)
        shown = capsys.readouterr().out
        assert "safe" in shown
        assert_obeys_nothing(shown.encode())


def test_doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    print_findings([("Sound", [problem(HOSTILE, HOSTILE, HOSTILE, ExitStatus.NO_DEVICE)])])
    _write_report("-", HOSTILE)
    shown = capsys.readouterr().out
    assert shown.count(SHOWN) == 4
    assert_obeys_nothing(shown.encode())


def test_log_lines():
    record = logging.makeLogRecord({"msg": "Refused %s", "args": (f"{HOSTILE}\nINFO forged",)})
    for form in ("text", "json"):
        line = log_formatter(form).format(record)
        assert_obeys_nothing(line.encode())
        assert "\n" not in line
        assert "safe" in line
