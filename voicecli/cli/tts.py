"""`voicecli tts`: a text, spoken from its first phrase on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from voicecli.audio.block import Samples
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.outfile import OutFile
from voicecli.audio.player import AudioStreamPlayer, Output
from voicecli.audio.recording import EXPORTS
from voicecli.audio.sniff import spoken_name
from voicecli.audio.soundfile import SoundFile
from voicecli.audio.wavfile import WavWriter
from voicecli.cli import ends
from voicecli.cli.console import SafeConsole
from voicecli.cli.downloads import Downloads
from voicecli.config import Loaded
from voicecli.config.assembly import ReadyDecoder, enter_all, pick_synthesizer, utterer_options
from voicecli.conversation.record import marks_record, spans_record
from voicecli.errors import ExitStatus, ProviderError, UsageError, VoiceError, read_failure
from voicecli.flow.sources import array_source
from voicecli.latency.render import milliseconds
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.printable import json_line
from voicecli.providers.choose import Choice
from voicecli.providers.synthesizer import HasVoices, Synthesizer
from voicecli.reply.phrases import phrase_step
from voicecli.reply.utterer import Utterer

__all__ = ["TtsRequest", "list_voices", "read_text", "run_tts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TtsRequest:
    """What the command line says beyond the settings."""

    text: str
    voice: str | None = None
    speed: float | None = None
    codec: Codec | None = None  # of the file; also what the engine is asked for, where it can choose
    out: str | None = None  # a file, or "-"
    play: bool = True
    json: bool = False


def read_text(text: str | None, file: Path | None) -> str:
    """The text from the argument, a file, or standard input. Raises UsageError."""
    if file is not None and text is not None:
        raise UsageError("Give a text or --file, not both.")
    try:
        if file is not None:
            data = file.read_bytes()
        elif text == "-" or (text is None and not sys.stdin.isatty()):
            data = sys.stdin.buffer.read()
        else:
            data = (text or "").encode()
    except OSError as error:
        raise read_failure(file or "standard input", error) from error
    try:
        decoded = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file or 'Standard input'} is not text (byte {error.start} is not UTF-8).",
            "To play a recording use `voicecli history play` or any player.",
        ) from None
    if "\0" in decoded:
        raise UsageError(f"{file or 'Standard input'} is not text (it has NUL bytes).")
    if not decoded.strip():
        raise UsageError("There is nothing to say: the text is empty.", "Try `voicecli tts 'Hello there'`.")
    return decoded


async def run_tts(loaded: Loaded, request: TtsRequest) -> ExitStatus:
    """Speak; returns what the process should. Raises VoiceError, after the JSON object if one is wanted."""
    downloads = Downloads()
    codec = file_codec(request.out, request.codec) if request.out else None
    choice = await pick_synthesizer(loaded, request.voice, request.speed, request.codec, downloads)
    player = AudioStreamPlayer(_output(loaded, request, choice), loaded.settings.player)
    utterer: Utterer | None = None
    failure: VoiceError | None = None
    try:
        async with AsyncExitStack() as stack:
            stack.callback(downloads.close)
            await enter_all(stack, [choice.engine, player, ReadyDecoder(choice.engine)])
            downloads.close()
            written = _Written(request.out, codec, player.rate) if request.out and codec else None
            if written is not None:
                stack.callback(written.close)
            tap = None if written is None else written.write
            utterer = Utterer(choice.engine, player, utterer_options(loaded), tap=tap)
            requested = time.monotonic()
            utterer.stopwatch.mark(Mark.FIRST_PHRASE, requested)
            phrases = phrase_step(array_source([request.text]), loaded.settings.conversation.phrases)
            with _progress(request) as follow:
                await utterer.play(follow(phrases), _at_once)
            if not utterer.chunks:
                raise UsageError("There is nothing to say: the text has no words.")
    except VoiceError as error:
        failure = error
        if utterer is None:  # it never came to speaking
            raise
    if request.json:
        stream = sys.stderr if _sound_on_stdout(loaded, request) else sys.stdout
        record = _record(choice, request, utterer, player, failure)
        print(json_line(record), file=stream, flush=True)
    if failure is not None:
        raise failure
    if sys.stderr.isatty() and not request.json:
        _console().print(_line(choice, player, utterer.stopwatch.timeline()), style="dim")
    return ExitStatus.FINE


def _sound_on_stdout(loaded: Loaded, request: TtsRequest) -> bool:
    return request.out == ends.PIPE or (request.play and loaded.settings.speaker.device == ends.PIPE)


async def list_voices(loaded: Loaded, as_json: bool) -> ExitStatus:
    """Print the voices of the engine. Raises VoiceError."""
    choice = await pick_synthesizer(loaded)
    if not isinstance(choice.engine, HasVoices):
        raise ProviderError(f"{choice.name} cannot list its voices.", "Its documentation may.")
    async with choice.engine:
        voices = await choice.engine.voices()
    if as_json:
        for voice in voices:
            print(
                json.dumps({"name": voice.name, "language": voice.language, "description": voice.description})
            )
        return ExitStatus.FINE
    table = Table("voice", "language", "", box=None, pad_edge=False)
    for voice in voices:
        table.add_row(voice.name, voice.language, voice.description)
    SafeConsole(width=None if sys.stdout.isatty() else 200).print(table)
    return ExitStatus.FINE


def _output(loaded: Loaded, request: TtsRequest, choice: Choice[Synthesizer]) -> Output:
    if request.play:
        return ends.open_speaker(str(loaded.settings.speaker.device), real_time=True, silence=False)
    return ends.fast_nowhere(choice.engine.format.rate)


async def _at_once() -> None:
    pass


class _Written:
    """The file of all the sound; made with the first of it, so that a failure before empties none."""

    def __init__(self, name: str, codec: Codec, rate: int) -> None:
        self._name = name
        self._format = StreamFormat(codec, rate)
        self._file: WavWriter | SoundFile | None = None

    def write(self, samples: Samples) -> None:
        """Append samples. Raises SaveError."""
        if self._file is None:
            self._file = self._opened()
        self._file.write(samples)

    def close(self) -> None:
        """What was made so far is whole. Raises SaveError."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> WavWriter | SoundFile:
        if self._name == ends.PIPE:
            return SoundFile(OutFile(Path("standard output"), sys.stdout.fileno()), self._format)
        if self._format.codec is Codec.WAV:
            return WavWriter(Path(self._name), self._format.rate)
        return SoundFile(OutFile(Path(self._name), folders=True), self._format)


