"""A real sound server with virtual devices, and ears outside the program."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

RATE = 48_000
NEEDED = ("pulseaudio", "pactl", "paplay", "parec")


def is_missing() -> bool:
    """Whether this machine lacks what it takes (Debian: pulseaudio, pulseaudio-utils, libasound2-plugins)."""
    return any(shutil.which(name) is None for name in NEEDED)


class SoundServer:
    """PulseAudio with a loudspeaker `speaker`, and a microphone `mic` that hears what `micfeed` is played."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.env = {
            **os.environ,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
            "PULSE_SERVER": f"unix:{folder}/native",
        }
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PULSE_SINK", "PULSE_SOURCE"):
            self.env.pop(name, None)
        (folder / ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")

    def start(self) -> None:
        """Run it in the foreground of its own process, so that it can be stopped by its process id."""
        modules = [
            f"module-native-protocol-unix socket={self._folder}/native auth-anonymous=1",
            f"module-null-sink sink_name=speaker rate={RATE} channels=1",
            f"module-null-sink sink_name=micfeed rate={RATE} channels=1",
            "module-remap-source master=micfeed.monitor source_name=mic",
        ]
        self._process = subprocess.Popen(
            ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", "--use-pid-file=no"]
            + [word for module in modules for word in ("-L", module)],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(200):
            if self.control("info", check=False).returncode == 0:
                break
            time.sleep(0.05)
        self.control("set-default-sink", "speaker")
        self.control("set-default-source", "mic")

    def control(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run pactl."""
        return subprocess.run(["pactl", *words], env=self.env, check=check, capture_output=True, timeout=10)

    def echo(self, gain: float) -> None:
        """From now on the microphone hears the loudspeaker too, `gain` dB louder than it is."""
        self.control(
            "load-module", "module-loopback", "source=speaker.monitor", "sink=micfeed", "latency_msec=20"
        )
        listed = self.control("list", "short", "sink-inputs").stdout.decode().splitlines()
        self.control("set-sink-input-volume", listed[-1].split()[0], f"{gain}dB")

    def stop(self) -> None:
        """End the server; devices that use it lose it."""
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        """Let it end at once, as a crash would."""
        self._process.kill()
        self._process.wait(10)

    def say(self, path: Path) -> None:
        """Play a WAV file into the microphone and wait until it has been."""
        subprocess.run(
            ["paplay", "--device=micfeed", "--latency-msec=20", str(path)],
            env=self.env,
            check=True,
            timeout=60,
        )

    def settle(self, *recordings: Recording) -> None:
        """Wait until everything flows: a null sink wakes up every two seconds until it is listened to."""
        deadline = time.monotonic() + 10.0
        counts = [recording.count for recording in recordings]
        while any(
            recording.count - count < RATE // 4 for recording, count in zip(recordings, counts, strict=True)
        ):
            if time.monotonic() > deadline:
                raise TimeoutError("The sound server gives no sound.")
            time.sleep(0.05)

    @contextmanager
    def recording(self, device: str) -> Iterator[Recording]:
        """Listen to `speaker.monitor` or `micfeed.monitor` from outside."""
        recording = Recording(device, self.env)
        try:
            yield recording
        finally:
            recording.stop()


class Recording:
    """What a monitor heard, on the monotonic clock."""

    def __init__(self, device: str, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [
                "parec",
                f"--device={device}",
                "--latency-msec=10",
                "--raw",
                "--format=s16le",
                f"--rate={RATE}",
                "--channels=1",
            ],
            env=env,
            stdout=subprocess.PIPE,
        )
        self._chunks: list[bytes] = []
        self._began = float("inf")  # monotonic seconds of the first sample, less the recorder's own delay
        self.count = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        while data := os.read(self._process.stdout.fileno(), 65_536):
            now = time.monotonic()
            self._chunks.append(data)
            self.count += len(data) // 2
            # The chunk that was held up least shows best when the recording began.
            self._began = min(self._began, now - self.count / RATE)

    def stop(self) -> None:
        """End the recording."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)
        self._thread.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def samples(self) -> np.ndarray:
        """Everything so far, full scale ±1."""
        return np.frombuffer(b"".join(self._chunks), "<i2").astype(np.float32) / 32768.0

    def sounds(self, threshold: float = 0.01, gap: float = 0.3) -> list[tuple[float, float]]:
        """Beginning and end (monotonic seconds) of each sound between silences of `gap` seconds."""
        loud = np.flatnonzero(np.abs(self.samples) >= threshold)
        if not len(loud):
            return []
        breaks = np.flatnonzero(np.diff(loud) > gap * RATE)
        starts = np.concatenate((loud[:1], loud[breaks + 1]))
        ends = np.concatenate((loud[breaks], loud[-1:]))
        return [(self._began + a / RATE, self._began + b / RATE) for a, b in zip(starts, ends, strict=True)]


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """A server that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="voicecli-sound-") as name:
        server = SoundServer(Path(name))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def write_wav(path: Path, samples: np.ndarray, rate: int) -> Path:
    """16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def undisturbed(measure: Callable[[], None]) -> None:
    """Measure up to three times: a sound server starves on a machine that is busy with something else.

    What is wrong with the program is wrong every time.
    """
    for _ in range(2):
        try:
            return measure()
        except AssertionError as error:
            print(f"measured again: {error}")
    return measure()
