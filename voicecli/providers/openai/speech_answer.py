"""What a speech server sent: sound as it was asked for, other sound, or no sound at all."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Final, Protocol

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder, prepare
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, NamedSound, StreamFormat, named_sound
from voicecli.audio.mpeg import framed
from voicecli.audio.onset import Onset
from voicecli.audio.resample import Resampler
from voicecli.audio.sniff import is_text, sniff, spoken_name
from voicecli.errors import DecodeError, Unavailable
from voicecli.providers.openai.faults import reason
from voicecli.providers.openai.sdk import Answer

__all__ = ["sound"]

_HEAD: Final = 32  # bytes: enough for every header, and too many to be text by chance
_TWO_FRAMES: Final = 2_048  # bytes of MP3 or AAC
_AT_ONCE: Final = 8192  # bytes turned into other sound without letting the event loop breathe
_COMPLAINT: Final = re.compile(rb'\s*(\{\s*"(error|detail|message)|<!doctype|<html|<\?xml)', re.IGNORECASE)

log = logging.getLogger(__name__)


async def sound(answer: Answer, wanted: StreamFormat) -> AsyncIterator[bytes]:
    """The body as sound in `wanted`, whatever sound it came as. Raises Unavailable when it is none."""
    chunks = answer.chunks()
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= _needed(head):
            break
    if not head:
        raise Unavailable(
            "The speech server sent an answer without sound.", "Check model and voice in [tts.openai]."
        )
    if _is_message(answer.media_type, head):
        raise _not_sound(await answer.complaint(head), answer.media_type)
    came = _kind(answer.content_type, head, wanted)
    try:
        async for piece in _converted(head, chunks, came, wanted):
            yield piece
    except DecodeError as exc:
        raise _not_speech(exc, came.format, answer.media_type) from exc


def _needed(head: bytes) -> int:
    """Bytes from which it is clear what they are."""
    return _TWO_FRAMES if head[0] == 0xFF else _HEAD


def _is_message(media_type: str, head: bytes) -> bool:
    """Whether it is meant for people, in spite of the status of a success."""
    named = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    return named or is_text(head[:_HEAD]) or bool(_COMPLAINT.match(head))


def _kind(content_type: str, head: bytes, wanted: StreamFormat) -> NamedSound:
    """What it is: what its header says, else what its type says, else what was asked for."""
    named = named_sound(content_type, wanted) or NamedSound(wanted)
    found = sniff(head)
    if found is None or found is named.format.codec:
        return named
    if head[0] == 0xFF and named.format.codec is Codec.PCM:  # two samples may look like that
        found = framed(head) or Codec.PCM
    if head[:3] == b"ID3" and named.format.codec is Codec.AAC:  # AAC may stand behind such a tag, too
        found = Codec.AAC
    return named if found is named.format.codec else NamedSound(StreamFormat(found))


async def _converted(
    head: bytes, chunks: AsyncIterator[bytes], came: NamedSound, wanted: StreamFormat
) -> AsyncIterator[bytes]:
    """Bytes in `wanted`. Raises DecodeError for what is no sound, or no speech."""
    raw = came.format.codec is Codec.PCM
    steps: list[_Step] = [Onset(came.format, either_order=came.either_order)] if raw else []
    other = came.format != wanted if raw else came.format.codec is not wanted.codec
    if other:
        log.info("The speech server sends %s, not %s; it is converted", _shown(came.format), _shown(wanted))
        await asyncio.to_thread(prepare, came.format.codec)
        await asyncio.to_thread(prepare, wanted.codec)
        steps.append(_Transcoder(came.format, wanted))
    for piece in _pieces(head, other):
        if out := _pushed(steps, piece):
            yield out
    async for chunk in chunks:
        for piece in _pieces(chunk, other):
            if out := _pushed(steps, piece):
                yield out
            elif other:
                await asyncio.sleep(0)
    if out := _flushed(steps):
        yield out


class _Step(Protocol):
    def push(self, data: bytes) -> bytes: ...

    def flush(self) -> bytes: ...


class _Transcoder:
    """Makes sound of one kind into sound of another."""

    def __init__(self, came: StreamFormat, wanted: StreamFormat) -> None:
        self._decoder = open_decoder(came)
        self._encoder = open_encoder(wanted)
        self._rate = wanted.rate
        self._resampler: Resampler | None = None

    def push(self, data: bytes) -> bytes:
        return self._encoded(self._decoder.decode(data))

    def flush(self) -> bytes:
        rest = self._encoded(self._decoder.flush())
        if self._resampler is not None:
            rest += self._encoder.encode(self._resampler.flush())
        return rest + self._encoder.flush()

    def _encoded(self, samples: Samples) -> bytes:
        if not len(samples) or self._decoder.rate is None:
            return b""
        if self._resampler is None:
            self._resampler = Resampler(self._decoder.rate, self._rate)
        return self._encoder.encode(self._resampler.push(samples))


def _pieces(data: bytes, small: bool) -> list[bytes]:
    return [data[start : start + _AT_ONCE] for start in range(0, len(data), _AT_ONCE)] if small else [data]


def _pushed(steps: list[_Step], data: bytes) -> bytes:
    for step in steps:
        data = step.push(data)
    return data


def _flushed(steps: list[_Step]) -> bytes:
    data = b""
    for step in steps:
        data = step.push(data) + step.flush()
    return data


def _not_sound(body: object, media_type: str) -> Unavailable:
    said = reason(body) or reason(json.dumps(body, default=str)) if body else "nothing"
    return Unavailable(
        f"The speech server answered with {media_type or 'text'} instead of sound: {said}",
        "Check base_url in [tts.openai]; it usually ends in /v1.",
    )


def _not_speech(exc: DecodeError, came: StreamFormat, content_type: str) -> Unavailable:
    """What came is no speech in the form in which it should be."""
    why = exc.message.rstrip(".")
    if came.codec is not Codec.PCM:
        return Unavailable(
            f"The speech server's {spoken_name(came.codec)} cannot be played: {why}.",
            "Ask it for another format in [tts.openai].",
        )
    return Unavailable(
        f"What the speech server sent is no speech in {_shown(came)} ({content_type or 'no type'}): {why}.",
        'Nothing of it was played. Set format = "wav" or "mp3" in [tts.openai]: those say what they are.',
    )


def _shown(format: StreamFormat) -> str:
    if format.codec is not Codec.PCM:
        return spoken_name(format.codec)
    channels = "" if format.channels == 1 else f", {format.channels} channels"
    return f"16-bit samples at {format.rate} Hz{channels}"
