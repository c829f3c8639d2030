"""`voicecli replay`: a saved conversation again, under other settings, and what came out then and now."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from voicecli.cli import ends
from voicecli.cli.console import SafeConsole, print_json, tabular
from voicecli.cli.options import EngineOptions, Json, Language, RealTime, Speaker, Voice, group, spread
from voicecli.cli.talk import TalkOptions
from voicecli.errors import ExitStatus, UsageError
from voicecli.latency.render import milliseconds
from voicecli.latency.statistics import summarize
from voicecli.latency.timeline import Span

if TYPE_CHECKING:
    from voicecli.conversation import events

__all__ = ["Replay", "app", "find_replay"]

_RECORDING = "microphone.wav"
_SHOWN = (Span.VOICE_TO_VOICE, Span.ENDPOINT, Span.ASR, Span.TTFT, Span.TTFA)
_UNHEARD = "It was spoken, and typed again, for its sound was not saved: what hearing took is not compared."
_TYPED = (Span.TTFT, Span.PHRASE, Span.TTFB)
_LONGEST = 40  # characters of a transcript in the table


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions(EngineOptions):
    """What `replay` takes."""

    wanted: Annotated[
        str,
        typer.Argument(
            metavar="[ID|FILE]",
            help="A saved conversation, or a recording; without one the latest.",
            show_default=False,
        ),
    ] = ""
    speaker: Speaker = None
    voice: Voice = None
    language: Language = None
    save: Annotated[bool, typer.Option("--save", help="Save what comes of it as a conversation.")] = False
    json: Json = False
    real_time: RealTime = True


app = group()


@app.command()
@spread
async def replay(options: ReplayOptions) -> ExitStatus:
    """Hold a saved conversation again under other settings, and compare.

    What the microphone heard is heard again if it was saved with `--save-audio`; otherwise what was
    understood is typed. The answers go nowhere unless `--speaker` says where.
    """
    from voicecli.cli.wiring import run_talk

    loaded = options.load()
    settings = loaded.settings
    found = find_replay(settings.save.conversations, options.wanted)
    mic = "" if found.recording is None else str(found.recording)
    speaker = settings.speaker.device or ends.NULL
    listening = replace(settings.conversation.listening, push_to_talk=False)
    settings = replace(
        settings,
        mic=replace(settings.mic, device=mic),
        speaker=replace(settings.speaker, device=speaker),
        save=replace(settings.save, enabled=options.save, audio=False),
        conversation=replace(settings.conversation, listening=listening),
    )
    typed = found.recording is None
    conversed = TalkOptions(voice=options.voice, json=options.json, real_time=options.real_time, text=typed)
    now: list[events.TurnFinished] = []
    lines = found.lines if typed else None
    status = await run_talk(replace(loaded, settings=settings), conversed, (now.append,), lines)
    if found.then:
        stream = sys.stderr if speaker == ends.PIPE else sys.stdout
        if options.json:
            print_json(_record(found, now), stream)
        else:
            _compare(found, now, tabular(stream, 120))
    return status


@dataclass(frozen=True, slots=True)
class Replay:
    """What is heard or read again."""

    name: str
    recording: Path | None  # of the microphone; None: what was understood is typed
    then: Sequence[events.TurnFinished] = ()  # as it was saved
    spoken: bool = False  # then there was a microphone

    @property
    def lines(self) -> tuple[str, ...]:
        """What the user said, turn by turn."""
        return tuple(turn.transcript for turn in self.then if turn.transcript)

    @property
    def compared(self) -> tuple[Span, ...]:
        """The spans that mean the same then and now: who types is not waited for, nor recognised."""
        return _TYPED if self.spoken and self.recording is None else _SHOWN


def find_replay(folder: Path, wanted: str) -> Replay:
    """A saved conversation by its id, its folder or its file, or any recording; "" is the latest.

    Raises UsageError for what is none of them or has nothing to say, SaveError for one that cannot be read.
    """
    from voicecli.conversation import events
    from voicecli.conversation.journal import FILE, Saved, find_saved
    from voicecli.conversation.record import retold

    path = Path(wanted).expanduser()
    if wanted and path.is_file() and path.name != FILE:
        return Replay(wanted, path)
    if wanted and path.name == FILE:
        path = path.parent
    saved = Saved(path.name, path) if wanted and (path / FILE).is_file() else find_saved(folder, wanted)
    told = list(retold(saved))
    then = tuple(event for event in told if isinstance(event, events.TurnFinished))
    spoken = any(isinstance(event, events.Ready) and "asr" in event.engines for event in told)
    recording = saved.folder / _RECORDING
    found = Replay(saved.id, recording if recording.is_file() else None, then, spoken)
    if found.recording is None and not found.lines:
        raise UsageError(f"Nothing was said in {saved.id}, so there is nothing to replay.")
    return found


def _compare(found: Replay, now: Sequence[events.TurnFinished], console: SafeConsole) -> None:
    table = Table(box=None, pad_edge=False, title=f"{found.name}, then and now", title_justify="left")
    table.add_column("span", no_wrap=True)
    for column in ("then p50", "now p50", "difference"):
        table.add_column(column, justify="right", no_wrap=True)
    for span in found.compared:
        then, again = _median(found.then, span), _median(now, span)
        change = None if then is None or again is None else again - then
        sign = "+" if change is not None and change > 0 else ""
        table.add_row(span.value, milliseconds(then), milliseconds(again), sign + milliseconds(change))
    console.print()
    console.print(table)
    if found.compared is _TYPED:
        console.print(Text(_UNHEARD, style="dim"))
    for turn, (old, new) in enumerate(zip(found.then, now, strict=False), 1):
        if old.transcript != new.transcript:
            console.print(Text(f"turn {turn}  then {_short(old.transcript)}  now {_short(new.transcript)}"))
    if len(found.then) != len(now):
        console.print(Text(f"{len(found.then)} turns then, {len(now)} now"))


def _median(turns: Sequence[events.TurnFinished], span: Span) -> float | None:
    statistics = summarize(turn.timeline.span(span) for turn in turns)
    return None if statistics is None else statistics.p50


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _record(found: Replay, now: Sequence[events.TurnFinished]) -> dict[str, Any]:
    from voicecli.conversation.record import spans_record

    def turns(of: Sequence[events.TurnFinished]) -> list[dict[str, Any]]:
        return [
            {"turn": turn.turn, "transcript": turn.transcript, "spans": spans_record(turn.timeline)}
            for turn in of
        ]

    return {
        "event": "replay",
        "id": found.name,
        "compared": list(found.compared),
        "then": turns(found.then),
        "now": turns(now),
    }
