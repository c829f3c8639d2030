"""The examples of the page about streams, each run as its reader would run it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.client import connect

from tests.cli.program import spoken
from voicecli.audio.pcm import from_mulaw, mulaw_bytes
from voicecli.audio.resample import resample

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
LONG, SHORT = "What can you do?", "What time is it?"
PATIENCE = 60  # seconds


def environment(home: Path) -> dict[str, str]:
    """Nothing of the user's: no settings, no keys."""
    hidden = ("VOICECLI_", "XDG_", "OPENAI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | {
        "HOME": str(home)
    }


@contextmanager
def running(folder: Path, *words: object) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        env=environment(folder), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def finished(process: subprocess.Popen[str]) -> str:
    """What it printed; it must not complain."""
    out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    return out


def ran(folder: Path, name: str, *words: object) -> str:
    with running(folder, EXAMPLES / name, *words) as process:
        return finished(process)


def said(text: str, folder: Path) -> np.ndarray:
    """The bundled voice, at 24 kHz."""
    path = folder / "said.wav"
    path.write_bytes(spoken(text))
    samples, rate = sound(path)
    return resample(samples, rate, 24_000)


def sound(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path)) as file:
        data = file.readframes(file.getnframes())
        return np.frombuffer(data, "<i2").astype(np.float32) / 32_768, file.getframerate()


def microphone(path: Path, *parts: str | float) -> Path:
    """A file of what is said, and of silence between."""
    silent = (np.zeros(round(part * 24_000), np.float32) for part in parts if isinstance(part, float))
    pieces = [said(part, path.parent) if isinstance(part, str) else next(silent) for part in parts]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(24_000)
        file.writeframes((np.concatenate(pieces) * 32_767).astype("<i2").tobytes())
    return path


def loud(samples: np.ndarray, rate: int) -> float:
    """Seconds that are not silent."""
    return float(np.count_nonzero(np.abs(samples) > 0.01)) / rate


def test_file_copy(tmp_path: Path):
    original = tmp_path / "original"
    original.write_bytes(os.urandom(100_001))
    assert ran(tmp_path, "file_copy.py", original, tmp_path / "copy") == "100001 bytes\n"
    assert (tmp_path / "copy").read_bytes() == original.read_bytes()
    original.write_bytes(b"")
    assert ran(tmp_path, "file_copy.py", original, tmp_path / "copy") == "0 bytes\n"
    assert (tmp_path / "copy").read_bytes() == b""


def test_even_and_odd(tmp_path: Path):
    (tmp_path / "numbers").write_text("".join(f"{number}\n" for number in range(1001)), encoding="utf-8")
    ran(tmp_path, "even_odd.py", "numbers", "even", "odd")
    assert (tmp_path / "even").read_text().split() == [str(number) for number in range(0, 1001, 2)]
    assert (tmp_path / "odd").read_text().split() == [str(number) for number in range(1, 1001, 2)]


def test_voicebot_has_fifteen_lines():
    assert len((EXAMPLES / "voicebot.py").read_text(encoding="utf-8").splitlines()) <= 15


@pytest.mark.alone
def test_voicebots_answer(tmp_path: Path):
    """One is asked and answers; the other is asked the same, is interrupted, and says less."""
    asked = microphone(tmp_path / "asked.wav", 0.3, LONG, 1.0)
    interrupted = microphone(tmp_path / "interrupted.wav", 0.3, LONG, 1.5, SHORT, 0.8)
    with (
        running(tmp_path, EXAMPLES / "voicebot.py", asked, "whole.wav") as voicebot,
        running(tmp_path, EXAMPLES / "interruption.py", interrupted, "cut.wav") as interruption,
    ):
        assert finished(voicebot) == finished(interruption) == ""
    whole, cut = loud(*sound(tmp_path / "whole.wav")), loud(*sound(tmp_path / "cut.wav"))
    assert whole > 2 * cut > 1.0


def test_telephone(tmp_path: Path):
    question = mulaw_bytes(resample(said(SHORT, tmp_path), 24_000, 8_000)) + b"\xff" * 12_000

    async def dial(address: str) -> bytes:
        heard = b""
        start = {"streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"]}
        async with connect(address) as connection:
            await connection.send(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
            await connection.send(json.dumps({"event": "start", "start": start, "streamSid": "MZ1"}))
            for begin in range(0, len(question), 160):
                payload = base64.b64encode(question[begin : begin + 160]).decode()
                media = {"track": "inbound", "payload": payload}
                await connection.send(json.dumps({"event": "media", "media": media, "streamSid": "MZ1"}))
            while (message := json.loads(await connection.recv()))["event"] == "media":
                heard += base64.b64decode(message["media"]["payload"])
            assert message["mark"] == {"name": "reply-1"}
            await connection.send(json.dumps({"event": "stop", "stop": {}, "streamSid": "MZ1"}))
            assert [message async for message in connection] == []  # it hangs up
        return heard

    words = ("-m", "uvicorn", "--app-dir", EXAMPLES, "telephone:app", "--port", "0")
    with running(tmp_path, *words) as process:
        assert process.stderr is not None
        line = next(line for line in iter(process.stderr.readline, "") if "running on" in line)
        address = "ws" + line.partition("http")[2].split()[0]
        heard = asyncio.run(asyncio.wait_for(dial(f"{address}/call"), PATIENCE))
        process.terminate()
    assert loud(from_mulaw(heard), 8_000) > 0.3


@pytest.mark.parametrize("name", ["file_copy", "even_odd", "voicebot", "interruption", "telephone"])
def test_page_shows_the_example(name: str):
    page = (EXAMPLES.parent / "streams.md").read_text(encoding="utf-8")
    assert f"examples/{name}.py" in page
    code = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    if code.startswith('"""'):
        code = code.split('"""\n', 1)[1].lstrip("\n")
    assert f"```python\n{code}```" in page
