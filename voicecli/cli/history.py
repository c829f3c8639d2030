"""`voicecli history`: saved conversations, read back: listed, shown, searched, played."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from voicecli.cli import ends
from voicecli.cli.console import SafeConsole, print_json, tabular
from voicecli.cli.options import group, spread
from voicecli.errors import ExitStatus, SaveError, UsageError
from voicecli.latency.render import milliseconds
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.tally import Tally
from voicecli.latency.timeline import Span

if TYPE_CHECKING:
    from voicecli.audio.block import Samples
    from voicecli.config import Settings
    from voicecli.conversation import events
    from voicecli.conversation.journal import Saved

__all__ = ["Match", "Outline", "app", "outline"]


_SIDES = {"mic": ("microphone.wav",), "speaker": ("speaker.wav",), "both": ("microphone.wav", "speaker.wav")}
_BEGAN = re.compile(r"(\d{8}-\d{6})(?:-\d+)?")
_LONGEST = 48 * 3600.0  # seconds; a file changed later than that was touched by something else
_COLUMNS = 48  # characters of the other columns of the list, and of the space between them
_NARROWEST = 10  # characters of what a conversation began with


@dataclass(frozen=True, slots=True)
class Outline:
    """A conversation at a glance."""

    saved: Saved
    began: datetime | None  # local time; None for a folder that was renamed
    duration: float | None  # seconds until something was last written
    turns: int
    first: str  # what was said first
    voice_to_voice: Statistics | None
    sound: tuple[str, ...]  # names of the recordings beside the text

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        waits = self.voice_to_voice.as_dict() if self.voice_to_voice else {}
        return {
            "event": "conversation",
            "id": self.saved.id,
            "folder": str(self.saved.folder),
            "began": None if self.began is None else self.began.isoformat(),
            "duration": self.duration,
            "turns": self.turns,
            "first": self.first,
            "voice_to_voice": {name: round(value, 6) for name, value in waits.items()} or None,
            "sound": list(self.sound),
        }


@dataclass(frozen=True, slots=True)
class Match:
    """A side of a turn in which words were found."""

    id: str
    turn: int
    side: str  # "you" or "voice"
    text: str

    def record(self) -> dict[str, Any]:
        """The JSON object."""
        return {"event": "match", **asdict(self)}


class Side(StrEnum):
    """Whose sound is played."""

    BOTH = "both"
    MIC = "mic"
    SPEAKER = "speaker"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOptions:
    """Where conversations are."""

    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="Where they are, if not where the settings say."),
    ] = None

    def conversations(self, context: typer.Context, settings: Settings | None = None) -> Path:
        """The folder that was named, before the command's own word or behind it, or that of the settings."""
        from voicecli.config import load_settings

        before = context.find_object(FolderOptions)
        named = self.folder or (before and before.folder)
        return named.expanduser() if named else (settings or load_settings().settings).save.conversations


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions(FolderOptions):
    """What is printed, and how."""

    json: Annotated[bool, typer.Option("--json", help="Print JSON Lines.")] = False

    def as_json(self, context: typer.Context) -> bool:
        """Whether that was asked for, before the command's own word or behind it."""
        before = context.find_object(ListOptions)
        return self.json or (before is not None and before.json)


Id = Annotated[
    str,
    typer.Argument(metavar="[ID]", help="A conversation, or the beginning of its id; without it the latest."),
]

app = group(help="Saved conversations: list, show, search and play them.")


@app.callback(invoke_without_command=True)
@spread
def history(context: typer.Context, options: ListOptions) -> None:
    """Saved conversations: list, show, search and play them; without a word, list."""
    context.obj = options
    if context.invoked_subcommand is None:
        _print_list(options.conversations(context), as_json=options.json)


@app.command("list")
@spread
def list_all(context: typer.Context, options: ListOptions) -> None:
    """List every conversation, the latest last."""
    _print_list(options.conversations(context), as_json=options.as_json(context))


