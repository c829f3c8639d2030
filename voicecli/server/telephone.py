"""Telephone calls over Twilio Media Streams, on a WebSocket of FastAPI.

    @app.websocket("/call")
    async def answer(websocket: WebSocket) -> None:
        async with TwilioCall(websocket) as call:
            await call.play(echo(call.audio()))

A call is a microphone and a loudspeaker: what it hears is μ-law at 8 kHz, which `decode_step` turns into
blocks. The steps below it work on decoded JSON, as VoiceStream's of the same names do.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeGuard

from voicecli.audio.block import Block
from voicecli.audio.pcm import mulaw_bytes
from voicecli.audio.resample import OneRate
from voicecli.audio.sound_steps import Hush
from voicecli.errors import UsageError, WireError
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.branches import partition_step
from voicecli.flow.scope import scoped
from voicecli.server.websocket_streams import accept, receive, sent
from voicecli.speech.speech_events import CallEnded, CallStarted
from voicecli.wire.twilio import (
    LIMIT,
    TWILIO_RATE,
    Digit,
    Mark,
    Media,
    MediaStream,
    Message,
    Start,
    Stop,
    encode_clear,
    encode_mark,
    encode_media,
    media_fields,
    message_of,
)

if TYPE_CHECKING:
    from fastapi import WebSocket

__all__ = [
    "CallEvent",
    "TwilioCall",
    "TwilioOptions",
    "audio_bytes_to_twilio_media_step",
    "twilio_check_sequence_step",
    "twilio_close_on_stop_step",
    "twilio_format_events_step",
    "twilio_media_to_audio_bytes_step",
    "twilio_split_media_step",
]

CallEvent: TypeAlias = CallStarted | CallEnded | Digit | Mark
"""A mark tells that the sound sent before it has been heard, or was cleared."""

_PIECE = TWILIO_RATE // 2  # bytes of one message: half a second


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioOptions:
    start_timeout: float = 10.0  # seconds from the connection to its `start`
    message: int = LIMIT  # characters of a message, at most


class _Line:
    """The socket of a call, until that is over."""

    def __init__(self, websocket: WebSocket, limit: int) -> None:
        self._websocket = websocket
        self._decoder = MediaStream(limit)
        self._over = False

    async def messages(self) -> AsyncIterator[Message]:
        """What comes."""
        while not self._over:
            text = await receive(self._websocket)
            if text is None:
                self._over = True
                return
            message = self._decoder.push(text)
            self._over = isinstance(message, Stop)
            yield message

    async def send(self, *texts: str) -> bool:
        """Whether the call goes on."""
        for text in texts:
            if self._over or not await sent(self._websocket, partial(self._websocket.send_text, text)):
                return False
        return not self._over

    async def close(self, code: int) -> None:
        self._over = True
        await sent(self._websocket, partial(self._websocket.close, code))


class TwilioCall:
    """One call; an async context manager that waits for it to start and hangs up at the end.

    Sound and events are read by one reader at a time: `audio` or `audio_and_events`. A call that ends, by
    `stop` or by a connection that breaks, ends them. A message that breaks the protocol raises WireError in
    each, and closes the socket.
    """

    def __init__(self, websocket: WebSocket, options: TwilioOptions = TwilioOptions()) -> None:
        self._websocket = websocket
        self._options = options
        self._line = _Line(websocket, options.message)
        self._start: Start | None = None
        self._marks = 0

    @property
    def started(self) -> CallStarted:
        """The call and its stream."""
        return CallStarted(call_id=self._known.call_sid, stream_id=self._known.stream_sid)

    @property
    def parameters(self) -> Mapping[str, str]:
        """What the TwiML of the stream says beside it."""
        return self._known.parameters

    @property
    def _known(self) -> Start:
        if self._start is None:
            raise UsageError("The call has not started.", "Use it inside `async with`.")
        return self._start

    async def __aenter__(self) -> Self:
        """Accept the connection and wait for the call. Raises WireError when none comes."""
        try:
            async with asyncio.timeout(self._options.start_timeout):
                await accept(self._websocket)
                async with scoped(self._line.messages()) as messages:
                    async for message in messages:
                        if isinstance(message, Start):
                            self._start = message
                            break
                    else:
                        raise WireError("The connection ended before a call started.")
        except (TimeoutError, WireError) as error:
            await self._line.close(1002)
            if isinstance(error, TimeoutError):
                raise WireError(f"No call started within {self._options.start_timeout:g} s.") from None
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        await self._line.close(1002 if kind is not None and issubclass(kind, WireError) else 1000)

    def audio(self) -> AsyncIterator[bytes]:
        """The caller's sound, μ-law; events are passed over."""
        return _sound(self._line.messages())

    def audio_and_events(self) -> tuple[AsyncIterator[bytes], AsyncIterator[CallEvent]]:
        """The caller's sound, and what happens beside it; both have to be read, as of `partition_step`."""
        media, others = partition_step(self._line.messages(), _is_caller)
        return _sound(media), _events(self.started, others)

    async def play(self, async_iter: AsyncIterator[Any]) -> None:
        """Let the caller hear μ-law bytes, or blocks of any rate.

        `Hush` drops what waits to be heard, and so does a stream that fails or is cancelled. A `Mark` comes
        back as an event once all before it was heard; an empty block, the end of a reply, sends one itself.
        Ends early when the caller has gone. Raises UsageError for anything else.
        """
        sound = OneRate(TWILIO_RATE)
        finished = False
        try:
            async with scoped(async_iter) as items:
                sid = self._known.stream_sid
                async for item in items:
                    if isinstance(item, Hush):
                        sound = OneRate(TWILIO_RATE)
                        going = await self.clear()
                    elif isinstance(item, Mark):
                        going = await self._line.send(encode_mark(sid, item.name))
                    elif isinstance(item, Block) and not len(item.samples):
                        rest, sound = mulaw_bytes(sound.flush()), OneRate(TWILIO_RATE)
                        self._marks += 1
                        going = await self._line.send(
                            *_media(sid, rest), encode_mark(sid, f"reply-{self._marks}")
                        )
                    elif isinstance(item, Block):
                        going = await self._line.send(
                            *_media(sid, mulaw_bytes(sound.push(item.samples, item.rate)))
                        )
                    else:
                        going = await self._line.send(*_media(sid, _bytes(item)))
                    if not going:
                        break
            await self._line.send(*_media(sid, mulaw_bytes(sound.flush())))
            finished = True
        finally:
            if not finished:
                await self.clear()

    async def clear(self) -> bool:
        """Drop what the caller has not heard yet; False when the call is over."""
        try:
            async with asyncio.timeout(1.0):  # also while the task is being cancelled
                return await self._line.send(encode_clear(self._known.stream_sid))
        except TimeoutError:
            return False


