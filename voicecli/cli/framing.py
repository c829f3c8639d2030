"""`voicecli frames`: sound into frames and out of them, a piece at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from voicecli.audio.outfile import OutFile
from voicecli.cli.console import print_json, warn
from voicecli.cli.ends import PIPE
from voicecli.cli.options import group
from voicecli.errors import UsageError, WireError, read_failure
from voicecli.wire.frames import END, AudioFrame, Frame, FrameDecoder, FrameLimits, FrameSequence, encode
from voicecli.wire.riff import RiffReader, WavLayout, riff_header

__all__ = ["app"]

_READ: Final = 65_536  # bytes at once
_LARGEST: Final = 8 * 1024 * 1024  # bytes of sound in a frame: half of what readers take unless told
_LIMITS: Final = FrameLimits(frame=256 * 1024 * 1024)  # a file on the own disk may hold a whole recording
_DEPTHS: Final = (16, 32)  # bits of a sample that a frame can hold


app = group(no_args_is_help=True, help="Sound as framed objects, and back: files and pipes.")

Json = Annotated[
    bool,
    typer.Option("--json", help="The header of each frame as JSON Lines (on standard error where OUT is -)."),
]


@app.command("encode")
def encode_file(
    source: Annotated[str, typer.Argument(metavar="IN.wav|-", help="A WAV file of 16 or 32-bit integers.")],
    out: Annotated[str, typer.Argument(metavar="OUT|-", help="Where the frames go.")],
    question: Annotated[str, typer.Option(help="The text of the question, in every frame.")] = "",
    answer: Annotated[str, typer.Option(help="The text of the sound, in the first frame.")] = "",
    url: Annotated[str, typer.Option(help="An address, in every frame.")] = "",
    chunk: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, max=60, help="Sound in one frame.")
    ] = 0.5,
    json: Json = False,
) -> None:
    """Put a WAV file into frames, bit for bit; `-` is a pipe."""
    texts = {"question": question, "answer": answer, "url": url}
    reader = RiffReader()
    note = _notes(out, json)
    with _opened(source, out) as (pieces, target):
        framer: _Framer | None = None
        for piece in pieces:
            with _about(source):
                sound = reader.push(piece)
            if reader.began and framer is None:
                framer = _framer(source, reader.layout, chunk, texts)
            for frame in framer.push(sound) if framer is not None else ():
                target.write(encode(frame))
                note(frame)
        with _about(source):
            reader.close()
        assert framer is not None  # the reader has found the sound, or has complained
        for frame in framer.finish():
            target.write(encode(frame))
            note(frame)
    if framer.lost:
        warn(f"The last {framer.lost} bytes of {_shown(source)} were not whole samples, and were left out.")


@app.command("decode")
def decode_file(
    source: Annotated[str, typer.Argument(metavar="IN|-", help="Frames, back to back.")],
    out: Annotated[str, typer.Argument(metavar="OUT.wav|-", help="Where the sound goes, as a WAV file.")],
    json: Json = False,
) -> None:
    """Take the sound out of frames, bit for bit; `-` is a pipe.

    What was decoded before something is broken or cut off is kept, and the exit status is 1.
    """
    decoder = FrameDecoder(_LIMITS)
    note = _notes(out, json)
    objects = 0
    last: AudioFrame | None = None
    with _opened(source, out) as (pieces, target), closing(_Sound(target)) as sound:
        for piece in pieces:
            with _about(source):
                frames = decoder.decode(piece)
            for frame in frames:
                note(frame)
                if isinstance(frame, AudioFrame):
                    sound.write(frame)
                    last = frame
                else:
                    objects += 1
        with _about(source):
            decoder.close()
        if last is None:
            other = f"only {objects} objects" if objects else "not even one frame"
            raise WireError(f"There is no sound in {_shown(source)}: {other}.")
        sound.settle(last)
    if objects and not json:
        warn(f"{objects} objects without sound were left out. --json shows what they say.")
    _judge(last)


class _Framer:
    """Cuts sound into frames of equal length."""

    def __init__(self, template: AudioFrame, size: int, width: int) -> None:
        self._template = template
        self._size = size  # bytes of sound in a frame
        self._width = width  # bytes of one sample of every channel
        self._waiting = bytearray()
        self._sequence = FrameSequence()
        self.lost = 0  # bytes at the end that were no whole samples

    def push(self, sound: bytes) -> Iterator[AudioFrame]:
        """Yield each frame that is full and not the last."""
        self._waiting += sound
        start = 0
        while len(self._waiting) - start > self._size:
            yield self._sequence.push(self._next(bytes(self._waiting[start : start + self._size])))
            start += self._size
        del self._waiting[:start]

    def finish(self) -> list[AudioFrame]:
        """The last one, or two."""
        self.lost = len(self._waiting) % self._width
        whole = bytes(self._waiting[: len(self._waiting) - self.lost])
        return self._sequence.finish(self._next(whole))

    def _next(self, sound: bytes) -> AudioFrame:
        frame, self._template = self._template, replace(self._template, answer="")
        return replace(frame, payload=sound)


def _framer(source: str, layout: WavLayout | None, chunk: float, texts: Mapping[str, Any]) -> _Framer:
    assert layout is not None  # known before the sound begins
    if layout.coding != "integer" or layout.bits not in _DEPTHS:
        raise WireError(
            f"{_shown(source)} holds {layout.bits}-bit {layout.coding} samples; frames hold 16 or 32-bit "
            "integers.",
            "Save it as such a WAV first.",
        )
    with _about(source):
        template = AudioFrame(f"int{layout.bits}", layout.bits, layout.rate, layout.channels, **texts)
    frames = min(round(chunk * layout.rate), _LARGEST // layout.frame)
    return _Framer(template, max(1, frames) * layout.frame, layout.frame)


def _judge(last: AudioFrame) -> None:
    """Say what the end means."""
    if "error" in last.extra:
        reason = last.extra["error"]
        if isinstance(reason, dict):
            reason = reason.get("message", reason)
        raise WireError(f"Its sender failed: {str(reason)[:500]}")
    if last.sign != END and last.order > 1:
        warn(f"The last frame has sign {last.sign}, not {END}: more was to come.")


class _Sound:
    """A WAV of the format of the first frame with sound; its header has the true size at the end."""

    def __init__(self, file: OutFile) -> None:
        self._file = file
        self._layout: WavLayout | None = None

    def close(self) -> None:
        """Put the size into the header, where that is possible. Raises SaveError."""
        if self._layout is not None:
            size = self._file.size - len(riff_header(self._layout, None))
            self._file.rewrite(0, riff_header(self._layout, size))

    def write(self, frame: AudioFrame) -> None:
        """Append the frame's sound. Raises WireError when it is of another format, SaveError."""
        if not frame.payload:
            return
        samples = frame.samples
        layout = WavLayout("integer", samples.itemsize * 8, samples.shape[1], frame.rate)
        if self._layout is None:
            self._begin(layout)
        elif layout != self._layout:
            raise WireError(
                f"Frame {frame.order} is {_format(layout)}, but the sound began as {_format(self._layout)}."
            )
        self._file.write(samples.tobytes())

    def settle(self, last: AudioFrame) -> None:
        """An answer without sound is an empty WAV of the format that its last frame states."""
        if self._layout is None:
            self._begin(WavLayout("integer", last.bit_depth, last.channels, last.sample_rate))

    def _begin(self, layout: WavLayout) -> None:
        self._layout = layout
        # Until the end is known, and on a pipe for good: a size that means "to the end".
        self._file.write(riff_header(layout, None))


