"""One client's conversation on the recognition WebSocket, without the socket: messages in, events out.

What the protocol leaves open is decided so: a message that is refused changes nothing, so the stream goes on;
a start within a stream, and a stop, are answered in full before the next message is looked at; what follows a
stop that keeps the socket is a new stream of the same format. Between `inactive` and the final segment of its
channel there is no other event of that channel.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

from voicecli.audio.block import Samples
from voicecli.config.serving import SessionSettings
from voicecli.errors import WireError
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.server.outbox import Events
from voicecli.server.recognition_channel import Channel, SegmentedChannel, SimpleChannel
from voicecli.server.shared_recognition import SharedRecognition
from voicecli.server.stream_decoder import StreamDecoder
from voicecli.server.watch import SessionWatch
from voicecli.wire.recognition import Event, Start, WireLimits, decode_request
from voicecli.workers.places import Speaker

__all__ = ["Mode", "Session"]

_PACE = 1.0  # seconds that sound may be ahead of the results where interim ones are asked for
_NOTED = 1.0  # seconds of sound between two words to the watch about decoding


class Mode(StrEnum):
    """The two paths."""

    SIMPLE = "simple"  # everything is recognised
    SEGMENTED = "segmented"  # speech is


class Session:
    """Give it every message with `receive`, one after the other, and send what `events` yields.

    `close` it at last, however it went. Nothing a client sends raises.
    """

    def __init__(
        self,
        shared: SharedRecognition,
        mode: Mode,
        settings: SessionSettings,
        watch: SessionWatch,
        holder: str | None = None,
    ) -> None:
        """`holder` is whose token it is: what the sessions of one hold up are each other."""
        self._settings = settings
        self._limits = WireLimits(channels=settings.channels)
        self._shared = shared
        self._kind: type[Channel] = SimpleChannel if mode is Mode.SIMPLE else SegmentedChannel
        self._watch = watch
        self._speaker = Speaker(holder)
        self._turn = asyncio.Lock()
        self._stream: _Stream | None = None
        self._start: Start | None = None  # what a stop left, for sound that comes after it
        self._events = Events(settings.events, watch)
        self._told = False  # that there was sound before a start
        self._finishing = False
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to receive."""
        return self._events.over

    async def receive(self, message: str | bytes) -> None:
        """Take a message; returns when there is room for the next.

        A text that is no request, and sound that cannot be used, become a Failure among the events. After the
        end of the session messages are ignored.
        """
        async with self._turn:
            if self.over or self._finishing:
                return
            if isinstance(message, str):
                await self._obey(message)
            else:
                await self._listen(message)
            await self._wait_for_room()

    def events(self) -> AsyncIterator[Event]:
        """What the client is to be told, until the session is over; for one reader."""
        return self._events.read()

    async def finish(self) -> None:
        """End as a stop with disconnect does, but for what is left of a message that waits for room."""
        self._finishing = True
        self._events.room.set()
        async with self._turn:
            await self._end_stream()
            self._events.end()

    async def close(self) -> None:
        """The client is gone: cancel everything and forget it. May be called at any time, and again."""
        if self._closed:
            return
        self._closed = True
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._watch.stopped()
        self._events.clear()
        self._events.end()
        self._events.room.set()
        self._watch.ended()

    async def _obey(self, text: str) -> None:
        try:
            request = decode_request(text, self._limits)
            if not isinstance(request, Start) and self._start is None:
                raise WireError("There is nothing to stop.", "Send a start first.")
        except WireError as error:
            self._events.failed(error, None)
            return
        await self._end_stream()
        if isinstance(request, Start):
            await self._begin(request)
        elif request.disconnect:
            self._events.end()

    async def _begin(self, start: Start) -> None:
        if start.format.sample_rate == LISTENING_RATE:
            decoder = StreamDecoder(start.format, self._complain)
        else:  # a filter for a rate that nobody had before takes a while to make
            decoder = await asyncio.to_thread(StreamDecoder, start.format, self._complain)
        if self.over:
            return
        self._start = start
        self._told = False
        numbers, interim = range(start.format.channels), start.interim_results
        channels = [
            self._kind(number, self._shared, self._events, self._speaker, interim) for number in numbers
        ]
        pace = min(_PACE, self._settings.queued) if interim else None
        self._stream = _Stream(decoder, channels, self._speaker, self._events, self._settings.queued, pace)
        self._watch.started(start.trace_id, start.format)

    async def _listen(self, data: bytes) -> None:
        if self._stream is None:
            if self._start is None:
                if not self._told:
                    self._told = True
                    error = WireError("Sound came before a start.", "Send a start with its format first.")
                    self._events.failed(error, None)
                return
            await self._begin(self._start)  # sound after a stop: a new stream of the same format
        stream = self._stream
        if stream is None:
            return
        for piece, _ in enumerate(stream.take(data)):
            if piece:
                await asyncio.sleep(0)  # a long message leaves others their turn
            await self._wait_for_room()
            if self._finishing or self._stream is not stream:
                break  # the rest is given up with the session
        if stream.unnoted > _NOTED:
            self._watch.decoded(*stream.noted())

    async def _end_stream(self) -> None:
        """Let everything that was said be answered."""
        stream = self._stream
        if stream is None:
            return
        if rest := stream.decoder.rest:
            words = "bytes are left over: that is less than a sample of every channel, and was dropped."
            self._complain(f"{rest} {words}", None)
        stream.flush()
        while self._stream is stream and not stream.idle:
            self._events.room.clear()
            await self._events.room.wait()
        if self._stream is stream:
            if stream.unnoted:
                self._watch.decoded(*stream.noted())
            stream.close()
            self._stream = None
            self._watch.stopped()

    async def _wait_for_room(self) -> None:
        began: float | None = None
        while not (self._finishing or self.over) and (
            self._events.are_full or (self._stream is not None and self._stream.is_full)
        ):
            began = began or time.perf_counter()
            self._events.room.clear()
            await self._events.room.wait()
        if began is not None:
            self._watch.waited(time.perf_counter() - began)

    def _complain(self, message: str, channel: int | None) -> None:
        self._events.failed(WireError(message), channel)