def file_codec(name: str, asked: Codec | None) -> Codec:
    """What to write to a file of that name when `asked` is what --format says. Raises UsageError."""
    suffix = Path(name).suffix.lower()
    named = EXPORTS.get(suffix)
    if name == ends.PIPE or not suffix:
        return asked or Codec.WAV
    if asked is not None and named not in (None, asked):
        raise UsageError(
            f"{name} is named as {spoken_name(named)}, and --format says {asked}.",
            f"Leave --format out, or name the file {Path(name).with_suffix(f'.{asked}').name}.",
        )
    codec = asked or named
    if codec is None:
        raise UsageError(f"It is not clear what to write to {name}.", f"Give --format: {', '.join(Codec)}.")
    return codec


@contextmanager
def _progress(
    request: TtsRequest,
) -> Iterator[Callable[[AsyncIterator[str]], AsyncIterator[str]]]:
    """How far the text has got, on a terminal and for texts of more than a moment."""
    if request.json or not sys.stderr.isatty() or len(request.text) < 200:
        yield lambda phrases: phrases
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console(), transient=True) as progress:
        task = progress.add_task("speaking" if request.play else "writing", total=len(request.text))

        async def follow(phrases: AsyncIterator[str]) -> AsyncIterator[str]:
            done = 0
            async for phrase in phrases:
                yield phrase
                done += len(phrase)
                progress.update(task, completed=done)

        yield follow


def _console() -> Console:
    return SafeConsole(stderr=True)


def _line(choice: Choice[Synthesizer], player: AudioStreamPlayer, timeline: Timeline) -> str:
    line = f"{choice.name} ({choice.reason}) · first sound after {milliseconds(timeline.span(Span.TTFA))}"
    line += f" · {player.written:.1f} s on {player.output.name}"
    if player.underruns.count:
        line += f" · {player.underruns.count} breaks, {milliseconds(player.underruns.seconds)}"
    return line


def _record(
    choice: Choice[Synthesizer],
    request: TtsRequest,
    utterer: Utterer,
    player: AudioStreamPlayer,
    failure: VoiceError | None,
) -> dict[str, Any]:
    timeline = utterer.stopwatch.timeline()
    record: dict[str, Any] = {
        "engine": choice.name,
        "format": str(choice.engine.format.codec),
        "text": request.text,
        "chunks": utterer.chunks,
        "bytes": utterer.bytes,
        "bytes_to_first_sample": utterer.bytes_to_first_sample,
        "audio": round(player.written, 6),
        "rate": player.rate,
        "device": player.output.name,
        "marks": marks_record(timeline, Mark.FIRST_PHRASE),
        "spans": spans_record(timeline),
        "underruns": player.underruns.count,
        "silence": round(player.underruns.seconds, 6),
        "ok": failure is None,
    }
    if failure is not None:
        record["error"] = {"kind": failure.kind, "message": str(failure)}
    return record
