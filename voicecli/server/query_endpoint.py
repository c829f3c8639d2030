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
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from voicecli.audio.pcm import s16_bytes
from voicecli.config.serving import SessionSettings
from voicecli.errors import RateLimited, TimedOut, VoiceError
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch, Timeline
from voicecli.server.guard import HOLDER
from voicecli.server.query_body import Mishap, QuestionLimits, read_question, understand
from voicecli.server.responder import Engines, Piece, Responder, ResponderOptions
from voicecli.wire.frames import AudioFrame, FrameSequence, encode

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

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
    answering: Responder,
    settings: SessionSettings | None = None,
    limits: QuestionLimits | None = None,
    observe: Observe | None = None,
) -> APIRouter:
    """The route, for an application that guards it. `observe` hears of every answer."""
    desk = _Desk(
        answering,
        settings or SessionSettings(),
        limits or QuestionLimits(),
        observe or (lambda timeline, failed: None),
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
        return _Answer(desk, request.headers.get("content-type", ""))

    return router


class _Desk:
    """What all questions share."""

    def __init__(
        self, answering: Responder, settings: SessionSettings, limits: QuestionLimits, observe: Observe
    ) -> None:
        self.answering = answering
        self.most = settings.questions  # at once
        self.limits = limits
        self.observe = observe
        self._busy: Counter[str | None] = Counter()  # questions that are being answered, by their tokens
        self._coming: dict[_Exchange, None] = {}  # the oldest first

    def read(self, exchange: _Exchange) -> None:
        """A question begins to come."""
        self._coming[exchange] = None
        if len(self._coming) > _READ * self.most:
            self._give_up(list(self._coming))

    def kept(self) -> None:
        """There is more of one."""
        if sum(exchange.kept for exchange in self._coming) > self.limits.kept:
            most = max(exchange.kept for exchange in self._coming)
            self._give_up([exchange for exchange in self._coming if exchange.kept == most])

    def _give_up(self, among: Sequence[_Exchange]) -> None:
        """One of whoever has most of them, and of these the oldest."""
        holders = Counter(exchange.holder for exchange in self._coming)
        loser = max(among, key=lambda exchange: holders[exchange.holder])  # the first of several
        del self._coming[loser]
        loser.give_up(Mishap(503, "Too many questions are on their way.", "busy", _RETRY))

    def left(self, exchange: _Exchange) -> None:
        """It has come, or does not come any more."""
        self._coming.pop(exchange, None)

    @contextmanager
    def place(self, holder: str | None) -> Iterator[None]:
        """A place among those that are answered. Raises Mishap when there is none."""
        most = self.most
        share = most if holder is None else max(1, int(_SHARE * most))
        if self._busy.total() >= most or self._busy[holder] >= share:
            whose = "All places" if holder is None or self._busy[holder] < share else "This token's places"
            raise Mishap(503, f"{whose} are taken.", "busy", _RETRY)
        self._busy[holder] += 1
        try:
            yield
        finally:
            self._busy[holder] -= 1


class _Answer(Response):
    """Reads the question and sends the answer; a client that goes takes all the work with it."""

    def __init__(self, desk: _Desk, content_type: str) -> None:
        super().__init__(media_type=_TYPE)
        self._desk = desk
        self._content_type = content_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(self._desk, self._content_type, scope.get(HOLDER), receive, send)
        reading, working = asyncio.create_task(exchange.read()), asyncio.create_task(exchange.work())
        try:
            await asyncio.wait((reading, working, exchange.given_up), return_when=asyncio.FIRST_COMPLETED)
            # A reader that ends has seen the client go, or its body cut off by who stands before us.
            for task in (exchange.given_up, reading, working):
                if task.done():
                    await task
                    break
        except Mishap as error:
            if not exchange.began:
                response = _refusal(error.status_code, error.name, error.message, error.retry_after)
                if not exchange.whole:
                    response.headers["connection"] = "close"  # the rest of the question is not read
                await response(scope, receive, send)
        except VoiceError as error:
            if not exchange.began:
                await _failure(error)(scope, receive, send)
        finally:
            self._desk.left(exchange)
            tasks = (reading, working, exchange.given_up)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Exchange:
    """One question and its answer."""

    def __init__(
        self, desk: _Desk, content_type: str, holder: str | None, receive: Receive, send: Send
    ) -> None:
        self.holder = holder
        self.kept = 0  # bytes of it that wait in memory
        self.given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._desk = desk
        self._content_type = content_type
        self._receive = receive
        self._send = send
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._stopwatch = Stopwatch()
        self._question = ""
        self.began = False  # the status has been sent
        self.whole = False  # all of the question has come

    async def read(self) -> None:
        """Take what the client sends, until the client goes."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return
            if body := message.get("body"):
                await self._pieces.put(body)
            if not message.get("more_body"):
                self.whole = True
                await self._pieces.put(None)

    def keep(self, size: int) -> None:
        """So many bytes more wait."""
        self.kept += size
        self._desk.kept()

    def give_up(self, error: Mishap) -> None:
        """Others come first."""
        if not self.given_up.done():
            self.given_up.set_exception(error)

    async def work(self) -> None:
        """Answer. Raises VoiceError for what happens before the first frame."""
        desk = self._desk
        try:
            desk.read(self)
            question = await read_question(self._content_type, self._body(), desk.limits, self.keep)
            self._mark(Mark.TURN_ENDED)
            desk.left(self)
            with desk.place(self.holder):
                self._question = await understand(question, desk.answering)
                self._mark(Mark.TRANSCRIPT)
                complete = await self._answer()
        except Mishap:
            raise  # of the client's making, and no answer at all
        except VoiceError:
            desk.observe(self._stopwatch.timeline(), True)
            raise
        desk.observe(self._stopwatch.timeline(), not complete)

    async def _body(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def _answer(self) -> bool:
        """Send the frames; whether the answer is all there."""
        sequence = FrameSequence()
        last = AudioFrame(question=self._question)
        failure: VoiceError | None = None
        try:
            async with scoped(self._desk.answering.answer(self._question, self._stopwatch)) as pieces:
                async for piece in pieces:
                    frame = sequence.push(self._frame(piece))
                    last = replace(last, sample_rate=frame.sample_rate)
                    await self._put(encode(frame))
        except VoiceError as error:
            if not self.began:
                raise
            log.warning("An answer broke off: %s", error.kind)
            failure = error
            last = replace(last, extra={"error": {"kind": error.kind, "message": error.message}})
        await self._put(b"".join(map(encode, sequence.finish(last))), more=False)
        return failure is None

    def _frame(self, piece: Piece) -> AudioFrame:
        return AudioFrame(
            sample_rate=piece.rate,
            question=self._question,
            answer=piece.text,
            payload=s16_bytes(piece.samples),
        )

    async def _put(self, data: bytes, *, more: bool = True) -> None:
        if not self.began:
            self.began = True
            headers = [
                (b"content-type", _TYPE.encode()),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),  # a proxy that collects it first would spoil it
            ]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": data, "more_body": more})

    def _mark(self, mark: Mark) -> None:
        self._stopwatch.mark(mark, time.monotonic())


def _failure(error: VoiceError) -> Response:
    """An engine that failed before it said anything; what to do about it is not the client's business."""
    log.warning("A question could not be answered: %s", error.kind)
    if isinstance(error, RateLimited):
        return _refusal(503, error.kind, error.message, max(1, round(error.retry_after or _RETRY)))
    if isinstance(error, TimedOut):
        return _refusal(504, error.kind, error.message)
    return _refusal(502 if error.recoverable else 500, error.kind, error.message)


def _refusal(status: int, kind: str, message: str, retry_after: int | None = None) -> Response:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return JSONResponse({"error": {"type": kind, "message": message}}, status, headers)


_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Frames back to back: `u32 total | u32 header_length | header JSON | samples`.",
        "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
    **{
        status: {"description": words, "content": {"application/json": {"schema": _PROBLEM}}}
        for status, words in {
            400: "This is no question.",
            413: "The question is too long.",
            415: "A question is of another type.",
            422: "Nothing was understood in the sound.",
            500: "The server has a defect here.",
            502: "An engine failed.",
            503: "All places are taken; `Retry-After` says when to ask again.",
            504: "An engine took too long.",
        }.items()
    },
}
_QUESTION: Final[dict[str, Any]] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 10_000,
    "pattern": r"[^\s]",
}
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
