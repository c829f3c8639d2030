"""MP3 at its frames: cut at them, and several streams made one."""

from __future__ import annotations

from collections import deque
from typing import Final

from voicecli.audio.format import HEAD, Codec, sniff, unlike
from voicecli.audio.mpeg import Frames, Header, info_frame, mp3_header, read_info
from voicecli.errors import DecodeError
from voicecli.wire.bytereader import Parsing

__all__ = ["Mp3Joiner", "Mp3Pieces"]

_USUAL_START: Final = 1105  # samples before the sound: LAME's delay and any decoder's


class _Mp3Frames:
    """The frames of what has to be MP3; puts into words what is not."""

    def __init__(self) -> None:
        self._frames = Frames(mp3_header, 4)
        self._parsing = Parsing(self._frames.parse)
        self._head = b""

    def push(self, data: bytes) -> list[tuple[bytes, Header]]:
        """Every whole frame. Raises DecodeError."""
        self._head += data[: HEAD - len(self._head)]
        if not self._frames.found and sniff(self._head) not in (None, Codec.MP3):
            raise unlike(Codec.MP3, self._head)
        try:
            return self._parsing.push(data)
        except DecodeError as exc:
            raise self._complaint(exc) from exc

    def close(self) -> None:
        """Raises DecodeError when none of it was MP3, or its end is not."""
        try:
            self._frames.close(self._parsing.rest)
        except DecodeError as exc:
            raise self._complaint(exc) from exc

    def _complaint(self, exc: DecodeError) -> DecodeError:
        if self._frames.found:
            return DecodeError(f"The MP3 stops making sense in the middle: {exc.message}.")
        return unlike(Codec.MP3, self._head, exc.message)


class Mp3Pieces:
    """Cuts bytes behind each frame and loses none: a tag or junk goes with the frame after it."""

    def __init__(self) -> None:
        self._frames = _Mp3Frames()
        self._held = bytearray()

    def push(self, data: bytes) -> list[tuple[bytes, Header]]:
        """Every whole frame with what came before it. Raises DecodeError after too much that is none."""
        self._held += data
        pieces = []
        for frame, header in self._frames.push(data):
            end = self._held.find(frame) + len(frame)
            pieces.append((bytes(self._held[:end]), header))
            del self._held[:end]
        return pieces

    def flush(self) -> bytes:
        """What is left: half a frame, or a tag at the end. Raises DecodeError when it was no MP3."""
        self._frames.close()
        rest = bytes(self._held)
        self._held.clear()
        return rest


class Mp3Joiner:
    """MP3 streams one after the other in, a single stream out, its frames as they were.

    Tags between streams are left out. What encoder and decoder add to a stream's ends can be left out only as
    whole frames; half a frame at most adds to or is missing from the whole. They are taken off the end: the
    first frames carry bits of those after them. So the last frames so far wait, as many as that may be: one
    of 1152 samples or two of 576, and those that the stream's tag calls padding.
    """

    def __init__(self) -> None:
        self._frames = _Mp3Frames()
        self._held: deque[bytes] = deque()
        self._kind: tuple[int, ...] | None = None
        self._samples = 0  # of each frame
        self._began = False
        self._padding = 0  # samples after the sound of the stream that is read
        self._surplus = 0  # samples that came out and are not to be heard

    def push(self, data: bytes) -> bytes:
        """What has become certain. Raises DecodeError for no MP3 and for streams of different rates."""
        return b"".join(self._take(frame, header) for frame, header in self._frames.push(data))

    def flush(self) -> bytes:
        """The end of the stream; nothing when nothing came. Raises DecodeError when it was no MP3."""
        self._frames.close()
        self._drop(self._padding)
        return self._release()

    def _take(self, frame: bytes, header: Header) -> bytes:
        if self._kind not in (None, header.kind):
            raise DecodeError(
                "These MP3 streams cannot be joined: they have different sample rates.",
                "Decode them, and encode them as one.",
            )
        self._kind, self._samples = header.kind, header.samples
        info = read_info(frame, header)
        if info is None:
            self._began = True
            self._held.append(frame)
            wait = -(-(self._padding + _USUAL_START) // header.samples)
            return self._held.popleft() if len(self._held) > wait else b""
        padding, self._padding = self._padding, max(info.padding, 0)
        if not self._began:
            # A length would be that of the first stream alone, so this frame is made anew without one.
            self._began = True
            return info_frame(frame, info.delay) if info.delay else b""
        self._drop(padding + info.start)
        return self._release()

    def _drop(self, surplus: int) -> None:
        """Leave out as many of the frames held as come closest to so many samples and those left over."""
        self._surplus += surplus
        while self._held and self._surplus > self._samples // 2:
            self._surplus -= self._samples
            self._held.pop()

    def _release(self) -> bytes:
        frames = b"".join(self._held)
        self._held.clear()
        return frames
