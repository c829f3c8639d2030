"""Errors as HTTP tells them: one status and one body for each, and their part of the OpenAPI description."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from voicecli.errors import RateLimited, TimedOut, VoiceError
from voicecli.server.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["HANDLERS", "described", "problem"]

log = logging.getLogger(__name__)

_RETRY = 1  # seconds


class ProblemText(BaseModel):
    type: str
    message: str


class Problem(BaseModel):
    """Why there is no better answer."""

    error: ProblemText


def described(statuses: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Answers that are problems, for the description of a route."""
    return {status: {"model": Problem, "description": words} for status, words in statuses.items()}


def problem(error: VoiceError, **headers: str) -> JSONResponse:
    """The answer that tells of it; what to do about engines is not the client's business."""
    retry = error.retry_after if isinstance(error, Refusal | RateLimited) else None
    status = 502 if error.recoverable else 500
    if isinstance(error, Refusal):
        status = error.status_code
    elif isinstance(error, RateLimited):
        status, retry = 503, retry or _RETRY
    elif isinstance(error, TimedOut):
        status = 504
    if retry is not None:
        headers["retry-after"] = str(max(1, round(retry)))
    return _answer(status, error.kind, error.message, headers)


def _answer(status: int, kind: str, message: str, headers: dict[str, str]) -> JSONResponse:
    return JSONResponse({"error": {"type": kind, "message": message}}, status, headers)


async def _failed(request: Request, error: Exception) -> Response:
    """An error of ours that reached the surface."""
    assert isinstance(error, VoiceError)
    if not isinstance(error, Refusal):
        log.warning("%s %s failed: %s", request.method, request.url.path, error.kind)
    return problem(error)


async def _none_such(request: Request, error: Exception) -> Response:
    """No such page, or not asked for like that."""
    assert isinstance(error, HTTPException)
    return _answer(error.status_code, "request", str(error.detail), dict(error.headers or {}))


HANDLERS: dict[int | type[Exception], Any] = {VoiceError: _failed, HTTPException: _none_such}
"""For an application of FastAPI."""
