"""The tables of options in docs/commands.md, made from the program: `python -m tests.cli.manual` writes them.

A table stands below a line that names its command, `<!-- voicecli talk -->`. That of a group has what its
commands have in common; below their own names those have the rest.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from voicecli.cli.app import loaded_command

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
_TABLE = re.compile(r"^<!-- voicecli (.+) -->\n(?:\|.*\n)*", re.MULTILINE)
_SETTINGS = ("--profile", "--config", "--set")
_SEE = "| `--profile`, `--config`, `--set` | see [settings](#settings-for-one-run) |"


def written(page: str) -> str:
    """The page with its tables as the program says."""
    return _TABLE.sub(lambda found: f"{found[0].partition('-->')[0]}-->\n{_table(found[1])}", page)


def _table(name: str) -> str:
    head, *below = name.split()
    command: Any = loaded_command(head)
    if below == ["--set"]:
        rows = [_row(option, command) for option in command.params if option.opts[0] in _SETTINGS]
    elif below:
        common = _common(command)
        rows = [row for row in _rows(command.commands[below[0]]) if row not in common]
    else:
        rows = _common(command) if hasattr(command, "commands") else _rows(command)
    return "\n".join(["| option | does |", "|---|---|", *rows, ""])


def _common(group: Any) -> list[str]:
    """The rows that all commands of a group have, or all but one."""
    each = [_rows(command) for command in group.commands.values()]
    return [row for row in each[0] if sum(row in rows for rows in each) >= max(2, len(each) - 1)]


def _rows(command: Any) -> list[str]:
    """One for each option; those that choose the settings share one."""
    given = [option for option in command.params if option.name != "help"]
    shared = [option for option in given if option.opts[0] in _SETTINGS]
    if len(shared) < len(_SETTINGS):
        return [_row(option, command) for option in given]
    return [*(_row(option, command) for option in given if option not in shared), _SEE]


def _row(option: Any, command: Any) -> str:
    names, does = option.get_help_record(command.make_context(command.name, [], resilient_parsing=True))
    return f"| `{_cell(names)}` | {_cell(does)} |"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
