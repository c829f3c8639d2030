"""Judgements on devices, and the sound server."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sound.server import write_wav
from voicecli.audio.probe import Probed
from voicecli.audio.roundtrip import RoundTrip
from voicecli.cli.check import Level
from voicecli.cli.hardware import (
    device_checks,
    judge_microphone,
    judge_round_trip,
    judge_speaker,
    server_check,
)
from voicecli.config import load_settings
from voicecli.errors import ExitStatus

FINE = Probed(name="Mic", rate=48_000, blocks=25, block=0.02, measured_rate=48_010.0, latency=0.02, peak=0.1)


def test_good_microphone() -> None:
    check = judge_microphone(FINE)
    assert check.level is Level.OK
    assert "-20 dBFS" in check.detail
    assert "48.0 kHz measured" in check.detail


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"peak": 0.0}, "zeros"),
        ({"overflows": 3}, "lost"),
        ({"measured_rate": 30_000.0}, "rate"),
        ({"latency": 0.9}, "late"),
    ],
)
def test_doubtful_microphone(change: dict[str, float], word: str) -> None:
    check = judge_microphone(replace(FINE, **change))
    assert check.level is Level.NOTE
    assert word in check.detail
    assert check.remedy


def test_dead_devices() -> None:
    for check in (judge_microphone(replace(FINE, blocks=0)), judge_speaker(replace(FINE, blocks=0))):
        assert check.level is Level.PROBLEM
        assert check.status is ExitStatus.NO_DEVICE
        assert "--mic" in check.remedy


def test_good_loudspeaker() -> None:
    assert judge_speaker(replace(FINE, peak=0.0)).level is Level.OK


def test_good_round_trip() -> None:
    check = judge_round_trip(RoundTrip(0.08, 0.004, -55.0))
    assert check.level is Level.OK
    assert "80 ms" in check.detail
    assert "4 ms" in check.detail


@pytest.mark.parametrize(
    ("trip", "word"),
    [
        (None, "headphones"),
        (RoundTrip(0.1, 0.2, -40.0), "voice_to_voice"),
        (RoundTrip(0.9, 0.0, -40.0), "cable"),
        (RoundTrip(0.1, 0.0, -6.0), "--no-barge-in"),
        (RoundTrip(0.1, 0.0, -48.0), "--no-barge-in"),
    ],
)
def test_doubtful_round_trip(trip: RoundTrip | None, word: str) -> None:
    check = judge_round_trip(trip)
    assert check.level is Level.NOTE
    assert word in check.remedy.lower()


def look(**environ: str) -> tuple[Level, str]:
    check = server_check(environ, "linux")
    return check.level, check.detail


def test_sound_server_that_answers(tmp_path: Path) -> None:
    (tmp_path / "pulse").mkdir()
    path = tmp_path / "pulse" / "native"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        _, detail = look(XDG_RUNTIME_DIR=str(tmp_path))
        assert f"PulseAudio at {path}" in detail
        _, detail = look(PULSE_SERVER=f"{{machine}}unix:{path}")
        assert f"PulseAudio at {path}" in detail
    level, detail = look(XDG_RUNTIME_DIR=str(tmp_path))
    assert level is Level.NOTE
    assert "has gone" in detail


def test_sound_server_elsewhere() -> None:
    level, detail = look(PULSE_SERVER="tcp:music.local:4713")
    assert level is Level.OK
    assert "music.local" in detail


def test_no_sound_server(tmp_path: Path) -> None:
    level, detail = look(XDG_RUNTIME_DIR=str(tmp_path))
    assert "none" in detail
    assert level is (Level.OK if "ALSA" in detail else Level.NOTE)
    assert server_check({}, "darwin").detail == "Core Audio"


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_file_of_zeros_is_named(tmp_path: Path, level: float) -> None:
    path = write_wav(tmp_path / "zeros.wav", np.full(16_000, level), 16_000)
    settings = load_settings(
        user_file=None, environ={}, overrides={"mic.device": str(path), "speaker.device": "null"}
    ).settings
    microphone, _ = asyncio.run(device_checks(settings))
    assert str(path) in microphone.detail
    assert microphone.level is (Level.OK if level else Level.NOTE)
    assert ("zeros, or" in microphone.detail) == (not level)
