"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Asr",
    "Config",
    "Json",
    "Language",
    "Llm",
    "Mic",
    "Profile",
    "RealTime",
    "Set",
    "Speaker",
    "Tts",
    "Vad",
    "Voice",
]

Mic = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE|FILE|-",
        help="A microphone (name, part of it, or number), an audio file, which plays as a microphone would "
        "hear it, or `-` for raw s16le mono 16 kHz on standard input.",
    ),
]
Speaker = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE|FILE.wav|-|null",
        help="A loudspeaker (name, part of it, or number), a WAV file to write, `-` for PCM 24 kHz on "
        "standard output, or `null` for nothing.",
    ),
]
Asr = Annotated[str | None, typer.Option(metavar="ENGINE", help="Recognition engine.")]
Llm = Annotated[str | None, typer.Option(metavar="ENGINE", help="Language model.")]
Tts = Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech engine.")]
Vad = Annotated[str | None, typer.Option(metavar="ENGINE", help="Voice activity engine.")]
Voice = Annotated[str | None, typer.Option(help="A voice of the speech engine.")]
Language = Annotated[
    str | None,
    typer.Option(help="The language of both sides, as in `de` or `en-GB`."),
]
Profile = Annotated[
    str | None,
    typer.Option(help="A profile of the settings, or `local`, `openai`, `simulated`."),
]
Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Settings to put over the user's own."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting, as in `tts.espeak.speed=1.3`.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
RealTime = Annotated[
    bool,
    typer.Option(
        "--real-time/--fast",
        help="Whether files are heard and played at their own pace, or as fast as they are worked on.",
    ),
]
