"""Framed objects: audio or JSON behind a JSON header, back to back on any stream of bytes.

    u32 total | u32 header_length | header | payload        (little-endian, unsigned)

`total` counts everything, itself included; `header_length` counts the header only. The header is JSON exactly
as `json.dumps` writes it by default, so frames are byte for byte those of
github.com/awtestergit/objectstreaming. A header with an `audioType` makes an audio frame, any other an object
frame, whose payload is JSON too.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from voicecli.errors import WireError
from voicecli.printable import brief
from voicecli.wire.bytereader import ByteReader, Parser, Parsing, Reading
from voicecli.wire.riff import RiffReader, WavLayout, is_riff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "END",
    "MIDDLE",
    "START",
    "AudioFrame",
    "Frame",
    "FrameDecoder",
    "FrameLimits",
    "FrameSequence",
    "ObjectFrame",
    "encode",
]

START, MIDDLE, END = 1, 2, 3  # the signs: where in its answer a frame stands

_LARGEST: Final = 0xFFFFFFFF  # what a length can say
_DEPTHS: Final = {"int16": 16, "int32": 32}  # bits of a sample by `audioType`
_MOST_CHANNELS: Final = 64
_MOST_RATE: Final = 768_000  # samples a second

# As the header names them, in its order, and as the dataclass does.
_FIELDS: Final = {
    "audioType": "audio_type",
    "bitDepth": "bit_depth",
    "sampleRate": "sample_rate",
    "channels": "channels",
    "audioFormat": "audio_format",
    "question": "question",
    "answer": "answer",
    "url": "url",
    "sign": "sign",
    "order": "order",
}


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A piece of sound with the texts that belong to it; wrong values raise WireError.

    `payload` is headerless interleaved little-endian samples, or a whole WAV file, which is known by how it
    begins and has its own rate, depth and channels.
    """

    audio_type: str = "int16"  # or "int32"
    bit_depth: int = 16  # or 32, as `audio_type` says
    sample_rate: int = 16_000  # frames a second
    channels: int = 1
    audio_format: str = "wav"
    question: str = ""
    answer: str = ""
    url: str = ""
    sign: int = START
    order: int = 1  # from 1, one more for each frame
    payload: bytes = field(default=b"", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict)  # fields of the header beyond these

    def __post_init__(self) -> None:
        if not isinstance(self.audio_type, str) or self.audio_type not in _DEPTHS:
            raise _wrong("audioType", self.audio_type, '"int16" or "int32"')
        if not _whole(self.bit_depth) or self.bit_depth != _DEPTHS[self.audio_type]:
            raise _wrong("bitDepth", self.bit_depth, f"{_DEPTHS[self.audio_type]} for {self.audio_type}")
        if not _whole(self.sample_rate) or not 1 <= self.sample_rate <= _MOST_RATE:
            raise _wrong("sampleRate", self.sample_rate, f"1 to {_MOST_RATE}")
        if not _whole(self.channels) or not 1 <= self.channels <= _MOST_CHANNELS:
            raise _wrong("channels", self.channels, f"1 to {_MOST_CHANNELS}")
        if self.audio_format != "wav":
            raise _wrong("audioFormat", self.audio_format, '"wav"')
        for name in ("question", "answer", "url"):
            if not isinstance(value := getattr(self, name), str):
                raise _wrong(name, value, "a text")
        if not _whole(self.sign) or self.sign not in (START, MIDDLE, END):
            raise _wrong("sign", self.sign, "1, 2 or 3")
        if not _whole(self.order) or not 1 <= self.order <= _LARGEST:
            raise _wrong("order", self.order, "1 or more")
        width = self.channels * self.bit_depth // 8
        if len(self.payload) % width and not self.is_file:
            raise WireError(
                f"The {len(self.payload)} bytes of sound are not whole samples.",
                f"{self.channels} channels of {self.bit_depth} bits take {width} bytes at a time.",
            )

    @property
    def is_file(self) -> bool:
        """Whether the payload is a whole WAV file."""
        return is_riff(self.payload)

    @property
    def samples(self) -> NDArray[np.int16] | NDArray[np.int32]:
        """The sound, shape (frames, channels). Raises WireError for a WAV file that is not 16 or 32-bit."""
        import numpy as np  # only here: who cuts and joins frames needs none of it

        layout, data = self._sound()
        whole = len(data) - len(data) % layout.frame  # half a frame can only end a file
        kind = "<i2" if layout.bits == 16 else "<i4"
        return np.frombuffer(data[:whole], kind).reshape(-1, layout.channels)

    @property
    def rate(self) -> int:
        """Frames a second of `samples`. Raises WireError as they do."""
        return self._sound()[0].rate

    @property
    def header(self) -> dict[str, Any]:
        """The fields as they are on the wire, in their order."""
        known = {name: getattr(self, attribute) for name, attribute in _FIELDS.items()}
        return known | {name: value for name, value in self.extra.items() if name not in known}

    def _sound(self) -> tuple[WavLayout, bytes]:
        if not self.is_file:
            return WavLayout("integer", self.bit_depth, self.channels, self.sample_rate), self.payload
        reader = RiffReader()
        data = reader.push(self.payload)
        reader.close()
        layout = reader.layout
        if layout is None or layout.coding != "integer" or layout.bits not in _DEPTHS.values():
            found = "" if layout is None else f" of {layout.bits}-bit {layout.coding} samples"
            raise WireError(f"The frame holds a WAV file{found}.", "16 and 32-bit integers are read.")
        return layout, data


