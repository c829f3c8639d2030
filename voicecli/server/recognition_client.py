"""The client of a recognition server: `/api/v1/simple`, `/api/v1/segmented`, or any that speaks as they do.

The door to the client side of `websockets`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from voicecli.errors import (
    BadRequest,
    Dropped,
    LibraryMissing,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    TimedOut,
    Unavailable,
)
from voicecli.providers.openai.faults import reason
from voicecli.server.server_address import ServerAddress
from voicecli.wire.recognition import Event, Format, Start, Stop, decode_event, encode_request

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

__all__ = ["ClientOptions", "RecognitionClient", "refusal", "unreachable"]

_NORMAL = (1000, 1005)  # codes of a socket that is closed because everything has been said
_CLOSED: dict[int, tuple[type[ProviderError], str, str]] = {  # and of one that is closed for a reason
    **dict.fromkeys((1008, 3000, 3003), (Refused, "does not allow this", "")),
    **dict.fromkeys(
        (1002, 1003, 1007, 1009), (BadRequest, "rejects what it was sent", "(WebSocket code {code})")
    ),
    **dict.fromkeys((1001, 1012), (Unavailable, "is going away", "Try again.")),
    1011: (Unavailable, "has failed", "Try again."),
    1013: (RateLimited, "has too much to do", "Try again in a moment."),
}
_CLOSING = 1.0  # seconds for the other side to say goodbye too
_NO_CODE = 1006  # the connection ended without any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How long the client waits, and for how much."""

    connect: float = 10.0  # seconds to connect and to be let in
    finish: float = 60.0  # seconds without an event after the stop; 0 waits for ever
    message: int = 1_048_576  # bytes of an event


