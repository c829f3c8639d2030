"""The door: uvicorn's protocols, made to cost little whatever the other end does.

What a client may do wrong has a bound: sockets, from one address and in all; time for the head of a request
and for the rest of it; bytes of a head; requests sent before the last is answered; messages and fragments
that wait to be read; answers that nobody reads. What goes over a bound is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, cast

import uvicorn
from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from voicecli.config.serving import ConnectionSettings, ServerSettings
from voicecli.server.guard import Bucket, Reason
from voicecli.server.rota import Rota
from voicecli.server.subnet import is_within, subnet_of

__all__ = [
    "GONE",
    "VISIT",
    "Door",
    "DoorConfig",
    "GuardedHttp",
    "GuardedWebSocket",
    "Visit",
]

GONE: Final = "voicecli.gone"  # in the scope of a WebSocket: an event that says that its client has gone
VISIT: Final = "voicecli.visit"  # in the scope of anything: its Visit

_SWEEP: Final = 0.25  # seconds between looks at the clock
_FRESH: Final = 0.25  # seconds for which a socket that has sent nothing is not to blame
_CLOSING: Final = 3.0  # seconds that a socket may take to close
_LINGER: Final = 1.0  # seconds for which a WebSocket that broke a rule is read and not heard
_UNHEARD: Final = 4  # times the longest message, in bytes that it may send meanwhile
_PIPELINED: Final = 8  # requests that may be sent before the first is answered
_PIECE: Final = 512  # bytes of WebSocket frames that are looked at together
_FRAMES: Final = 32  # that one WebSocket has looked at before it is somebody else's turn
_BYTES: Final = 65_536  # of them; and of sound that waits, no more is read while there is so much
_SOUND: Final = (4000, 2000)  # frames at once, and a second, that one WebSocket may send; more of them wait
_TEXT: Final = 5  # of them that a text counts as
_IDLE: Final = (2000, 100)  # frames without sound at once, and a second: one that sends more is dropped
_TOGETHER: Final = 8192  # bytes of sound that are handed over as one message, however many they came in
_QUEUED: Final = 16  # messages of one WebSocket that wait; no more is read while there are so many
_FRAGMENTS: Final = 1024  # of one message
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\ncontent-length: 26\r\n"
    b"retry-after: 5\r\nconnection: close\r\n\r\nToo many connections here."
)


def _answer(status: int) -> bytes:
    phrase = HTTPStatus(status).phrase
    return f"HTTP/1.1 {status} {phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode()


_TOO_LATE: Final = _answer(408)
_URL_TOO_LONG: Final = _answer(414)
_HEAD_TOO_LONG: Final = _answer(431)


class _Deadline(NamedTuple):
    """When what is expected has to be there, and what is said if it is not."""

    until: float
    words: Callable[[], bytes] = bytes


class Visit(Protocol):
    """One request as the application may talk about it with the door; `VISIT` in its scope."""

    def known(self) -> None:
        """It has shown a token, or needs none."""
        ...

    def speaks_for(self, address: str) -> bool:
        """A proxy says whom it speaks for; False when there are too many from there."""
        ...


@dataclass(slots=True, eq=False)
class _Visitor:
    """A socket that was let in."""

    transport: asyncio.Transport
    place: str | None  # where it counts; None for a proxy, which counts nowhere
    known: bool = False  # whether it has shown a token, or needs none
    held: int = 0  # bytes that wait


class Door:
    """Counts the sockets, what they hold, and the time that each has for what it is expected to do.

    Who has shown no token, or does nothing, makes room for who comes; whoever has most of them there first.
    """

    def __init__(
        self,
        settings: ServerSettings,
        refused: Callable[[Reason], None] = lambda reason: None,
    ) -> None:
        self.settings = settings
        self.refused = refused
        self.rota = Rota()  # of those who are inside
        self.memory = 0  # bytes that wait, of all
        self._inside: dict[asyncio.Transport, _Visitor] = {}
        self._places: Counter[str] = Counter()  # how many are from there
        self._guests: dict[str | None, OrderedDict[asyncio.Transport, None]] = {}  # the oldest first
        self._strangers = 0  # guests everywhere
        self._waiting: dict[asyncio.Transport, float] = {}  # since when; the oldest first
        self._expected: dict[tuple[asyncio.Transport, Reason], _Deadline] = {}

    def __len__(self) -> int:
        return len(self._inside)

    @property
    def limits(self) -> ConnectionSettings:
        return self.settings.connections

    def enter(self, transport: asyncio.Transport, address: str, now: float) -> bool:
        """Let a socket in, unless there are too many that do something."""
        place = None if is_within(address, self.settings.trusted_proxies) else subnet_of(address)
        if not self._has_room(place):
            self.refused(Reason.ADDRESS)
            return False
        most = self.limits.most
        if len(self._inside) >= most or self._strangers >= max(1, most * (1 - self.limits.reserved)):
            if not self._strangers:
                self.refused(Reason.CONNECTIONS)
                return False
            self._drop_guest(max(self._guests, key=lambda place: len(self._guests[place])))
        self._inside[transport] = _Visitor(transport, place)
        self._count(place, 1)
        self._receive(transport, place)
        self._waiting[transport] = now
        self.expect(transport, Reason.HEADER, now + self.limits.header_timeout)
        return True

    def _has_room(self, place: str | None) -> bool:
        """Whether one more may come from there, perhaps instead of another."""
        if place is not None and self._places[place] >= self.limits.per_address:
            if place not in self._guests:
                return False
            self._drop_guest(place)
        return True

    def _count(self, place: str | None, by: int) -> None:
        if place is not None:
            self._places[place] += by
            if not self._places[place]:
                del self._places[place]

    def _receive(self, transport: asyncio.Transport, place: str | None) -> None:
        self._guests.setdefault(place, OrderedDict())[transport] = None
        self._strangers += 1

    def _dismiss(self, visitor: _Visitor) -> None:
        """It is no guest any more."""
        guests = self._guests.get(visitor.place)
        if guests is not None and visitor.transport in guests:
            del guests[visitor.transport]
            self._strangers -= 1
            if not guests:
                del self._guests[visitor.place]

    def _drop_guest(self, place: str | None) -> None:
        """The oldest from there."""
        oldest = next(iter(self._guests[place]))
        self._drop(oldest, Reason.WAITING if oldest in self._waiting else Reason.GUEST)

    def _drop(self, transport: asyncio.Transport, reason: Reason) -> None:
        self.refused(reason)
        self.leave(transport)
        transport.abort()

    def leave(self, transport: asyncio.Transport) -> None:
        """The socket is gone."""
        visitor = self._inside.pop(transport, None)
        if visitor is None:
            return
        self._count(visitor.place, -1)
        self._dismiss(visitor)
        self.memory -= visitor.held
        self._waiting.pop(transport, None)
        for reason in _DEADLINES:
            self._expected.pop((transport, reason), None)

    def asked(self, transport: asyncio.Transport) -> None:
        """The socket has sent a whole request."""
        self._waiting.pop(transport, None)

    def knows(self, transport: asyncio.Transport) -> bool:
        """Whether the socket has shown a token, or needs none."""
        visitor = self._inside.get(transport)
        return visitor is not None and visitor.known

    def greet(self, transport: asyncio.Transport) -> None:
        """The socket has shown a token, or needs none."""
        if (visitor := self._inside.get(transport)) is not None:
            visitor.known = True
            self._dismiss(visitor)

    def forget(self, transport: asyncio.Transport) -> None:
        """The socket has been answered, and is idle."""
        visitor = self._inside.get(transport)
        if visitor is not None and visitor.known:
            visitor.known = False
            self._receive(transport, visitor.place)

    def move(self, transport: asyncio.Transport, address: str) -> bool:
        """A proxy says whom the socket speaks for; whether that one may have another."""
        visitor, place = self._inside.get(transport), subnet_of(address)
        if visitor is None or visitor.place == place:
            return True
        if not self._has_room(place):
            return False
        self._count(visitor.place, -1)
        self._dismiss(visitor)
        visitor.place = place
        self._count(place, 1)
        if not visitor.known:
            self._receive(transport, place)
        return True

    def hold(self, transport: asyncio.Transport, count: int) -> None:
        """So many bytes of the socket wait. If all have too many, whoever has most goes, guests first."""
        visitor = self._inside.get(transport)
        if visitor is None:
            return
        self.memory += count - visitor.held
        visitor.held = count
        while self.memory > self.limits.memory:
            holding = (visitor for visitor in self._inside.values() if visitor.held)
            worst = max(holding, key=lambda visitor: (not visitor.known, visitor.held))
            self._drop(worst.transport, Reason.MEMORY)

    def expect(
        self,
        transport: asyncio.Transport,
        reason: Reason,
        until: float,
        last_words: Callable[[], bytes] = bytes,
    ) -> None:
        """Drop the socket for `reason`, with some words, unless `came` is called before `until`."""
        self._expected[transport, reason] = _Deadline(until, last_words)

    def came(self, transport: asyncio.Transport, reason: Reason) -> None:
        """What was expected has come."""
        self._expected.pop((transport, reason), None)

    def sweep(self, now: float) -> None:
        """Drop whoever is late, and of those who wait too many."""
        # The request of whoever came with many others may be there and not looked at yet.
        while len(self._waiting) > self.limits.waiting and now - next(iter(self._waiting.values())) > _FRESH:
            self._drop(next(iter(self._waiting)), Reason.WAITING)
        for transport in self._inside:
            if transport.is_closing():
                self._expected.setdefault((transport, Reason.UNREAD), _Deadline(now + _CLOSING))
        late = [(*key, deadline.words) for key, deadline in self._expected.items() if deadline.until <= now]
        for transport, reason, words in late:
            self._expected.pop((transport, reason), None)
            self.refused(reason)
            if not transport.is_closing() and (said := words()):
                transport.write(said)
                transport.close()
            else:
                transport.abort()

    async def keep(self) -> None:
        """Sweep until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            self.sweep(loop.time())


