"""`voicecli tts`: a text, spoken from its first phrase on."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from voicecli.audio.format import Codec, StreamFormat, spoken_name
from voicecli.audio.outfile import OutFile
from voicecli.cli import ends
from voicecli.cli.console import SafeConsole, print_json, tabular
from voicecli.cli.options import Json, Language, SettingsOptions, Speaker, Tts, Voice, group, spread
from voicecli.cli.progress import Downloads
from voicecli.errors import ExitStatus, ProviderError, UsageError, VoiceError, read_failure
from voicecli.latency.render import milliseconds
from voicecli.latency.timeline import Mark, Span

if TYPE_CHECKING:
    from voicecli.audio.block import Samples
    from voicecli.audio.soundfile import SoundFile, WavWriter
    from voicecli.config import Loaded
    from voicecli.providers.choose import Choice
    from voicecli.providers.synthesizer import Synthesizer
    from voicecli.reply.utterer import Utterer

__all__ = ["app", "file_codec", "read_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TtsOptions(SettingsOptions):
    """What `tts` takes."""

    text: Annotated[
        str | None, typer.Argument(metavar="[TEXT|-]", help="What to say; `-` reads standard input.")
    ] = None
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Read the text from a file.")] = None
    tts: Tts = None
    voice: Voice = None
    language: Language = None
    speed: Annotated[float | None, typer.Option(min=0.25, max=5.0, help="Times the normal pace.")] = None
    format: Annotated[
        str | None,
        typer.Option(
            metavar="pcm|wav|mp3|opus|aac|flac",
            help="What the engine is asked to send, where it can choose, and what --out is written in.",
        ),
    ] = None
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write the speech to a file instead of playing it (with --speaker: as well).",
        ),
    ] = None
    speaker: Speaker = None
    voices: Annotated[bool, typer.Option("--list-voices", help="List the engine's voices.")] = False
    json: Json = False

    @property
    def codec(self) -> Codec | None:
        """That of --format. Raises UsageError."""
        if self.format is not None and self.format not in list(Codec):
            raise UsageError(f"There is no format {self.format!r}.", f"Formats are {', '.join(Codec)}.")
        return None if self.format is None else Codec(self.format)

    @property
    def play(self) -> bool:
        """Whether it is heard, and not only written."""
        return self.out is None or self.speaker is not None


app = group()


@app.command()
@spread
async def tts(options: TtsOptions) -> ExitStatus:
    """Speak a text.

    It plays from its first phrase on, while the rest is still being made.
    """
    from voicecli.config.assembly import pick_synthesizer

    codec = options.codec
    loaded = options.load()
    if options.voices:
        return await _list_voices(loaded, options.json)
    text = read_text(options.text, options.file)
    file = file_codec(options.out, codec) if options.out else None
    with Downloads() as downloads:
        choice = await pick_synthesizer(loaded, options.voice, options.speed, codec, downloads)
        speaking = _Speaking(loaded, options, text, choice)
        failure = await speaking.speak(downloads, file)
    if options.json:
        stdout = options.out == ends.PIPE or (options.play and loaded.settings.speaker.device == ends.PIPE)
        print_json(speaking.record(failure), sys.stderr if stdout else sys.stdout)
    if failure is not None:
        raise failure
    if sys.stderr.isatty() and not options.json:
        SafeConsole(stderr=True).print(speaking.line(), style="dim")
    return ExitStatus.FINE


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


async def _list_voices(loaded: Loaded, as_json: bool) -> ExitStatus:
    from voicecli.config.assembly import pick_synthesizer
    from voicecli.providers.synthesizer import HasVoices

    choice = await pick_synthesizer(loaded)
    if not isinstance(choice.engine, HasVoices):
        raise ProviderError(f"{choice.name} cannot list its voices.", "Its documentation may.")
    async with choice.engine:
        voices = await choice.engine.voices()
    table = Table("voice", "language", "", box=None, pad_edge=False)
    for voice in voices:
        table.add_row(voice.name, voice.language, voice.description)
        if as_json:
            print_json({"name": voice.name, "language": voice.language, "description": voice.description})
    if not as_json:
        tabular().print(table)
    return ExitStatus.FINE


class _Speaking:
    """A text on its way from the engine to the loudspeaker and the file."""

    def __init__(self, loaded: Loaded, options: TtsOptions, text: str, choice: Choice[Synthesizer]) -> None:
        from voicecli.audio.player import AudioStreamPlayer

        self._loaded = loaded
        self._options = options
        self._text = text
        self._choice = choice
        output = (
            ends.open_speaker(str(loaded.settings.speaker.device), real_time=True, silence=False)
            if options.play
            else ends.fast_nowhere(choice.engine.format.rate)
        )
        self._player = AudioStreamPlayer(output, loaded.settings.player)
        self._utterer: Utterer  # once everything is open

    async def speak(self, downloads: Downloads, codec: Codec | None) -> VoiceError | None:
        """Speak it all, and write it in `codec`; returns what went wrong once it had begun.

        Raises VoiceError for what keeps it from beginning.
        """
        from voicecli.config.assembly import ready_decoder, utterer_options
        from voicecli.flow.sources import array_source
        from voicecli.reply.phrases import phrase_step
        from voicecli.reply.utterer import Utterer

        engine, began = self._choice.engine, False
        try:
            async with AsyncExitStack() as stack:
                await downloads.opening(stack, [engine, self._player, ready_decoder(engine)])
                tap = None
                if self._options.out and codec:
                    written = _Written(self._options.out, codec, self._player.rate)
                    stack.callback(written.close)
                    tap = written.write
                self._utterer = Utterer(engine, self._player, utterer_options(self._loaded), tap=tap)
                began = True
                self._utterer.stopwatch.mark(Mark.FIRST_PHRASE, time.monotonic())
                options = self._loaded.settings.conversation.phrases
                phrases = phrase_step(array_source([self._text]), options)
                with self._progress() as follow:
                    await self._utterer.play(follow(phrases))
                if not self._utterer.chunks:
                    raise UsageError("There is nothing to say: the text has no words.")
        except VoiceError as error:
            if not began:
                raise
            return error
        return None

    @contextmanager
    def _progress(self) -> Iterator[Callable[[AsyncIterator[str]], AsyncIterator[str]]]:
        """How far the text has got, on a terminal and for texts of more than a moment."""
        if self._options.json or not sys.stderr.isatty() or len(self._text) < 200:
            yield lambda phrases: phrases
            return
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
        with Progress(*columns, console=SafeConsole(stderr=True), transient=True) as progress:
            task = progress.add_task("speaking" if self._options.play else "writing", total=len(self._text))

            async def follow(phrases: AsyncIterator[str]) -> AsyncIterator[str]:
                async for phrase in phrases:
                    yield phrase
                    progress.advance(task, len(phrase))

            yield follow

    def line(self) -> str:
        """How it went, for people."""
        choice, player = self._choice, self._player
        ttfa = self._utterer.stopwatch.timeline().span(Span.TTFA)
        line = f"{choice.name} ({choice.reason}) · first sound after {milliseconds(ttfa)}"
        line += f" · {player.written:.1f} s on {player.output.name}"
        if player.underruns.count:
            line += f" · {player.underruns.count} breaks, {milliseconds(player.underruns.seconds)}"
        return line

    def record(self, failure: VoiceError | None) -> dict[str, Any]:
        """How it went, for programs."""
        from voicecli.conversation.record import marks_record, spans_record

        utterer, player = self._utterer, self._player
        timeline = utterer.stopwatch.timeline()
        record: dict[str, Any] = {
            "engine": self._choice.name,
            "format": str(self._choice.engine.format.codec),
            "text": self._text,
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
        from voicecli.audio.soundfile import SoundFile, WavWriter

        if self._name == ends.PIPE:
            return SoundFile(OutFile(Path("standard output"), sys.stdout.fileno()), self._format)
        if self._format.codec is Codec.WAV:
            return WavWriter(Path(self._name), self._format.rate)
        return SoundFile(OutFile(Path(self._name), folders=True), self._format)


def file_codec(name: str, asked: Codec | None) -> Codec:
    """What to write to a file of that name when `asked` is what --format says. Raises UsageError."""
    from voicecli.audio.recording import EXPORTS

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
