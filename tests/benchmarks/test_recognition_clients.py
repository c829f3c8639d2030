"""How many real-time streams of recorded speech the server holds, told by clients that are not its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.server.served import Served, served
from voicecli.audio.pcm import s16_bytes
from voicecli.audio.recording import load_recording
from voicecli.bench.measure.recordings import speech_folder

CLIENTS = Path(__file__).with_name("recognition_clients.py")
STREAMS = tuple(int(count) for count in os.environ.get("STREAMS", "50,100,150,200,250,300").split(","))
SECONDS = 20.0  # that each stream lasts
MESSAGES = (100, 32)  # milliseconds
PAUSE = 1.0  # seconds between two recordings
LATE = 0.25  # seconds: what no more than one event in twenty may take longer than


def clients(server: Served, sound: Path, streams: int, milliseconds: int) -> dict[str, Any]:
    words = [f"{server.address}/api/v1/segmented", sound, streams, SECONDS, milliseconds]
    done = subprocess.run(
        [sys.executable, CLIENTS, *map(str, words)], capture_output=True, check=True, timeout=SECONDS + 120
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def used(server: Served) -> float:
    """Seconds of processors that the server has taken."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.benchmark
@pytest.mark.parametrize("milliseconds", MESSAGES)
def test_streams_that_are_held(milliseconds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = speech_folder()
    if folder is None:
        pytest.skip("no recorded speech")
    pause = np.zeros(round(PAUSE * 16_000), np.float32)
    parts = []
    for path in sorted(folder.glob("read-en-*.wav"))[:8]:
        parts += [load_recording(path)[0], pause]
    sound = tmp_path / "speech.raw"
    sound.write_bytes(s16_bytes(np.concatenate(parts)))
    words = ("--asr", "simulated", "--set", "asr.simulated.delay=0", "--workers", 1)
    with served(tmp_path, *words) as server:
        alone = clients(server, sound, 1, milliseconds)["streams"][0]["events"]
        with capsys.disabled():
            print(
                f"\nmessages of {milliseconds} ms; an event is late against the same one of a single stream"
            )
            for count in STREAMS:
                before = used(server)
                said = clients(server, sound, count, milliseconds)
                share = (used(server) - before) / (SECONDS + 5)
                print(
                    f"  {count:4} streams: {told(alone, said)}, server {share:.0%}, clients {said['cpu']:.0%}"
                )


def told(alone: list[Any], said: dict[str, Any]) -> str:
    delays, missing = [], 0
    for one in said["streams"]:
        missing += max(0, len(alone) - len(one["events"]))
        for (kind, due), (came, when) in zip(alone, one["events"], strict=False):
            assert kind == came
            delays.append(when - due)
    p50, p95, worst = (float(np.quantile(delays, share)) * 1000 for share in (0.5, 0.95, 1.0))
    held = "holds" if p95 <= LATE * 1000 and not said["failed"] else "BREAKS"
    sent = max(one["late"] for one in said["streams"]) * 1000
    return (
        f"{held}, p50 {p50:.0f} p95 {p95:.0f} max {worst:.0f} ms, {missing} events missing, "
        f"{len(said['failed'])} failed, sent late by {sent:.0f} ms at most"
    )
