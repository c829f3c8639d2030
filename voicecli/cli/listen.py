"""`voicecli listen`: a microphone or a recording as text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from voicecli.audio.outfile import OutFile
from voicecli.cli import ends
from voicecli.cli.console import SafeConsole, Telling, complain, failure_text, warn
from voicecli.cli.options import Asr, Json, Language, Mic, SettingsOptions, Vad, group, spread
from voicecli.cli.progress import Downloads
from voicecli.errors import ExitStatus, NotFound, ProviderError, Refused, UsageError, VoiceError
from voicecli.printable import json_line, printable

if TYPE_CHECKING:
    from voicecli.audio.microphone import Microphone
    from voicecli.providers.recognizer import Recognizer
    from voicecli.speech.ears import Ears
    from voicecli.speech.spoken import SpokenUtterance

__all__ = ["Passage", "app"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions(SettingsOptions):
    """What `listen` takes."""

    mic: Mic = None
    asr: Asr = None
    vad: Vad = None
    language: Language = None
    interim: Annotated[bool, typer.Option("--interim", help="Show transcripts that may still change.")] = (
        False
    )
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write .srt, .vtt, .txt or .jsonl.")
    ] = None
    json: Json = False
    real_time: Annotated[
        bool | None,
        typer.Option("--real-time/--fast", help="How files are heard; fast unless told."),
    ] = None


app = group()


@dataclass(frozen=True, slots=True)
class Passage:
    """One utterance, written down."""

    number: int  # from 1
    start: float  # seconds from the beginning of the stream
    end: float
    text: str


@app.command()
@spread
async def listen(options: ListenOptions) -> ExitStatus:
    """Write down what a microphone or a recording says."""
    from voicecli.config.assembly import pick_recognizer
    from voicecli.providers.choose import choose_detector

    loaded = options.load()
    settings = loaded.settings
    device = str(settings.mic.device)
    from_file = device == ends.PIPE or ends.is_file(device)
    real_time = not from_file if options.real_time is None else options.real_time
    show = _Shown(options)
    async with AsyncExitStack() as stack:
        downloads = stack.enter_context(Downloads())
        choice = await pick_recognizer(loaded, report=downloads)
        detector = await choose_detector(settings.vad.engine, settings.vad.engines)
        microphone = await ends.open_microphone(device, real_time=real_time)
        file = stack.enter_context(_SubtitleFile(options.out)) if options.out else None
        await downloads.opening(stack, [choice.engine, detector.engine, microphone])
        show.ready(choice.name, choice.reason, microphone)
        ears = settings.ears(detector.engine)
        listening = _Listening(microphone, ears, choice.engine, settings.asr.timeout, show)
        try:
            async for passage in listening.passages():
                show.passage(passage)
                if file is not None:
                    file.write(passage)
        except asyncio.CancelledError:
            return ExitStatus.INTERRUPTED
        except VoiceError as error:
            show.failed(error)
            raise
        if file is not None and listening.status is ExitStatus.FINE:
            file.begin()
        if not listening.utterances:
            show.warning(f"No speech was noticed in {microphone.name}.")
    return listening.status


class _Listening:
    """Cuts a microphone into utterances and has each of them recognised, in order."""

    def __init__(
        self, microphone: Microphone, ears: Ears, recognizer: Recognizer, timeout: float, show: _Shown
    ) -> None:
        from voicecli.speech.spoken import Utterances

        self._utterances = Utterances(microphone.blocks(), ears)
        self._recognizer = recognizer
        self._timeout = timeout
        self._show = show
        self._number = 0
        self.utterances = 0
        self.status = ExitStatus.FINE  # of the last utterance that could not be recognised

    async def passages(self) -> AsyncIterator[Passage]:
        """Yield each utterance in which something was understood.

        One that cannot be recognised is told about, and the next one is tried. Raises VoiceError where that
        would be no use.
        """
        async for utterance in self._utterances:
            self.utterances += 1
            text = await self._transcribed(utterance)
            await utterance.whole()  # to its end, where no more of it was wanted
            if text and utterance.stopped is not None:
                self._number += 1
                yield Passage(self._number, utterance.started, utterance.stopped, text)

    async def _transcribed(self, utterance: SpokenUtterance) -> str:
        from voicecli.conversation.transcription import transcribed

        def interim(text: str) -> None:
            utterance.recognised(text)
            self._show.interim(self._number + 1, text)

        try:
            return await transcribed(self._recognizer, utterance, self._timeout, interim)
        except (Refused, NotFound):
            raise  # the next one would fare no better
        except ProviderError as error:
            self.status = error.status
            self._show.failure(error)
            return ""


class _Shown(Telling):
    """The transcript on the terminal, in a pipe, or as JSON Lines."""

    def __init__(self, options: ListenOptions) -> None:
        super().__init__(options.json)
        self._interim = options.interim
        self._console = SafeConsole(soft_wrap=True)
        self._latest = ""  # of what may still change

    def ready(self, engine: str, reason: str, microphone: Microphone) -> None:
        """Say what listens to what."""
        if self.as_json:
            self.json("ready", engines={"asr": engine}, devices={"mic": microphone.name})
        else:
            self.aside(f"{engine} ({reason}) listens to {microphone.name}")

    def interim(self, number: int, text: str) -> None:
        """A transcript that may still change."""
        if not self._interim or not text or text == self._latest:
            return
        self._latest = text
        if self.as_json:
            self.json("transcript", turn=number, text=text, final=False)
        elif self._console.is_terminal:
            self._console.print(Text(text, style="dim"), end="\r", overflow="crop", no_wrap=True)

    def passage(self, passage: Passage) -> None:
        """A transcript that stays."""
        self._latest = ""
        if self.as_json:
            times = {"start": round(passage.start, 3), "end": round(passage.end, 3)}
            self.json("transcript", turn=passage.number, text=passage.text, final=True, **times)
            return
        if self._interim and self._console.is_terminal:
            self._console.print(" " * (self._console.width - 1), end="\r")
        self._console.print(passage.text)

    def failure(self, error: VoiceError) -> None:
        """An utterance that could not be recognised."""
        self.failed(error)
        complain(failure_text(error.message, error.hint))

    def warning(self, message: str) -> None:
        """Something the user should know."""
        if self.as_json:
            self.json("warning", message=message)
        else:
            warn(message)


class _SubtitleFile:
    """SubRip, WebVTT, plain text or JSON Lines, by the file's name; written as it happens."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError for a name that says no format, SaveError for a file that cannot be written."""
        self._kind = path.suffix.lower()
        if self._kind not in (".srt", ".vtt", ".txt", ".jsonl"):
            raise UsageError(
                f"It is not clear what to write to {path}.", "Name it .srt, .vtt, .txt or .jsonl."
            )
        self._file = OutFile(path)
        self._begun = False

    def __enter__(self) -> _SubtitleFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def begin(self) -> None:
        """Make the file, with nothing in it. Raises SaveError."""
        if not self._begun:
            self._begun = True
            self._put("WEBVTT\n\n" if self._kind == ".vtt" else "")

    def write(self, passage: Passage) -> None:
        """Append one passage. Raises SaveError."""
        self.begin()
        start, end = passage.start, passage.end
        if self._kind == ".srt":
            self._put(f"{passage.number}\n{_stamp(start, ',')} --> {_stamp(end, ',')}\n{passage.text}\n\n")
        elif self._kind == ".vtt":
            self._put(f"{_stamp(start, '.')} --> {_stamp(end, '.')}\n{passage.text}\n\n")
        elif self._kind == ".txt":
            self._put(f"{passage.text}\n")
        else:
            record = {"start": round(start, 3), "end": round(end, 3), "text": passage.text}
            self._put(json_line(record) + "\n")

    def _put(self, text: str) -> None:
        self._file.write(printable(text).encode())


def _stamp(seconds: float, point: str) -> str:
    """HH:MM:SS,mmm as SubRip has it, or with a point as WebVTT has it."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{point}{rest % 1000:03}"