def _format(layout: WavLayout) -> str:
    channels = {1: "mono", 2: "stereo"}.get(layout.channels, f"{layout.channels} channels")
    return f"{layout.bits}-bit {channels} at {layout.rate} Hz"


@contextmanager
def _opened(source: str, out: str) -> Iterator[tuple[Iterator[bytes], OutFile]]:
    """The bytes of a file or of standard input as they come, and the file or the output to write.

    Raises UsageError, also where writing would lose what is read; SaveError.
    """
    read, written = Path(source), Path(out)
    if PIPE not in (source, out) and read.exists() and written.is_file() and written.samefile(read):
        raise UsageError(f"{out} is the file that is read.", "Write to another one.")
    try:
        file = FileIO(sys.stdin.fileno() if source == PIPE else source, "rb", closefd=source != PIPE)
    except OSError as error:
        raise read_failure(source, error) from error
    with file, closing(OutFile(written, sys.stdout.fileno() if out == PIPE else None)) as target:
        yield _pieces(file, source), target


def _pieces(file: FileIO, name: str) -> Iterator[bytes]:
    try:
        while piece := file.read(_READ):
            yield piece
    except OSError as error:
        raise read_failure(name, error) from error


@contextmanager
def _about(source: str) -> Iterator[None]:
    """Errors of the format name what has it."""
    try:
        yield
    except WireError as error:
        raise WireError(f"{_shown(source)}: {error.message}", error.hint) from error


def _notes(out: str, as_json: bool) -> Callable[[Frame], None]:
    """What tells of each frame."""
    stream = sys.stderr if out == PIPE else sys.stdout

    def note(frame: Frame) -> None:
        if not as_json:
            return
        if isinstance(frame, AudioFrame):
            record = {"event": "frame", "header": frame.header, "bytes": len(frame.payload)}
        else:
            record = {"event": "object", "header": frame.header, "payload": frame.payload}
        print_json(record, stream)

    return note


def _shown(name: str) -> str:
    return "standard input" if name == PIPE else name
