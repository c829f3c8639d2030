"""`voicecli config`: what is set and by whom, the user's file, and changes to it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.cli.options import SettingsOptions, assignments, group, spread
from voicecli.errors import UsageError
from voicecli.printable import json_line, printable

if TYPE_CHECKING:
    from voicecli.config import Item

__all__ = ["app"]

app = group(no_args_is_help=True, help="Show and change the settings.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]


@app.command()
@spread
def show(
    options: SettingsOptions,
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="Sections or keys: tts, llm.openai.model.")
    ] = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what somebody has set.")] = False,
    as_json: Json = False,
) -> None:
    """Show every setting, its value and where the value comes from."""
    loaded = options.read()
    items = [item for item in loaded.items() if not changed or item.origin != "default"]
    if keys:
        items = _below(keys, items)
    if as_json:
        for item in items:
            _print_json("setting", **item._asdict())
    else:
        _print_settings(items)


@app.command()
def init(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Write this file instead of the user's own."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    as_json: Json = False,
) -> None:
    """Write a settings file in which every setting stands, commented out, with its default."""
    from voicecli.config.document import first_text, write

    path = _target(config)
    if (path.exists() or path.is_symlink()) and not force:
        raise UsageError(f"{path} exists.", "Edit it, or replace it with --force.")
    write(path, first_text())
    if as_json:
        _print_json("written", path=str(path))
    else:
        typer.echo(printable(f"Wrote {path}"))


@app.command()
def path(as_json: Json = False) -> None:
    """Print where the user's settings file is, or would be."""
    target = _target(None)
    if as_json:
        _print_json("path", path=str(target), exists=target.exists())
    else:
        typer.echo(printable(str(target)))


@app.command("set")
def set_values(
    given: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="tts.espeak.speed=1.2")],
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Change this file instead of the user's own."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change settings in the user's file, which keeps its comments; a wrong key or value changes nothing."""
    from voicecli.config.document import changes, write

    target = _target(config)
    text, values = changes(target, assignments(given))
    write(target, text)
    for key, value in values.items():
        if as_json:
            _print_json("setting", key=key, value=value, origin=str(target))
        else:
            typer.echo(printable(f"{key} = {_written(value)}  # {target}"))


def _target(config: Path | None) -> Path:
    from voicecli.config import default_user_file

    return default_user_file() if config is None else config.expanduser()


def _below(keys: Sequence[str], items: Sequence[Item]) -> list[Item]:
    """The items that a key or a section of `keys` covers, in the order of the file."""
    from voicecli.config import schema

    for key in keys:
        if schema.find(tuple(key.split("."))) is None:
            raise schema.unknown(tuple(key.split(".")))
    return [item for item in items if any(f"{item.key}.".startswith(f"{key}.") for key in keys)]


def _print_settings(items: Sequence[Item]) -> None:
    """A table on a terminal; elsewhere lines of TOML, whole, with the origin as a comment."""
    from voicecli.cli.console import SafeConsole

    console = SafeConsole()
    if not console.is_terminal:
        for key, value, origin in items:
            typer.echo(printable(f"{key} = {_written(value)}  # {origin}"))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("setting", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("origin", overflow="fold")
    for key, value, origin in items:
        style = "dim" if origin == "default" else "bold"
        table.add_row(Text(key), Text(_written(value)), Text(origin), style=style)
    console.print(table)


def _written(value: Any) -> str:
    from voicecli.config.key import toml

    return toml(value)


def _print_json(event: str, **values: Any) -> None:
    typer.echo(json_line({"event": event, **values}, default=_plain))


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else str(value)
