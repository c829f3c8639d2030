"""`voicecli talk` with a real microphone and loudspeaker, as far as a program can tell."""

import json
import signal
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest

from tests.cli.program import SIMULATED, Program, await_event, ended, question
from tests.sound.server import SoundServer, is_missing, sound_server

pytestmark = [
    pytest.mark.sound,
    pytest.mark.alone,
    pytest.mark.skipif(is_missing(), reason="needs pulseaudio, pulseaudio-utils and libasound2-plugins"),
]

LONG = "This answer goes on and on, for somebody has to have the time to speak in the middle of it. " * 2
QUESTION = "What time is it?"
INTERRUPTION = "Stop, please, I have another question."
# From the first sample of the interruption to the last one at the loudspeaker. The speech has to be noticed
# (0.1 s), to last for `barge_in_after` (0.2 s), and what the sound server holds is still played.
SILENT_WITHIN = 0.5


@pytest.fixture(scope="module")
def server() -> Iterator[SoundServer]:
    with (
        sound_server() as running,
        running.recording("speaker.monitor") as air,
        running.recording("micfeed.monitor") as room,
    ):
        running.settle(air, room)  # for as long as somebody listens, they do not fall asleep
        yield running


@pytest.fixture
def home(server: SoundServer, tmp_path: Path) -> Program:
    data = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    return Program(tmp_path, server.env | data)


def start(home: Program, *words: object) -> Popen[bytes]:
    answer = json.dumps([LONG])
    quick = ["--set", f"llm.simulated.texts={answer}", "--set", "llm.simulated.ttft=0.1"]
    process = home.start("talk", *SIMULATED, *quick, "--json", *words)
    await_event(process, lambda event: event["event"] == "ready")
    return process


def speaking(process: Popen[bytes]) -> None:
    await_event(process, lambda event: event["event"] == "state" and event["to"] == "SPEAKING")


def valid(path: Path) -> float:
    """The length of a WAV whose header tells the truth, but for the last quarter of a second."""
    with wave.open(str(path)) as file:
        stated = file.getnframes()
        assert len(file.readframes(stated)) == 2 * stated
        assert path.stat().st_size - 44 - 2 * stated <= 0.3 * 2 * file.getframerate()
        return stated / file.getframerate()


def test_barge_in(server: SoundServer, home: Program, tmp_path: Path) -> None:
    with server.recording("speaker.monitor") as air, server.recording("micfeed.monitor") as room:
        process = start(home, "--turns", 2)
        server.settle(air, room)
        server.say(question(tmp_path, QUESTION))
        speaking(process)
        time.sleep(1.0)
        server.say(question(tmp_path, INTERRUPTION))
        first = await_event(process, lambda event: event["event"] == "turn")
        speaking(process)
        process.send_signal(signal.SIGINT)
        end = ended(process)
        asked, interruption = room.sounds(0.02, gap=0.6)[:2]
        reply = air.sounds(0.01)[0]
    assert first["interrupted"] is True
    heard = first["heard"]
    assert heard
    assert LONG.startswith(heard)
    assert len(heard) < len(LONG.rstrip())
    assert asked[1] < reply[0] < interruption[0]
    assert 0.2 < reply[1] - interruption[0] < SILENT_WITHIN
    # What it says was heard is what was in the air: 15 characters a second, and a word more or less.
    assert len(heard) / 15 == pytest.approx(reply[1] - reply[0], abs=0.8)
    assert end.status == 130
    second = end.event("turn")
    assert (second["turn"], second["interrupted"]) == (2, True)


def test_no_barge_in(server: SoundServer, home: Program, tmp_path: Path) -> None:
    short = [
        "--set",
        'llm.simulated.texts=["This answer lasts for about four seconds, as it is rather long."]',
    ]
    with server.recording("speaker.monitor") as air, server.recording("micfeed.monitor") as room:
        process = start(home, "--no-barge-in", "--turns", 1, *short)
        server.settle(air, room)
        server.say(question(tmp_path, QUESTION))
        speaking(process)
        server.say(question(tmp_path, INTERRUPTION))
        end = ended(process)
        (reply,) = air.sounds(0.01)
    assert end.status == 0
    turn = end.event("turn")
    assert turn["interrupted"] is False
    assert turn["heard"] == turn["reply"]
    assert reply[1] - reply[0] == pytest.approx(len(turn["reply"]) / 15, abs=0.2)
    assert end.events("speech_started") == []  # they came before the reply, and none during it


