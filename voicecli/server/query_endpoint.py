"""`POST /api/v1/query`: a question in, its answer out as frames, to be played while they arrive.

The frames of an answer have sign 1, then 2, and 3 for the last, which holds no sound. `answer` is the text of
a phrase and stands in its first frame, so all of them joined are the whole text; `question` is what was
understood. An engine that fails after the first frame ends the answer with a frame whose header has an
`error` with `kind` and `message`; before that the status of HTTP says so.

A question has a place among those that are answered when all of it has come. Until then it only takes memory,
of which there is so much: when too many are on their way, the one that has been for longest is given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response

from voicecli.audio.pcm import s16_bytes
from voicecli.config.serving import SessionSettings
from voicecli.errors import VoiceError
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch, Timeline
from voicecli.server.crowd import Crowd
from voicecli.server.guard import HOLDER
from voicecli.server.problems import described, problem
from voicecli.server.query_body import QuestionLimits, read_question, understand
from voicecli.server.race import first_of, race
from voicecli.server.refusals import Refusal
from voicecli.server.responder import Engines, Responder, ResponderOptions
from voicecli.wire.frames import AudioFrame, FrameSequence, encode

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

__all__ = ["PATH", "Engines", "Responder", "ResponderOptions", "query_router"]

log = logging.getLogger(__name__)

PATH: Final = "/api/v1/query"
_TYPE: Final = "application/octet-stream"
_WAITING: Final = 4  # pieces of a body that may wait to be looked at
_RETRY: Final = 1  # seconds
_SHARE: Final = 0.5  # of the questions that are answered at once, for one token
_READ: Final = 4  # times as many questions as are answered may be on their way

Observe = Callable[[Timeline, bool], None]  # told of each answer: its marks, and whether it failed


def query_router(
    responder: Responder,
    settings: SessionSettings | None = None,
    observe: Observe | None = None,
    limits: QuestionLimits | None = None,
) -> APIRouter:
    """The route, for an application that guards it. `observe` hears of every answer."""
    desk = _Desk(
        responder,
        settings or SessionSettings(),
        observe or (lambda timeline, failed: None),
        limits or QuestionLimits(),
    )
    router = APIRouter(tags=["conversation"])

    @router.post(
        PATH,
        summary="A question, spoken or in writing; its answer as frames of text and sound",
        response_class=Response,
        responses=_RESPONSES,
        openapi_extra={"requestBody": _BODY},
    )
    async def query(request: Request) -> Response:
        return _Query(desk, request)

    return router


class _Desk:
    """What all questions share."""

    def __init__(
        self, responder: Responder, settings: SessionSettings, observe: Observe, limits: QuestionLimits
    ) -> None:
        self.responder = responder
        self.most = settings.questions  # at once
        self.limits = limits
        self.observe = observe
        self.answered: Crowd[_Query] = Crowd()  # by their tokens, as those that come
        self._coming: Crowd[_Query] = Crowd()

    def read(self, query: _Query) -> None:
        """A question begins to come. One of whoever has most of them is given up for it, the oldest."""
        self._coming.add(query, query.holder)
        if len(self._coming) > _READ * self.most:
            self._give_up(list(self._coming))

    def kept(self) -> None:
        """There is more of one; if there is too much of all, the longest is given up."""
        if sum(query.kept for query in self._coming) > self.limits.kept:
            most = max(query.kept for query in self._coming)
            self._give_up([query for query in self._coming if query.kept == most])

    def _give_up(self, among: Sequence[_Query]) -> None:
        loser = max(among, key=lambda query: self._coming.count(query.holder))  # the first of several
        self._coming.remove(loser)
        if not loser.given_up.done():
            error = Refusal(503, "Too many questions are on their way.", "busy", _RETRY)
            loser.given_up.set_exception(error)

    def take(self, query: _Query) -> None:
        """It has come, and is answered now. Raises Refusal when too many are."""
        self._coming.remove(query)
        holder, most = query.holder, self.most
        share = most if holder is None else max(1, int(_SHARE * most))
        full = self.answered.count(holder) >= share
        if full or len(self.answered) >= most:
            whose = "This token's places" if full and holder is not None else "All places"
            raise Refusal(503, f"{whose} are taken.", "busy", _RETRY)
        self.answered.add(query, holder)

    def forget(self, query: _Query) -> None:
        """It is answered, or nobody waits for that any more."""
        self._coming.remove(query)
        self.answered.remove(query)


class _Query(Response):
    """One question and its answer; a client that goes takes all the work with it."""

    def __init__(self, desk: _Desk, request: Request) -> None:
        super().__init__(media_type=_TYPE)
        self.holder: str | None = request.scope.get(HOLDER)
        self.kept = 0  # bytes of it that wait in memory
        self.given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._desk = desk
        self._content_type = request.headers.get("content-type", "")
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._stopwatch = Stopwatch()
        self._question = ""
        self._began = False  # the status has been sent
        self._whole = False  # all of the question has come

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with race(self._read(receive), self._work(send)) as (reading, working):
                # A reader that ends has seen the client go, or its body cut off by who stands before us.
                over = await first_of(self.given_up, reading, working)
                assert over is not None
                await over
        except VoiceError as error:
            if not isinstance(error, Refusal):
                log.warning("A question could not be answered: %s", error.kind)
            if not self._began:
                response = problem(error)
                if isinstance(error, Refusal) and not self._whole:
                    response.headers["connection"] = "close"  # the rest of the question is not read
                await response(scope, receive, send)
        finally:
            self._desk.forget(self)
            self.given_up.cancel()

    async def _read(self, receive: Receive) -> None:
        """Take what the client sends, until the client goes."""
        while True:
            message: Message = await receive()
            if message["type"] == "http.disconnect":
                return
            if body := message.get("body"):
                await self._pieces.put(body)
            if not message.get("more_body"):
                self._whole = True
                await self._pieces.put(None)

    def _keep(self, size: int) -> None:
        """So many bytes more wait."""
        self.kept += size
        self._desk.kept()

    async def _work(self, send: Send) -> None:
        """Answer. Raises VoiceError for what happens before the first frame."""
        desk = self._desk
        try:
            desk.read(self)
            question = await read_question(self._content_type, self._body(), desk.limits, self._keep)
            self._mark(Mark.TURN_ENDED)
            desk.take(self)
            self._question = await understand(question, desk.responder)
            self._mark(Mark.TRANSCRIPT)
            complete = await self._answer(send)
        except Refusal:
            raise  # of the client's making, and no answer at all
        except VoiceError:
            desk.observe(self._stopwatch.timeline(), True)
            raise
        desk.observe(self._stopwatch.timeline(), not complete)

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def _answer(self, send: Send) -> bool:
        """Send the frames; whether the answer is all there."""
        sequence = FrameSequence()
        last = AudioFrame(question=self._question)
        complete = True
        try:
            async with scoped(self._desk.responder.answer(self._question, self._stopwatch)) as pieces:
                async for piece in pieces:
                    frame = AudioFrame(
                        sample_rate=piece.rate,
                        question=self._question,
                        answer=piece.text,
                        payload=s16_bytes(piece.samples),
                    )
                    frame = sequence.push(frame)
                    last = replace(last, sample_rate=frame.sample_rate)
                    await self._put(send, encode(frame))
        except VoiceError as error:
            if not self._began:
                raise
            log.warning("An answer broke off: %s", error.kind)
            complete = False
            last = replace(last, extra={"error": {"kind": error.kind, "message": error.message}})
        await self._put(send, b"".join(map(encode, sequence.finish(last))), more=False)
        return complete

    async def _put(self, send: Send, data: bytes, *, more: bool = True) -> None:
        if not self._began:
            self._began = True
            headers = [
                (b"content-type", _TYPE.encode()),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),  # a proxy that collects it first would spoil it
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": data, "more_body": more})

    def _mark(self, mark: Mark) -> None:
        self._stopwatch.mark(mark, time.monotonic())


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Frames back to back: `u32 total | u32 header_length | header JSON | samples`.",
        "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    **described(
        {
            400: "This is no question.",
            413: "The question is too long.",
            415: "A question is of another type.",
            422: "Nothing was understood in the sound.",
            500: "The server has a defect here.",
            502: "An engine failed.",
            503: "All places are taken; `Retry-After` says when to ask again.",
            504: "An engine took too long.",
        }
    ),
}
_QUESTION: Final = {"type": "string", "minLength": 1, "maxLength": 10_000, "pattern": r"[^\s]"}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["question"],
                "properties": {"question": _QUESTION},
                "example": {"question": "What time is it in Tokyo?"},
            }
        },
        _TYPE: {
            "schema": {
                "type": "string",
                "format": "binary",
                "description": "Frames of sound, or one object frame with `question` or `text`.",
            }
        },
    },
}
