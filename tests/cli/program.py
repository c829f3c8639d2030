"""The program as a user runs it: a real process, with a home of its own."""

from __future__ import annotations

import functools
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.cli.preloaded import Preloaded

PROGRAM = [sys.executable, "-m", "voicecli"]
SIMULATED = ["--asr", "simulated", "--llm", "simulated", "--tts", "simulated"]
ANSWER = "Here is a short answer."
SHORT = ["--set", f'llm.simulated.texts=["{ANSWER}"]']
QUICK = [
    word
    for key in (
        "asr.simulated.delay",
        "llm.simulated.ttft",
        "llm.simulated.tokens_per_second",
        "tts.simulated.ttfb",
        "tts.simulated.speed",
    )
    for word in ("--set", f"{key}=0")
]
PATIENCE = 60.0  # seconds after which a process counts as hung
_NOT_OURS = ("VOICECLI_", "OPENAI_", "PULSE_", "XDG_", "FORCE_COLOR", "COLUMNS", "NO_COLOR")


def environment(home: Path) -> dict[str, str]:
    """Nothing of the user's: no settings, keys, conversations or sound server."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    folders = {"CONFIG_HOME": "config", "DATA_HOME": "data", "CACHE_HOME": "cache", "STATE_HOME": "state"}
    env |= {f"XDG_{name}": str(home / folder) for name, folder in folders.items()}
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    env |= {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # which shell ran the suite is nothing to it
    return env | {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime), "TERM": "dumb"}


class Program:
    """Runs `voicecli` in `home`."""

    def __init__(self, home: Path, env: dict[str, str] | None = None, *, preloaded: bool = True) -> None:
        self.home = home
        self.env = environment(home) if env is None else env
        self._preloaded = preloaded and sys.platform == "linux"

    def start(self, *words: object, **options: Any) -> subprocess.Popen[bytes]:
        """Start it and leave it running; from the beginning where its surroundings are unusual."""
        options = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        } | options
        # Unbuffered: what is read ahead for one reader would be lost for the next.
        options |= {"env": self.env, "cwd": self.home, "bufsize": 0}
        limited = resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY
        early = limited or "preexec_fn" in options or "PYTHONPATH" in self.env  # counts from the beginning
        if early or not self._preloaded:
            return subprocess.Popen([*PROGRAM, *map(str, words)], **options)
        return Preloaded([*map(str, words)], **options)

    def run(self, *words: object, stdin: bytes = b"", **options: Any) -> Ended:
        """Run it to its end."""
        process = self.start(*words, **({"stdin": subprocess.PIPE} | options))
        return ended(process, stdin)

    def talk(self, *words: object, stdin: bytes = b"") -> Ended:
        """A conversation with simulated engines, as fast as it goes, as JSON, not saved."""
        return self.run(
            "talk", *SIMULATED, *SHORT, *QUICK, "--fast", "--no-save", "--json", *words, stdin=stdin
        )

    def conversations(self) -> list[Path]:
        """The folders of saved conversations."""
        return sorted((self.home / "data" / "voicecli" / "conversations").glob("*"))


class Ended:
    """What a process left behind; no traceback is ever among it."""

    def __init__(self, status: int, out: bytes, errors: bytes) -> None:
        self.status = status
        self.out = out
        self.errors = errors.decode(errors="replace")
        assert "Traceback" not in self.errors, self.errors
        assert "Exception ignored" not in self.errors, self.errors
        assert "Fatal" not in self.errors, self.errors
        assert "never retrieved" not in self.errors, self.errors

    @property
    def text(self) -> str:
        return self.out.decode()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """The JSON Lines, of one kind or all."""
        records = [json.loads(line) for line in self.text.splitlines()]
        return [record for record in records if not kind or record["event"] == kind]

    def event(self, kind: str) -> dict[str, Any]:
        """The only one of its kind."""
        (found,) = self.events(kind)
        return found

    def refuses(self, status: int, *parts: str) -> None:
        """It ended with `status` and one sentence that has all the parts."""
        assert self.status == status, (self.status, self.errors)
        lines = [line for line in self.errors.splitlines() if line.strip()]
        assert len(lines) == 1, self.errors
        assert lines[0].startswith("error  "), self.errors
        for part in parts:
            assert part in lines[0]


def ended(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Ended:
    """Wait for its end; one that hangs is killed and has failed."""
    try:
        out, errors = process.communicate(stdin or None, PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
        pytest.fail(f"It hangs; so far:\n{out[-2000:]!r}\n{errors.decode(errors='replace')}")
    return Ended(process.returncode, out, errors)


def follow(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    """The events of a running `--json`, as they come."""
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def await_event(process: subprocess.Popen[bytes], wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Read until an event comes that is wanted."""
    for event in follow(process):
        if wanted(event):
            return event
    pytest.fail("It ended before that.")


@functools.cache
def spoken(text: str = "What is the weather like today?") -> bytes:
    """A WAV file of the bundled voice saying `text`."""
    with TemporaryDirectory(prefix="voicecli-spoken-") as name:
        path = Path(name) / "spoken.wav"
        Program(Path(name)).run("tts", text, "--tts", "espeak", "--out", path)
        return path.read_bytes()


def question(folder: Path, text: str = "What is the weather like today?") -> Path:
    """The bundled voice asking, in a file."""
    path = folder / "question.wav"
    path.write_bytes(spoken(text))
    return path