def test_server_dies(tmp_path: Path) -> None:
    with sound_server() as own:
        home = Program(tmp_path, own.env | {"XDG_DATA_HOME": str(tmp_path / "data")})
        process = start(home)
        time.sleep(0.5)
        own.kill()
        end = ended(process)
    end.refuses(3, "went away", "voicecli devices")
    error, summary = end.events()[-2:]
    assert (error["event"], error["kind"], error["recoverable"]) == ("error", "DeviceLost", False)
    assert summary["event"] == "summary"
    (journal,) = (tmp_path / "data").rglob("conversation.jsonl")
    kept = [json.loads(line)["event"] for line in journal.read_text().splitlines()]
    assert kept == ["conversation", "ready", "error", "summary"]


def test_server_dies_while_it_speaks(tmp_path: Path) -> None:
    """The turn under way is accounted for, and saved."""
    with sound_server() as own:
        home = Program(tmp_path, own.env)
        with own.recording("speaker.monitor") as air:
            process = start(home)
            own.settle(air)
            own.say(question(tmp_path, QUESTION))
            speaking(process)
            time.sleep(0.5)
            own.kill()
            end = ended(process)
    end.refuses(3, "went away")
    turn = end.event("turn")
    assert LONG.startswith(turn["heard"])
    assert end.event("summary")["turns"] == 1


def test_microphone_falls_silent(server: SoundServer, home: Program) -> None:
    """A device that says nothing more, without a word about it."""
    with server.recording("speaker.monitor") as air:
        process = start(home)
        server.settle(air)
        server.control("suspend-source", "mic", "1")
        try:
            end = ended(process)
        finally:
            server.control("suspend-source", "mic", "0")
    end.refuses(3, "has sent nothing for 5 seconds", "voicecli devices")
    assert end.event("summary")["turns"] == 0


def test_no_server(tmp_path: Path, server: SoundServer) -> None:
    env = server.env | {"PULSE_SERVER": f"unix:{tmp_path}/nothing"}
    home = Program(tmp_path, env)
    for command in (["talk", *SIMULATED], ["listen", "--asr", "simulated"], ["tts", "Hello."], ["devices"]):
        home.run(*command).refuses(3, "There is no", "start a sound server")


def test_muted_microphone(server: SoundServer, home: Program) -> None:
    """Zeros and nothing else: a permission that is lacking looks like that."""
    with server.recording("micfeed.monitor") as room:
        process = start(home)
        server.settle(room)
        warning = await_event(process, lambda event: event["event"] == "warning")
        process.send_signal(signal.SIGTERM)
        assert ended(process).status == 130
    assert "gives only zeros" in warning["message"]


def test_killed_while_it_records(server: SoundServer, home: Program, tmp_path: Path) -> None:
    with server.recording("speaker.monitor") as air:
        process = start(home, "--save-audio")
        server.settle(air)
        began = time.monotonic()
        server.say(question(tmp_path, QUESTION))
        speaking(process)
        time.sleep(1.0)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lasted = time.monotonic() - began
    (folder,) = (tmp_path / "data").glob("voicecli/conversations/*")
    for name in ("microphone.wav", "speaker.wav"):
        assert valid(folder / name) > lasted - 0.7
    with wave.open(str(folder / "speaker.wav")) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.max(np.abs(sound)) > 3000
    assert all(json.loads(line) for line in (folder / "conversation.jsonl").read_text().splitlines())


@pytest.mark.parametrize("signals", [["SIGINT"], ["SIGINT", "SIGINT"], ["SIGTERM"]], ids="-".join)
def test_signals(server: SoundServer, home: Program, tmp_path: Path, signals: list[str]) -> None:
    """In the middle of a reply."""
    with server.recording("speaker.monitor") as air:
        process = start(home)
        server.settle(air)
        server.say(question(tmp_path, QUESTION))
        speaking(process)
        time.sleep(1.0)
        # Not read in the meantime, as nobody would who has pressed Ctrl-C.
        killer = threading.Timer(10.0, process.kill)
        killer.start()
        for name in signals:
            process.send_signal(getattr(signal, name))
            time.sleep(0.01)
        end = ended(process)
        killer.cancel()
    assert end.status == 130
    assert end.event("summary")["turns"] == 1
    turn = end.event("turn")
    assert turn["interrupted"] is True
    assert turn["heard"]
    assert LONG.startswith(turn["heard"])
