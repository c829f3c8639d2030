"""The door: uvicorn's protocols, made to cost little whatever the other end does.

What a client may do wrong has a bound: sockets, from one address and in all; time for the head of a request
and for the rest of it; bytes of a head; requests sent before the last is answered; messages and fragments
that wait to be read; answers that nobody reads. What goes over a bound is dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import uvicorn
from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from voicecli.server.guard import Bucket, Reason
from voicecli.server.rota import Rota

__all__ = ["GONE", "Door", "DoorConfig", "DoorOptions", "GuardedHttp", "GuardedWebSocket"]

GONE: Final = "voicecli.gone"  # in the scope of a WebSocket: an event that says that its client has gone

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
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorOptions:
    """How many sockets there may be, and how long each may take."""

    most: int = 4000  # sockets at once
    per_address: int = 3000  # of them from one address
    waiting: int = 500  # of them without a whole request yet
    header_timeout: float = 5.0  # seconds for the head of a request
    body_timeout: float = 30.0  # seconds for the rest of it
    send_timeout: float = 10.0  # seconds in which a client reads nothing
    header: int = 16_384  # bytes of a head
    message: int = 1_048_576  # bytes of a WebSocket message
    frame: int = 1_048_576  # bytes of a WebSocket frame


class Door:
    """Counts the sockets and the time that each has for what it is expected to do."""

    def __init__(
        self, options: DoorOptions = DoorOptions(), refused: Callable[[Reason], None] = lambda reason: None
    ) -> None:
        self.options = options
        self.refused = refused
        self.rota = Rota()  # of those who are inside
        self._inside: dict[asyncio.Transport, str] = {}  # by their address
        self._addresses: Counter[str] = Counter()
        self._waiting: dict[asyncio.Transport, float] = {}  # since when; the oldest first
        self._expected: dict[tuple[asyncio.Transport, Reason], float] = {}  # until when

    def __len__(self) -> int:
        return len(self._inside)

    def enter(self, transport: asyncio.Transport, address: str, now: float) -> bool:
        """Let a socket in, unless there are too many that do something."""
        if self._addresses[address] >= self.options.per_address:
            self.refused(Reason.ADDRESS)
            return False
        if len(self._inside) >= self.options.most:
            if not self._waiting:
                self.refused(Reason.CONNECTIONS)
                return False
            self._drop_oldest()
        self._inside[transport] = address
        self._addresses[address] += 1
        self._waiting[transport] = now
        self.expect(transport, Reason.HEADER, now + self.options.header_timeout)
        return True

    def _drop_oldest(self) -> None:
        """Of those who wait."""
        oldest = next(iter(self._waiting))
        self.refused(Reason.WAITING)
        self.leave(oldest)
        oldest.abort()

    def leave(self, transport: asyncio.Transport) -> None:
        """The socket is gone."""
        address = self._inside.pop(transport, None)
        if address is None:
            return
        self._addresses[address] -= 1
        if not self._addresses[address]:
            del self._addresses[address]
        self._waiting.pop(transport, None)
        for reason in _DEADLINES:
            self._expected.pop((transport, reason), None)

    def asked(self, transport: asyncio.Transport) -> None:
        """The socket has sent a whole request."""
        self._waiting.pop(transport, None)

    def expect(self, transport: asyncio.Transport, reason: Reason, until: float) -> None:
        """Drop the socket for `reason` unless `came` is called before `until`."""
        self._expected[transport, reason] = until

    def came(self, transport: asyncio.Transport, reason: Reason) -> None:
        """What was expected has come."""
        self._expected.pop((transport, reason), None)

    def sweep(self, now: float) -> None:
        """Drop whoever is late, and of those who wait too many."""
        # The request of whoever came with many others may be there and not looked at yet.
        while len(self._waiting) > self.options.waiting and now - next(iter(self._waiting.values())) > _FRESH:
            self._drop_oldest()
        for transport in self._inside:
            if transport.is_closing():
                self._expected.setdefault((transport, Reason.UNREAD), now + _CLOSING)
        late = [(key, until) for key, until in self._expected.items() if until <= now]
        for (transport, reason), _ in late:
            self._expected.pop((transport, reason), None)
            self.refused(reason)
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
            ws_max_size=door.options.message,
            ws_per_message_deflate=False,  # sound hardly shrinks, and a bomb would grow
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self.door = door


class GuardedHttp(HttpToolsProtocol):
    """HTTP of one socket."""

    config: DoorConfig

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._door = self.config.door
        self._in_head = True
        self._fed = 0  # bytes since the head began
        self._seen = 0  # bytes of names and values of headers
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
        if self._in_head and self._fed > self._door.options.header and not self.transport.is_closing():
            self._door.refused(Reason.HEADER)
            self._refused = True
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._fed = self._seen = 0
        self._door.expect(self.transport, Reason.HEADER, self.loop.time() + self._door.options.header_timeout)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._seen += len(name) + len(value) + 4  # counted as well: a head may come in one piece
        if self._seen > self._door.options.header:
            raise HttpParserError("the head is too long")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._door.came(self.transport, Reason.HEADER)
        if len(self.pipeline) >= _PIPELINED:
            raise HttpParserError("too many requests wait")
        self._door.expect(self.transport, Reason.BODY, self.loop.time() + self._door.options.body_timeout)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._door.came(self.transport, Reason.BODY)
        self._door.asked(self.transport)
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._door.refused(Reason.MALFORMED)
        self._refused = True
        super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._door.expect(self.transport, Reason.UNREAD, self.loop.time() + self._door.options.send_timeout)

    def resume_writing(self) -> None:
        self._door.came(self.transport, Reason.UNREAD)
        super().resume_writing()


class GuardedWebSocket(WebSocketsSansIOProtocol):
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
        self.conn.max_fragment_size = self._door.options.frame
        self.close_timeout = _CLOSING

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self.transport)
        self._unread.clear()
        if self._rest is not None:
            self._rest.cancel()
        self._gone.set()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        cast(dict[str, Any], self.scope)[GONE] = self._gone
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if self.close_sent:  # by a rule that was broken meanwhile, of which the application need not know yet
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # a refusal is an answer as well, and nothing for the log

    @property
    def known(self) -> bool:
        return True

    def data_received(self, data: bytes) -> None:
        if self._unheard is not None:
            self._unheard += len(data)
            if self._unheard > _UNHEARD * self._door.options.message:
                self.transport.close()
            return
        self._unread += data
        if len(self._unread) > _PIECE:
            self._regulate()
        self._door.rota.join(self)

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
        self._door.expect(self.transport, Reason.UNREAD, self.loop.time() + self._door.options.send_timeout)

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
