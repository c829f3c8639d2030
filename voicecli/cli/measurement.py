"""The work of `voicecli bench`: engines, formats and texts held against each other."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from voicecli.audio.format import Codec
from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench import tts
from voicecli.bench.formats import in_formats
from voicecli.bench.machine import Machine, machine, versions
from voicecli.bench.render import print_report
from voicecli.bench.report import Heard, Report, breaches, report_record, summed_up, write_csv
from voicecli.bench.tts import SPANS, TEXTS, BenchOptions, BriefPlayer, Case, Contender, Line, Run
from voicecli.cli import sound
from voicecli.cli.assembly import pick_synthesizer
from voicecli.config import Loaded
from voicecli.errors import BudgetBreached, DeviceError, ExitStatus, SaveError, UsageError
from voicecli.flow.steps import scoped
from voicecli.latency.budget import Limit
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["BenchRequest", "parse_codec", "run_bench"]

_HOLDS = 60.0  # seconds of sound that the player holds where nobody hears it: then nothing waits for it
_NAME = 24  # characters of a text that name it in the report
_WIDTH = 120  # columns where there is no terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchRequest:
    """What the command line says beyond the settings."""

    runs: int = 10
    engines: tuple[str, ...] = ()  # empty: the one in the settings
    codecs: tuple[Codec, ...] = ()  # empty: each engine's own
    texts: tuple[str, ...] = ()  # empty: the bundled ones
    voice: str | None = None
    speaker: str = sound.NULL
    json: str | None = None  # a file, or "-"
    csv: str | None = None  # a file, or "-"
    limits: tuple[Limit, ...] = ()
    strict: bool = False

    def check(self) -> None:
        """Find before minutes of measuring what would spoil its end. Raises UsageError."""
        if [self.json, self.csv, self.speaker].count(sound.PIPE) > 1:
            raise UsageError("Only one of --json, --csv and --speaker can be standard output.")
        for text in self.texts:
            if not text.strip():
                raise UsageError("There is nothing to say: a --text is empty.")
        for limit in self.limits:
            if limit.span not in SPANS:
                raise UsageError(
                    f"`bench tts` does not measure {limit.span}.", f"Its spans are {', '.join(SPANS)}."
                )
        for name in (self.json, self.csv):
            if name is not None and name != sound.PIPE:
                _check_writable(Path(name))


async def run_bench(loaded: Loaded, request: BenchRequest) -> ExitStatus:
    """Measure and report; returns what the process should. Raises VoiceError.

    What was measured before an interruption, or before the loudspeaker went away, is reported too.
    """
    limits = [*request.limits, *_configured(loaded, request)]
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    gathered = _Gathered(started=started, machine=machine())
    interrupted, lost = False, None
    try:
        async with AsyncExitStack() as stack:
            await _measure(stack, loaded, request, gathered)
    except asyncio.CancelledError:
        interrupted = True
    except DeviceError as error:
        lost = error
    report = gathered.report(limits, interrupted=interrupted)
    if report is not None:
        _publish(report, request)
    if lost is not None:
        raise lost
    if interrupted or report is None:
        return ExitStatus.INTERRUPTED
    return _judge(report, strict=request.strict)


def parse_codec(name: str) -> Codec:
    """Raises UsageError."""
    if name not in list(Codec):
        raise UsageError(f"There is no format {name!r}.", f"Formats are {', '.join(Codec)}.")
    return Codec(name)


def _check_writable(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} cannot be written: it is a folder.")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: no permission.")


def _configured(loaded: Loaded, request: BenchRequest) -> Iterator[Limit]:
    """The settings' budgets, for spans that the command line has none for."""
    given = {limit.span for limit in request.limits}
    for span, seconds in loaded.settings.budgets.limits().items():
        if span in SPANS and span not in given:
            yield Limit(span, "p95", seconds)


