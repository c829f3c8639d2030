"""One client's conversation on the recognition WebSocket, without the socket: messages in, events out.

What the protocol leaves open is decided so: a message that is refused changes nothing, so the stream goes on;
a start within a stream, and a stop, are answered in full before the next message is looked at; what follows a
stop that keeps the socket is a new stream of the same format. Between `inactive` and the final segment of its
channel there is no other event of that channel.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

from voicecli.audio.block import Samples
from voicecli.config.serving import SessionSettings
from voicecli.errors import VoiceError, WireError
from voicecli.providers.recognizer import HEARING_RATE
from voicecli.server.observer import HearingObserver, Observer, Pipeline
from voicecli.server.recognition_channel import Channel
from voicecli.server.shared_hearing import SharedHearing, SharedHearingOptions
from voicecli.server.stream_decoder import StreamDecoder
from voicecli.wire.recognition import (
    Active,
    Event,
    Failure,
    Inactive,
    Segment,
    Start,
    Stop,
    WireLimits,
    decode_request,
)
from voicecli.workers.places import Speaker

__all__ = [
    "HearingObserver",
    "Mode",
    "Observer",
    "Pipeline",
    "Session",
    "SharedHearing",
    "SharedHearingOptions",
]

_PACE = 1.0  # seconds that sound may be ahead of the results where interim ones are asked for
_NOTED = 1.0  # seconds of sound between two words to the observer about decoding


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
        hearing: SharedHearing,
        mode: Mode,
        settings: SessionSettings | None = None,
        observer: Observer | None = None,
        holder: str | None = None,
    ) -> None:
        """`holder` is whose token it is: what the sessions of one hold up are each other."""
        self._settings = settings or SessionSettings()
        self._limits = WireLimits(channels=self._settings.channels)
        self._hearing = hearing
        self._mode = mode
        self._observer = observer
        self._speaker = Speaker(holder)
        self._turn = asyncio.Lock()
        self._stream: _Stream | None = None
        self._start: Start | None = None  # what a stop left, for sound that comes after it
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._told = False  # that there was sound before a start
        self._finishing = False
        self._over = False
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether there is nothing more to receive."""
        return self._over

    async def receive(self, message: str | bytes) -> None:
        """Take a message; returns when there is room for the next.

        A text that is no request, and sound that cannot be used, become a Failure among the events. After the
        end of the session messages are ignored.
        """
        async with self._turn:
            if self._over or self._finishing:
                return
            if isinstance(message, str):
                await self._obey(message)
            else:
                await self._listen(message)
            await self._wait_for_room()

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the client is to be told, until the session is over; for one reader."""
        while True:
            while self._events:
                event = self._events.popleft()
                if len(self._events) == self._settings.events - 1:
                    self._room.set()
                yield event
            if self._over:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def finish(self) -> None:
        """End as a stop with disconnect does, but for what is left of a message that waits for room."""
        self._finishing = True
        self._room.set()
        async with self._turn:
            await self._end_stream()
            self._end()

    async def close(self) -> None:
        """The client is gone: cancel everything and forget it. May be called at any time, and again."""
        if self._closed:
            return
        self._closed = True
        if self._stream is not None:
            self._stream.close()
            self._stream = None
            self._note_stopped()
        self._events.clear()
        self._end()
        self._room.set()
        if self._observer is not None:
            self._observer.ended()

    # Outlet: what the channels tell

    def emit(self, event: Event) -> None:
        """Let the client know."""
        if self._over:
            return
        self._events.append(event)
        self._arrived.set()
        if self._observer is not None and self._stream is not None:
            if isinstance(event, Active):
                self._observer.active(event.channel, event.time)
            elif isinstance(event, Inactive):
                self._observer.inactive(event.channel, event.time, self._stream.seconds - event.time)

    def answered(self, segment: Segment, latency: float) -> None:
        """A segment, and how long it took after its end."""
        if self._observer is not None:
            self._observer.segment(segment, latency)
        self.emit(segment)

    def failed(self, error: VoiceError, channel: int | None) -> None:
        """Something the client must know; what to do about our engines is not its business."""
        message = str(error) if isinstance(error, WireError) else error.message
        if self._observer is not None:
            self._observer.failed(error, channel)
        self.emit(Failure(message, channel))

    def changed(self) -> None:
        """There may be room."""
        self._room.set()

    # What messages do

    async def _obey(self, text: str) -> None:
        try:
            request = decode_request(text, self._limits)
        except WireError as error:
            self.failed(error, None)
            return
        if isinstance(request, Start):
            await self._end_stream()
            await self._begin(request)
        else:
            await self._stop(request)

    async def _begin(self, start: Start) -> None:
        if start.format.sample_rate == HEARING_RATE:
            decoder = StreamDecoder(start.format, self._complain)
        else:  # a filter for a rate that nobody had before takes a while to make
            decoder = await asyncio.to_thread(StreamDecoder, start.format, self._complain)
        if self._over:
            return
        self._start = start
        self._told = False
        hearing, interim = self._hearing, start.interim_results
        numbers = range(start.format.channels)
        if self._mode is Mode.SIMPLE:
            channels = [hearing.simple(number, self, self._speaker) for number in numbers]
        else:
            channels = [hearing.segmented(number, self, self._speaker, interim) for number in numbers]
        pace = min(_PACE, self._settings.queued) if interim else None
        self._stream = _Stream(decoder, channels, self._speaker, self._settings.queued, pace)
        if self._observer is not None:
            self._observer.started(start.trace_id, start.format)

    async def _stop(self, stop: Stop) -> None:
        if self._start is None:
            self.failed(WireError("There is nothing to stop.", "Send a start first."), None)
            return
        await self._end_stream()
        if stop.disconnect:
            self._end()

    async def _listen(self, data: bytes) -> None:
        if self._stream is None:
            if self._start is None:
                if not self._told:
                    self._told = True
                    self.failed(
                        WireError("Sound came before a start.", "Send a start with its format first."), None
                    )
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
        self._note_decoded(stream, _NOTED)

    async def _end_stream(self) -> None:
        """Let everything that was said be answered."""
        stream = self._stream
        if stream is None:
            return
        if stream.decoder.rest:
            self._complain(
                f"{stream.decoder.rest} bytes are left over: that is less than a sample of every "
                "channel, and was dropped.",
                None,
            )
        stream.flush()
        while self._stream is stream and not stream.idle:
            self._room.clear()
            await self._room.wait()
        if self._stream is stream:
            self._note_decoded(stream, 0.0)
            stream.close()
            self._stream = None
            self._note_stopped()

    async def _wait_for_room(self) -> None:
        if not self._is_full():
            return
        began = time.perf_counter()
        while self._is_full():
            self._room.clear()
            await self._room.wait()
        if self._observer is not None:
            self._observer.waited(time.perf_counter() - began)

    def _is_full(self) -> bool:
        if self._finishing or self._over:
            return False
        if len(self._events) >= self._settings.events:
            return True
        stream = self._stream
        return stream is not None and stream.is_full

    def _complain(self, message: str, channel: int | None) -> None:
        self.failed(WireError(message), channel)

    def _end(self) -> None:
        self._over = True
        self._arrived.set()

    def _note_decoded(self, stream: _Stream, least: float) -> None:
        if self._observer is not None and stream.unnoted > least:
            self._observer.processed("audio_decoding", *stream.noted())

    def _note_stopped(self) -> None:
        if self._observer is not None:
            self._observer.stopped()


class _Stream:
    """From a start to its stop: a decoder and the channels it feeds."""

    def __init__(
        self,
        decoder: StreamDecoder,
        channels: list[Channel],
        speaker: Speaker,
        queued: float,
        pace: float | None,
    ) -> None:
        self._speaker = speaker
        self.decoder = decoder
        self.channels = channels
        self.seconds = 0.0  # of sound so far
        self.unnoted = 0.0  # seconds of it that the observer does not know of
        self._queued = queued  # seconds of a channel that may wait
        self._pace = pace  # seconds by which the sound may be ahead of the results, if that matters
        self._spent = 0.0  # seconds of decoding that the observer does not know of

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
        seconds = len(rows[0]) / HEARING_RATE
        self._speaker.hear(seconds, asyncio.get_running_loop().time())
        for channel, samples in zip(self.channels, rows, strict=True):
            channel.push(samples)
        self.seconds += seconds
        self.unnoted += seconds
