import io
import re
from pathlib import Path

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

import voicecli
from tests.cli.hostile import HOSTILE, SHOWN, assert_obeys_nothing
from voicecli.cli.console import SafeConsole

BRACKETS = "[/nothing] [red]plain[/] :smile:"


def shown(*things: object) -> str:
    file = io.StringIO()
    SafeConsole(file, width=200).print(*things)
    assert_obeys_nothing(file.getvalue().encode())
    return file.getvalue()


def test_text_wherever_it_is():
    table = Table("name", title=HOSTILE, caption=HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    text = shown(HOSTILE, Text(HOSTILE), Group(table, HOSTILE))
    assert text.count(SHOWN) == 7
    assert "title" not in text


def test_nothing_is_markup():
    table = Table()
    table.add_row(BRACKETS)
    assert shown(BRACKETS, table).count(BRACKETS) == 2


def test_styles_stay_where_they_were():
    file = io.StringIO()
    console = SafeConsole(file, width=80)
    console._color_system = 1  # as on a terminal
    console.print(Text.assemble(("one\x1b[2J", "bold"), ("two", "red")))
    assert file.getvalue() == "\x1b[1mone\x1b[0m\x1b[31mtwo\x1b[0m\n"


def test_live_display():
    file = io.StringIO()
    console = SafeConsole(file, width=80)
    with Live(Text(HOSTILE), console=console, auto_refresh=False):
        pass
    assert SHOWN in file.getvalue()
    assert_obeys_nothing(file.getvalue().encode())


def test_there_is_no_other_console():
    made = {
        path.name
        for path in Path(voicecli.__file__).parent.rglob("*.py")
        if re.search(r"(?<![\w.])Console\(", path.read_text())
    }
    assert not made