@dataclass(frozen=True, slots=True)
class ObjectFrame:
    """Any JSON behind any JSON object, which must not have an `audioType`."""

    header: Mapping[str, Any] = field(default_factory=dict)
    payload: Any = None

    def __post_init__(self) -> None:
        if "audioType" in self.header:
            raise WireError("A header with an audioType is that of an audio frame.")


Frame: TypeAlias = AudioFrame | ObjectFrame


def encode(frame: Frame) -> bytes:
    """The bytes of one frame. Raises WireError for values that JSON has not, and for 4 GB or more."""
    try:
        header = json.dumps(dict(frame.header)).encode("ascii")
        payload = frame.payload
        data = payload if isinstance(frame, AudioFrame) else json.dumps(payload).encode("ascii")
    except (TypeError, ValueError, RecursionError) as exc:
        raise WireError(f"This cannot be written as JSON: {exc}.") from exc
    total = 8 + len(header) + len(data)
    if total > _LARGEST:
        raise WireError(f"A frame of {total} bytes is more than its length can say.", "Send it in pieces.")
    return struct.pack("<II", total, len(header)) + header + data


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimits:
    """How much of a frame is believed."""

    frame: int = 16 * 1024 * 1024  # bytes in all
    text: int = 1024 * 1024  # bytes of a header, and of the payload of an object


