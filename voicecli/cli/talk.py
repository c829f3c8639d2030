"""`voicecli talk`: what it takes; the rest, which takes its time to be loaded, is in `wiring`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from voicecli.cli.options import (
    EngineOptions,
    Json,
    Language,
    Mic,
    RealTime,
    Sets,
    Speaker,
    Voice,
    group,
    spread,
)
from voicecli.errors import ExitStatus, UsageError

__all__ = ["TalkOptions", "app"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOptions(EngineOptions):
    """What `talk` takes."""

    mic: Mic = None
    speaker: Speaker = None
    system: Annotated[
        str | None,
        typer.Option(help="What the language model is told first."),
        Sets("conversation.system"),
    ] = None
    voice: Voice = None
    language: Language = None
    turns: Annotated[int | None, typer.Option(min=1, help="End after so many turns.")] = None
    text: Annotated[bool, typer.Option("--text", help="Type instead of talking.")] = False
    push_to_talk: Annotated[
        bool,
        typer.Option("--push-to-talk", help="A turn lasts from one press of the space bar to the next."),
        Sets("conversation.push_to_talk"),
    ] = False
    no_barge_in: Annotated[
        bool,
        typer.Option(
            "--no-barge-in",
            help="Do not listen while the answer plays: for loudspeakers that the microphone hears.",
        ),
        Sets("conversation.barge_in", to=False),
    ] = False
    no_speculation: Annotated[
        bool,
        typer.Option("--no-speculation", help="Begin to answer only when the turn has surely ended."),
        Sets("conversation.speculation", to=False),
    ] = False
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="The bundled voice asks three questions: no microphone needed."),
    ] = False
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="DIR", help="Save the conversation below DIR."),
        Sets("save.folder"),
    ] = None
    no_save: Annotated[bool, typer.Option("--no-save", help="Keep nothing on the disk.")] = False
    save_audio: Annotated[bool, typer.Option("--save-audio", help="Save the sound of both sides too.")] = (
        False
    )
    earlier: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="[ID]",
            help="Go on with a saved conversation; without ID the latest with words in it.",
        ),
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 5 if a latency budget was breached.")
    ] = False
    json: Json = False
    verbose: Annotated[bool, typer.Option("--verbose", help="With --json: every token too.")] = False
    prometheus: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="Show the spans of all turns at http://127.0.0.1:PORT/metrics.",
        ),
    ] = None
    otlp: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Send a trace of every turn to this OpenTelemetry collector."),
    ] = None
    real_time: RealTime = True

    def check(self) -> None:
        """Raises UsageError for options that contradict each other."""
        if self.no_save and (self.save is not None or self.save_audio):
            raise UsageError("--no-save keeps nothing, so --save and --save-audio cannot be given with it.")
        if self.text and (self.mic is not None or self.rehearse or self.push_to_talk):
            raise UsageError("--text needs no microphone: leave --mic, --rehearse and --push-to-talk out.")
        if self.rehearse and (self.mic is not None or self.push_to_talk):
            raise UsageError("--rehearse asks by itself: leave --mic and --push-to-talk out.")


app = group()


@app.command()
@spread
async def talk(options: TalkOptions) -> ExitStatus:
    """Hold a spoken conversation.

    Speak, wait for the answer, and speak over it to interrupt. After every turn a line shows how long you
    waited for it and for what. The conversation is saved as text unless you say `--no-save`; its sound only
    with `--save-audio`.
    """
    options.check()
    from voicecli.cli.wiring import run_talk

    return await run_talk(options.load(), options)
