"""From flags to settings, and from work to an exit status."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicecli.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine

    from voicecli.config import Loaded

__all__ = ["finish", "ignore_interrupts", "loaded_settings", "read_settings"]

# Which flag stands for a setting, so that an error names what was typed.
_FLAGS = {
    "mic.device": "--mic",
    "speaker.device": "--speaker",
    "asr.engine": "--asr",
    "llm.engine": "--llm",
    "tts.engine": "--tts",
    "vad.engine": "--vad",
    "conversation.system": "--system",
    "conversation.language": "--language",
    "conversation.barge_in": "--no-barge-in",
    "conversation.speculation": "--no-speculation",
    "conversation.push_to_talk": "--push-to-talk",
    "save.folder": "--save",
    "server.host": "--host",
    "server.port": "--port",
    "server.workers": "--workers",
    "server.otlp": "--otlp",
}


def loaded_settings(
    config: Path | None, profile: str | None, settings: list[str] | None, overrides: dict[str, Any]
) -> Loaded:
    """The settings with the flags put over them, and the log begun. Raises SettingsError."""
    loaded = read_settings(config, profile, settings, overrides)
    _start_log(loaded)
    return loaded


def read_settings(
    config: Path | None, profile: str | None, settings: list[str] | None, overrides: dict[str, Any]
) -> Loaded:
    """The settings as they are now, with the flags put over them. Raises SettingsError."""
    from voicecli.config import Flag, load_settings

    flags: dict[str, Any] = {}
    for setting in settings or []:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(
                f"--set takes KEY=VALUE, not {setting!r}.", "For example: --set tts.espeak.speed=1.3"
            )
        flags[key.strip()] = value
    flags.update({key: Flag(_FLAGS[key], value) for key, value in overrides.items() if value is not None})
    return load_settings(config, profile, flags)


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


def finish(
    work: Coroutine[Any, Any, ExitStatus], loop: Callable[[], AbstractEventLoop] | None = None
) -> None:
    """Run the work of a command, on a loop that `loop` makes, and leave with its exit status."""
    import asyncio

    from voicecli.cli.signals import until_terminated

    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            status = runner.run(until_terminated(work))
    except asyncio.CancelledError:
        status = ExitStatus.INTERRUPTED
    if status == ExitStatus.INTERRUPTED:
        ignore_interrupts()
    if status:
        raise typer.Exit(int(status))


def ignore_interrupts() -> None:
    """Everything is closed and saved: a second Ctrl-C would only change the exit status."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
