"""What a speech server sent: sound as it was asked for, other sound, or no sound at all."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Final

from voicecli.audio.format import Codec, NamedSound, StreamFormat, is_text, named_sound, sniff, spoken_name
from voicecli.audio.mpeg import framed
from voicecli.audio.onset import Onset
from voicecli.errors import DecodeError, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.openai.faults import reason, strayed
from voicecli.providers.openai.sdk import ServerAnswer

__all__ = ["sound"]

_HEAD: Final = 32  # bytes: enough for every header, and too many to be text by chance
_TWO_FRAMES: Final = 2_048  # bytes of MP3 or AAC
_COMPLAINT: Final = re.compile(rb'\s*(\{\s*"(error|detail|message)|<!doctype|<html|<\?xml)', re.IGNORECASE)

log = logging.getLogger(__name__)


async def sound(answer: ServerAnswer, wanted: StreamFormat) -> AsyncIterator[bytes]:
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
        body = await answer.body(head)
        shown = body if reason(body) else json.dumps(body, default=str)
        raise strayed("speech server", answer.media_type or "text", "sound", shown, "tts")
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
    sound = _whole(head, chunks, Onset(came.format, either_order=came.either_order) if raw else None)
    if came.format != wanted if raw else came.format.codec is not wanted.codec:
        from voicecli.audio.sound_steps import decode_step, encode_step

        log.info("The speech server sends %s, not %s; it is converted", _shown(came.format), _shown(wanted))
        sound = encode_step(decode_step(sound, came.format), wanted)
    async with scoped(sound) as pieces:
        async for piece in pieces:
            if piece:
                yield piece


async def _whole(head: bytes, chunks: AsyncIterator[bytes], onset: Onset | None) -> AsyncIterator[bytes]:
    """The sound from its first byte; without the silence and noise before it where `onset` judges that."""
    yield head if onset is None else onset.push(head)
    async for chunk in chunks:
        yield chunk if onset is None else onset.push(chunk)
    if onset is not None:
        yield onset.flush()


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