class _Stream:
    """From a start to its stop: a decoder and the channels it feeds."""

    def __init__(
        self,
        decoder: StreamDecoder,
        channels: list[Channel],
        speaker: Speaker,
        events: Events,
        queued: float,
        pace: float | None,
    ) -> None:
        self._speaker = speaker
        self._events = events
        events.seconds = 0.0
        self.decoder = decoder
        self.channels = channels
        self.unnoted = 0.0  # seconds of it that the watch does not know of
        self._queued = queued  # seconds of a channel that may wait
        self._pace = pace  # seconds by which the sound may be ahead of the results, if that matters
        self._spent = 0.0  # seconds of decoding that the watch does not know of

    @property
    def idle(self) -> bool:
        return all(channel.idle for channel in self.channels)

    def take(self, data: bytes) -> Iterator[None]:
        """Decode `data` piece by piece, each when it is asked for."""
        began = time.perf_counter()
        for rows in self.decoder.decode(data):
            self._push(rows)
            self._spent += time.perf_counter() - began
            yield
            began = time.perf_counter()

    def flush(self) -> None:
        """No more comes."""
        self._push(self.decoder.flush())
        for channel in self.channels:
            channel.flush()

    def close(self) -> None:
        for channel in self.channels:
            channel.close()

    @property
    def is_full(self) -> bool:
        """Whether a channel has more sound waiting than it may."""
        pace, queued = self._pace, self._queued
        for channel in self.channels:
            if channel.lead > (queued if pace is None else pace) or channel.backlog > queued:
                return True
            if pace is not None and channel.ahead > pace:
                return True
        return False

    def noted(self) -> tuple[float, float]:
        """What was not noted yet: seconds of sound, and seconds that decoding it took."""
        noted = self.unnoted, self._spent
        self.unnoted = self._spent = 0.0
        return noted

    def _push(self, rows: list[Samples]) -> None:
        seconds = len(rows[0]) / LISTENING_RATE
        self._speaker.came(seconds, asyncio.get_running_loop().time())
        for channel, samples in zip(self.channels, rows, strict=True):
            channel.push(samples)
        self._events.seconds += seconds
        self.unnoted += seconds
