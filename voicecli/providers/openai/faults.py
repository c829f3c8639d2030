"""Faults: what a server said when it did not do as asked, as one of our errors."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from voicecli.errors import BadRequest, NotFound, ProviderError, RateLimited, Refused, TimedOut, Unavailable
from voicecli.providers.openai.base_url import Address

__all__ = ["Call", "fault", "reason", "retry_after", "stalled"]

NO_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_LIMIT = 300  # characters of a server's own words that an error repeats
_LONGEST = 8_000  # characters of a body that are looked at
_DEEPEST = 8  # levels of nesting
_KEYS = ("message", "msg", "error_description", "detail", "error", "errors", "title", "reason")
_SECRET = re.compile(r"\b(?:sk|gsk|xai|key)[-_][\w*.\-]{6,}")
_INVISIBLE = re.compile(r"<(script|style|head)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]{0,500}>")


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as its errors speak of it."""

    stage: str  # asr, llm or tts: the table of the settings
    server: Address
    model: str
    timeout: float  # seconds without progress
    retries: int = 2  # before the first token or byte

    @property
    def table(self) -> str:
        return f"[{self.stage}.openai]"


def fault(
    call: Call, status: int, body: object, *, code: str | None = None, wait: float | None = None
) -> ProviderError:
    """The error for an HTTP status of 400 or more, with what the server said in it."""
    host = call.server.host
    said = reason(body, call.server.key)
    said = f": {said}" if said else f" (HTTP {status})."
    name = call.server.key_name
    if status in (401, 407):
        hint = (
            f"Check {name}."
            if call.server.key
            else f"It wants a key: set {name or 'one through api_key_env'}."
        )
        return Refused(f"{host} refused the key{said}", hint)
    if status == 403:
        return Refused(
            f"{host} does not allow this{said}", f"Check what the key in {name or 'api_key_env'} may use."
        )
    if status == 404:
        return NotFound(
            f"{host} has no {call.model!r} or no such service{said}",
            f"Check model and base_url in {call.table}.",
        )
    if code in NO_QUOTA or status == 402:
        return RateLimited(
            f"{host} has no quota left for this key{said}", "Check the plan and billing of the account."
        )
    if status == 429:
        hint = f"Try again in {wait:.0f} s." if wait is not None and wait >= 1 else "Try again in a moment."
        return RateLimited(f"{host} gets too many requests{said}", hint, wait)
    if status >= 500 or status in (408, 425):
        return Unavailable(
            f"{host} failed with HTTP {status}{said if ':' in said else '.'}",
            "Try again; the fault is on its side.",
        )
    return BadRequest(f"{host} rejected the request{said}", f"Check {call.table}.")


def stalled(call: Call) -> TimedOut:
    return TimedOut(
        f"{call.server.host} made no progress for {call.timeout:g} s.",
        f"If it is only slow, raise timeout in {call.table}.",
    )


def reason(body: object, key: str | None = None) -> str:
    """The sentence for people in an error body of any usual shape: on one line, short, without keys."""
    text = " ".join(_words(body).split())
    if key and len(key) > 3:
        text = text.replace(key, "…")
    text = _SECRET.sub("…", text)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1].rstrip() + "…"


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, from `Retry-After` in seconds or as a date, or OpenAI's `retry-after-ms`."""
    for name, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers.get(name, "")) / unit)
        except ValueError:
            continue
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, date.timestamp() - (time.time() if now is None else now))


def _words(body: object, depth: int = 0) -> str:
    if depth > _DEEPEST:
        return ""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        return _plain(body)
    if isinstance(body, Mapping):
        # FastAPI names the field that is wrong beside the message.
        where = body.get("loc")
        prefix = (
            f"{'.'.join(str(part) for part in where)}: " if isinstance(where, list | tuple) and where else ""
        )
        found = (_words(body[name], depth + 1) for name in _KEYS if body.get(name))
        return prefix + next((text for text in found if text), "")
    if isinstance(body, list | tuple):
        return "; ".join(text for text in (_words(item, depth + 1) for item in body[:3]) if text)
    return ""


def _plain(text: str) -> str:
    text = text[:_LONGEST]
    if not re.match(r"\s*(<!doctype|<html|<\?xml|<head|<body|<h\d)", text, re.IGNORECASE):
        return text
    title = _TITLE.search(text)
    visible = _TAG.sub(" ", _INVISIBLE.sub(" ", text))
    return html.unescape(title.group(1) if title and title.group(1).strip() else visible)
