"""Recordings: whole files in and out, in any format, and long ones a piece at a time. The door to pydub.

pydub turns to the `ffmpeg` program for everything but plain WAV and raw samples. It is given only those
here; all other formats go through our own decoders and encoders, so no program is ever needed.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self, cast

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.fifo import Fifo, is_fifo
from voicecli.audio.format import HEAD, Codec, StreamFormat, sniff
from voicecli.audio.outfile import OutFile, save_failure
from voicecli.audio.packets import Container
from voicecli.audio.pcm import NOTHING, from_s16, s16_bytes
from voicecli.audio.resample import OneRate
from voicecli.audio.soundfile import SoundFile
from voicecli.audio.wav import find_sound
from voicecli.errors import DecodeError, SaveError, UsageError, read_failure

if TYPE_CHECKING:
    from pydub import AudioSegment

__all__ = [
    "EXPORTS",
    "Recording",
    "export_recording",
    "import_recording",
    "load_recording",
    "open_recording",
]

_PIECE: Final = 32_768  # bytes read at a time
_FRAME: Final = 9600  # samples encoded at a time

EXPORTS: Final = {
    ".wav": Codec.WAV,
    ".raw": Codec.PCM,
    ".pcm": Codec.PCM,
    ".mp3": Codec.MP3,
    ".opus": Codec.OPUS,
    ".ogg": Codec.OPUS,
    ".oga": Codec.OPUS,
    ".aac": Codec.AAC,
    ".flac": Codec.FLAC,
    ".webm": Codec.WEBM,
}
"""What `export_recording` makes of each ending."""


class Recording:
    """A file of sound, decoded a piece at a time: an iterator of mono samples, plain or asynchronous.

    Memory does not grow with the length of the file. A file that breaks off gives what is whole.
    """

    def __init__(self, path: Path, file: IO[bytes] | None = None) -> None:
        """Raises UsageError when `path` cannot be opened, DecodeError when it is not audio."""
        self.path = path
        self._file = _open(path) if file is None else file
        try:
            self._pieces, self.rate = self._begin()
        except OSError as exc:  # a disk that fails, a file that is none
            self.close()
            raise read_failure(path, exc) from exc
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Samples:
        """The next samples, never none; raises DecodeError for damage in the middle."""
        return next(self._pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Samples:
        """As `__next__`, decoded in a thread."""
        samples = await asyncio.to_thread(next, self._pieces, None)
        if samples is None:
            raise StopAsyncIteration
        return samples

    def close(self) -> None:
        """Close the file; reading to the end does it too."""
        self._file.close()

    async def aclose(self) -> None:
        """As `close`."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self) -> tuple[Iterator[Samples], int]:
        """Decode up to the first samples: they say the rate, and whether this is audio at all."""
        head = self._file.read(HEAD)
        if not head:
            raise DecodeError(f"{self.path} is empty.")
        unreadable = f"{self.path} is not audio that voicecli can read."
        failure = ""
        if (codec := sniff(head)) is not None:
            try:
                return _with_first(self._decoded(head, codec))
            except DecodeError as exc:
                failure = exc.message
        if not self._file.seekable():
            raise DecodeError(unreadable)
        self._file.seek(0)
        try:
            return _with_first(self._demuxed())
        except DecodeError as exc:
            raise DecodeError(unreadable, failure) from exc

    def _decoded(self, head: bytes, codec: Codec) -> Iterator[tuple[Samples, int]]:
        """Through the stream decoders."""
        decoder = open_decoder(StreamFormat(codec))
        data = head
        while data:
            samples = decoder.decode(data)
            if len(samples) and decoder.rate is not None:
                yield samples, decoder.rate
            data = self._file.read(_PIECE)
        samples = decoder.flush()
        if decoder.rate is not None:
            yield samples, decoder.rate
        self._file.close()

    def _demuxed(self) -> Iterator[tuple[Samples, int]]:
        """Through FFmpeg's containers, for what is no stream (M4A, AIFF, odd codings in WAV)."""
        container = Container(self._file, str(self.path))
        steady = OneRate()
        try:
            for samples, rate in container.frames():
                samples = steady.push(samples, rate)
                if len(samples) and steady.rate is not None:
                    yield samples, steady.rate
            rest = steady.flush()
            if steady.rate is not None:
                yield rest, steady.rate
        finally:
            container.close()
            self._file.close()