class FrameDecoder:
    """Bytes in, frames out, whatever the bytes are split into.

    Each byte is copied twice and looked at once. No more is kept than the part of one frame that has
    arrived, and a frame larger than the limits is refused as soon as its length is known.
    """

    def __init__(self, limits: FrameLimits | None = None) -> None:
        self._limits = limits or FrameLimits()
        self._parsing: Parsing[Frame] = Parsing(self._frames)
        self._taken = 0  # bytes of the frame
        self._total = 0
        self._failure: WireError | None = None
        self.frames = 0  # decoded so far

    def decode(self, data: bytes | bytearray | memoryview) -> list[Frame]:
        """The frames that `data` completes.

        Raises WireError for a broken one; when there were whole frames before it they are returned, and the
        next call raises. After that nothing is decoded any more: where the next frame begins is not known.
        """
        self._raise_failure()
        found = self._parsing.push(data)
        if self._failure is not None:
            self._parsing.rest.clear()
            if not found:
                raise self._failure
        return found

    def close(self) -> None:
        """There are no more bytes. Raises WireError when they end in the middle of a frame."""
        self._raise_failure()
        here = len(self._parsing.rest)
        if not self._taken and not here:
            return
        where = f"{self._taken + here} of {self._total} bytes"
        if not self._taken:
            where = f"{here} of the 4 bytes of its length"
        raise WireError(f"Frame {self.frames + 1} breaks off after {where}.", "Its sender was interrupted.")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise WireError(self._failure.message, self._failure.hint)

    def _frames(self, reader: ByteReader) -> Parser[Frame]:
        while True:
            try:
                frame = yield from self._frame(reader)
            except WireError as exc:
                self._failure = exc
                return
            self._taken = 0
            self.frames += 1
            yield frame

    def _frame(self, reader: ByteReader) -> Reading[Frame]:
        total = self._total = int.from_bytes((yield from reader.take(4)), "little")
        self._taken = 4
        if total < 8:
            raise self._broken(f"a frame cannot be {total} bytes long", "Eight are its lengths.")
        if total > self._limits.frame:
            raise self._broken(f"it says that it is {total} bytes long", self._most("frame"))
        length = int.from_bytes((yield from reader.take(4)), "little")
        self._taken = 8
        if length > total - 8:
            raise self._broken(f"a header of {length} bytes does not fit into {total}")
        if length > self._limits.text:
            raise self._broken(f"its header is {length} bytes long", self._most("text"))
        header = self._parsed((yield from reader.take(length)), "header")
        self._taken = 8 + length
        if not isinstance(header, dict):
            raise self._broken("its header is not a JSON object")
        size = total - self._taken
        if "audioType" not in header:
            if size > self._limits.text:
                raise self._broken(f"its object is {size} bytes long", self._most("text"))
            return ObjectFrame(header, self._parsed((yield from reader.take(size)), "object"))
        known = {_FIELDS[name]: value for name, value in header.items() if name in _FIELDS}
        extra = {name: value for name, value in header.items() if name not in _FIELDS}
        try:
            frame = AudioFrame(**known, extra=extra)  # before its sound has come
            return replace(frame, payload=(yield from reader.take(size)))
        except WireError as exc:
            raise self._broken(exc.message.rstrip("."), exc.hint) from None

    def _parsed(self, part: bytes, what: str) -> Any:
        try:
            return json.loads(part.decode("utf-8"))
        except RecursionError:
            raise self._broken(f"its {what} is nested too deeply") from None
        except ValueError as exc:  # not UTF-8, not JSON, or an integer of thousands of digits
            raise self._broken(f"its {what} is not JSON ({brief(str(exc))})") from None

    def _most(self, limit: str) -> str:
        return f"At most {getattr(self._limits, limit)} are read."

    def _broken(self, reason: str, hint: str = "") -> WireError:
        return WireError(f"Frame {self.frames + 1} is broken: {reason}.", hint)


class FrameSequence:
    """Signs and numbers the frames of one answer: 1, then 2 for each that follows, and 3 for the last.

    Every answer ends with a 3, and one that has any content begins with a 1. So an answer of one piece is two
    frames, the second without content, and an empty answer is a single frame with sign 3. What has `push`ed
    can leave at once: the 3 need not be known to be near.
    """

    def __init__(self) -> None:
        self._order = 0
        self._ended = False

    def push(self, frame: AudioFrame) -> AudioFrame:
        """`frame` as the next one, which is not the last."""
        return self._next(frame, MIDDLE if self._order else START)

    def finish(self, frame: AudioFrame | None = None) -> list[AudioFrame]:
        """What ends the answer; `frame` is its last piece, if that was kept back."""
        frame = frame or AudioFrame()
        frames = []
        if not self._order and (frame.payload or frame.answer):
            frames.append(self.push(replace(frame, extra={})))
            frame = replace(frame, payload=b"", answer="")
        frames.append(self._next(frame, END))
        self._ended = True
        return frames

    def _next(self, frame: AudioFrame, sign: int) -> AudioFrame:
        if self._ended:
            raise WireError("The answer has ended; nothing can follow its last frame.")
        self._order += 1
        return replace(frame, sign=sign, order=self._order)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(name: str, value: object, expected: str) -> WireError:
    return WireError(f"{name} is {brief(value)}.", f"It must be {expected}.")
