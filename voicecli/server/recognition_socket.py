"""The recognition WebSocket: one reader and one writer around a session, and what ends them.

The reader does not look at the next message before the session has room for it; what the client sends
meanwhile waits in the network. The writer sends what the session says; a client that does not read it is
dropped by the door.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from voicecli.config.serving import ServerSettings
from voicecli.errors import WireError
from voicecli.server.guard import Guard, Reason, Refusal, Request, Share
from voicecli.server.http import GONE, VISIT
from voicecli.server.refusals import Refusals
from voicecli.server.session import Mode, Session, SharedHearing
from voicecli.server.watch import SessionWatch
from voicecli.telemetry.logs import traced
from voicecli.telemetry.prometheus import Exposition
from voicecli.telemetry.traceparent import parse_traceparent
from voicecli.telemetry.traces import Tracer
from voicecli.wire.recognition import Failure, Start, decode_request, encode_event

if TYPE_CHECKING:
    from starlette.types import Message, Scope

__all__ = ["RecognitionSockets", "Stopping", "peer_of"]

log = logging.getLogger(__name__)

_DONE: Final = 1000  # close codes of RFC 6455, 7.4.1
_GOING: Final = 1001
_POLICY: Final = 1008
_DEFECT: Final = 1011
_LATER: Final = 1013  # IANA's registry: try again later
_LAST_WORDS: Final = 2.0  # seconds to say why it ends


class Stopping:
    """Tells all sessions that the server is going."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()  # finish what is under way
        self.over = asyncio.Event()  # finish nothing more
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def during(self) -> AsyncIterator[None]:
        """Count the current task among those to wait for."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            yield
        finally:
            self._open.discard(task)

    async def finish(self, timeout: float) -> int:
        """Let all sessions finish; how many had to be cut off after `timeout` seconds."""
        self.begun.set()
        if self._open and timeout > 0:
            await asyncio.wait(set(self._open), timeout=timeout)
        return await self.cut()

    async def cut(self) -> int:
        """End the sessions that there still are; how many they were."""
        self.begun.set()
        self.over.set()
        late = set(self._open)
        if late:
            _, deaf = await asyncio.wait(late, timeout=2 * _LAST_WORDS)
            for task in deaf:
                task.cancel()
        return len(late)


class _End(NamedTuple):
    """How a session ends: the code that closes the socket, and what the client is told before."""

    code: int
    words: str = ""
    reason: Reason | None = None


_STOPPED: Final = _End(_GOING, "The server is shutting down.", Reason.STOPPING)
_GONE: Final = _End(0)


class RecognitionSockets:
    """Serves the WebSockets of `/api/v1/simple` and `/api/v1/segmented`."""

    def __init__(
        self,
        hearing: SharedHearing,
        guard: Guard,
        exposition: Exposition,
        settings: ServerSettings,
        tracer: Tracer | None = None,
        stopping: Stopping | None = None,
        refusals: Refusals | None = None,
    ) -> None:
        self._hearing = hearing
        self._guard = guard
        self.exposition = exposition
        self._refusals = refusals or Refusals(exposition)
        self._tracer = tracer
        self.settings = settings
        self.stopping = stopping or Stopping()

    def routes(self) -> list[WebSocketRoute]:
        """One for each mode, and what answers on every other path."""
        routes = [WebSocketRoute(f"/api/v1/{mode.value}", partial(self.serve, mode=mode)) for mode in Mode]
        return [*routes, WebSocketRoute("/{path:path}", _nowhere)]

    async def serve(self, websocket: WebSocket, mode: Mode) -> None:
        """One connection from its beginning to its end."""
        request = Request(websocket.url.path, dict(websocket.headers))
        holder = None if request.bearer is None else self._guard.holder(request.bearer)
        first: Message | None = None
        share: Share | None = None
        if holder is not None or not self._guard.needs_token:
            entered = self._guard.enter(holder, _now(), self._hearing.late(holder))
            if isinstance(entered, Refusal):
                self._refusals.note(entered.reason, peer_of(websocket.scope), holder)
                await deny(websocket, entered)
                return
            share = entered
        try:
            async with self.stopping.during():
                await websocket.accept()
                if share is None:
                    first, share = await self._introduced(websocket)
                    if share is None:
                        return
                await self._session(websocket, mode, request, share, first)
        except WebSocketDisconnect:
            pass  # it went while it was being told something
        finally:
            if share is not None:
                self._guard.leave(share)

    async def _introduced(self, websocket: WebSocket) -> tuple[Message | None, Share | None]:
        """The first message, which has to bring a token, and the token's share; none for a client that was
        sent away.
        """
        refused = Refusal(Reason.TOKEN, 401, "A token is needed: in the Authorization header, or in `start`.")
        message: Message | None = None
        holder: str | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.sessions.start):
                message = await websocket.receive()
        text = None if message is None else message.get("text")
        if message is not None and message["type"] == "websocket.disconnect":
            return None, None
        if text is not None:
            try:
                asked = decode_request(text)
            except WireError as error:
                refused = Refusal(Reason.TOKEN, 401, str(error))
            else:
                holder = self._guard.holder(asked.token) if isinstance(asked, Start) and asked.token else None
                late = self._hearing.late(holder)
                share = None if holder is None else self._guard.enter(holder, _now(), late)
                if isinstance(share, Share):
                    if (visit := websocket.scope.get(VISIT)) is not None:
                        visit.known()
                    return message, share
                refused = share or refused
        self._refusals.note(refused.reason, peer_of(websocket.scope), holder)
        code = _POLICY if refused.status in (401, 403) else _LATER
        await self.part(websocket, _End(code, refused.message))
        return None, None

    async def _session(
        self, websocket: WebSocket, mode: Mode, request: Request, share: Share, first: Message | None
    ) -> None:
        parent = parse_traceparent(request.headers.get("traceparent"))
        watch = SessionWatch(
            self.exposition, self._tracer, mode.value, parent, log_text=self.settings.log_text
        )
        self.exposition.session_began(mode.value)
        with traced(parent):
            session = Session(self._hearing, mode, self.settings.sessions, watch, share.holder)
            try:
                await _Exchange(websocket, session, share, watch, self).run(first)
            finally:
                await session.close()
                self.exposition.session_ended(mode.value)

    async def part(self, websocket: WebSocket, end: _End) -> None:
        """Tell the client why, and close the socket."""
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            # RuntimeError: the client has begun to close as well.
            async with asyncio.timeout(_LAST_WORDS):
                if end.words:
                    self.exposition.failed("Closed")
                    await websocket.send_text(encode_event(Failure(end.words)))
                await websocket.close(end.code, end.words)


class _Exchange:
    """The messages of one session, both ways."""

    def __init__(
        self,
        websocket: WebSocket,
        session: Session,
        share: Share,
        watch: SessionWatch,
        server: RecognitionSockets,
    ) -> None:
        self._websocket = websocket
        self._session = session
        self._share = share
        self._watch = watch
        self._server = server
        self._settings = server.settings
        self._exposition = server.exposition
        self._busy = True  # the client waits for us, not we for the client
        self._last = _now()  # when it last sent something

    async def run(self, first: Message | None) -> None:
        """Until one side has had enough."""
        reader, writer = asyncio.create_task(self._read(first)), asyncio.create_task(self._write())
        events = [self._server.stopping.begun, self._websocket.scope.get(GONE) or asyncio.Event()]
        stopping, gone = (asyncio.create_task(event.wait()) for event in events)
        try:
            end = await self._until(reader, writer, stopping, gone)
            if end.reason is not None:
                if end.reason is not Reason.STOPPING:
                    self._exposition.refused(end.reason)
                await self._flush(reader, writer)
            if end is not _GONE:
                await self._server.part(self._websocket, end)
        finally:
            tasks = (reader, writer, stopping, gone)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until(
        self,
        reader: asyncio.Task[None],
        writer: asyncio.Task[None],
        stopping: asyncio.Task[bool],
        gone: asyncio.Task[bool],
    ) -> _End:
        """How it ends."""
        over = _now() + self._settings.sessions.length
        while True:
            waiting_since = _now() if self._busy else self._last
            until = min(over, waiting_since + self._settings.sessions.idle)
            done, _ = await asyncio.wait(
                (reader, writer, stopping, gone),
                timeout=max(until - _now(), 0.01),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for error in (task.exception() for task in (reader, writer) if task in done):
                if isinstance(error, WebSocketDisconnect):
                    return _GONE
                if error is not None:
                    self._exposition.panicked()
                    log.error("A session ended by a defect.", exc_info=error)
                    return _End(_DEFECT, "The server has a defect here; the session is over.")
            if reader in done or gone in done:
                return _GONE
            if writer in done:
                return _End(_DONE)
            if stopping in done:
                return _STOPPED
            if _now() >= over:
                words = f"The session has lasted {self._settings.sessions.length:g} seconds."
                return _End(_POLICY, words, Reason.LENGTH)
            if not self._busy and _now() >= self._last + self._settings.sessions.idle:
                words = f"Nothing has come for {self._settings.sessions.idle:g} seconds."
                return _End(_POLICY, words, Reason.IDLE)

    async def _flush(self, reader: asyncio.Task[None], writer: asyncio.Task[None]) -> None:
        """Take nothing more, and send what the session still has to say, for as long as there is time."""
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        finishing = asyncio.create_task(self._session.finish())
        over = asyncio.create_task(self._server.stopping.over.wait())
        try:
            # The writer ends when everything has been said.
            await asyncio.wait(
                {writer, over}, timeout=self._settings.grace, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for task in (finishing, over, writer):
                task.cancel()
            await asyncio.gather(finishing, over, writer, return_exceptions=True)

    async def _read(self, first: Message | None) -> None:
        """Give the session what the client sends, until the client goes."""
        message = first
        while True:
            if message is None:
                self._busy = False
                message = await self._websocket.receive()
            self._busy = True
            self._last = _now()
            if message["type"] == "websocket.disconnect":
                return
            text, data = message.get("text"), message.get("bytes")
            content = data if text is None else text
            message = None
            if content is None:
                continue
            await self._session.receive(content)
            await self._throttle()

    async def _throttle(self) -> None:
        """Read no more while the client's token has used up its share of audio."""
        heard, self._watch.heard = self._watch.heard, 0.0
        wait = self._share.take(heard, _now()) if heard else 0.0
        if wait > 0:
            self._exposition.throttled(wait)
            await asyncio.sleep(wait)

    async def _write(self) -> None:
        """Send what the session says, until it has said everything."""
        async for event in self._session.events():
            await self._websocket.send_text(encode_event(event))


async def _nowhere(websocket: WebSocket) -> None:
    paths = " and ".join(f"/api/v1/{mode.value}" for mode in Mode)
    answer = Response(f"There is no such path; there are {paths}.", 404, media_type="text/plain")
    await websocket.send_denial_response(answer)


async def deny(websocket: WebSocket, refusal: Refusal) -> None:
    """Answer a request for a WebSocket as if it were one for a page, with the status of the refusal."""
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    await websocket.send_denial_response(
        Response(refusal.message, refusal.status, headers, media_type="text/plain")
    )


def peer_of(scope: Scope) -> str:
    """The address that a request comes from, as far as it is known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
