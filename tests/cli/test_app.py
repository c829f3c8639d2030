import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, Program

TALK_FLAGS = {"--push-to-talk", "--prometheus", "--profile"}
SHELLS = {
    "bash": lambda line: {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
    "zsh": lambda line: {"_TYPER_COMPLETE_ARGS": line},
    "fish": lambda line: {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
}
HELP_OF_ALL = """
import sys
from voicecli.cli.app import app
heavy = {"av", "numpy", "openai", "voicecli.config.assembly", "voicecli.config.settings"}
for command in app.registered_commands:
    app([command.name, "--help"], standalone_mode=False)
    loaded = heavy & sys.modules.keys()
    print(command.name, sorted(loaded), file=sys.stderr)
    heavy -= loaded
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_bare_name_helps(program: Program):
    bare = program.run()
    assert bare.status == 0
    assert bare.out == program.run("--help").out
    for command in ("voicecli talk", "talk --text", "voicecli talk --rehearse", "voicecli doctor"):
        assert command in bare.text.partition("To begin:")[2]


def test_help_loads_nothing_that_works():
    done = subprocess.run([sys.executable, "-c", HELP_OF_ALL], capture_output=True, check=True, text=True)
    told = done.stderr.splitlines()
    assert told
    assert [line for line in told if not line.endswith(" []")] == []


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(program: Program, shell: str):
    def completed(line: str) -> set[str]:
        program.env |= SHELLS[shell](line) | {"_VOICECLI_COMPLETE": f"complete_{shell}"}
        ended = program.run()
        assert ended.status == 0
        return set(re.findall(r"[\w-]+", ended.text))

    assert {"talk", "tts"} <= completed("voicecli t")
    assert "listen" not in completed("voicecli t")
    assert completed("voicecli talk --p") >= TALK_FLAGS
    assert "show" in completed("voicecli history s")
    assert "encode" in completed("voicecli frames ")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_takes_the_completion(program: Program):
    script = program.run("--show-completion", "bash").text
    name = program.home / "voicecli"
    name.write_text('#!/bin/sh\nexec {} "$@"\n'.format(" ".join(PROGRAM)))
    name.chmod(0o755)
    program.env["PATH"] = f"{program.home}:{program.env['PATH']}"
    asked = "COMP_WORDS=(voicecli history s); COMP_CWORD=2; _voicecli_completion voicecli"
    bash = ["bash", "--norc", "-c", f'{script}\n{asked}; echo "${{COMPREPLY[@]}}"']
    done = subprocess.run(bash, env=program.env, cwd=program.home, capture_output=True, check=True, text=True)
    assert done.stdout.split() == ["show", "search"]
    assert not done.stderr
