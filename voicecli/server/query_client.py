"""The client of `POST /api/v1/query`: a question out, the frames of its answer in. The door to httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from voicecli.errors import Dropped, LibraryMissing, ProviderError, TimedOut, Unavailable, WireError
from voicecli.flow.scope import scoped
from voicecli.server.recognition_client import refusal, unreachable
from voicecli.server.server_address import ServerAddress
from voicecli.wire.frames import END, AudioFrame, FrameDecoder, ObjectFrame, encode

if TYPE_CHECKING:
    import httpx

__all__ = ["AskOptions", "ask", "written"]

_FRAMES: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """How long the client waits."""

    connect: float = 10.0  # seconds
    progress: float = 60.0  # seconds without a byte of the answer


def written(question: str) -> AsyncIterator[bytes]:
    """The body of a question in writing."""

    async def body() -> AsyncIterator[bytes]:
        yield encode(ObjectFrame({"kind": "question"}, {"question": question}))

    return body()


async def ask(
    address: ServerAddress,
    body: AsyncIterator[bytes],
    *,
    path: str = "/api/v1/query",
    token: str | None = None,
    traceparent: str | None = None,
    options: AskOptions | None = None,
) -> AsyncIterator[AudioFrame]:
    """Yield the frames of the answer as they come; closing the iterator cancels the question.

    Raises LibraryMissing, a ProviderError for a refusal, a failure on the other side or a broken
    connection, and WireError for what are no frames. What came before is yielded first.
    """
    try:
        import httpx
    except ImportError as error:
        raise LibraryMissing(
            "The httpx library is not installed.", "pip install 'voicecli[server]'"
        ) from error
    options = options or AskOptions()
    headers = {"Content-Type": _FRAMES, "Accept": _FRAMES, "User-Agent": "voicecli"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if traceparent:
        headers["traceparent"] = traceparent
    limits = httpx.Timeout(options.progress, connect=options.connect)
    url = address.http(path)
    with _faults(address, options):
        # A proxy from the environment is for the world outside, not for this machine.
        async with (
            httpx.AsyncClient(timeout=limits, trust_env=not address.is_loopback) as client,
            scoped(body),
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if response.status_code != 200:
                raise await _refused(address, response)
            async with scoped(_frames(address, response)) as frames:
                async for frame in frames:
                    yield frame


async def _frames(address: ServerAddress, response: httpx.Response) -> AsyncIterator[AudioFrame]:
    decoder = FrameDecoder()
    sign = 0
    async for data in response.aiter_raw():
        for frame in decoder.decode(data):
            if not isinstance(frame, AudioFrame):
                raise WireError(f"{address.host} answered with an object where sound was expected.")
            yield frame
            sign = frame.sign
            if "error" in frame.extra:
                said = frame.extra["error"]  # of an engine that failed over there
                words = str(said.get("message", "") if isinstance(said, dict) else said)[:300]
                raise Unavailable(f"{address.host} could not go on: {words}", "What it had said was played.")
    decoder.close()
    if sign != END:
        raise Dropped(f"{address.host} ended the answer before its last frame.")


async def _refused(address: ServerAddress, response: httpx.Response) -> ProviderError:
    body = b""
    async for data in response.aiter_bytes():
        body += data
        if len(body) > 100_000:
            break
    return refusal(address.host, response.status_code, body, response.headers.get("retry-after", ""))


@contextmanager
def _faults(address: ServerAddress, options: AskOptions) -> Iterator[None]:
    """What can go wrong on the way, as one of our errors."""
    import httpx

    host = address.host
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise TimedOut(
            f"{host} did not answer for {options.connect:g} seconds.", "Is the address right?"
        ) from error
    except httpx.TimeoutException as error:
        raise TimedOut(f"{host} made no progress for {options.progress:g} seconds.") from error
    except httpx.ConnectError as error:
        raise unreachable(address, str(error)) from error
    except httpx.TransportError as error:
        raise Dropped(f"{host} broke the connection: {str(error).rstrip('.')}.") from error
