"""What a measurement was made on: the machine, the system, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from voicecli import __version__
from voicecli.providers.registry import Stage, package_of

__all__ = ["Machine", "engine_version", "machine", "versions"]

_CPUINFO = Path("/proc/cpuinfo")
_MODEL = ("model name", "Model", "Hardware", "cpu model")  # in the words of several architectures
# The distribution whose version says most about an engine; the others are part of voicecli.
_DISTRIBUTIONS = {
    "espeak": "espeakng-loader",
    "kokoro": "kokoro-onnx",
    "moonshine": "moonshine-voice",
    "openai": "openai",
    "piper": "piper-tts",
    "pocketsphinx": "pocketsphinx",
    "silero": "onnxruntime",
    "silero-torch": "silero-vad",
    "whisper": "faster-whisper",
}


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int  # that this process may use
    system: str
    kernel: str
    load: float | None  # processes that ran or waited in the minute before; None where nobody says


def machine() -> Machine:
    """This machine, now."""
    return Machine(_cpu(), _cores(), _system(), platform.release(), _load())


def versions(stage: Stage, names: list[str]) -> dict[str, str]:
    """Of voicecli, Python and each of the engines called `names`."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"voicecli": __version__, "python": python} | {name: engine_version(stage, name) for name in names}


def engine_version(stage: Stage, name: str) -> str:
    """The distribution that the engine is made of, and its version."""
    distribution = package_of(stage, name) or _DISTRIBUTIONS.get(name)
    if distribution is None:
        return f"voicecli {__version__}"
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return f"{distribution}, version unknown"


def _cpu() -> str:
    if sys.platform == "darwin":
        return _asked("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    found = next((said[name] for name in _MODEL if said.get(name)), "")
    return found or platform.processor() or platform.machine() or "unknown"


def _asked(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return f"{platform.system()} {platform.version()}".strip()


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
