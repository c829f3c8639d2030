"""Standard streams that are closed, full or left by their reader."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import ANSWER, PROGRAM, QUICK, SHORT, SIMULATED, Ended, Program, ended

TALK = ["talk", *SIMULATED, *SHORT, *QUICK, "--text", "--fast"]
PRINTING = {
    "help": ["--help"],
    "version": ["--version"],
    "completion": ["--show-completion", "bash"],
    "history list": ["history", "list"],
    "history show": ["history", "show"],
    "history search": ["history", "search", "answer"],
    "history as JSON": ["history", "list", "--json"],
    "config": ["config", "show"],
    "config as JSON": ["config", "show", "--json"],
    "talk": TALK,
    "talk as JSON": [*TALK, "--json"],
    "replay": ["replay", *SIMULATED, *SHORT, *QUICK, "--fast"],
    "tts as JSON": ["tts", "Hello.", "--tts", "simulated", *QUICK, "--speaker", "null", "--json"],
    "bench": ["bench", "tts", "--tts", "simulated", *QUICK, "--runs", "1", "--cold", "0", "--text", "Hello."],
}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    program = Program(tmp_path_factory.mktemp("home"))
    assert program.run(*TALK, stdin=b"Hello\n").status == 0  # so that there is a history
    return program


@pytest.fixture
def full() -> Iterator[int]:
    number = os.open("/dev/full", os.O_WRONLY)
    yield number
    os.close(number)


def shell(program: Program, words: list[str], redirection: str, stdin: bytes = b"Hello\n") -> Ended:
    """Run through a shell, which can close what it hands down."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = ["sh", "-c", f'"$@" {redirection}', "sh", *PROGRAM, *words]
    return ended(subprocess.Popen(command, env=program.env, cwd=program.home, **pipes), stdin)


@pytest.mark.parametrize("command", PRINTING)
def test_full_output(program: Program, command: str, full: int):
    end = program.run(*PRINTING[command], stdin=b"Hello\n", stdout=full)
    assert end.status == 1
    assert end.errors.count("error  Standard output cannot be written: No space left on device.\n") == 1


@pytest.mark.parametrize("command", ["help", "history list", "talk", "talk as JSON"])
def test_closed_output(program: Program, command: str):
    end = shell(program, PRINTING[command], ">&-")
    assert end.status == 1
    assert end.errors.count("error  Standard output cannot be written: Bad file descriptor.\n") == 1


def test_closed_output_that_nothing_was_printed_to(program: Program, tmp_path: Path):
    shell(program, ["devices"], ">&-").refuses(3, "There is no")
    path = tmp_path / "a.wav"
    assert shell(program, ["tts", "Hello.", "--tts", "simulated", "--out", str(path)], ">&-").status == 0
    assert path.stat().st_size > 44


def test_sound_to_a_closed_output(program: Program):
    shell(program, ["tts", "Hello.", "--tts", "simulated", "--speaker", "-"], ">&-").refuses(
        3, "standard output"
    )


def test_closed_input_has_ended(program: Program):
    shell(program, ["tts"], "<&-").refuses(2, "nothing to say")
    assert shell(program, TALK, "<&-").status == 0


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_errors_that_nobody_takes(program: Program, redirection: str):
    assert shell(program, ["history", "show", "nothing"], redirection).status == 2
    end = shell(program, TALK, redirection)
    assert end.status == 0
    assert ANSWER in end.text


def test_all_closed(program: Program):
    assert shell(program, ["history", "list"], "<&- >&- 2>&-").status == 1


def test_reader_that_left(program: Program):
    reading, writing = os.pipe()
    os.close(reading)
    end = program.run("history", "list", stdout=writing)
    os.close(writing)
    assert (end.status, end.errors) == (1, "")


@pytest.mark.parametrize(
    "words", [["listen", "--asr", "simulated"], ["talk", *SIMULATED, "--speaker", "null"]]
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_microphone_pipe_without_a_writer(
    program: Program, tmp_path: Path, words: list[str], number: signal.Signals
):
    path = tmp_path / "microphone"
    os.mkfifo(path)
    process = program.start(*words, "--mic", path)
    assert process.stderr is not None
    assert b"is a pipe: listening begins when something writes to it" in process.stderr.readline()
    process.send_signal(number)
    assert ended(process).status == 130
