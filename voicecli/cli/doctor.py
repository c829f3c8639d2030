"""`voicecli doctor`: what works on this machine, and what to do about the rest.

Exit status: 0 when everything that a conversation needs works; 3 when only the microphone or the loudspeaker
is lacking (it still works with files, or typed); 4 when an engine's server does not answer or takes no key;
1 for anything else. Notes change nothing.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from voicecli.cli.check import Check, Level, exit_status, in_background, note, ok, problem
from voicecli.cli.console import SafeConsole, print_json, tabular
from voicecli.cli.ends import PIPE
from voicecli.cli.options import Json, Mic, SettingsOptions, Speaker, group, spread
from voicecli.errors import ExitStatus, SaveError, UsageError, VoiceError
from voicecli.printable import printable

if TYPE_CHECKING:
    from voicecli.cli import stages
    from voicecli.config import Loaded, Settings

__all__ = ["app", "save_check"]

_SCARCE = 100e6  # bytes of disk below which saving will soon fail
_SOUND_SYSTEM = 5.0  # seconds for PortAudio to look at every device
_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}
_PLURAL = {Level.NOTE: "notes", Level.PROBLEM: "problems"}

Section = tuple[str, list[Check]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions(SettingsOptions):
    """What `doctor` takes."""

    mic: Mic = None
    speaker: Speaker = None
    report: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", help="Write it as Markdown for a bug report, without anything secret."
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", help="Play no sound: leaves out the round trip.")] = False
    json: Json = False


app = group()


@app.command()
@spread
async def doctor(options: DoctorOptions) -> ExitStatus:
    """Say what works here, and what to do about the rest.

    Opens the microphone and the loudspeaker for half a second, then plays a soft sweep of a quarter of a
    second and listens for it. Exits with 0 when a conversation works, 3 when only devices are lacking, 4 when
    an engine's server cannot be used, 1 otherwise.
    """
    from voicecli.cli import machine
    from voicecli.cli.bugreport import Redaction, bug_report

    if options.json and options.report == PIPE:
        raise UsageError("--json and --report - both want standard output.", "Give the report a file.")
    target = options.report or ""
    if target.startswith("-") and target != PIPE:
        raise UsageError(
            f"--report takes a file, and {target} looks like an option.",
            f"Write `--report FILE`, `--report -`, or `--report ./{target}`.",
        )
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a character still gets its report
    terminal = machine.terminal_check()  # before the progress line takes its place
    with ExitStack() as stack:
        if sys.stderr.isatty() and not options.json:
            stack.enter_context(SafeConsole(stderr=True).status("looking at everything, a few seconds …"))
        sections, loaded = await _examine(options, terminal)
    checks = [check for _, found in sections for check in found]
    if options.json:
        records = [check.record() for check in checks]
        fine = exit_status(checks) is ExitStatus.FINE
        print_json({"event": "doctor", "checks": records, "ok": fine})
    elif options.report != PIPE:
        _print(sections)
    if options.report is not None:
        _write_report(options.report, bug_report(sections, loaded, Redaction()))
    return exit_status(checks)


def _write_report(target: str, text: str) -> None:
    text = printable(text)
    if target == PIPE:
        print(text)
        return
    path = Path(target).expanduser()
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SaveError(
            f"The report cannot be written to {path}: {error.strerror}.", "Name another file, or `-`."
        ) from error
    print(printable(f"The report is in {path}: read it before you paste it."), file=sys.stderr)


async def _examine(options: DoctorOptions, terminal: Check) -> tuple[list[Section], Loaded | None]:
    from voicecli.cli import hardware, machine, stages
    from voicecli.config import load_settings

    settings_check, own = _settings(options.load)
    loaded = own or load_settings(user_file=None, environ={})
    settings = loaded.settings

    async def sound() -> list[Check]:
        needed = hardware.needs_devices(settings)
        try:
            found = await in_background(lambda _: _sound_system(needed), _SOUND_SYSTEM)
        except TimeoutError:
            remedy = "Restart the sound server."
            detail = f"PortAudio found no end of its devices within {_SOUND_SYSTEM:.0f} seconds"
            if needed:
                return [problem("sound server", detail, remedy, ExitStatus.NO_DEVICE)]
            found = [note("sound server", detail, remedy)]
        return [*found, *await hardware.device_checks(settings, options.quiet)]

    async def choose() -> tuple[stages.Chosen, list[Check]]:
        chosen = await stages.choose_all(loaded)
        return chosen, await stages.network_checks(chosen)

    heard, (chosen, network), servers, models, known = await asyncio.gather(
        sound(),
        choose(),
        stages.server_check(),
        asyncio.to_thread(stages.model_check),
        stages.engine_checks(loaded),
    )
    # Only now: what loading an engine does to the sound would be taken for a fault of the devices.
    opened = await stages.opening_checks(chosen)
    packages = machine.package_checks()
    sections: list[Section] = [
        (
            "This machine",
            [machine.version_check(), machine.python_check(), *packages, machine.opus_check()],
        ),
        ("Terminal and settings", [terminal, settings_check, save_check(settings)]),
        ("Sound", heard),
        ("What a conversation uses", [*opened, *network]),
        ("Engines", [*known, servers, models]),
    ]
    return sections, own


def _sound_system(needed: bool) -> list[Check]:
    from voicecli.cli import hardware, machine

    return [machine.portaudio_check(needed), hardware.server_check()]


def _settings(load: Callable[[], Loaded]) -> tuple[Check, Loaded | None]:
    """The settings; None where the user's cannot be used."""
    from voicecli.config import default_user_file

    try:
        loaded = load()
    except (VoiceError, OSError) as error:
        told = error if isinstance(error, VoiceError) else VoiceError(f"{error}.")
        # The doctor was not used wrongly if what it was to look at is wrong.
        status = ExitStatus.FAILED if isinstance(told, UsageError) else told.status
        remedy = told.hint or "Look at it: voicecli config path"
        return problem("settings", f"{told.message} What follows is for the defaults.", remedy, status), None
    path = default_user_file()
    count = len(loaded.origins)
    detail = f"{path} is valid" if path.exists() else f"no file {path}, which is fine"
    if count:
        detail += f"; {count} value{'' if count == 1 else 's'} set: `voicecli config show --changed`"
    return ok("settings", detail), loaded


