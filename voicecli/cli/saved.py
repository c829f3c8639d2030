"""Saved conversations, read back: listed, shown, searched, played."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.recording import import_recording
from voicecli.audio.resample import resample
from voicecli.cli import ends
from voicecli.cli.console import SafeConsole
from voicecli.cli.screen import Plain
from voicecli.config import Settings
from voicecli.conversation import events
from voicecli.conversation.journal import FILE, Saved, find_saved, saved_conversations
from voicecli.conversation.retelling import retold
from voicecli.errors import SaveError, UsageError
from voicecli.latency.render import milliseconds
from voicecli.latency.statistics import Statistics, summarize
from voicecli.latency.tally import Tally
from voicecli.latency.timeline import Span
from voicecli.printable import json_line

__all__ = [
    "Match",
    "Outline",
    "all_saved",
    "outline",
    "print_list",
    "print_matches",
    "print_one",
    "run_play",
]

SIDES = {"mic": ("microphone.wav",), "speaker": ("speaker.wav",), "both": ("microphone.wav", "speaker.wav")}
_BEGAN = re.compile(r"(\d{8}-\d{6})(?:-\d+)?")
_LONGEST = 48 * 3600.0  # seconds; a file changed later than that was touched by something else
_COLUMNS = 48  # characters of the other columns of the list, and of the space between them
_NARROWEST = 10  # characters of what a conversation began with
_PIPE_WIDTH = 200  # characters where no terminal says how many


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
        statistics = self.voice_to_voice
        return {
            "event": "conversation",
            "id": self.saved.id,
            "folder": str(self.saved.folder),
            "began": None if self.began is None else self.began.isoformat(),
            "duration": self.duration,
            "turns": self.turns,
            "first": self.first,
            "voice_to_voice": None if statistics is None else _rounded(statistics),
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
        return {"event": "match", "id": self.id, "turn": self.turn, "side": self.side, "text": self.text}


def all_saved(folder: Path) -> list[Saved]:
    """Every saved conversation, the oldest first. Raises SaveError for a folder that may not be read."""
    try:
        return saved_conversations(folder)
    except OSError as error:
        raise SaveError(f"{folder} cannot be read: {error.strerror or error}.") from error


def outline(saved: Saved) -> Outline:
    """Raises SaveError when its file cannot be read."""
    turns = [event for event in retold(saved) if isinstance(event, events.TurnFinished)]
    first = next((said for turn in turns if (said := turn.transcript or turn.heard)), "")
    waits = summarize(turn.timeline.span(Span.VOICE_TO_VOICE) for turn in turns)
    began = _began(saved)
    recordings = tuple(name for name in SIDES["both"] if (saved.folder / name).is_file())
    return Outline(saved, began, _duration(saved, began), len(turns), first, waits, recordings)


def print_list(folder: Path, *, as_json: bool) -> None:
    """Print an outline of every conversation, the latest last. Raises SaveError."""
    found = all_saved(folder)
    if not found:
        _say_empty(folder, as_json)
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("when", no_wrap=True)
    for name in ("turns", "length", "voice to\nvoice"):
        table.add_column(name, justify="right", no_wrap=True)
    room = _console().width - max(len(saved.id) for saved in found) - _COLUMNS
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
            _print_json(one.record())
        else:
            table.add_row(*_row(one))
    if not as_json:
        _console().print(table)


def print_one(folder: Path, wanted: str, *, as_json: bool) -> None:
    """Print one conversation as `talk` showed it, or its records. Raises UsageError, SaveError."""
    saved = _find(folder, wanted)
    if as_json:
        for record in saved.records():
            _print_json(record)
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


def print_matches(folder: Path, words: Sequence[str], *, as_json: bool) -> None:
    """Print every side of a turn that has all the words, wherever in the conversations. Raises SaveError."""
    wanted = [word.casefold() for word in words if word.strip()]
    if not wanted:
        raise UsageError("There is nothing to search for.", "For example: voicecli history search weather")
    found = all_saved(folder)
    if not found:
        _say_empty(folder, as_json)
        return
    console = _console()
    matches = 0
    for match in _matches(found, wanted):
        matches += 1
        if as_json:
            _print_json(match.record())
            continue
        line = Text.assemble((match.id, "cyan"), f"  turn {match.turn:<3}  ", (f"{match.side:<5}  ", "dim"))
        said = Text(match.text)
        said.highlight_regex(re.compile("|".join(map(re.escape, wanted)), re.IGNORECASE), "bold yellow")
        console.print(line + said, soft_wrap=True)
    if not matches and not as_json:
        console.print(f"Nobody said {' and '.join(map(repr, words))} in {len(found)} saved conversations.")


async def run_play(settings: Settings, folder: Path, wanted: str, side: str) -> None:
    """Play the recordings of a conversation. Raises UsageError, DecodeError, DeviceError, SaveError."""
    saved = _find(folder, wanted)
    paths = [saved.folder / name for name in SIDES[side] if (saved.folder / name).is_file()]
    if not paths:
        what = "sound" if side == "both" else f"sound of the {side}"
        raise UsageError(
            f"The {what} of {saved.id} was not saved.", "Save it with `voicecli talk --save-audio`."
        )
    name = str(settings.speaker.device)
    # A file is written at once; only ears need the time.
    to_device = name not in (ends.PIPE, ends.NULL) and not ends.is_file(name)
    output = ends.open_speaker(name, real_time=to_device)
    samples = await asyncio.to_thread(_mixed, paths, output.rate)
    async with AudioStreamPlayer(output, settings.player) as player:
        if sys.stderr.isatty():
            length = _clock(len(samples) / player.rate)
            SafeConsole(stderr=True).print(f"{saved.id}: {length} on {output.name}", style="dim")
        player.begin()
        await player.write(samples)
        await player.stop()


def _mixed(paths: Sequence[Path], rate: int) -> Samples:
    """All recordings at once: they were begun together."""
    sides = [resample(*import_recording(path), rate) for path in paths]
    mix = np.zeros(max(map(len, sides)), np.float32)
    for side in sides:
        mix[: len(side)] += side
    return np.clip(mix, -1.0, 1.0)


def _find(folder: Path, wanted: str) -> Saved:
    try:
        return find_saved(folder, wanted)
    except OSError as error:
        raise SaveError(f"{folder} cannot be read: {error.strerror or error}.") from error


def _matches(found: Iterable[Saved], wanted: Sequence[str]) -> Iterator[Match]:
    for saved in found:
        for event in retold(saved):
            if not isinstance(event, events.TurnFinished):
                continue
            cut_short = event.interrupted or event.error is not None
            heard = event.heard if cut_short else event.reply or event.heard
            sides = {"you": event.transcript, "voice": heard}
            low = {side: text.casefold() for side, text in sides.items()}
            if not all(any(word in text for text in low.values()) for word in wanted):
                continue
            for side, text in sides.items():
                if any(word in low[side] for word in wanted):
                    yield Match(saved.id, event.turn, side, text)


def _began(saved: Saved) -> datetime | None:
    """A conversation's id is when it began."""
    stamp = _BEGAN.fullmatch(saved.id)
    try:
        return datetime.strptime(stamp[1], "%Y%m%d-%H%M%S").astimezone() if stamp else None
    except ValueError:
        return None


def _duration(saved: Saved, began: datetime | None) -> float | None:
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


def _rounded(statistics: Statistics) -> dict[str, float]:
    return {name: round(value, 6) for name, value in statistics.as_dict().items()}


def _say_empty(folder: Path, as_json: bool) -> None:
    if not as_json:
        _console().print(f"No conversation is saved in {folder} yet: `voicecli talk` makes the first.")


def _print_json(record: Mapping[str, Any]) -> None:
    print(json_line(record))


def _console() -> Console:
    return SafeConsole(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
