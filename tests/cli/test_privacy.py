"""Nothing phones home: every call is watched, in a network without a way out where that can be."""

import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, Program, ended, question
from voicecli.providers.local_servers import PORTS

_CALLS = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(.*?sa_family=AF_INET6?, (.*)")
_PLACE = re.compile(r'port=htons\((\d+)\).*?(?:inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"')
_OTHER_MACHINES = re.compile(r"/(?:nscd/socket|resolv\.conf|systemd/resolve)")


@functools.cache
def _watcher() -> tuple[str, ...]:
    """The words that go before a command to have it watched; skips where that is not possible."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        pytest.skip("needs strace: apt install strace")
    strace = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=network,openat")
    for apart in (("unshare", "--net"), ("unshare", "--map-root-user", "--net"), ()):
        words = (*apart, *strace, "-o", "/dev/null", "true")
        if shutil.which(words[0]) and subprocess.run(words, capture_output=True).returncode == 0:
            return (*apart, *strace)
    pytest.skip("the kernel lets nobody watch a process here")


class Watched(Program):
    """Runs the program and knows where it connected to."""

    def start(self, *words: object, **options) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [*_watcher(), "-o", str(self.home / "calls"), *PROGRAM, *map(str, words)]
        return subprocess.Popen(command, env=self.env, cwd=self.home, bufsize=0, **(pipes | options))

    def places(self) -> set[tuple[str, int]]:
        """Addresses and ports that anything was sent to, and files by which names are looked up."""
        calls = (self.home / "calls").read_text(errors="replace")
        assert "openat(" in calls  # it was watched
        found = {place for call in _CALLS.findall(calls) for place in _PLACE.findall(call)}
        names = {(name, 0) for name in _OTHER_MACHINES.findall(calls)}
        return {(address, int(port)) for port, address in found} | names


OFFLINE = ("--asr", "pocketsphinx", "--llm", "assistant", "--tts", "espeak", "--vad", "silero")
QUIETLY = ("--speaker", "null", "--fast", "--no-save")


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("--help",), b""),
        (("config", "show"), b""),
        (("history",), b""),
        (("devices",), b""),
        (("tts", "Hello.", "--tts", "espeak", "--out", "-"), b""),
        (("tts", "Hello.", "--tts", "simulated", "--speaker", "null"), b""),
        (("talk", "--text", *OFFLINE[2:6], *QUIETLY), b"what time is it\n"),
        (("bench", "tts", "--tts", "espeak", "--runs", "1"), b""),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_nothing_goes_out(tmp_path: Path, words: tuple[str, ...], stdin: bytes) -> None:
    program = Watched(tmp_path)
    program.run(*words, stdin=stdin)
    assert program.places() == set()
    assert not list(tmp_path.rglob("*onnxruntime*"))


def test_hearing_sends_nothing_and_keeps_no_number_of_the_machine(tmp_path: Path) -> None:
    program = Watched(tmp_path)
    asked = question(tmp_path, "What time is it?")
    heard = program.run("talk", "--mic", asked, *OFFLINE, *QUIETLY, "--json")
    assert heard.event("turn")["transcript"]
    assert program.places() == set()
    program.run("listen", "--mic", asked, *OFFLINE[:2])
    assert program.places() == set()
    assert not list(tmp_path.rglob("*onnxruntime*"))


def test_serving_sends_nothing(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    program = Watched(tmp_path)
    process = program.start("serve", "--port", "0", *OFFLINE[:6], "--json")
    assert process.stdout is not None
    process.stdout.readline()  # it is ready
    serving = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])
    os.kill(serving, signal.SIGTERM)
    assert ended(process).status == 0
    assert program.places() == set()


def test_auto_asks_this_machine_alone(tmp_path: Path) -> None:
    """It looks whether a server listens on the ports where those that it knows usually do."""
    program = Watched(tmp_path)
    program.run("talk", "--text", *QUIETLY, stdin=b"what time is it\n")
    local = {(address, port) for address in ("127.0.0.1", "::1") for port in PORTS}
    assert program.places() <= local
    program.run("doctor", "--quiet")
    assert program.places() <= local
    assert not list(tmp_path.rglob("*onnxruntime*"))