def _settings_record(loaded: Loaded, request: BenchRequest, player: AudioStreamPlayer) -> dict[str, Any]:
    settings = loaded.settings
    return {
        "runs": request.runs,
        "formats": [str(codec) for codec in request.codecs],
        "voice": request.voice,
        "speaker": request.speaker,
        "player": asdict(player.options),
        "phrases": asdict(settings.conversation.phrases),
        "utterer": asdict(settings.utterer()),
    }


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What there is so far, for a report at any moment."""

    started: str
    machine: Machine
    settings: Mapping[str, Any] = field(default_factory=dict)
    contenders: list[Contender] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    heard: Heard | None = None
    runs: list[Run] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def report(self, limits: Sequence[Limit], *, interrupted: bool) -> Report | None:
        """None when nothing was measured."""
        if self.heard is None or not self.runs:
            return None
        return Report(
            started=self.started,
            machine=self.machine,
            versions=versions("tts", [contender.name for contender in self.contenders]),
            settings=self.settings,
            contenders=self.contenders,
            heard=self.heard,
            runs=self.runs,
            results=summed_up(self.cases, self.runs, limits),
            notes=self.notes,
            interrupted=interrupted,
        )


async def _measure(stack: AsyncExitStack, loaded: Loaded, request: BenchRequest, gathered: _Gathered) -> None:
    settings = loaded.settings
    player, kind = _player(loaded, request.speaker)
    gathered.settings = _settings_record(loaded, request, player)
    for choice in await _choices(loaded, request, gathered.notes):
        # One after the other, so that each has the machine to itself while it is timed.
        gathered.contenders.append(await _opened(stack, choice))
    await stack.enter_async_context(player)
    output = player.output
    gathered.heard = Heard(output.name, kind, output.rate, output.latency, whole=kind != sound.NULL)
    gathered.cases += [Case(contender, line) for line in _lines(request) for contender in gathered.contenders]
    options = BenchOptions(
        runs=request.runs, phrases=settings.conversation.phrases, utterer=settings.utterer()
    )
    with _progress((options.runs + 1) * len(gathered.cases)) as advance:
        async with scoped(tts.measured(gathered.cases, player, options)) as runs:
            async for run in runs:
                gathered.runs.append(run)
                advance(str(run.case))


def _player(loaded: Loaded, speaker: str) -> tuple[AudioStreamPlayer, str]:
    """The player, and what kind of loudspeaker it has."""
    options = loaded.settings.player
    output = sound.open_speaker(speaker, real_time=True, silence=False)
    if speaker == sound.NULL:
        return BriefPlayer(output, replace(options, capacity=max(options.capacity, _HOLDS))), sound.NULL
    kind = "pipe" if speaker == sound.PIPE else "file" if sound.is_file(speaker) else "device"
    return AudioStreamPlayer(output, options), kind


async def _choices(loaded: Loaded, request: BenchRequest, notes: list[str]) -> list[Choice[Synthesizer]]:
    """Every engine in every format that it has. Raises UsageError when none is left."""
    settings = loaded.settings
    found: list[Choice[Synthesizer]] = []
    for name in request.engines or (settings.tts.engine,):
        with_engine = replace(loaded, settings=replace(settings, tts=replace(settings.tts, engine=name)))
        choice = await pick_synthesizer(with_engine, request.voice)
        if request.voice is not None and not hasattr(choice.options, "voice"):
            notes.append(f"{choice.name} has no voices to choose from")
        formats = await in_formats(choice, request.codecs)
        found += formats.choices
        notes += formats.notes
    if not found:
        raise UsageError("No engine sends what was asked for.", f"{'. '.join(notes)}.")
    return found


async def _opened(stack: AsyncExitStack, choice: Choice[Synthesizer]) -> Contender:
    began = time.monotonic()
    engine = await stack.enter_async_context(choice.engine)
    return Contender(choice.name, choice.reason, engine, choice.options, time.monotonic() - began)


def _lines(request: BenchRequest) -> Sequence[Line]:
    if not request.texts:
        return TEXTS
    return [Line(textwrap.shorten(text, _NAME, placeholder="…"), text) for text in request.texts]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar with the time left, where there is a terminal to draw it on."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Drawn between the runs alone: a thread that draws meanwhile would be in the numbers.
    progress = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
    with progress:
        task = progress.add_task("measuring", total=total)
        progress.refresh()

        def advance(name: str) -> None:
            progress.update(task, advance=1, description=name, refresh=True)

        yield advance


def _publish(report: Report, request: BenchRequest) -> None:
    """Tables for people, files for programs. Raises SaveError."""
    stream = sys.stderr if sound.PIPE in (request.json, request.csv, request.speaker) else sys.stdout
    print_report(Console(file=stream, highlight=False, width=None if stream.isatty() else _WIDTH), report)
    if request.json is not None:
        record = report_record(report)
        # One line on a pipe, as every other JSON output has it; a file is read by people too.
        indent = None if request.json == sound.PIPE else 2
        with _written(request.json) as file:
            print(json.dumps(record, ensure_ascii=False, indent=indent), file=file)
    if request.csv is not None:
        with _written(request.csv) as file:
            write_csv(file, report.runs)


@contextmanager
def _written(name: str) -> Iterator[TextIO]:
    if name == sound.PIPE:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            yield file
    except OSError as error:
        raise SaveError(f"{name} cannot be written: {error.strerror or error}.") from error


def _judge(report: Report, *, strict: bool) -> ExitStatus:
    """Fine, or why not. Raises BudgetBreached naming every breach."""
    silent = [result for result in report.results if not result.ok]
    if silent:
        failures = [run.error for run in report.runs if run.case is silent[0].case and run.error is not None]
        return failures[-1].status if failures else ExitStatus.FAILED
    found = breaches(report.results) if strict else []
    if found:
        raise BudgetBreached(f"Over budget: {'; '.join(map(str, found))}.")
    return ExitStatus.FINE
