"""The application: health, readiness and metrics, what others add to them, and the guard before it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from fastapi import APIRouter, FastAPI, Response, Security, WebSocket
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware

from voicecli import __version__
from voicecli.server.door import VISITOR
from voicecli.server.guard import HOLDER, METRICS, READY, Guard, Request
from voicecli.server.problems import HANDLERS, described, problem
from voicecli.server.recognition_socket import peer_of
from voicecli.server.refusals import Reason, Refusal
from voicecli.telemetry.logs import traced
from voicecli.telemetry.prometheus import CONTENT_TYPE
from voicecli.telemetry.traceparent import parse_traceparent

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from voicecli.server.service import Service

__all__ = ["HEALTH", "make_app"]

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


def make_app(service: Service, routers: Sequence[APIRouter] = ()) -> FastAPI:
    """The application, with the routes of others below its own."""
    app = FastAPI(
        title="voicecli",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        responses=described(
            {
                401: "A token is needed, or this one is not known.",
                403: "The page that asks is somebody else's.",
                421: "The server is not called by that name.",
            }
        ),
        exception_handlers=HANDLERS,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its own may repeat what was sent
    )
    guard = service.guard
    # The guard has looked at the token before: this is for the description alone.
    bearer = [Security(HTTPBearer(auto_error=False))] if guard.needs_token else []

    @app.get(HEALTH, tags=["operation"], summary="Whether the process is alive")
    async def health() -> Health:
        return Health(status="healthy")

    @app.get(
        READY,
        tags=["operation"],
        summary="Whether new sessions are taken",
        responses={503: {"model": Readiness, "description": "Not now."}},
    )
    async def ready(response: Response) -> Readiness:
        response.status_code = 200 if service.readiness == "ready" else 503
        return Readiness(status=service.readiness)

    @app.get(
        METRICS,
        tags=["operation"],
        summary="Numbers for Prometheus",
        response_class=PlainTextResponse,
        dependencies=[] if guard.may_be_seen(METRICS) else bearer,
    )
    async def metrics() -> Response:
        return Response(service.page(), media_type=CONTENT_TYPE)

    for router in routers:
        app.include_router(router, dependencies=bearer)
    app.router.routes.extend(service.recognition.routes())
    app.add_middleware(Gate, service=service)
    app.add_middleware(Strangers, guard=guard)
    return app


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

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._most = service.door.limits.body  # bytes of the body of a request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["path"], headers)
        holder = service.guard.holder(request.bearer)
        refused = self._refusal(scope, request, holder)
        if refused is not None:
            service.refusals.note(refused.reason, peer_of(scope), holder)
            await _refuse(refused, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, send)
        elif self._too_long(headers.get("content-length", "")):
            await _refuse(self._long(Reason.BODY), scope, receive, send)
        else:
            scope[HOLDER] = holder
            try:
                with traced(parse_traceparent(headers.get("traceparent"))):
                    await self._app(scope, self._counted(receive), send)
            except Exception:
                service.exposition.panicked()
                raise

    def _refusal(self, scope: Scope, request: Request, holder: str | None) -> Refusal | None:
        """Why not. The door is told of whoever has shown a token, or needs none."""
        guard, visitor = self._service.guard, scope.get(VISITOR)
        if visitor is not None and not visitor.move(peer_of(scope)):
            return Refusal(503, "Too many connections from there.", Reason.ADDRESS, 5)
        refused = guard.check(request) if scope["type"] == "websocket" else guard.admit(request)
        if refused is None and visitor is not None and (holder is not None or not guard.needs_token):
            visitor.greet()
        return refused

    def _too_long(self, length: str) -> bool:
        return length.isdecimal() and (len(length) > 18 or int(length) > self._most)

    def _long(self, kind: str) -> Refusal:
        self._service.exposition.refused(Reason.BODY)
        return Refusal(413, f"At most {self._most} bytes are read.", kind)

    def _counted(self, receive: Receive) -> Receive:
        """For a body whose length nobody told."""
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise self._long("request")
            return message

        return counted


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem(refusal, connection="close")
    if refusal.status_code == 401:
        response.headers["www-authenticate"] = "Bearer"
    if scope["type"] == "websocket":
        await WebSocket(scope, receive, send).send_denial_response(response)
    else:
        await response(scope, receive, send)
