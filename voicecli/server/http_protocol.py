"""HTTP of one socket: uvicorn's protocol, in bounds.

What a client may do wrong has one: time for the head of a request and for the rest of it, bytes of a head,
requests sent before the last is answered.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import uvicorn
from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from voicecli.server.door import VISITOR, Door, Guarded
from voicecli.server.refusals import Reason
from voicecli.server.websocket_protocol import GuardedWebSocket

__all__ = ["DoorConfig", "GuardedHttp"]

_PIPELINED: Final = 8  # requests that may be sent before the first is answered


def _answer(status: int, words: str = "", more: str = "content-length: 0") -> bytes:
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{more}\r\nconnection: close\r\n\r\n"
    return f"{head}{words}".encode()


_FULL: Final = _answer(
    503, "Too many connections here.", "content-type: text/plain\r\ncontent-length: 26\r\nretry-after: 5"
)
_TOO_LATE, _URL_TOO_LONG, _HEAD_TOO_LONG = map(_answer, (408, 414, 431))


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


class GuardedHttp(Guarded, HttpToolsProtocol):
    """One socket; it may become a WebSocket."""

    config: DoorConfig

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._door = door = self.config.door
        self._in_head = True
        self._fed = 0  # bytes since the head began
        self._seen = 0  # bytes of the URL, of names and values of headers
        self._hosts = 0  # headers that say what the server is called
        self._wrong: bytes | None = None  # what is said of a request that is none, if not 400
        inside = door.enter(self.transport, self.client[0] if self.client else "", self.loop.time())
        self._visitor = inside or door.visitor(self.transport)
        self._refused = inside is None
        if self._refused:
            self.transport.write(_FULL)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head:
            self._fed += len(data)
        super().data_received(data)
        if self._in_head and self._fed > self._door.limits.header and not self.transport.is_closing():
            self._refuse(_HEAD_TOO_LONG, Reason.HEADER)
        elif self.cycle is not None and not self.cycle.response_complete:
            self._visitor.hold(len(self.cycle.body))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[VISITOR] = self._visitor
        self._in_head = True
        self._fed = self._seen = self._hosts = 0
        until = self.loop.time() + self._door.limits.header_timeout
        self._visitor.expect(Reason.HEADER, until, self._too_late)

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
        self._visitor.came(Reason.HEADER)
        if len(self.pipeline) >= _PIPELINED:
            raise HttpParserError("too many requests wait")
        if self._hosts != 1 and (self._hosts or self.parser.get_http_version() == "1.1"):
            raise HttpParserError("it is called by no name, or by several")
        super().on_headers_complete()
        until = self.loop.time() + self._door.limits.body_timeout
        self._visitor.expect(Reason.BODY, until, self._too_late)

    def on_message_complete(self) -> None:
        self._visitor.came(Reason.BODY)
        self._visitor.asked()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._visitor.hold(0)
        self._visitor.forget()
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
