"""The recognition WebSocket: one reader and one writer around a session, and what ends them.

The reader does not look at the next message before the session has room for it; what the client sends
meanwhile waits in the network. The writer sends what the session says; a client that does not read it is
dropped by the door.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from voicecli.config.serving import ServerSettings
from voicecli.errors import WireError
from voicecli.server.door import VISITOR, Visitor
from voicecli.server.guard import Guard, Request, Share
from voicecli.server.race import first_of, race
from voicecli.server.refusals import Reason, Refusal, Refusals
from voicecli.server.session import Mode, Session
from voicecli.server.shared_recognition import SharedRecognition
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

_LAST_WORDS: Final = 2.0  # seconds to say why it ends


class Stopping:
    """Tells all sessions that the server is going."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()  # finish what is under way
        self.over = asyncio.Event()  # finish nothing more
        self._open: set[asyncio.Task[Any]] = set()

    def enter(self) -> None:
        """Count the current task among those to wait for, until it ends."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def finish(self, timeout: float) -> int:
        """Let all sessions finish; how many had to be cut off after `timeout` seconds."""
        self.begun.set()
        if self._open and timeout > 0:
            await asyncio.wait(set(self._open), timeout=timeout)
        self.over.set()
        late = set(self._open)
        if late:
            _, deaf = await asyncio.wait(late, timeout=2 * _LAST_WORDS)
            for task in deaf:
                task.cancel()
        return len(late)


class _End(NamedTuple):
    """How a session ends: the code that closes the socket, and what the client is told before."""

    code: int  # of RFC 6455, 7.4.1
    words: str = ""
    reason: Reason | None = None


_GONE: Final = _End(0)


class RecognitionSockets:
    """Serves the WebSockets of `/api/v1/simple` and `/api/v1/segmented`."""

    def __init__(
        self,
        shared: SharedRecognition,
        guard: Guard,
        exposition: Exposition,
        settings: ServerSettings,
        tracer: Tracer | None,
        refusals: Refusals,
    ) -> None:
        self._shared = shared
        self._guard = guard
        self.exposition = exposition
        self._refusals = refusals
        self._tracer = tracer
        self.settings = settings
        self.stopping = Stopping()

    def routes(self) -> list[WebSocketRoute]:
        """One for each mode, and what answers on every other path."""
        routes = [WebSocketRoute(f"/api/v1/{mode.value}", partial(self.serve, mode=mode)) for mode in Mode]
        return [*routes, WebSocketRoute("/{path:path}", _nowhere)]

    async def serve(self, websocket: WebSocket, mode: Mode) -> None:
        """One connection from its beginning to its end."""
        request = Request(websocket.url.path, dict(websocket.headers))
        holder = self._guard.holder(request.bearer)
        first: Message | None = None
        share: Share | None = None
        try:
            if holder is not None or not self._guard.needs_token:
                share = self._enter(holder)
            self.stopping.enter()
            await websocket.accept()
            if share is None:
                first, holder = await self._introduced(websocket)
                share = self._enter(holder)
                if (visitor := _visitor(websocket)) is not None:
                    visitor.greet()
            await self._session(websocket, mode, request, share, first)
        except Refusal as refusal:
            self._refusals.note(refusal.reason, peer_of(websocket.scope), holder)
            await self._turn_away(websocket, refusal)
        except WebSocketDisconnect:
            pass  # it went while it was being told something
        finally:
            if share is not None:
                self._guard.leave(share)

    def _enter(self, holder: str | None) -> Share:
        """A share of what the token may take. Raises Refusal."""
        share = self._guard.enter(holder, _now(), self._shared.late(holder))
        if isinstance(share, Refusal):
            raise share
        return share

    async def _introduced(self, websocket: WebSocket) -> tuple[Message, str]:
        """The first message, and the holder of the token that it has to bring. Raises Refusal."""
        refused = Refusal(401, "A token is needed: in the Authorization header, or in `start`.", Reason.TOKEN)
        try:
            async with asyncio.timeout(self.settings.sessions.start):
                message = await websocket.receive()
        except TimeoutError:
            raise refused from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        text = message.get("text")
        try:
            asked = None if text is None else decode_request(text)
        except WireError as error:
            raise Refusal(401, str(error), Reason.TOKEN) from error
        holder = self._guard.holder(asked.token) if isinstance(asked, Start) else None
        if holder is None:
            raise refused
        return message, holder

    async def _session(
        self, websocket: WebSocket, mode: Mode, request: Request, share: Share, first: Message | None
    ) -> None:
        parent = parse_traceparent(request.headers.get("traceparent"))
        watch = SessionWatch(
            self.exposition, self._tracer, mode.value, parent, log_text=self.settings.log_text
        )
        self.exposition.add("sessions", 1, mode.value)
        self.exposition.add("sessions_begun", 1, mode.value)
        with traced(parent):
            session = Session(self._shared, mode, self.settings.sessions, watch, share.holder)
            try:
                await _Exchange(websocket, session, share, watch, self).run(first)
            finally:
                await session.close()
                self.exposition.add("sessions", -1, mode.value)

    async def _turn_away(self, websocket: WebSocket, refusal: Refusal) -> None:
        """Answer as if it were a request for a page, or after that in the words of a WebSocket."""
        if websocket.application_state is WebSocketState.CONNECTED:
            await self.part(websocket, _End(refusal.close_code, refusal.message))
            return
        headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
        answer = PlainTextResponse(refusal.message, refusal.status_code, headers)
        await websocket.send_denial_response(answer)

    async def part(self, websocket: WebSocket, end: _End) -> None:
        """Tell the client why, and close the socket."""
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
            # RuntimeError: the client has begun to close as well.
            async with asyncio.timeout(_LAST_WORDS):
                if end.words:
                    self.exposition.add("failures", 1, "Closed")
                    await websocket.send_text(encode_event(Failure(end.words)))
                await websocket.close(end.code, end.words)


class _Exchange:
    """The messages of one session, both ways; each of its works ends by saying how the session does."""

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
        self._busy = True  # the client waits for us, not we for the client
        self._last = _now()  # when it last sent something

    async def run(self, first: Message | None) -> None:
        """Until one side has had enough."""
        works = (self._read(first), self._gone(), self._write(), self._stopped(), self._idle())
        async with race(*works) as tasks:
            end = self._end(await first_of(*tasks, timeout=self._settings.sessions.length))
            if end.reason is not None:
                if end.reason is not Reason.STOPPING:
                    self._server.exposition.refused(end.reason)
                await self._flush(reader=tasks[0], writer=tasks[2])
        if end is not _GONE:
            await self._server.part(self._websocket, end)

    def _end(self, over: asyncio.Future[_End] | None) -> _End:
        """What the first that was over says."""
        if over is None:
            words = f"The session has lasted {self._settings.sessions.length:g} seconds."
            return _End(1008, words, Reason.LENGTH)
        error = over.exception()
        if error is None:
            return over.result()
        if isinstance(error, WebSocketDisconnect):
            return _GONE
        self._server.exposition.panicked()
        log.error("A session ended by a defect.", exc_info=error)
        return _End(1011, "The server has a defect here; the session is over.")

    async def _flush(self, reader: asyncio.Task[_End], writer: asyncio.Task[_End]) -> None:
        """Take nothing more, and send what the session still has to say, for as long as there is time."""
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        async with race(self._session.finish(), self._server.stopping.over.wait()) as (_, over):
            # The writer ends when everything has been said.
            await first_of(writer, over, timeout=self._settings.grace)

    async def _read(self, first: Message | None) -> _End:
        """Give the session what the client sends, until the client goes."""
        message = first
        while True:
            if message is None:
                self._busy = False
                message = await self._websocket.receive()
            self._busy = True
            self._last = _now()
            if message["type"] == "websocket.disconnect":
                return _GONE
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
            self._server.exposition.add("throttled_seconds", wait)
            await asyncio.sleep(wait)

    async def _write(self) -> _End:
        """Send what the session says, until it has said everything."""
        async for event in self._session.events():
            await self._websocket.send_text(encode_event(event))
        return _End(1000)

    async def _gone(self) -> _End:
        """The socket is, though there may be messages that nobody has taken."""
        visitor = _visitor(self._websocket)
        await (asyncio.Event() if visitor is None else visitor.gone).wait()
        return _GONE

    async def _stopped(self) -> _End:
        await self._server.stopping.begun.wait()
        return _End(1001, "The server is shutting down.", Reason.STOPPING)

    async def _idle(self) -> _End:
        """The client sends nothing, and is not waiting either."""
        idle = self._settings.sessions.idle
        while True:
            silent = 0.0 if self._busy else _now() - self._last
            if silent >= idle:
                return _End(1008, f"Nothing has come for {idle:g} seconds.", Reason.IDLE)
            await asyncio.sleep(idle - silent)


async def _nowhere(websocket: WebSocket) -> None:
    paths = " and ".join(f"/api/v1/{mode.value}" for mode in Mode)
    answer = PlainTextResponse(f"There is no such path; there are {paths}.", 404)
    await websocket.send_denial_response(answer)


def _visitor(websocket: WebSocket) -> Visitor | None:
    visitor: Visitor | None = websocket.scope.get(VISITOR)
    return visitor


def peer_of(scope: Scope) -> str:
    """The address that a request comes from, as far as it is known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def _now() -> float:
    return asyncio.get_running_loop().time()
