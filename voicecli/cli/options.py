"""Options as fields of dataclasses: a command takes one, and those that stand for settings load them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from voicecli.cli.invocation import finish
from voicecli.errors import UsageError

if TYPE_CHECKING:
    from voicecli.config import Loaded

__all__ = [
    "Asr",
    "EngineOptions",
    "Json",
    "Language",
    "Mic",
    "RealTime",
    "Sets",
    "SettingsOptions",
    "Speaker",
    "Tts",
    "Vad",
    "Voice",
    "assignments",
    "group",
    "spread",
]


def group(**about: Any) -> typer.Typer:
    """The commands of one file."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, **about)


def spread(command: Callable[..., Any]) -> Callable[..., None]:
    """Make an option of each field of a parameter that is a dataclass; the command gets the dataclass.

    A command that is a coroutine function is run, and what it returns is the exit status.
    """
    taken = inspect.signature(command, eval_str=True).parameters
    groups: dict[str, Any] = {
        name: one.annotation for name, one in taken.items() if is_dataclass(one.annotation)
    }
    options: list[inspect.Parameter] = []
    for name, one in taken.items():
        options += _options(groups[name]) if name in groups else [one.replace(kind=one.KEYWORD_ONLY)]

    @wraps(command)
    def called(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        work = command(**given)
        if inspect.iscoroutine(work):
            finish(work)

    called.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in options}
    return called


def _options(kind: Any) -> list[inspect.Parameter]:
    """Its own first, then those that it inherits."""
    hints = get_type_hints(kind, include_extras=True)
    levels = [vars(owner).get("__annotations__", {}) for owner in kind.__mro__]
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in sorted(fields(kind), key=lambda field: [field.name in own for own in levels].index(True))
    ]


@dataclass(frozen=True, slots=True)
class Sets:
    """Stands beside an option: the setting that it stands for, and what a flag makes of that."""

    key: str
    to: object = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsOptions:
    """Which settings hold for this run; an option that `Sets` one is put over them."""

    profile: Annotated[
        str | None, typer.Option(help="A profile of the settings, or `local`, `openai`, `simulated`.")
    ] = None
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings to put over the user's own.")
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as in `tts.espeak.speed=1.3`."),
    ] = None

    def load(self) -> Loaded:
        """The settings as they are now, and the log begun. Raises SettingsError."""
        loaded = self.read()
        _start_log(loaded)
        return loaded

    def read(self) -> Loaded:
        """The settings as they are now. Raises SettingsError."""
        from voicecli.config import Flag, load_settings

        flags: dict[str, Any] = dict(assignments(self.settings or (), "--set "))
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            option, sets = (*get_args(hints[field.name])[1:], None)[:2]
            value = getattr(self, field.name)
            if isinstance(sets, Sets) and value is not None and value is not False:
                typed = option.param_decls[0] if option.param_decls else f"--{field.name}"
                value = sets.to if value is True else str(value) if isinstance(value, Path) else value
                flags[sets.key] = Flag(typed, value)
        return load_settings(self.config, self.profile, flags)


def assignments(words: Iterable[str], flag: str = "") -> dict[str, str]:
    """`KEY=VALUE` by key. Raises UsageError for one without a key or an equals sign."""
    found = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"A setting is KEY=VALUE, not {word!r}.", f"For example: {flag}tts.espeak.speed=1.2"
            )
        found[key.strip()] = value.strip()
    return found


def _start_log(loaded: Loaded) -> None:
    import logging

    from voicecli.telemetry.logs import log_formatter

    log = loaded.settings.log
    try:
        handler = logging.FileHandler(log.file) if log.file else logging.StreamHandler()
    except OSError as error:
        raise UsageError(f"The log cannot be written to {log.file}: {error.strerror}.") from error
    handler.setFormatter(log_formatter(log.format))
    logging.basicConfig(level=log.level.upper(), handlers=[handler])


Mic = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE|FILE|-",
        help="A microphone (name, part of it, or number), an audio file, which plays as a microphone would "
        "hear it, or `-` for raw s16le mono 16 kHz on standard input.",
    ),
    Sets("mic.device"),
]
Speaker = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE|FILE.wav|-|null",
        help="A loudspeaker (name, part of it, or number), a WAV file to write, `-` for PCM 24 kHz on "
        "standard output, or `null` for nothing.",
    ),
    Sets("speaker.device"),
]
Asr = Annotated[str | None, typer.Option(metavar="ENGINE", help="Recognition engine."), Sets("asr.engine")]
Tts = Annotated[str | None, typer.Option(metavar="ENGINE", help="Speech engine."), Sets("tts.engine")]
Vad = Annotated[str | None, typer.Option(metavar="ENGINE", help="Voice activity engine."), Sets("vad.engine")]
Voice = Annotated[str | None, typer.Option(help="A voice of the speech engine.")]
Language = Annotated[
    str | None,
    typer.Option(help="The language of both sides, as in `de` or `en-GB`."),
    Sets("conversation.language"),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
RealTime = Annotated[
    bool,
    typer.Option(
        "--real-time/--fast",
        help="Whether files are heard and played at their own pace, or as fast as they are worked on.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions(SettingsOptions):
    """The engines of a conversation."""

    asr: Asr = None
    llm: Annotated[str | None, typer.Option(metavar="ENGINE", help="Language model."), Sets("llm.engine")] = (
        None
    )
    tts: Tts = None
    vad: Vad = None