@app.command()
@spread
def show(context: typer.Context, options: ListOptions, wanted: Id = "") -> None:
    """Show what was said in a conversation and how long every answer took."""
    from voicecli.cli.screen import Plain
    from voicecli.conversation import events
    from voicecli.conversation.record import retold

    saved = _find(options.conversations(context), wanted)
    if options.as_json(context):
        for record in saved.records():
            print_json(record)
        return
    view = Plain(SafeConsole())
    tally = Tally()
    for event in retold(saved):
        if isinstance(event, events.TurnFinished):
            tally.count(event.timeline, event.budget)
        view(event)
    if not tally.turns:
        view(events.Warned("Nothing was said in this conversation."))
    view.summary(tally.summary())


@app.command()
@spread
def search(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="Quote words that stand together.")],
    options: ListOptions,
) -> None:
    """Find the turns in which all the words were said, in capitals or not."""
    wanted = [word.casefold() for word in words if word.strip()]
    if not wanted:
        raise UsageError("There is nothing to search for.", "For example: voicecli history search weather")
    as_json = options.as_json(context)
    found = _all_saved(options.conversations(context), as_json)
    matches = 0
    for match in _matches(found, wanted):
        matches += 1
        if as_json:
            print_json(match.record())
            continue
        line = Text.assemble((match.id, "cyan"), f"  turn {match.turn:<3}  ", (f"{match.side:<5}  ", "dim"))
        said = Text(match.text)
        said.highlight_regex(re.compile("|".join(map(re.escape, wanted)), re.IGNORECASE), "bold yellow")
        tabular().print(line + said, soft_wrap=True)
    if found and not matches and not as_json:
        told = f"Nobody said {' and '.join(map(repr, words))} in {len(found)} saved conversations."
        tabular().print(told)


@app.command()
@spread
async def play(
    context: typer.Context,
    options: FolderOptions,
    wanted: Id = "",
    side: Annotated[Side, typer.Option(help="Whose sound to play.")] = Side.BOTH,
    speaker: Annotated[
        str | None,
        typer.Option(metavar="DEVICE|FILE.wav|-|null", help="A loudspeaker, or a WAV file to write."),
    ] = None,
) -> ExitStatus:
    """Play a conversation that was saved with `voicecli talk --save-audio`."""
    import asyncio

    from voicecli.audio.player import AudioStreamPlayer
    from voicecli.config import load_settings

    overrides = {} if speaker is None else {"speaker.device": speaker}
    settings = load_settings(overrides=overrides).settings
    saved = _find(options.conversations(context, settings), wanted)
    paths = [saved.folder / name for name in _SIDES[side] if (saved.folder / name).is_file()]
    if not paths:
        what = "sound" if side is Side.BOTH else f"sound of the {side}"
        raise UsageError(
            f"The {what} of {saved.id} was not saved.", "Save it with `voicecli talk --save-audio`."
        )
    name = str(settings.speaker.device)
    # A file is written at once; only ears need the time.
    output = ends.open_speaker(name, real_time=ends.kind(name) == "device")
    samples = await asyncio.to_thread(_mixed, paths, output.rate)
    async with AudioStreamPlayer(output, settings.player) as player:
        if sys.stderr.isatty():
            length = _clock(len(samples) / player.rate)
            SafeConsole(stderr=True).print(f"{saved.id}: {length} on {output.name}", style="dim")
        player.begin()
        await player.write(samples)
        await player.stop()
    return ExitStatus.FINE


def _all_saved(folder: Path, as_json: bool) -> list[Saved]:
    """Every saved conversation, the oldest first; people are told where there is none. Raises SaveError."""
    from voicecli.conversation.journal import saved_conversations

    try:
        found = saved_conversations(folder)
    except OSError as error:
        raise SaveError(f"{folder} cannot be read: {error.strerror or error}.") from error
    if not found and not as_json:
        tabular().print(f"No conversation is saved in {folder} yet: `voicecli talk` makes the first.")
    return found


