"""The live lines of a terminal, as the bytes that are written for them."""

import asyncio
import io

import pytest
from rich.segment import Segment

from voicecli.cli.console import SafeConsole
from voicecli.cli.region import Region, extra_rows, reflows
from voicecli.cli.screen import Screen


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> SafeConsole:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return SafeConsole(io.StringIO())


def lines(*texts: str) -> list[list[Segment]]:
    return [[Segment(text)] for text in texts]


def written(console: SafeConsole) -> str:
    """What was written since the last look."""
    file = console.file
    assert isinstance(file, io.StringIO)
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text


def test_only_what_changes_is_written(console: SafeConsole) -> None:
    region = Region(console)
    region.open()
    region.draw(lines("what is said", "status"))
    assert "what is said\nstatus" in written(console)
    region.draw(lines("what is said", "status"))
    assert written(console) == ""
    region.draw(lines("what is said", "state"))
    assert written(console) == "\r\x1b[2Kstate"
    region.draw(lines("what is said", "and more", "state"))
    assert written(console) == "\r\x1b[2Kand more\nstate"


def test_printing_goes_above(console: SafeConsole) -> None:
    region = Region(console)
    region.open()
    region.draw(lines("what is said", "status"))
    written(console)
    console.print("history")
    assert written(console) == "\r\x1b[2K\x1b[1A\x1b[2Khistory\nwhat is said\nstatus"
    region.close()
    assert written(console).startswith("\r\x1b[2K\x1b[1A\x1b[2K")
    console.print("more")
    assert written(console) == "more\n"


def test_lines_wrapped_anew_are_wiped_away(console: SafeConsole, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XTERM_VERSION", "STY"):
        monkeypatch.delenv(name, raising=False)
    region = Region(console)
    region.open()
    region.draw(lines("x" * 39, "status"))
    written(console)
    console.width = 15
    region.draw(lines("x" * 14, "status"))  # three rows have become of the first line
    assert written(console).count("\x1b[1A\x1b[2K") == 3


def test_rows_of_lines_wrapped_anew() -> None:
    assert extra_rows([0, 1, 40], 40) == 0
    assert extra_rows([41, 80, 81], 40) == 1 + 1 + 2


def test_terminals_that_leave_lines_as_they_are() -> None:
    assert reflows({"TERM": "xterm-256color"})
    assert reflows({"TERM": "screen", "STY": "1", "TMUX": "2"})
    assert not reflows({"TERM": "linux"})
    assert not reflows({"TERM": "xterm", "XTERM_VERSION": "XTerm(390)"})
    assert not reflows({"TERM": "screen", "STY": "1"})


def test_a_screen_on_which_nothing_moves_writes_nothing(console: SafeConsole) -> None:
    async def draw() -> None:
        with Screen(console, ("q quit",)) as screen:
            assert "● listening" in written(console)
            for _ in range(3):
                screen._draw()
            assert written(console) == ""
            screen.status("muted", listening=False)
            screen._draw()
            assert "○ mic closed" in written(console)

    asyncio.run(draw())