async def open_recording(path: Path) -> Recording:
    """A file of any length, to be read piece by piece, opened in a thread. Raises UsageError, DecodeError.

    A named pipe is waited for until it has a writer.
    """
    file = _open(path)
    try:
        return await asyncio.to_thread(Recording, path, file)
    except BaseException:
        file.close()  # which also ends the thread
        raise


def load_recording(path: Path) -> tuple[Samples, int]:
    """A whole file: mono samples and their rate. Raises UsageError, DecodeError."""
    with Recording(path) as recording:
        return np.concatenate([NOTHING, *recording]), recording.rate


def import_recording(path: Path) -> tuple[Samples, int]:
    """A whole file through pydub: mono samples of 16 bits and their rate. Raises UsageError, DecodeError."""
    kind = _audio_segment()
    segment: AudioSegment
    if _is_plain(path):
        with _open(path) as file:  # given a name, pydub leaves the file open
            segment = kind.from_file(file, format="wav")
    else:
        samples, rate = load_recording(path)
        segment = kind(data=s16_bytes(samples), sample_width=2, frame_rate=rate, channels=1)
    mono = segment.set_channels(1).set_sample_width(2)
    return from_s16(mono.raw_data), int(mono.frame_rate)


def export_recording(path: Path, samples: Samples, rate: int) -> None:
    """Write mono samples as what the ending of `path` says (see `EXPORTS`), with its folders.

    The file is there when it is whole: until then its name ends in `.part`. Raises UsageError for an
    unknown ending, SaveError when it cannot be written.
    """
    codec = EXPORTS.get(path.suffix.lower())
    if codec is None:
        raise UsageError(
            f"Cannot tell from {path.name} which format to write.", f"Possible endings: {', '.join(EXPORTS)}."
        )
    segment = _audio_segment()(data=s16_bytes(samples), sample_width=2, frame_rate=rate, channels=1)
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if codec in (Codec.WAV, Codec.PCM):
            with part.open("w+b") as file:
                segment.export(file, format="wav" if codec is Codec.WAV else "raw")
        else:
            _encode(part, from_s16(segment.raw_data), StreamFormat(codec, rate))
        part.replace(path)
    except (OSError, SaveError) as exc:
        raise _unsaved(path, part, exc) from exc


def _encode(path: Path, samples: Samples, format: StreamFormat) -> None:
    with closing(SoundFile(OutFile(path), format)) as file:
        for begin in range(0, len(samples), _FRAME):
            file.write(samples[begin : begin + _FRAME])


def _unsaved(path: Path, part: Path, exc: OSError | SaveError) -> SaveError:
    """The error for a file that could not be written, of which nothing is left."""
    try:
        part.unlink(missing_ok=True)
    except OSError as again:
        return save_failure(path, again)
    cause = exc if isinstance(exc, OSError) else exc.__cause__
    if isinstance(cause, OSError):
        return save_failure(path, cause)
    return SaveError(f"Cannot save {path}: {exc}")


def _open(path: Path) -> IO[bytes]:
    try:
        return cast(IO[bytes], Fifo(path)) if is_fifo(path) else path.open("rb")
    except OSError as exc:
        raise read_failure(path, exc) from exc


def _with_first(sounds: Iterator[tuple[Samples, int]]) -> tuple[Iterator[Samples], int]:
    """The samples, and their rate, which the first piece tells. Raises DecodeError when there is none."""
    for first, rate in sounds:
        return (samples for samples in chain([first], (more for more, _ in sounds)) if len(samples)), rate
    raise DecodeError("There is no sound in it.")


def _is_plain(path: Path) -> bool:
    """Whether pydub itself reads this file rightly: 16-bit PCM whose header states its size."""
    with _open(path) as file:
        try:
            header = find_sound(file)
        except DecodeError:
            return False
        layout = header.layout
        if layout is None or (layout.coding, layout.bits) != ("integer", 16) or header.start != 44:
            return False
        return header.size == file.seek(0, 2) - 44 and layout.channels in (1, 2)


def _audio_segment() -> type[AudioSegment]:
    """pydub's class. Its import remarks that it found no `ffmpeg`, which it never needs here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Couldn't find ffmpeg or avconv", RuntimeWarning)
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
        # Regular expressions in plain strings; Python 3.11 and 3.12 differ in the category.
        warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
        warnings.simplefilter("ignore", SyntaxWarning)
        from pydub import AudioSegment

    kind: type[AudioSegment] = AudioSegment
    return kind
