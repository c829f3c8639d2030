"""A question as it comes over HTTP: JSON, a framed object, or framed sound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import mixed
from voicecli.audio.resample import OneRate
from voicecli.errors import DecodeError, WireError
from voicecli.flow.scope import scoped
from voicecli.flow.sources import array_source
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.server.refusals import Refusal
from voicecli.server.responder import Responder
from voicecli.wire.frames import AudioFrame, Frame, FrameDecoder, FrameLimits, ObjectFrame

__all__ = ["QuestionLimits", "Spoken", "read_question", "understand"]

_JSON: Final = "application/json"
_FRAMES: Final = "application/octet-stream"
_KEYS: Final = ("question", "text")  # where the text of a question may stand
_LEAST_RATE: Final = 1000  # samples a second


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionLimits:
    """How long a question may be, beyond what `server.connections.body` says of every request."""

    text: int = 10_000  # characters of a question in writing
    spoken: float = 300.0  # seconds of a spoken one
    kept: int = 64 * 1024 * 1024  # bytes of the sound of all that are on their way
    frames: FrameLimits = field(default_factory=FrameLimits)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A question that is all there and not yet recognised."""

    pieces: Sequence[Samples]  # mono, at the hearing rate


async def read_question(
    content_type: str,
    body: AsyncIterator[bytes],
    limits: QuestionLimits,
    keep: Callable[[int], None],
) -> str | Spoken:
    """The question in `body`; `keep` is told how many bytes are kept of it, as they come.

    Raises Refusal for what is no question.
    """
    # What has no type is bytes: RFC 9110, 8.3.
    kind = content_type.partition(";")[0].strip().lower() or _FRAMES
    try:
        if kind == _JSON:
            return await _written(body, limits)
        if kind == _FRAMES:
            return await _framed(body, limits, keep)
    except (WireError, DecodeError) as error:
        raise Refusal(400, str(error), error.kind) from error
    raise Refusal(415, f"A question is {_JSON} or {_FRAMES} (frames), not {kind[:60]}.")


async def understand(question: str | Spoken, answering: Responder) -> str:
    """What is asked. Raises Refusal where nothing was understood, ProviderError as the recogniser does."""
    if isinstance(question, str):
        return question
    understood = await answering.transcribe(array_source(question.pieces))
    if not understood:
        raise Refusal(422, "Nothing was understood in the question.")
    return understood


async def _written(body: AsyncIterator[bytes], limits: QuestionLimits) -> str:
    data = bytearray()
    async with scoped(body) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > 12 * limits.text + 1000:  # every character escaped as a pair, and the rest
                raise Refusal(413, f"At most {limits.text} characters are read.")
    try:
        found = json.loads(data.decode("utf-8"))
    except RecursionError:
        raise Refusal(400, "The JSON is nested too deeply.") from None
    except ValueError:
        raise Refusal(
            400, 'This is not JSON. A question looks like {"question": "What time is it?"}.'
        ) from None
    if not isinstance(found, Mapping):
        raise Refusal(400, 'This is no object. A question looks like {"question": "What time is it?"}.')
    return _text((found,), limits)


def _text(places: tuple[Any, ...], limits: QuestionLimits) -> str:
    """The question in the first of `places` that has one, fit to be said and shown."""
    objects = ({_KEYS[0]: place} if isinstance(place, str) else place for place in places)
    for found in (found for found in objects if isinstance(found, Mapping)):
        for key in (key for key in _KEYS if key in found):
            value = found[key]
            if not isinstance(value, str):
                raise Refusal(400, f"{key} must be a text.")
            if len(value) > limits.text:
                raise Refusal(413, f"At most {limits.text} characters are read.")
            # Half a surrogate pair has no bytes, and no engine takes it.
            whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            clean = "".join(letter if letter.isprintable() or letter.isspace() else " " for letter in whole)
            if not clean.strip():
                raise Refusal(400, f"{key} is empty.")
            return clean.strip()
    raise Refusal(400, f"There is no {' and no '.join(_KEYS)} in it.")


async def _framed(
    body: AsyncIterator[bytes], limits: QuestionLimits, keep: Callable[[int], None]
) -> str | Spoken:
    async with scoped(_frames(body, limits)) as frames:
        first = await anext(frames, None)
        if first is None:
            raise Refusal(400, "There is no frame in it.")
        if isinstance(first, ObjectFrame):
            question = _text((first.payload, first.header), limits)
            if await anext(frames, None) is not None:
                raise Refusal(400, "A question in writing is one frame.")
            return question
        listener, pieces = _Listener(limits), []
        frame: Frame | None = first
        while frame is not None:
            if not isinstance(frame, AudioFrame):
                raise Refusal(400, "A spoken question is frames of sound only.")
            if frame.payload:  # decoding a long one would hold up the event loop
                pieces.append(await asyncio.to_thread(listener.listen, frame))
                keep(pieces[-1].nbytes)
            frame = await anext(frames, None)
        if not listener.seconds and first.question:
            return _text((first.question,), limits)
        if not listener.seconds:
            raise Refusal(400, "There is neither sound nor text in it.")
        return Spoken([*pieces, listener.sound.flush()])


async def _frames(body: AsyncIterator[bytes], limits: QuestionLimits) -> AsyncIterator[Frame]:
    decoder = FrameDecoder(limits.frames)
    async with scoped(body) as pieces:
        async for piece in pieces:
            for frame in decoder.decode(piece):
                yield frame
    decoder.close()


class _Listener:
    """Frames of any format in, mono samples at the hearing rate out."""

    def __init__(self, limits: QuestionLimits) -> None:
        self._longest = limits.spoken
        self.sound = OneRate(LISTENING_RATE)
        self.seconds = 0.0  # of it so far

    def listen(self, frame: AudioFrame) -> Samples:
        """The sound of one frame. Raises Refusal, DecodeError."""
        samples, rate = _decoded(frame)
        if rate < _LEAST_RATE:
            raise Refusal(400, f"sampleRate is {rate}. It must be {_LEAST_RATE} or more.")
        self.seconds += len(samples) / rate
        if self.seconds > self._longest:
            raise Refusal(413, f"A question may last {self._longest:g} seconds.")
        return self.sound.push(samples, rate)


def _decoded(frame: AudioFrame) -> tuple[Samples, int]:
    if not frame.is_file:
        samples = frame.samples
        return mixed(samples / np.float32(2 ** (frame.bit_depth - 1))), frame.rate
    decoder = open_decoder(StreamFormat(Codec.WAV))
    found = np.concatenate((decoder.decode(frame.payload), decoder.flush()))
    return found, decoder.rate or frame.sample_rate
