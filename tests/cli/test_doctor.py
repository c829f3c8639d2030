"""`voicecli doctor`."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.program import Program
from tests.providers.openai_server import models, say, serving
from tests.sound.server import is_missing, sound_server, write_wav
from voicecli.cli.check import Level, exit_status, in_background, note, ok, problem
from voicecli.cli.doctor import save_check
from voicecli.cli.stages import model_check
from voicecli.config import load_settings
from voicecli.errors import ExitStatus, Unavailable

FAILED, DEVICE, PROVIDER = ExitStatus.FAILED, ExitStatus.NO_DEVICE, ExitStatus.PROVIDER


@pytest.mark.parametrize(
    ("problems", "status"),
    [
        ([], ExitStatus.FINE),
        ([DEVICE], DEVICE),
        ([PROVIDER], PROVIDER),
        ([DEVICE, PROVIDER], PROVIDER),
        ([DEVICE, FAILED], FAILED),
        ([PROVIDER, FAILED], FAILED),
        ([ExitStatus.USAGE], FAILED),
    ],
)
def test_gravest_problem_counts(problems: list[ExitStatus], status: ExitStatus) -> None:
    checks = [ok("a", "b"), note("c", "d", "e"), *(problem("f", "g", "h", each) for each in problems)]
    assert exit_status(checks) is status


def test_background_gives_up() -> None:
    stopped = threading.Event()

    def hang(stop: threading.Event) -> None:
        stop.wait(30)
        stopped.set()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await in_background(hang, 0.05)
        assert stopped.wait(5)
        assert await in_background(lambda _: 7, 5.0) == 7

        def fail(_: threading.Event) -> None:
            raise Unavailable("gone")

        with pytest.raises(Unavailable, match="gone"):
            await in_background(fail, 5.0)

    asyncio.run(main())


def test_save_folder(tmp_path: Path) -> None:
    def look(**changes: object) -> tuple[Level, str]:
        overrides = {f"save.{key}": value for key, value in changes.items()}
        check = save_check(load_settings(user_file=None, environ={}, overrides=overrides).settings)
        return check.level, check.detail

    folder = tmp_path / "deep" / "down"
    level, detail = look(folder=str(folder))
    assert level is Level.OK
    assert "made when needed" in detail
    assert not folder.parent.exists()
    (tmp_path / "file").touch()
    assert look(folder=str(tmp_path / "file" / "below"))[0] is Level.PROBLEM
    assert look(folder=str(tmp_path / "file" / "below"), enabled=False)[0] is Level.OK


def test_models_are_weighed(tmp_path: Path) -> None:
    assert "none fetched" in model_check(tmp_path).detail
    (tmp_path / "kokoro" / "v1").mkdir(parents=True)
    (tmp_path / "kokoro" / "v1" / "voices.bin").write_bytes(bytes(3_000_000))
    assert "kokoro 3 MB" in model_check(tmp_path).detail


# The whole command, on a machine without a sound server


@pytest.fixture
def question(tmp_path: Path) -> Path:
    return write_wav(tmp_path / "question.wav", np.zeros(16_000), 16_000)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("VOICECLI_", "OPENAI_", "PULSE_", "XDG_"))
        and not name.upper().endswith("_PROXY")
    }
    return {**kept, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), **more}


def doctor(environ: dict[str, str], *arguments: str) -> tuple[int, dict[str, dict[str, str]], str]:
    """Exit status, checks by name, and everything that was printed."""
    done = subprocess.run(
        [sys.executable, "-m", "voicecli", "doctor", "--profile", "simulated", "--json", *arguments],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["event"] == "doctor"
    assert told["ok"] is (done.returncode == 0)
    checks = {check["name"]: check for check in told["checks"]}
    assert len(checks) == len(told["checks"]), "two checks have one name"
    assert all(set(check) == {"name", "status", "detail", "remedy"} for check in told["checks"])
    assert {check["status"] for check in told["checks"]} <= set(Level)
    return done.returncode, checks, done.stdout + done.stderr


def test_files_instead_of_devices(tmp_path: Path, question: Path) -> None:
    status, checks, _ = doctor(environment(tmp_path), "--mic", str(question), "--speaker", "null")
    assert status == ExitStatus.FINE
    for name in ("voicecli", "python", "package.numpy", "library.opus", "library.portaudio", "terminal"):
        assert name in checks
    assert {checks[stage]["status"] for stage in ("asr", "llm", "tts", "vad")} == {"ok"}
    assert checks["tts.espeak"]["status"] == "ok"
    assert "not needed" in checks["network"]["detail"]
    assert not list(tmp_path.rglob("conversations"))


def test_without_devices(tmp_path: Path) -> None:
    status, checks, _ = doctor(environment(tmp_path))
    lacking = [checks[name]["status"] for name in ("microphone", "loudspeaker")]
    if "problem" not in lacking:
        pytest.skip("this machine has devices")
    assert status == ExitStatus.NO_DEVICE
    assert "--mic" in checks["microphone"]["remedy"]


def test_missing_microphone_file(tmp_path: Path) -> None:
    status, checks, _ = doctor(environment(tmp_path), "--mic", "nowhere.wav", "--speaker", "null")
    assert status == ExitStatus.FAILED
    assert "nowhere.wav" in checks["microphone"]["detail"]


def test_broken_settings_file(tmp_path: Path, question: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[tts]\ntimeout = 'soon'\n")
    flags = ("--mic", str(question), "--speaker", "null")
    status, checks, _ = doctor(environment(tmp_path), "--config", str(file), *flags)
    assert status == ExitStatus.FAILED
    assert checks["settings"]["status"] == "problem"
    assert f"{file}:2" in checks["settings"]["detail"]
    assert "tts.espeak" in checks, "the rest is looked at all the same"


def remote(url: str) -> list[str]:
    return ["--set", "llm.engine=openai", "--set", f"llm.openai.base_url={url}", "--speaker", "null"]


def test_server_that_is_not_there(tmp_path: Path, question: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    flags = remote(f"http://127.0.0.1:{port}/v1")
    status, checks, _ = doctor(environment(tmp_path), "--mic", str(question), *flags)
    assert status == ExitStatus.PROVIDER
    assert checks["network.llm"]["status"] == "problem"
    assert f"127.0.0.1:{port}" in checks["network.llm"]["detail"]


def asked(tmp_path: Path, question: Path, reply: Any, **more: str) -> tuple[int, dict[str, str], str]:
    async def main() -> tuple[int, dict[str, dict[str, str]], str]:
        async with serving(models=reply) as server:
            flags = ["--mic", str(question), *remote(server.url)]
            return await asyncio.to_thread(doctor, environment(tmp_path, **more), *flags)

    status, checks, printed = asyncio.run(main())
    return status, checks["network.llm"], printed


def test_server_that_answers(tmp_path: Path, question: Path) -> None:
    status, check, _ = asked(tmp_path, question, models("gpt-5.4-mini"))
    assert (status, check["status"]) == (0, "ok")
    assert "first byte" in check["detail"]
    status, check, _ = asked(tmp_path, question, models("other"))
    assert (status, check["status"]) == (0, "note")
    assert "other" in check["remedy"]


def test_refused_key_is_not_printed(tmp_path: Path, question: Path) -> None:
    key = "sk-verysecretindeed"
    reply = say({"error": {"message": f"Incorrect API key provided: {key}"}}, 401)
    status, check, printed = asked(tmp_path, question, reply, OPENAI_API_KEY=key)
    assert (status, check["status"]) == (ExitStatus.PROVIDER, "problem")
    assert "OPENAI_API_KEY" in check["remedy"]
    assert key not in printed


def test_missing_key_asks_nobody(tmp_path: Path, question: Path) -> None:
    flags = ("--mic", str(question), "--speaker", "null", "--set", "llm.engine=openai")
    status, checks, _ = doctor(environment(tmp_path), *flags)
    assert status == ExitStatus.PROVIDER
    assert "OPENAI_API_KEY" in checks["llm"]["remedy"]
    assert not [name for name in checks if name.startswith("network")]


def test_interrupt_ends_cleanly(tmp_path: Path, question: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # takes connections and says nothing
        server.settimeout(30)
        flags = ["--mic", str(question), *remote(f"http://127.0.0.1:{server.getsockname()[1]}/v1")]
        process = subprocess.Popen(
            [sys.executable, "-m", "voicecli", "doctor", "--profile", "simulated", *flags],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        held = [server.accept()[0] for _ in range(2)]  # the way there, and the question
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        for connection in held:
            connection.close()
    assert process.returncode == ExitStatus.INTERRUPTED
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.sound
@pytest.mark.skipif(is_missing(), reason="no sound server")
def test_devices_for_real() -> None:
    with sound_server() as server:
        status, checks, _ = doctor(server.env)
        assert status == ExitStatus.FINE, checks
        assert "zeros" in checks["microphone"]["detail"]
        assert "Hz" in checks["loudspeaker"]["detail"]
        assert "PulseAudio" in checks["sound server"]["detail"]


def test_an_option_is_no_file_for_the_report(tmp_path: Path) -> None:
    ended = Program(tmp_path).run("doctor", "--report", "--offline")
    ended.refuses(2, "--report takes a file", "--offline")
    assert not (tmp_path / "--offline").exists()