def save_check(settings: Settings) -> Check:
    """Whether conversations can be saved, tried with a file that leaves no trace."""
    folder = settings.save.conversations
    if not settings.save.enabled:
        return ok("save folder", "nothing is saved: save.enabled is false")
    try:
        place = _nearest(folder)
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"\0")
            file.flush()
        free = shutil.disk_usage(place).free
        made = "" if folder.is_dir() else ", made when needed"
    except OSError as error:
        remedy = "Set save.folder to another, or talk with --save DIR or --no-save."
        return problem("save folder", f"{folder} cannot be written: {error.strerror or error}.", remedy)
    if free < _SCARCE:
        return note("save folder", f"{folder}: only {free / 1e6:.0f} MB are left", "Make room on the disk.")
    return ok("save folder", f"{folder}{made}; {free / 1e9:.1f} GB free")


def _nearest(folder: Path) -> Path:
    """The folder, or what there is of the way to it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _print(sections: Sequence[Section]) -> None:
    console = tabular()
    for title, checks in sections:
        console.print(Text(title, style="bold"))
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for check in _gathered(checks):
            text = Text(check.detail)
            if check.remedy:
                grave = check.level is Level.PROBLEM
                text.append("\n" if grave else " ")
                text.append(f"→ {check.remedy}", style="bold" if grave else "")
            table.add_row(Text(f" {check.level:<7}", style=_STYLES[check.level]), Text(check.name), text)
        console.print(table)
        console.print()
    console.print(_verdict([check for _, checks in sections for check in checks]))


def _gathered(checks: Sequence[Check]) -> list[Check]:
    """Packages that are as they should be share a line."""
    fine = [check for check in checks if check.name.startswith("package.") and check.level is Level.OK]
    shown: list[Check] = []
    for check in checks:
        if check not in fine:
            shown.append(check)
        elif check is fine[0]:
            listed = ", ".join(f"{one.name.removeprefix('package.')} {one.detail}" for one in fine)
            shown.append(ok("packages", f"{len(fine)} present: {listed}"))
    return shown


def _verdict(checks: Sequence[Check]) -> Text:
    counts = {level: sum(check.level is level for check in checks) for level in Level}
    told = [
        f"{counts[level]} {_PLURAL[level] if counts[level] != 1 else level}"
        for level in _PLURAL
        if counts[level]
    ]
    rest = f" ({', '.join(told)})" if told else ""
    match exit_status(checks):
        case ExitStatus.FINE:
            return Text(f"A conversation works here{rest}: voicecli talk", style="bold green")
        case ExitStatus.NO_DEVICE:
            what = "All that is lacking are devices; a conversation works with files, or typed with --text"
            return Text(f"{what}{rest}.", style="bold yellow")
        case ExitStatus.PROVIDER:
            return Text(f"An engine's server cannot be used{rest}: see above.", style="bold red")
        case _:
            return Text(f"A conversation does not work here yet{rest}: see above.", style="bold red")
