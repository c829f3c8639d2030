"""What this machine brings along: Python, packages, system libraries, a terminal."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from voicecli import __version__
from voicecli.audio import opus
from voicecli.audio.portaudio import portaudio_version
from voicecli.cli.check import Check, note, ok, problem
from voicecli.cli.console import SafeConsole
from voicecli.errors import ExitStatus, NoDevice

__all__ = [
    "install",
    "opus_check",
    "package_checks",
    "portaudio_check",
    "python_check",
    "required",
    "terminal_check",
    "version_check",
]

# By the system's ID in /etc/os-release, or one that it says it is like.
_PACKAGES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "debian": (
        "apt install",
        {"portaudio": "libportaudio2", "opus": "libopus0", "alsa plug-ins": "libasound2-plugins"},
    ),
    "fedora": (
        "dnf install",
        {"portaudio": "portaudio", "opus": "opus", "alsa plug-ins": "alsa-plugins-pulseaudio"},
    ),
    "arch": ("pacman -S", {"portaudio": "portaudio", "opus": "opus", "alsa plug-ins": "alsa-plugins"}),
    "suse": (
        "zypper install",
        {"portaudio": "libportaudio2", "opus": "libopus0", "alsa plug-ins": "alsa-plugins-pulse"},
    ),
    "alpine": ("apk add", {"portaudio": "portaudio", "opus": "opus", "alsa plug-ins": "alsa-plugins-pulse"}),
    "macos": ("brew install", {"portaudio": "portaudio", "opus": "opus"}),
}
_RELATED = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora", "opensuse": "suse", "sles": "suse"}

_NARROWEST = 60  # characters that the live screen needs


def install(library: str, release: Mapping[str, str] | None = None) -> str:
    """The command that installs a system library here; `release` is what /etc/os-release says."""
    if release is None:
        release = _release()
    likely = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    for name in likely:
        command, packages = _PACKAGES.get(_RELATED.get(name, name), ("", {}))
        if library in packages:
            return f"{command} {packages[library]}"
    command, packages = _PACKAGES["debian"]
    return f"install {library} with the system's packages (on Debian: {command} {packages[library]})"


def _release() -> Mapping[str, str]:
    if sys.platform == "darwin":
        return {"ID": "macos"}
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def version_check() -> Check:
    """Which voicecli this is."""
    return ok("voicecli", f"{__version__} in {Path(__file__).parents[1]}")


def python_check() -> Check:
    """Python and the system below it."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    cores = os.cpu_count() or 1
    return ok(
        "python", f"{platform.python_implementation()} {platform.python_version()} on {system}, {cores} cores"
    )


def package_checks(requirements: Iterable[str] | None = None) -> list[Check]:
    """One check for each package that voicecli cannot do without."""
    if requirements is None:
        try:
            requirements = requires("voicecli") or []
        except PackageNotFoundError:
            return [note("package", "voicecli is not installed, so it is not known what it needs")]
    return [_package(requirement) for requirement in required(requirements)]


def required(requirements: Iterable[str]) -> list[Requirement]:
    """The requirements that hold here; those of extras do not."""
    read = map(Requirement, requirements)
    return [one for one in read if one.marker is None or one.marker.evaluate({"extra": ""})]


def _package(wanted: Requirement) -> Check:
    name, remedy = f"package.{wanted.name}", f"pip install '{wanted.name}{wanted.specifier}'"
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return problem(name, "not installed", remedy)
    if not wanted.specifier.contains(found, prereleases=True):
        return problem(name, f"{found}, but voicecli needs {wanted.specifier}", remedy)
    return ok(name, found)


def portaudio_check(needed: bool) -> Check:
    """PortAudio; `needed` says whether a conversation opens a device."""
    try:
        return ok("library.portaudio", portaudio_version())
    except ImportError as error:  # the package that loads it has a check of its own
        return note("library.portaudio", f"not looked for: {error}")
    except NoDevice as error:
        remedy = f"{install('portaudio')}; or give files: --mic question.wav --speaker answer.wav"
        detail = error.message.rstrip(".")
        if needed:
            return problem("library.portaudio", detail, remedy, ExitStatus.NO_DEVICE)
        return note(
            "library.portaudio", f"{detail}; neither the microphone nor the loudspeaker needs it", remedy
        )


def opus_check() -> Check:
    """libopus."""
    if opus.missing() is None:
        return ok("library.opus", "found")
    detail = "not installed; only raw Opus packets need it, Opus files and streams do not"
    return note("library.opus", detail, install("opus"))


def terminal_check(stdout: Any = None, stdin: Any = None) -> Check:
    """What the screen can show, and whether keys can be pressed."""
    stdout, stdin = stdout or sys.stdout, stdin or sys.stdin
    console = SafeConsole(file=stdout)
    encoding = str(getattr(stdout, "encoding", None) or "unknown")
    if not encoding.lower().replace("-", "").startswith("utf"):
        detail = f"its encoding is {encoding}, which lacks the characters of the screen"
        return note("terminal", detail, "Set LANG or LC_ALL to a UTF-8 locale, as in LC_ALL=C.UTF-8.")
    keys = "keys can be pressed" if stdin.isatty() else "no keys: standard input is not a terminal"
    if not console.is_terminal:
        return ok("terminal", f"standard output is not one: `talk` prints lines, {encoding}; {keys}")
    if console.is_dumb_terminal:
        remedy = "Set TERM to what the terminal is, as in TERM=xterm-256color."
        return note("terminal", "it cannot move its cursor (TERM=dumb): `talk` prints lines", remedy)
    size = f"{console.width} × {console.height}"
    colours = {"standard": "16 colours", "256": "256 colours", "truecolor": "all colours"}
    shown = f"{size}, {colours.get(console.color_system or '', 'no colours')}, {encoding}; {keys}"
    if console.width < _NARROWEST:
        return note("terminal", shown, f"Make it at least {_NARROWEST} characters wide.")
    return ok("terminal", shown)
