"""Translation: what the `openai` library and its transport raise, as our errors."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import ssl
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from voicecli.errors import Dropped, ProviderError, RateLimited, Unavailable, VoiceError
from voicecli.providers.openai.faults import NO_QUOTA, Call, fault, reason, retry_after, stalled

if TYPE_CHECKING:
    import openai

__all__ = ["Progress", "pause_before_retry", "translated", "transport_library"]

BACK_OFF = 0.25  # seconds before the first retry; each further one waits twice as long
LONGEST_BACK_OFF = 4.0


class Progress:
    """How far a request got, which tells a server that is not there from one that hung up."""

    answered = False


@contextlib.contextmanager
def translated(call: Call) -> Iterator[Progress]:
    """Turn what the library and its transport raise into our errors."""
    import anyio
    import openai

    transport = transport_library()
    progress = Progress()
    try:
        yield progress
    except openai.APIStatusError as exc:
        wait = retry_after(exc.response.headers)
        raise fault(call, exc.status_code, exc.body, code=_code(exc), wait=wait) from exc
    except openai.APITimeoutError as exc:
        raise stalled(call) from exc
    except openai.APIConnectionError as exc:
        raise _unconnected(exc, call, progress.answered) from exc
    except openai.APIResponseValidationError as exc:
        raise Unavailable(
            f"{call.server.host} answered something that is not the API: {exc.message}"
        ) from exc
    except openai.APIError as exc:  # an error that came as an event of a stream
        raise _told(exc, call) from exc
    except openai.OpenAIError as exc:
        raise ProviderError(
            f"The request to {call.server.host} failed: {reason(str(exc), call.server.key)}"
        ) from exc
    except transport.TimeoutException as exc:
        raise stalled(call) from exc
    except (transport.RequestError, ssl.SSLError, anyio.EndOfStream) as exc:
        raise _unconnected(exc, call, progress.answered) from exc
    except (json.JSONDecodeError, UnicodeDecodeError) as exc:
        raise Unavailable(f"{call.server.host} sent an answer that cannot be read: {exc}.") from exc


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
    if isinstance(_root(cause), ssl.SSLCertVerificationError):
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
    chain = list(_causes(exc))
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
        return Unavailable(
            f"{host} is not known to the network.", f"Check base_url in {call.table} and the connection."
        )
    why = (
        "nothing listens there"
        if isinstance(root, ConnectionRefusedError)
        else str(root) or type(root).__name__
    )
    hint = "Start the server" if call.server.is_local else "Check the connection"
    return Unavailable(f"{host} cannot be reached: {why}.", f"{hint}, or correct base_url in {call.table}.")


def _root(exc: BaseException) -> BaseException:
    *_, root = _causes(exc)
    return root


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, what caused that; of several attempts to connect, the last."""
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        grouped = link.exceptions[-1] if isinstance(link, BaseExceptionGroup) else None
        link = grouped or link.__cause__ or link.__context__