def twilio_split_media_step(
    async_iter: AsyncIterator[dict[str, Any]],
) -> tuple[AsyncIterator[dict[str, Any]], AsyncIterator[dict[str, Any]]]:
    """Messages with sound, and all others; both have to be read."""
    return partition_step(async_iter, lambda message: _event(message) == "media")


async def twilio_check_sequence_step(
    async_iter: AsyncIterator[dict[str, Any]],
) -> AsyncIterator[dict[str, Any]]:
    """The messages as they are, numbered from 1 without a gap. Raises WireError for any other."""
    async with scoped(async_iter) as messages:
        expected = 1
        async for message in messages:
            number = message.get("sequenceNumber") if isinstance(message, Mapping) else None
            if str(number) != str(expected):
                said = "without a number" if number is None else f"with number {str(number)[:20]!r}"
                raise WireError(f"A message came {said} where number {expected} was due.")
            expected += 1
            yield message


async def twilio_close_on_stop_step(
    async_iter: AsyncIterator[dict[str, Any]], close_func: Callable[[], Awaitable[None] | None]
) -> AsyncIterator[dict[str, Any]]:
    """The messages as they are; `close_func` is called before a `stop` is passed on."""
    async with scoped(async_iter) as messages:
        async for message in messages:
            if _event(message) == "stop":
                closing = close_func()
                if inspect.isawaitable(closing):
                    await closing
            yield message


async def twilio_media_to_audio_bytes_step(async_iter: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """The sound of `media` messages, μ-law. Raises WireError for any other message."""
    async with scoped(async_iter) as messages:
        async for fields in messages:
            message = message_of(fields)
            if not isinstance(message, Media):
                raise WireError(f"A message without sound came: {type(message).__name__.lower()}.")
            yield message.audio


async def audio_bytes_to_twilio_media_step(
    async_iter: AsyncIterator[bytes], stream_sid: AwaitableOrObj[str]
) -> AsyncIterator[dict[str, Any]]:
    """`media` messages with the sound, μ-law; `stream_sid` is awaited when the first is due."""
    sid: str | None = None
    async with scoped(async_iter) as items:
        async for item in items:
            if sid is None:
                sid = await resolve_awaitable_or_obj(stream_sid)
            yield media_fields(sid, _bytes(item))


async def twilio_format_events_step(
    async_iter: AsyncIterator[dict[str, Any]],
) -> AsyncIterator[CallStarted | CallEnded]:
    """`CallStarted` for a `start`, `CallEnded` for a `stop`; other messages are passed over."""
    async with scoped(async_iter) as messages:
        async for fields in messages:
            if _event(fields) in ("start", "stop"):
                message = message_of(fields)
                if isinstance(message, Start):
                    yield CallStarted(call_id=message.call_sid, stream_id=message.stream_sid)
                else:
                    yield CallEnded()


def _media(sid: str, audio: bytes) -> Iterator[str]:
    return (encode_media(sid, audio[start : start + _PIECE]) for start in range(0, len(audio), _PIECE))


async def _sound(media: AsyncIterator[Message]) -> AsyncIterator[bytes]:
    async with scoped(media) as messages:
        async for message in messages:
            if _is_caller(message):
                yield message.audio


async def _events(started: CallStarted, others: AsyncIterator[Message]) -> AsyncIterator[CallEvent]:
    async with scoped(others) as messages:
        yield started
        async for message in messages:
            if isinstance(message, Digit | Mark):
                yield message
        yield CallEnded()


def _is_caller(message: Message) -> TypeGuard[Media]:
    # A stream of both tracks carries what the caller hears, too.
    return isinstance(message, Media) and message.track == "inbound"


def _event(message: object) -> object:
    return message.get("event") if isinstance(message, Mapping) else None


def _bytes(item: Any) -> bytes:
    try:
        return memoryview(item).tobytes()
    except TypeError:
        raise UsageError(
            f"A {type(item).__name__} cannot be played on the telephone.", "Give μ-law bytes or blocks."
        ) from None
