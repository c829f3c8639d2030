"""Faults: what a server said, or the library and its transport raised, as one of our errors."""

from __future__ import annotations

import contextlib
import html
import json
import random
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from voicecli.errors import (
    BadRequest,
    Dropped,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
    VoiceError,
    causes,
)
from voicecli.providers.openai.base_url import Address

if TYPE_CHECKING:
    import openai

__all__ = ["Call", "fault", "pause_before_retry", "reason", "retry_after", "stalled", "strayed", "translated"]

BACK_OFF = 0.25  # seconds before the first retry; each further one waits twice as long
LONGEST_BACK_OFF = 4.0
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
    host, name = call.server.host, call.server.key_name
    said = reason(body, call.server.key)
    said = f": {said}" if said else f" (HTTP {status})."
    wanted = f"It wants a key: set {name or 'one through api_key_env'}."
    if code in NO_QUOTA:
        status = 402
    if status == 429:
        hint = f"Try again in {wait:.0f} s." if wait is not None and wait >= 1 else "Try again in a moment."
        return RateLimited(f"{host} gets too many requests{said}", hint, wait)
    if status >= 500 or status in (408, 425):
        what = f"{host} failed with HTTP {status}{said if ':' in said else '.'}"
        return Unavailable(what, "Try again; the fault is on its side.")
    refused = (Refused, "refused the key", f"Check {name}." if call.server.key else wanted)
    kinds: dict[int, tuple[type[ProviderError], str, str]] = {
        401: refused,
        402: (RateLimited, "has no quota left for this key", "Check the plan and billing of the account."),
        403: (Refused, "does not allow this", f"Check what the key in {name or 'api_key_env'} may use."),
        404: (
            NotFound,
            f"has no {call.model!r} or no such service",
            f"Check model and base_url in {call.table}.",
        ),
        407: refused,
    }
    kind, what, hint = kinds.get(status, (BadRequest, "rejected the request", f"Check {call.table}."))
    return kind(f"{host} {what}{said}", hint)


def stalled(call: Call) -> TimedOut:
    return TimedOut(
        f"{call.server.host} made no progress for {call.timeout:g} s.",
        f"If it is only slow, raise timeout in {call.table}.",
    )


def strayed(who: str, media_type: str, wanted: str, body: object, stage: str) -> Unavailable:
    """The error for a successful answer that is something else than what was asked for."""
    return Unavailable(
        f"The {who} answered with {media_type or 'no type'} instead of {wanted}: {reason(body) or 'nothing'}",
        f"Check base_url in [{stage}.openai]; it usually ends in /v1.",
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


@contextlib.contextmanager
def translated(call: Call, *, answered: bool = False) -> Iterator[None]:
    """Turn what the library and its transport raise into our errors.

    `answered` tells a server that hung up from one that is not there.
    """
    import anyio
    import openai

    host, transport = call.server.host, transport_library()
    try:
        yield
    except openai.APIStatusError as exc:
        wait = retry_after(exc.response.headers)
        raise fault(call, exc.status_code, exc.body, code=_code(exc), wait=wait) from exc
    except openai.APITimeoutError as exc:
        raise stalled(call) from exc
    except openai.APIConnectionError as exc:
        raise _unconnected(exc, call, answered) from exc
    except openai.APIResponseValidationError as exc:
        raise Unavailable(f"{host} answered something that is not the API: {exc.message}") from exc
    except openai.APIError as exc:  # an error that came as an event of a stream
        raise _told(exc, call) from exc
    except openai.OpenAIError as exc:
        raise ProviderError(f"The request to {host} failed: {reason(str(exc), call.server.key)}") from exc
    except transport.TimeoutException as exc:
        raise stalled(call) from exc
    except (transport.RequestError, ssl.SSLError, anyio.EndOfStream) as exc:
        raise _unconnected(exc, call, answered) from exc
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise Unavailable(f"{host} sent an answer that cannot be read: {exc}.") from exc


def transport_library() -> Any:
    """The HTTP library beneath this release of `openai`: httpx, or its successor httpx2."""
    import openai

    return import_module(type(openai.DEFAULT_CONNECTION_LIMITS).__module__.partition(".")[0])


def pause_before_retry(error: ProviderError, attempt: int) -> float | None:
    """Seconds before the next attempt; None when another one would end the same."""
    cause = error.__cause__
    if not isinstance(error, Unavailable | Dropped | RateLimited) or cause is None:
        return None
    if isinstance(cause, VoiceError):  # it answered, with something that would be no better the next time
        return None
    spent = {str(getattr(cause, name, None)) for name in ("code", "type")} & NO_QUOTA
    if spent or getattr(cause, "status_code", 0) == 402:
        return None
    if isinstance([*causes(cause)][-1], ssl.SSLCertVerificationError):
        return None
    if isinstance(error, Dropped) and attempt == 0:
        return 0.0  # most likely the server had just closed the connection that was kept for it
    pause = min(BACK_OFF * 2.0**attempt, LONGEST_BACK_OFF) * random.uniform(0.6, 1.0)
    wait = error.retry_after if isinstance(error, RateLimited) else None
    return pause if wait is None else max(pause, wait)


def _code(exc: openai.APIError) -> str | None:
    """OpenAI says the same in `code` or, for some errors, in `type`."""
    return str(exc.type) if str(exc.type) in NO_QUOTA else exc.code


def _told(exc: openai.APIError, call: Call) -> ProviderError:
    codes = {str(exc.code), str(exc.type)}
    status = next((int(code) for code in codes if code.isdecimal() and 400 <= int(code) < 600), 0)
    if codes & NO_QUOTA or (not status and any("rate_limit" in code for code in codes)):
        status = 429
    elif not status and any("invalid_request" in code for code in codes):
        status = 400
    return fault(call, status or 500, exc.body or exc.message, code=_code(exc))


def _unconnected(exc: Exception, call: Call, answered: bool) -> ProviderError:
    """No connection, or one that broke; the innermost cause says which and why."""
    host = call.server.host
    chain = list(causes(exc))
    root = chain[-1]
    if isinstance(root, ssl.SSLCertVerificationError):
        return Unavailable(
            f"{host} is not trusted: {root.verify_message}.", "Check base_url, the clock and SSL_CERT_FILE."
        )
    names = {kind.__name__ for link in chain for kind in type(link).__mro__}
    if answered or not names & {"ConnectError", "ProxyError", "UnsupportedProtocol"}:
        if "DecodingError" in names:
            return Unavailable(f"{host} sent an answer that cannot be read: {root}.")
        when = "in the middle of the answer" if answered else "before it answered"
        return Dropped(f"{host} broke the connection {when}.", "Try again.")
    if isinstance(root, socket.gaierror):
        hint = f"Check base_url in {call.table} and the connection."
        return Unavailable(f"{host} is not known to the network.", hint)
    refused = isinstance(root, ConnectionRefusedError)
    why = "nothing listens there" if refused else str(root) or type(root).__name__
    hint = "Start the server" if call.server.is_local else "Check the connection"
    return Unavailable(f"{host} cannot be reached: {why}.", f"{hint}, or correct base_url in {call.table}.")