class RecognitionClient:
    """One connection. Sound goes out while events come in: `send` and `events` are used side by side.

    `send` waits while the server is not ready for more. Every error of the network is a ProviderError.
    """

    def __init__(
        self,
        address: ServerAddress,
        path: str = "/api/v1/segmented",
        *,
        token: str | None = None,
        traceparent: str | None = None,
        options: ClientOptions | None = None,
    ) -> None:
        self.url = address.websocket(path)  # where it connects
        self._address = address
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        if traceparent:
            self._headers["traceparent"] = traceparent
        self._options = options or ClientOptions()
        self._socket: ClientConnection | None = None
        self._stopped = False  # the last stop was sent
        self._limit: asyncio.Timeout | None = None  # of the wait for an event

    async def __aenter__(self) -> Self:
        """Connect. Raises LibraryMissing, Refused, NotFound, RateLimited, Unavailable, TimedOut."""
        try:
            from websockets.asyncio.client import connect
        except ImportError as error:
            raise LibraryMissing(
                "The websockets library is not installed.", "pip install 'voicecli[server]'"
            ) from error
        with self._faults():
            self._socket = await connect(
                self.url,
                additional_headers=self._headers,
                compression=None,  # sound does not get smaller, and everything gets later
                open_timeout=self._options.connect,
                close_timeout=_CLOSING,
                # A server that is busy does not read, and so cannot answer a ping: that is no failure.
                ping_timeout=None,
                max_size=self._options.message,
                proxy=None if self._address.is_loopback else True,
                user_agent_header="voicecli",
            )
        return self

    async def __aexit__(self, *exc: object) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def start(self, format: Format, *, trace_id: str | None = None, interim: bool = False) -> None:
        """Begin a stream. Raises Dropped."""
        await self._put(encode_request(Start(format, trace_id, interim)))

    async def send(self, audio: bytes) -> None:
        """Send whole samples; waits while the server is busy. Raises Dropped."""
        await self._put(audio)

    async def stop(self, *, disconnect: bool = True) -> None:
        """End the stream, and with `disconnect` the session once everything has come. Raises Dropped."""
        await self._put(encode_request(Stop(disconnect)))
        if disconnect:
            self._stopped = True
            if self._limit is not None and self._options.finish:
                self._limit.reschedule(asyncio.get_running_loop().time() + self._options.finish)

    async def events(self) -> AsyncIterator[Event]:
        """Yield what the server says, until it closes after the stop.

        Raises WireError for what is no event, TimedOut when the server is silent after the stop, and
        another ProviderError when it closes for any other reason.
        """
        from websockets.exceptions import ConnectionClosed

        assert self._socket is not None  # it is used as a context
        socket = self._socket
        while True:
            try:
                message = await self._received(socket)
            except ConnectionClosed as closed:
                failure = self._closed(closed)
                if failure is None:
                    return
                raise failure from closed
            yield decode_event(message)

    async def _received(self, socket: ClientConnection) -> str | bytes:
        """The next message; a silence only counts once the server has nothing to wait for."""
        patience = self._options.finish or None
        try:
            async with asyncio.timeout(patience if self._stopped else None) as self._limit:
                return await socket.recv()
        except TimeoutError:
            raise TimedOut(
                f"{self._address.host} said nothing for {patience:g} seconds after the end.",
                "It may be stuck, or not speak this protocol.",
            ) from None
        finally:
            self._limit = None

    async def _put(self, message: str | bytes) -> None:
        from websockets.exceptions import ConnectionClosed

        assert self._socket is not None  # it is used as a context
        try:
            await self._socket.send(message)
        except ConnectionClosed as closed:
            raise self._closed(closed) or self._dropped("closed the connection before the end") from closed

    def _closed(self, closed: ConnectionClosed) -> ProviderError | None:
        """What the end of the connection means; None when everything has been said."""
        said = closed.rcvd.reason if closed.rcvd is not None else ""
        code = closed.rcvd.code if closed.rcvd is not None else _NO_CODE
        host = self._address.host
        because = f": {_short(said)}" if said else "."
        if code in _NORMAL:
            return None if self._stopped else self._dropped("closed the connection before the end")
        if (found := _CLOSED.get(code)) is not None:
            kind, what, hint = found
            return kind(f"{host} {what}{because}", hint.format(code=code))
        return self._dropped(f"broke the connection ({_short(said) or f'WebSocket code {code}'})")

    def _dropped(self, what: str) -> Dropped:
        return Dropped(f"{self._address.host} {what}.", "What it had said until then is above.")

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """What can go wrong before the connection stands, as one of our errors."""
        from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

        host = self._address.host
        try:
            yield
        except InvalidStatus as error:
            response = error.response
            retry = response.headers.get("Retry-After", "")
            raise refusal(host, response.status_code, bytes(response.body or b""), retry) from error
        except InvalidURI as error:
            raise BadRequest(f"{self.url} is not an address: {error}.") from error
        except WebSocketException as error:
            raise Unavailable(
                f"{host} answers, but not as a WebSocket does: {_short(str(error)).rstrip('.')}.",
                "Check --addr; a proxy in between must let WebSockets through.",
            ) from error
        except ImportError as error:  # the way leads through a SOCKS proxy
            raise LibraryMissing(f"{error}.", "pip install python-socks") from error
        except TimeoutError as error:
            raise TimedOut(
                f"{host} did not answer for {self._options.connect:g} seconds.", "Is the address right?"
            ) from error
        except OSError as error:
            why = error.strerror or str(error) or type(error).__name__
            raise unreachable(self._address, why) from error


def unreachable(address: ServerAddress, why: str) -> Unavailable:
    """Nobody answers there."""
    hint = "Start one: `voicecli serve`." if address.is_loopback else "Check the address and the network."
    return Unavailable(f"{address.host} cannot be reached: {why}.", hint)


def refusal(host: str, status: int, body: bytes, retry_after: str = "") -> ProviderError:
    """The error for an answer of HTTP that is none of ours, with what the server said in it."""
    said = reason(_unpacked(body))
    said = f": {said}" if said else f" (HTTP {status})."
    wait = float(retry_after) if retry_after.isdigit() else None
    if status in (401, 403, 407, 421):
        hint = "Name the variable that holds a token: --token-env." if status == 401 else ""
        return Refused(f"{host} does not let us in{said}", hint)
    if status == 404:
        return NotFound(f"{host} has no such path{said}", "Check --addr and --path.")
    if status == 429 or (status == 503 and wait is not None):
        hint = "Try again in a moment." if wait is None else f"Try again in {wait:.0f} s."
        return RateLimited(f"{host} has too much to do{said}", hint, wait)
    if status >= 500:
        return Unavailable(f"{host} failed{said}", "Its log says more.")
    if 300 <= status < 400:
        return NotFound(f"{host} is not the server itself, but sends us elsewhere{said}", "Check --addr.")
    return BadRequest(f"{host} rejected the request{said}")


def _unpacked(body: bytes) -> object:
    """JSON if it is some."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return body
    return found


def _short(text: str) -> str:
    text = "".join(letter if letter.isprintable() else "?" for letter in text[:121])
    return text if len(text) <= 120 else f"{text[:120]}…"