def outline(saved: Saved) -> Outline:
    """Raises SaveError when its file cannot be read."""
    turns = list(_turns(saved))
    first = next((said for turn in turns if (said := turn.transcript or turn.heard)), "")
    waits = summarize(turn.timeline.span(Span.VOICE_TO_VOICE) for turn in turns)
    began = _began(saved)
    recordings = tuple(name for name in _SIDES["both"] if (saved.folder / name).is_file())
    return Outline(saved, began, _duration(saved, began), len(turns), first, waits, recordings)


def _print_list(folder: Path, *, as_json: bool) -> None:
    """Print an outline of every conversation, the latest last. Raises SaveError."""
    found = _all_saved(folder, as_json)
    if not found:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("when", no_wrap=True)
    for name in ("turns", "length", "voice to\nvoice"):
        table.add_column(name, justify="right", no_wrap=True)
    room = tabular().width - max(len(saved.id) for saved in found) - _COLUMNS
    table.add_column("began with", no_wrap=True, overflow="ellipsis", max_width=max(room, _NARROWEST))
    for saved in found:
        try:
            one = outline(saved)
        except SaveError as error:
            if as_json:
                raise
            table.add_row(saved.id, "", "", "", "", Text(error.message, style="red"))
            continue
        if as_json:
            print_json(one.record())
        else:
            table.add_row(*_row(one))
    if not as_json:
        tabular().print(table)


def _mixed(paths: Sequence[Path], rate: int) -> Samples:
    """All recordings at once: they were begun together."""
    import numpy as np

    from voicecli.audio.recording import import_recording
    from voicecli.audio.resample import resample

    sides = [resample(*import_recording(path), rate) for path in paths]
    mix = np.zeros(max(map(len, sides)), np.float32)
    for side in sides:
        mix[: len(side)] += side
    return np.clip(mix, -1.0, 1.0)


def _find(folder: Path, wanted: str) -> Saved:
    from voicecli.conversation.journal import find_saved

    try:
        return find_saved(folder, wanted)
    except OSError as error:
        raise SaveError(f"{folder} cannot be read: {error.strerror or error}.") from error


def _matches(found: Iterable[Saved], wanted: Sequence[str]) -> Iterator[Match]:
    for saved in found:
        for turn in _turns(saved):
            cut_short = turn.interrupted or turn.error is not None
            heard = turn.heard if cut_short else turn.reply or turn.heard
            sides = {"you": turn.transcript, "voice": heard}
            low = {side: text.casefold() for side, text in sides.items()}
            if not all(any(word in text for text in low.values()) for word in wanted):
                continue
            for side, text in sides.items():
                if any(word in low[side] for word in wanted):
                    yield Match(saved.id, turn.turn, side, text)


def _turns(saved: Saved) -> Iterator[events.TurnFinished]:
    from voicecli.conversation.events import TurnFinished
    from voicecli.conversation.record import retold

    yield from (event for event in retold(saved) if isinstance(event, TurnFinished))


def _began(saved: Saved) -> datetime | None:
    """A conversation's id is when it began."""
    stamp = _BEGAN.fullmatch(saved.id)
    try:
        return datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").astimezone() if stamp else None
    except ValueError:
        return None


def _duration(saved: Saved, began: datetime | None) -> float | None:
    from voicecli.conversation.journal import FILE

    try:
        ended = (saved.folder / FILE).stat().st_mtime
    except OSError:
        return None
    seconds = None if began is None else ended - began.timestamp()
    return round(seconds, 1) if seconds is not None and 0 <= seconds < _LONGEST else None


def _row(one: Outline) -> list[str | Text]:
    statistics = one.voice_to_voice
    return [
        Text(one.saved.id, style="cyan"),
        "" if one.began is None else one.began.strftime("%a %d %b %H:%M"),
        str(one.turns),
        "" if one.duration is None else _clock(one.duration),
        "–" if statistics is None else milliseconds(statistics.p50),
        Text(" ".join(one.first.split()) or "(nothing was said)", style="" if one.first else "dim"),
    ]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
