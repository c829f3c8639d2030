"""Options that several commands take."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

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
    "spread",
]


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Make an option of each field of a parameter that is a dataclass; the command gets the dataclass."""
    taken = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: one.annotation for name, one in taken.items() if is_dataclass(one.annotation)
    }
    options: list[inspect.Parameter] = []
    for name, one in taken.items():
        options += _options(groups[name]) if name in groups else [one.replace(kind=one.KEYWORD_ONLY)]

    @wraps(command)
    def called(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    called.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in options}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(group)
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
