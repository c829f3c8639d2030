"""The application: health, readiness and metrics, what others add to them, and the guard before it all.

With `recognition_socket.py` the only file that imports fastapi and what it is built on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter, FastAPI, HTTPException, Response, Security, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware.cors import CORSMiddleware

from voicecli import __version__
from voicecli.errors import VoiceError
from voicecli.server.guard import HOLDER, METRICS, READY, Guard, Reason, Refusal, Request
from voicecli.server.http import VISIT
from voicecli.server.recognition_socket import RecognitionSockets, peer_of
from voicecli.server.refusals import Refusals
from voicecli.telemetry.logs import traced
from voicecli.telemetry.prometheus import CONTENT_TYPE, Exposition
from voicecli.telemetry.traceparent import parse_traceparent

if TYPE_CHECKING:
    from starlette.requests import Request as HttpRequest
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEALTH", "Pages", "make_app"]

log = logging.getLogger(__name__)

HEALTH: Final = "/api/v1/health"
_DESCRIPTION: Final = """\
Recognition over WebSockets (not described by OpenAPI): `/api/v1/simple` recognises everything,
`/api/v1/segmented` recognises speech.
"""


class Health(BaseModel):
    """The process is alive."""

    status: Literal["healthy"]


class Readiness(BaseModel):
    """Whether new sessions are taken."""

    status: Literal["ready", "starting", "busy", "stopping"]


class Problem(BaseModel):
    """Why there is no better answer."""

    error: ProblemText


class ProblemText(BaseModel):
    type: str
    message: str


@dataclass(frozen=True, slots=True)
class Pages:
    """What the pages are made from."""

    guard: Guard
    exposition: Exposition
    refusals: Refusals
    body: int  # bytes of the body of a request
    recognition: RecognitionSockets
    recognises: Callable[[], bool]  # whether there is an engine that can
    keeps_up: Callable[[], bool]  # whether it answers in time
    measure: Callable[[], None] = lambda: None  # brings the numbers of the moment up to date


def make_app(pages: Pages, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The application, with the routes of others below its own."""
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": words}
        for status, words in {
            401: "A token is needed, or this one is not known.",
            403: "The page that asks is somebody else's.",
            421: "The server is not called by that name.",
        }.items()
    }
    app = FastAPI(
        title="voicecli",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        responses=refusals,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its own may repeat what was sent
    )
    guard = pages.guard
    # The guard has looked at the token before: this is for the description alone.
    bearer = [Security(HTTPBearer(auto_error=False))] if guard.needs_token else []
    app.include_router(_open(pages))
    app.include_router(_metrics(pages), dependencies=[] if guard.may_be_seen(METRICS) else bearer)
    for router in routers:
        app.include_router(router, dependencies=bearer)
    app.router.routes.extend(pages.recognition.routes())
    app.add_exception_handler(VoiceError, _failed)
    app.add_exception_handler(AnyHTTPException, _problem)
    app.add_middleware(Gate, pages=pages)
    app.add_middleware(Strangers, guard=guard)
    return app


def _open(pages: Pages) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get(HEALTH, summary="Whether the process is alive")
    async def health() -> Health:
        return Health(status="healthy")

    @router.get(
        READY,
        summary="Whether new sessions are taken",
        responses={503: {"model": Readiness, "description": "Not now."}},
    )
    async def ready(response: Response) -> Readiness:
        if pages.guard.stopping:
            response.status_code = 503
            return Readiness(status="stopping")
        if not pages.recognises():
            response.status_code = 503
            return Readiness(status="starting")
        if not pages.keeps_up():
            response.status_code = 503
            return Readiness(status="busy")
        return Readiness(status="ready")

    return router


def _metrics(pages: Pages) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.get(METRICS, response_class=PlainTextResponse, summary="Numbers for Prometheus")
    async def metrics() -> Response:
        pages.measure()
        return Response(pages.exposition.text(), media_type=CONTENT_TYPE)

    return router


async def _failed(request: HttpRequest, error: Exception) -> Response:
    """An error of ours that reached the surface; what to do about engines is not the client's business."""
    assert isinstance(error, VoiceError)
    log.warning("%s %s failed: %s", request.method, request.url.path, error.kind)
    return _answer(502 if error.recoverable else 500, error.kind, error.message)


async def _problem(request: HttpRequest, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    return _answer(error.status_code, "request", str(error.detail), error.headers)


def _answer(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"type": kind, "message": message}}, status, dict(headers or {}))


class Strangers(CORSMiddleware):
    """Tells browsers that the pages of `server.origins` may ask."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        super().__init__(
            app,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Traceparent"],
            expose_headers=["Retry-After"],
            allow_private_network=True,  # the server may stand beside the browser
        )
        self._guard = guard

    def is_allowed_origin(self, origin: str) -> bool:
        return self._guard.is_invited(origin)


class Gate:
    """Asks the guard about every request before anything else looks at it, and counts its bytes."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["path"], headers)
        refused = self._refusal(scope, request)
        if refused is not None:
            self._pages.refusals.note(refused.reason, peer_of(scope), self._pages.guard.bearer_of(request))
            await _refuse(refused, scope, receive, send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        if self._too_long(headers.get("content-length", "")):
            self._pages.exposition.refused(Reason.BODY)
            await _refuse(self._long(), scope, receive, send)
            return
        scope[HOLDER] = self._pages.guard.bearer_of(request)
        try:
            with traced(parse_traceparent(headers.get("traceparent"))):
                await self._app(scope, self._counted(receive), send)
        except Exception:
            self._pages.exposition.panicked()
            raise

    def _refusal(self, scope: Scope, request: Request) -> Refusal | None:
        """Why not. The door is told of whoever has shown a token, or needs none."""
        guard, visit = self._pages.guard, scope.get(VISIT)
        if visit is not None and not visit.speaks_for(peer_of(scope)):
            return Refusal(Reason.ADDRESS, 503, "Too many connections from there.", 5)
        refused = guard.check(request) if scope["type"] == "websocket" else guard.admit(request)
        shown = not guard.needs_token or guard.bearer_of(request) is not None
        if refused is None and visit is not None and shown:
            visit.known()
        return refused

    def _too_long(self, length: str) -> bool:
        return length.isdecimal() and (len(length) > 18 or int(length) > self._pages.body)

    def _long(self) -> Refusal:
        return Refusal(Reason.BODY, 413, f"At most {self._pages.body} bytes are read.")

    def _counted(self, receive: Receive) -> Receive:
        """For a body whose length nobody told."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._pages.body:
                self._pages.exposition.refused(Reason.BODY)
                raise HTTPException(413, self._long().message, {"connection": "close"})
            return message

        return counted


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"connection": "close"}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    response = _answer(refusal.status, refusal.reason.value, refusal.message, headers)
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)


Problem.model_rebuild()
