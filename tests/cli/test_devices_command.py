"""`voicecli devices`, and how every command explains itself."""

import re
from pathlib import Path

import pytest

from tests.cli.program import Program

COMMANDS = ["", "talk", "tts", "listen", "devices", "history", "bench", "doctor", "config"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_no_devices(program: Program) -> None:
    """No sound server and no card that this home could reach."""
    end = program.run("devices")
    end.refuses(3, "There is no", "voicecli devices", "--speaker answer.wav")
    assert end.out == b""


@pytest.mark.parametrize("command", COMMANDS)
def test_help_at_80_columns(program: Program, command: str) -> None:
    program.env |= {"COLUMNS": "80"}
    end = program.run(*filter(None, [command]), "--help")
    assert end.status == 0
    lines = end.text.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert "…" not in end.text
    assert any(re.match(r"\s*Usage: ", line) for line in lines)
    # Every option says what it is for.
    for line in lines:
        if match := re.match(r"│ (?:\*\s*)?(--[a-z-]+).*│$", line):
            assert match[1] in line


def test_version(program: Program) -> None:
    end = program.run("--version")
    assert re.fullmatch(r"voicecli \d+\.\d+.*\n", end.text)
