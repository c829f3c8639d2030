"""A room in which the microphone hears the loudspeaker: nobody but the user is answered."""

import json
import queue
import signal
import threading
from pathlib import Path
from subprocess import Popen
from typing import Any, Self

import pytest

from tests.cli.program import Program, question
from tests.sound.server import is_missing, sound_server

pytestmark = [
    pytest.mark.sound,
    pytest.mark.skipif(is_missing(), reason="needs pulseaudio, pulseaudio-utils and libasound2-plugins"),
]

BUNDLED = ["--asr", "pocketsphinx", "--llm", "assistant", "--tts", "espeak"]
CALM = 2.5  # seconds without an event; an echo is heard 0.1 s after the sound, and ends a turn 0.6 s later
PATIENCE = 90.0  # seconds after which nothing more will come


class Events:
    """What a running `--json` says, without waiting for ever."""

    def __init__(self, process: Popen[bytes]) -> None:
        self.all: list[dict[str, Any]] = []
        self._process = process
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._queue.put(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        """Interrupt it, as Ctrl-C does, and be sure that it is gone."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._thread.join()
            for pipe in (self._process.stdout, self._process.stderr):
                assert pipe is not None
                pipe.close()

    def until(self, kind: str, **wanted: object) -> dict[str, Any]:
        """The next event of a kind with these values."""
        while True:
            event = self._queue.get(timeout=PATIENCE)
            self.all.append(event)
            if event["event"] == kind and wanted.items() <= event.items():
                return event

    def calm(self) -> None:
        """Wait until nothing is said or answered, and nothing happens."""
        while True:
            try:
                self.all.append(self._queue.get(timeout=CALM))
                assert len(self.of("turn")) <= 8, "it talks to itself"
            except queue.Empty:
                if self.of("state")[-1]["to"] == "LISTENING":
                    return

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.all if event["event"] == kind]


@pytest.mark.parametrize("gain", [-10, -30])
def test_answers_do_not_answer_themselves(tmp_path: Path, gain: int) -> None:
    with (
        sound_server() as server,
        server.recording("speaker.monitor") as air,
        server.recording("micfeed.monitor") as room,
    ):
        server.settle(air, room)
        server.echo(gain)
        program = Program(tmp_path, server.env)
        process = program.start("talk", *BUNDLED, "--json", "--no-save", "--set", "asr.timeout=60")
        with Events(process) as events:
            events.until("ready")
            server.settle(air, room)
            for text in ("What time is it?", "What day is it?"):
                server.say(question(tmp_path, text))
                events.until("turn", interrupted=False)
                events.calm()
        assert process.returncode == 130
    turns = events.of("turn")
    print([(turn["transcript"], turn["heard"], turn["interrupted"]) for turn in turns])
    asked = [turn for turn in turns if turn["transcript"]]
    assert ["time" in asked[0]["transcript"], "day" in asked[-1]["transcript"]] == [True, True]
    assert len(asked) == 2, "nobody else was answered"
    assert turns[-1]["heard"] == turns[-1]["reply"]
    interrupted = sum(turn["interrupted"] for turn in turns)
    warned = [event["kind"] for event in events.of("warning") if event["kind"]]
    assert interrupted <= 2, "of each answer at most its first attempt"
    assert warned == (["echo"] if interrupted == 2 else warned[:1])