_DEADLINES: Final = (Reason.HEADER, Reason.BODY, Reason.UNREAD)


class DoorConfig(uvicorn.Config):
    """uvicorn's configuration with a door in it."""

    def __init__(self, app: Any, door: Door) -> None:
        super().__init__(
            app,
            http=GuardedHttp,
            ws=GuardedWebSocket,
            ws_max_size=door.settings.sessions.message,
            ws_per_message_deflate=False,  # sound hardly shrinks, and a bomb would grow
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(door.settings.trusted_proxies),
            forwarded_allow_ips=list(door.settings.trusted_proxies),
        )
        self.door = door


class _Guarded:
    """What both protocols tell the application of."""

    transport: asyncio.Transport
    _door: Door

    def known(self) -> None:
        self._door.greet(self.transport)

    def speaks_for(self, address: str) -> bool:
        return self._door.move(self.transport, address)


class GuardedHttp(_Guarded, HttpToolsProtocol):
    """HTTP of one socket."""

    config: DoorConfig

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._door = self.config.door
        self._in_head = True
        self._fed = 0  # bytes since the head began
        self._seen = 0  # bytes of the URL, of names and values of headers
        self._hosts = 0  # headers that say what the server is called
        self._wrong: bytes | None = None  # what is said of a request that is none, if not 400
        self._refused = not self._door.enter(
            self.transport, self.client[0] if self.client else "", self.loop.time()
        )
        if self._refused:
            self.transport.write(_FULL)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head:
            self._fed += len(data)
        super().data_received(data)
        if self._in_head and self._fed > self._door.limits.header and not self.transport.is_closing():
            self._refuse(_HEAD_TOO_LONG, Reason.HEADER)
        elif self.cycle is not None and not self.cycle.response_complete:
            self._door.hold(self.transport, len(self.cycle.body))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[VISIT] = self
        self._in_head = True
        self._fed = self._seen = self._hosts = 0
        self._expect(Reason.HEADER, self._door.limits.header_timeout)

    def _expect(self, reason: Reason, seconds: float) -> None:
        self._door.expect(self.transport, reason, self.loop.time() + seconds, self._too_late)

    def _too_late(self) -> bytes:
        # A request that is being answered, or the one before it, may be in the middle of its answer.
        cycle = self.cycle
        if cycle is not None and (not cycle.response_complete if self._in_head else cycle.response_started):
            return b""
        return _TOO_LATE

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._see(len(url), _URL_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._hosts += name.lower() == b"host"
        self._see(len(name) + len(value) + 4, _HEAD_TOO_LONG)

    def _see(self, count: int, wrong: bytes) -> None:
        """Counted as well as what is fed: a head may come in one piece."""
        self._seen += count
        if self._seen > self._door.limits.header:
            self._wrong = wrong
            raise HttpParserError("the head is too long")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._door.came(self.transport, Reason.HEADER)
        if len(self.pipeline) >= _PIPELINED:
            raise HttpParserError("too many requests wait")
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            raise HttpParserError("it is called by no name, or by several")
        super().on_headers_complete()
        self._expect(Reason.BODY, self._door.limits.body_timeout)

    def on_message_complete(self) -> None:
        self._door.came(self.transport, Reason.BODY)
        self._door.asked(self.transport)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._door.hold(self.transport, 0)
        self._door.forget(self.transport)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if self._wrong is not None:
            self._refuse(self._wrong, Reason.HEADER)
            return
        self._door.refused(Reason.MALFORMED)
        self._refused = True
        super().send_400_response(msg)

    def _refuse(self, answer: bytes, reason: Reason) -> None:
        self._door.refused(reason)
        self._refused = True
        self.transport.write(answer)
        self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._door.expect(self.transport, Reason.UNREAD, self.loop.time() + self._door.limits.send_timeout)

    def resume_writing(self) -> None:
        self._door.came(self.transport, Reason.UNREAD)
        super().resume_writing()


class GuardedWebSocket(_Guarded, WebSocketsSansIOProtocol):
    """A WebSocket that reads no further than its application does, and writes to whoever reads."""

    config: DoorConfig

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door = self.config.door
        self._door.asked(self.transport)
        for reason in (Reason.HEADER, Reason.BODY):
            self._door.came(self.transport, reason)
        self._unread = bytearray()
        self._queued = 0  # bytes of sound that the application has not taken
        self._last: dict[str, Any] | None = None  # of what waits, if it is sound
        self._frames = self._idle_frames = 0  # that were looked at this time
        now = self.loop.time()
        self._bucket, self._idle_bucket = Bucket(*_SOUND, now), Bucket(*_IDLE, now)
        self._rest: asyncio.TimerHandle | None = None  # until it may read again
        self._unheard: int | None = None  # bytes that came after a rule was broken
        self._gone = asyncio.Event()
        # A token fits into little.
        self._bound(min(self._door.limits.header, self._door.settings.sessions.message))
        self.close_timeout = _CLOSING

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self.transport)
        self._unread.clear()
        if self._rest is not None:
            self._rest.cancel()
        self._gone.set()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        cast(dict[str, Any], self.scope).update({GONE: self._gone, VISIT: self})
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if self.close_sent:  # by a rule that was broken meanwhile, of which the application need not know yet
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # a refusal is an answer as well, and nothing for the log

    def _bound(self, size: int) -> None:
        self.conn.max_message_size = size
        self.conn.max_fragment_size = min(size, self._door.settings.sessions.frame)

    def known(self) -> None:
        super().known()
        self._bound(self._door.settings.sessions.message)

    @property
    def first(self) -> bool:
        return self._door.knows(self.transport)

    def data_received(self, data: bytes) -> None:
        if self._unheard is not None:
            self._unheard += len(data)
            if self._unheard > _UNHEARD * self._door.settings.sessions.message:
                self.transport.close()
            return
        self._unread += data
        if len(self._unread) > _PIECE:
            self._regulate()
        self._hold()
        self._door.rota.join(self)

    def _hold(self) -> None:
        """Tell the door how much there is of this socket."""
        unfinished = len(self.conn.reader.buffer) + (self.conn.current_size or 0)
        self._door.hold(self.transport, len(self._unread) + unfinished + self._queued)

    def read(self) -> bool:
        """Look at some of what came, while the application keeps up; whether there is more to look at now."""
        self._frames = self._idle_frames = looked_at = 0
        while self._unread and self._frames + self._idle_frames < _FRAMES and looked_at < _BYTES:
            if not self._may_read:
                break
            piece = bytes(self._unread[:_PIECE])
            del self._unread[:_PIECE]
            looked_at += len(piece)
            super().data_received(piece)
            if self.conn.parser_exc is not None or self.transport.is_closing():
                self._unread.clear()
        if pongs := b"".join(self.conn.data_to_send()):
            self.transport.write(pongs)
        self._charge()
        self._regulate()
        self._hold()
        return bool(self._unread) and self._may_read

    @property
    def _may_read(self) -> bool:
        keeps_up = self.queue.qsize() < _QUEUED and self._queued < _BYTES and self.writable.is_set()
        return keeps_up and self._rest is None

    def _charge(self) -> None:
        """Of frames that say nothing nobody needs many; others wait when they are more than anybody needs."""
        now = self.loop.time()
        flood = self._idle_bucket.take(self._idle_frames, now) > 0
        if flood and self._unheard is None and not self.transport.is_closing():
            self._fail(1008, "too many frames that say nothing", Reason.FLOOD)
        wait = self._bucket.take(self._frames, now)
        if wait and self._rest is None:
            self._rest = self.loop.call_later(wait, self._rested)

    def _rested(self) -> None:
        self._rest = None
        self._door.rota.join(self)

    def _regulate(self) -> None:
        """Let the network wait while anything that came has not been looked at, or not been taken."""
        wait = bool(self._unread) or not self.queue.empty() or not self.writable.is_set()
        if self._unheard is None and wait != self.read_paused:
            self.read_paused = wait
            if wait:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    async def receive(self) -> Any:
        message = cast(dict[str, Any], await self.queue.get())
        if (sound := message.get("bytes")) is not None:
            self._queued -= len(sound)
            message["bytes"] = bytes(sound)
            if message is self._last:
                self._last = None
        elif not self.queue.empty():
            await asyncio.sleep(0)  # many small requests do not hold up others
        if self._unread:
            self._door.rota.join(self)
        else:
            self._regulate()
        return message

    def handle_ping(self) -> None:
        self._idle_frames += 1  # `read` sends the answers together

    def handle_pong(self, event: Frame) -> None:
        self._idle_frames += 1
        super().handle_pong(event)

    def handle_text(self, event: Frame) -> None:
        self._frames += _TEXT
        self._idle_frames += 1
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self._count(event)
        super().handle_bytes(event)

    def _count(self, event: Frame) -> None:
        if event.data:
            self._frames += 1
        else:
            self._idle_frames += 1

    def send_receive_event_to_app(self) -> None:
        if self.close_sent:
            self.frames = []
            return
        content = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if self.curr_msg_data_type == "text":
            try:
                self.queue.put_nowait({"type": "websocket.receive", "text": content.decode()})
            except UnicodeDecodeError:
                self._fail(1007, "not UTF-8", Reason.MALFORMED)
            self._last = None
            return
        self._queued += len(content)
        if self._last is None or len(self._last["bytes"]) + len(content) > _TOGETHER:
            self._last = {"type": "websocket.receive", "bytes": bytearray(content)}
            self.queue.put_nowait(cast(Any, self._last))
        else:  # sound may be cut anywhere, and each message costs as much as a thousand samples
            self._last["bytes"] += content

    def handle_cont(self, event: Frame) -> None:
        self._count(event)
        if len(self.frames) >= _FRAGMENTS:
            self.frames = []
            self._fail(1008, "too many fragments", Reason.FLOOD)
            return
        super().handle_cont(event)

    def _fail(self, code: int, words: str, reason: Reason) -> None:
        self._door.refused(reason)
        self.conn.fail(code, words)
        self._unread.clear()
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say why, and close when the client has had time to read it: a socket that is closed while more
        comes is reset, and what it said last is lost.
        """
        said = self.conn.close_sent
        assert said is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": said.code, "reason": said.reason})
        self._gone.set()
        self._unheard = 0
        self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        if self.transport.is_closing():
            return
        self.transport.write_eof()
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(_LINGER, self.transport.close)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._regulate()  # else pings would go on being answered into a buffer that nobody empties
        self._door.expect(self.transport, Reason.UNREAD, self.loop.time() + self._door.limits.send_timeout)

    def resume_writing(self) -> None:
        self._door.came(self.transport, Reason.UNREAD)
        super().resume_writing()
        self._regulate()
        if self._unread:
            self._door.rota.join(self)

    def keepalive_timeout(self) -> None:
        if self.read_paused or not self.writable.is_set():
            # Its pong may wait among what we do not read.
            self.pong_timer = None
            self.pending_ping_payload = None
            self.schedule_ping()
            return
        super().keepalive_timeout()
