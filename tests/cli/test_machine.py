"""What the machine brings along."""

import io
import sys

import pytest

from voicecli.cli.check import Level
from voicecli.cli.machine import install, package_checks, required, terminal_check


def test_required_leaves_extras_out() -> None:
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    found = required(
        [
            "numpy>=1.26",
            "torch>=2.2; extra == 'silero'",
            'kokoro-onnx>=0.6.1; python_version < "3.14" and extra == "local"',
            f"backport>=1; python_version >= '{here}'",
            "ancient>=1; python_version < '3.2'",
            "plain",
            "several[one,two] (>=1,<3)",
        ]
    )
    assert [(one.name, str(one.specifier)) for one in found] == [
        ("numpy", ">=1.26"),
        ("backport", ">=1"),
        ("plain", ""),
        ("several", "<3,>=1"),
    ]


def test_packages_are_judged() -> None:
    checks = package_checks(["pytest>=1", "pytest>=999", "no-such-package>=2"])
    assert package_checks(["pytest~=999.1"])[0].detail.endswith("voicecli needs ~=999.1")
    assert [check.level for check in checks] == [Level.OK, Level.PROBLEM, Level.PROBLEM]
    assert "999" in checks[1].detail
    assert checks[2].remedy == "pip install 'no-such-package>=2'"


def test_own_packages_are_here() -> None:
    checks = package_checks()
    assert {"package.numpy", "package.sounddevice"} <= {check.name for check in checks}
    assert not [check for check in checks if check.level is Level.PROBLEM]


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ({"ID": "debian"}, "apt install libportaudio2"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "apt install libportaudio2"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install portaudio"),
        ({"ID": "arch"}, "pacman -S portaudio"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "zypper install libportaudio2"),
        ({"ID": "macos"}, "brew install portaudio"),
    ],
)
def test_install_by_system(release: dict[str, str], command: str) -> None:
    assert install("portaudio", release) == command


def test_install_on_an_unknown_system() -> None:
    assert "portaudio" in install("portaudio", {})
    assert "libportaudio2" in install("portaudio", {"ID": "plan9"})


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def test_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    keys = Terminal(io.BytesIO())
    wide = terminal_check(Terminal(io.BytesIO(), encoding="utf-8"), keys)
    assert wide.level is Level.OK
    assert "100 ×" in wide.detail
    assert "keys can be pressed" in wide.detail
    monkeypatch.setenv("COLUMNS", "30")
    assert terminal_check(Terminal(io.BytesIO(), encoding="utf-8"), keys).level is Level.NOTE
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM" in terminal_check(Terminal(io.BytesIO(), encoding="utf-8"), keys).remedy


def test_narrow_encoding() -> None:
    check = terminal_check(Terminal(io.BytesIO(), encoding="ascii"), io.StringIO())
    assert check.level is Level.NOTE
    assert "ascii" in check.detail


def test_pipe_is_no_terminal() -> None:
    check = terminal_check(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO())
    assert check.level is Level.OK
    assert "lines" in check.detail
