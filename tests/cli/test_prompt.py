"""A typed conversation without a terminal: how an answer grows, and what is remembered of the lines."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.cli.console import SafeConsole
from voicecli.cli.prompt import _Growing
from voicecli.cli.remembered import remembered_lines


def grown(tokens: list[str], width: int) -> str:
    """Everything that is printed of an answer that comes in these tokens."""
    console = SafeConsole(io.StringIO(), width=width)
    answer = _Growing()
    for token in tokens:
        for line in answer.push(token, console):
            console.print(line)
    for line in answer.flush():
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_lines_are_printed_as_they_are_full() -> None:
    printed = grown([" One", " two", " three", ".\n\nFour", " five six seven."], 22)
    assert [line.rstrip() for line in printed.splitlines()] == [
        "voice  One two three.",
        "",
        "       Four five six",
        "       seven.",
    ]


@given(st.lists(st.text("ab c\n", max_size=9)), st.integers(9, 30))
def test_no_letter_of_an_answer_is_lost(tokens: list[str], width: int) -> None:
    printed = re.sub(r"\s", "", grown(tokens, width))
    assert printed.removeprefix("voice") == re.sub(r"\s", "", "".join(tokens))


@given(st.lists(st.sampled_from(["word ", "long", " longer", " sentence.", "\n"]), max_size=30))
def test_words_stay_apart_however_they_come(tokens: list[str]) -> None:
    text = "".join(tokens)
    assert grown(tokens, 40).split()[1:] == text.split()


def test_what_is_typed_is_remembered_by_its_owner_alone(tmp_path: Path) -> None:
    path, warnings = tmp_path / "state" / "typed", []
    history = remembered_lines(path, warnings.append)
    history.append_string("a line")
    assert list(remembered_lines(path, warnings.append).load_history_strings()) == ["a line"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert warnings == []


def test_nothing_is_remembered_unless_told(tmp_path: Path) -> None:
    remembered_lines(None, pytest.fail).append_string("a line")
    assert list(tmp_path.iterdir()) == []


def test_where_lines_cannot_be_kept_it_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "typed").mkdir()
    warnings: list[str] = []
    history = remembered_lines(tmp_path / "typed", warnings.append)
    history.append_string("a line")
    assert len(warnings) == 1
    assert "not remembered" in warnings[0]
    full = remembered_lines(tmp_path / "other", warnings.append)
    (tmp_path / "other").unlink()
    (tmp_path / "other").mkdir()
    full.append_string("a line")
    full.append_string("another")
    assert len(warnings) == 2


def test_who_talks_does_not_wait_for_what_types() -> None:
    code = "import sys, voicecli.cli.wiring; print('prompt_toolkit' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"False\n"
