"""The command line: the commands by their names, each loaded when it is wanted, and every way out."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from voicecli import __version__
from voicecli.cli.invocation import ignore_interrupts
from voicecli.cli.standard import open_standard_streams
from voicecli.errors import ExitStatus, VoiceError

__all__ = ["app", "loaded_command", "main"]

_NAME = "voicecli"
_COMMANDS = {
    "talk": "Hold a spoken conversation.",
    "tts": "Speak a text.",
    "listen": "Write down what a microphone or a recording says.",
    "replay": "Hold a saved conversation again under other settings, and compare.",
    "serve": "Recognise speech for others, over WebSockets.",
    "devices": "List microphones and loudspeakers; exits with 3 when one of them is lacking.",
    "doctor": "Say what works here, and what to do about the rest.",
    "connect": "Have a server write down what a recording or a microphone says, or answer it.",
    "bench": "Measure how long things take; `tts` is meant where no word says what.",
    "history": "Saved conversations: list, show, search and play them.",
    "config": "Show and change the settings.",
    "frames": "Sound as framed objects, and back: files and pipes.",
}
_FILES = {"frames": "framing"}  # where it is not named like the command: frames.py is what is on the wire


def loaded_command(name: str) -> Any:
    """The command of that name, from its file; so the others take no time.

    Its functions import what they work with, for `--help` and completion need none of it.
    """
    return get_command(import_module(f"voicecli.cli.{_FILES.get(name, name)}").app)


class _Commands(TyperGroup):
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, loaded_command(name or ""), rest


app = typer.Typer(
    name=_NAME,
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A voice assistant in the terminal that shows where every millisecond went.",
    epilog="""To begin:

\b
  voicecli talk                      talk; without a microphone: talk --text
  voicecli talk --rehearse           look on while the bundled voice asks
  voicecli doctor                    what works here, and what to install""",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicecli {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


for _name, _help in _COMMANDS.items():
    app.command(_name, help=_help)(lambda: None)


def _with_optional_values(words: list[str]) -> list[str]:
    """Let `--continue` stand alone: Typer knows no option whose value may be left out."""
    return [
        "--continue=" if word == "--continue" and following.startswith("-") else word
        for word, following in pairwise([*words, "-"])
    ]


def main() -> None:
    """Run the command line; every way out has its exit status."""
    open_standard_streams()
    status = _status(_run)
    # Now, and not when Python ends, which would complain in its own way.
    written = _status(sys.stdout.flush, quiet=bool(status))
    sys.exit(status or written)


def _run() -> None:
    # The shells' completion comes by variables of the environment that bear the program's name.
    app(args=_with_optional_values(sys.argv[1:]) or ["--help"], prog_name=_NAME)


def _status(work: Callable[[], None], *, quiet: bool = False) -> int | str | None:
    """What the process is to return for how `work` ends, after saying why unless `quiet`."""
    try:
        work()
    except SystemExit as end:
        return end.code
    except VoiceError as error:
        if not quiet:
            from voicecli.cli.console import complain, failure_text

            complain(failure_text(error.message, error.hint))
        return error.status
    except KeyboardInterrupt:
        ignore_interrupts()
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone
        return ExitStatus.FAILED
    return None
