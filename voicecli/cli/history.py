"""`voicecli history`: what the commands take; the work is in `saved`, loaded when needed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from voicecli.config import Settings

__all__ = ["history_app"]

history_app = typer.Typer(
    rich_markup_mode=None, help="Saved conversations: list, show, search and play them."
)


class Side(StrEnum):
    """Whose sound is played."""

    BOTH = "both"
    MIC = "mic"
    SPEAKER = "speaker"


Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="DIR", help="Where they are, if not where the settings say."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON Lines.")]
Id = Annotated[
    str,
    typer.Argument(metavar="[ID]", help="A conversation, or the beginning of its id; without it the latest."),
]


@dataclass(frozen=True, slots=True)
class _Common:
    """What stood before the command's own word."""

    folder: Path | None = None
    as_json: bool = False


@history_app.callback(invoke_without_command=True)
def history(context: typer.Context, folder: Folder = None, as_json: Json = False) -> None:
    """Saved conversations: list, show, search and play them; without a word, list."""
    context.obj = _Common(folder, as_json)
    if context.invoked_subcommand is None:
        list_all(context)


@history_app.command("list")
def list_all(context: typer.Context, folder: Folder = None, as_json: Json = False) -> None:
    """List every conversation, the latest last."""
    from voicecli.cli.saved import print_list

    print_list(_folder(context, folder), as_json=_json(context, as_json))


@history_app.command()
def show(context: typer.Context, wanted: Id = "", folder: Folder = None, as_json: Json = False) -> None:
    """Show what was said in a conversation and how long every answer took."""
    from voicecli.cli.saved import print_one

    print_one(_folder(context, folder), wanted, as_json=_json(context, as_json))


@history_app.command()
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Quote words that stand together.")],
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Find the turns in which all the words were said, in capitals or not."""
    from voicecli.cli.saved import print_matches

    print_matches(_folder(context, folder), words, as_json=_json(context, as_json))


@history_app.command()
def play(
    context: typer.Context,
    wanted: Id = "",
    side: Annotated[Side, typer.Option(help="Whose sound to play.")] = Side.BOTH,
    speaker: Annotated[
        str | None,
        typer.Option(metavar="DEVICE|FILE.wav|-|null", help="A loudspeaker, or a WAV file to write."),
    ] = None,
    folder: Folder = None,
) -> None:
    """Play a conversation that was saved with `voicecli talk --save-audio`."""
    import asyncio

    from voicecli.cli.saved import run_play

    settings = _settings(None if speaker is None else {"speaker.device": speaker})
    asyncio.run(run_play(settings, _folder(context, folder), wanted, side.value))


def _settings(overrides: dict[str, Any] | None = None) -> Settings:
    from voicecli.config import load_settings

    return load_settings(overrides=overrides).settings


def _folder(context: typer.Context, folder: Path | None) -> Path:
    named = folder or _common(context).folder
    if named is not None:
        return named.expanduser()

    return _settings().save.place


def _json(context: typer.Context, as_json: bool) -> bool:
    return as_json or _common(context).as_json


def _common(context: typer.Context) -> _Common:
    common = context.find_object(_Common)
    return common or _Common()
