"""WebSockets of the server: uvicorn's protocol, which reads no further than its application does.

What a client may do wrong has a bound: messages and fragments that wait to be read, frames that say nothing,
pings and answers that nobody reads.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from voicecli.server.bucket import Bucket
from voicecli.server.door import CLOSING, VISITOR, Guarded
from voicecli.server.refusals import Reason

if TYPE_CHECKING:
    from voicecli.server.http_protocol import DoorConfig

__all__ = ["GuardedWebSocket"]

_LINGER: Final = 1.0  # seconds for which a WebSocket that broke a rule is read and not heard
_UNHEARD: Final = 4  # times the longest message, in bytes that it may send meanwhile
_PIECE: Final = 512  # bytes of WebSocket frames that are looked at together
_FRAMES: Final = 32  # that one WebSocket has looked at before it is somebody else's turn
_BYTES: Final = 65_536  # of them; and of sound that waits, no more is read while there is so much
_SOUND: Final = (4000, 2000)  # frames at once, and a second, that one WebSocket may send; more of them wait
_TEXT: Final = 5  # of them that a text counts as
_IDLE: Final = (2000, 100)  # frames without sound at once, and a second: one that sends more is dropped
_TOGETHER: Final = 8192  # bytes of sound that are handed over as one message, however many they came in
_QUEUED: Final = 16  # messages of one WebSocket that wait; no more is read while there are so many
_FRAGMENTS: Final = 1024  # of one message
_MESSAGES: Final = (Opcode.BINARY, Opcode.TEXT, Opcode.CONT)  # frames that hold a message, or more of one


class _Broken(Exception):
    """A rule is: the code that closes the socket, and why."""

    def __init__(self, code: int, words: str, reason: Reason) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.reason = reason


class _Intake:
    """Frames in, counted, and messages out: what is next to a message of sound is one with it."""

    def __init__(self, put: Callable[[Any], None], now: float) -> None:
        self.queued = 0  # bytes of sound that the application has not taken
        self.frames = self.idle_frames = 0  # that were looked at this time
        self._put = put
        self._bucket, self._idle_bucket = Bucket(*_SOUND, now), Bucket(*_IDLE, now)
        self._last: dict[str, Any] | None = None  # of what waits, if it is sound
        self._fragments: list[bytes] = []
        self._is_text = False

    def push(self, frame: Frame, heard: bool) -> None:
        """A piece of a message, which is dropped unless it is `heard`. Raises _Broken."""
        begins_text = frame.opcode is _MESSAGES[1]
        self.frames += _TEXT if begins_text else bool(frame.data)
        self.idle_frames += begins_text or not frame.data
        if not self._fragments:
            self._is_text = begins_text
        elif len(self._fragments) >= _FRAGMENTS:
            self._fragments = []
            raise _Broken(1008, "too many fragments", Reason.FLOOD)
        self._fragments.append(cast(bytes, frame.data))
        if not frame.fin:
            return
        content = self._fragments[0] if len(self._fragments) == 1 else b"".join(self._fragments)
        self._fragments = []
        if heard:
            (self._text if self._is_text else self._sound)(content)

    def _text(self, content: bytes) -> None:
        self._last = None
        try:
            self._put({"type": "websocket.receive", "text": content.decode()})
        except UnicodeDecodeError:
            raise _Broken(1007, "not UTF-8", Reason.MALFORMED) from None

    def _sound(self, content: bytes) -> None:
        self.queued += len(content)
        if self._last is None or len(self._last["bytes"]) + len(content) > _TOGETHER:
            self._last = {"type": "websocket.receive", "bytes": bytearray(content)}
            self._put(self._last)
        else:  # sound may be cut anywhere, and each message costs as much as a thousand samples
            self._last["bytes"] += content

    def taken(self, message: dict[str, Any]) -> bool:
        """The application takes it; whether it is sound."""
        sound = message.get("bytes")
        if sound is None:
            return False
        self.queued -= len(sound)
        message["bytes"] = bytes(sound)
        if message is self._last:
            self._last = None
        return True

    def charge(self, now: float) -> tuple[bool, float]:
        """Of frames that say nothing nobody needs many: whether they were too many. Others wait so many
        seconds when they are more than anybody needs.
        """
        return self._idle_bucket.take(self.idle_frames, now) > 0, self._bucket.take(self.frames, now)


class GuardedWebSocket(Guarded, WebSocketsSansIOProtocol):
    """Writes to whoever reads."""

    config: DoorConfig

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._door = self.config.door
        self._visitor = visitor = self._door.visitor(self.transport)
        visitor.asked()
        for reason in (Reason.HEADER, Reason.BODY):
            visitor.came(reason)
        self._unread = bytearray()
        self._intake = _Intake(self.queue.put_nowait, self.loop.time())
        self._rest: asyncio.TimerHandle | None = None  # until it may read again
        self._unheard: int | None = None  # bytes that came after a rule was broken

        def bound(most: float = math.inf) -> None:
            sessions = self._door.settings.sessions
            self.conn.max_message_size = size = int(min(most, sessions.message))
            self.conn.max_fragment_size = min(size, sessions.frame)

        bound(self._door.limits.header)  # a token fits into little
        visitor.welcome = bound
        self.close_timeout = CLOSING

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.clear()
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        cast(dict[str, Any], self.scope)[VISITOR] = self._visitor
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        if self.close_sent:  # by a rule that was broken meanwhile, of which the application need not know yet
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # a refusal is an answer as well, and nothing for the log

    @property
    def first(self) -> bool:
        return self._visitor.known

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
        self._visitor.hold(len(self._unread) + unfinished + self._intake.queued)

    def read(self) -> bool:
        """Look at some of what came, while the application keeps up; whether there is more to look at now."""
        intake = self._intake
        intake.frames = intake.idle_frames = looked_at = 0
        while self._unread and intake.frames + intake.idle_frames < _FRAMES and looked_at < _BYTES:
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
        flood, wait = intake.charge(self.loop.time())
        if flood and self._unheard is None and not self.transport.is_closing():
            self._fail(_Broken(1008, "too many frames that say nothing", Reason.FLOOD))
        if wait and self._rest is None:
            self._rest = self.loop.call_later(wait, self._rested)
        self._regulate()
        self._hold()
        return bool(self._unread) and self._may_read

    @property
    def _may_read(self) -> bool:
        keeps_up = self.queue.qsize() < _QUEUED and self._intake.queued < _BYTES and self.writable.is_set()
        return keeps_up and self._rest is None

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
        if not self._intake.taken(message) and not self.queue.empty():
            await asyncio.sleep(0)  # many small requests do not hold up others
        if self._unread:
            self._door.rota.join(self)
        else:
            self._regulate()
        return message

    def handle_events(self) -> None:
        for event in self.conn.events_received():
            if not isinstance(event, Frame):
                self.handle_connect(cast(Request, event))
            elif event.opcode in _MESSAGES:
                try:
                    self._intake.push(event, not self.close_sent)
                except _Broken as broken:
                    self._fail(broken)
            elif event.opcode is Opcode.CLOSE:
                self.handle_close(event)
            else:
                self._intake.idle_frames += 1
                if event.opcode is Opcode.PONG:  # `read` sends the answers to pings together
                    self.handle_pong(event)

    def _fail(self, broken: _Broken) -> None:
        self._door.refused(broken.reason)
        self.conn.fail(broken.code, broken.words)
        self._unread.clear()
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Say why, and close when the client has had time to read it: a socket that is closed while more
        comes is reset, and what it said last is lost.
        """
        said = self.conn.close_sent
        assert said is not None
        self.queue.put_nowait({"type": "websocket.disconnect", "code": said.code, "reason": said.reason})
        self._visitor.gone.set()
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

    def resume_writing(self) -> None:
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
