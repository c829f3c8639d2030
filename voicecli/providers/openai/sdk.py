"""The door to the `openai` library: one warm pool of connections a server, which the stages share.

Everything that the library or the network raises leaves here as one of our errors. The library's own retries
are off: ours stop for good once something has been yielded, and stay within the time-out of the stage.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from voicecli.errors import Dropped, NotFound, ProviderError, TimedOut, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.engine import OwnEngine
from voicecli.providers.openai.base_url import Address, address, missing_key
from voicecli.providers.openai.faults import Call, pause_before_retry, stalled, translated

if TYPE_CHECKING:
    import openai

__all__ = ["Client", "Endpoint", "ServerAnswer", "entries_of"]

T = TypeVar("T")
Options = TypeVar("Options", bound=Any)

KEEP_ALIVE = 60.0  # seconds that an idle connection is kept; most servers and routers keep it that long
STALE = 30.0  # seconds without a request after which connections to a distant server are tried again
WARM_LIMIT = 3.0  # seconds that a warming request may take
LOAD_LIMIT = 120.0  # seconds that a large model may take to load
LISTING_LIMIT = 1.0  # seconds that an error may wait for the list of models that it names
LARGEST = 1 << 20  # bytes of a body that is read whole
_END: Final = object()

log = logging.getLogger(__name__)


class ServerAnswer:
    """A response whose headers have arrived. Reading it raises what the library raises."""

    def __init__(self, response: openai.AsyncAPIResponse[Any]) -> None:
        self._response = response
        self.content_type: str = response.headers.get("content-type", "")
        self.media_type = self.content_type.partition(";")[0].strip().lower()
        self._chunks: AsyncIterator[bytes] | None = None

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives, decompressed, not cut anew; asked again, what has not been read of it."""
        if self._chunks is None:
            self._chunks = self._response.iter_bytes()
        return self._chunks

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """The server-sent events, each a JSON object."""
        import openai

        stream = await self._response.parse(to=openai.AsyncStream[object])
        async for event in stream:
            if isinstance(event, dict):
                yield event

    async def body(self, begin: bytes = b"") -> object:
        """All of it, of which `begin` was read already: what its JSON says, or its text."""
        data = bytearray(begin)
        async for chunk in self.chunks():
            data += chunk
            if len(data) >= LARGEST:
                break
        text = data.decode("utf-8", "replace").strip()
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text


class Client:
    """The connections to one server; `join` and `leave` count its users, and the last one closes it."""

    _shared: ClassVar[dict[tuple[asyncio.AbstractEventLoop, Address], Client]] = {}

    def __init__(self, server: Address) -> None:
        self.server = server
        self._users = 0
        self._wanted = 0  # connections that the users need at once
        self._used = 0.0  # loop time of the last request
        self._sdk: openai.AsyncOpenAI | None = None
        self._opening: asyncio.Task[openai.AsyncOpenAI] | None = None
        self._warming: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    async def join(cls, server: Address, connections: int) -> Client:
        """The client for this server, opened if need be; `connections` more are warmed in the background."""
        place = (asyncio.get_running_loop(), server)
        client = cls._shared.setdefault(place, cls(server))
        client._users += 1
        client._wanted += connections
        try:
            await client._ready()
        except BaseException:
            await client.leave(connections)
            raise
        client.warm()
        return client

    async def leave(self, connections: int) -> None:
        self._users -= 1
        self._wanted -= connections
        if self._users:
            return
        del self._shared[asyncio.get_running_loop(), self.server]
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        if self._opening is not None:
            await asyncio.wait([self._opening])
            if self._opening.exception() is None:
                await self._opening.result().close()

    def warm(self) -> None:
        """Open the connections that are wanted, in the background; a server that fails is left in peace."""
        if self._warming is None or self._warming.done():
            self._warming = self._start(self._warm())

    def refresh(self) -> None:
        """Warm again after a long pause: cheap to call when somebody starts to speak."""
        idle = asyncio.get_running_loop().time() - self._used
        if idle > STALE and not self.server.is_loopback:  # a connection on this machine is open in no time
            self.warm()

    def load(self, model: str) -> None:
        """Have Ollama load the model, in the background: it would do so at the first request, for seconds."""
        self._start(self._load(model))

    async def stream(
        self, call: Call, where: str, params: dict[str, Any], read: Callable[[ServerAnswer], AsyncIterator[T]]
    ) -> AsyncGenerator[T, None]:
        """Yield what `read` makes of an answer, trying again until it has yielded something.

        `where` is a resource of the library, as in "audio.speech", and `params` what it is asked. Closing
        it early closes the connection of the request. Raises ProviderError.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + call.timeout
        for attempt in range(call.retries + 1):
            begun = False
            try:
                async with scoped(self._attempt(call, where, params, read, deadline - clock())) as items:
                    while True:
                        async with asyncio.timeout_at(deadline):
                            item: Any = await anext(items, _END)
                        if item is _END:
                            return
                        begun = True
                        yield item
                        deadline = clock() + call.timeout
            except TimeoutError as exc:
                raise stalled(call) from exc
            except ProviderError as error:
                pause = pause_before_retry(error, attempt)
                if begun or attempt == call.retries or pause is None or clock() + pause >= deadline:
                    await self._explain(error, call)
                    raise
                host = self.server.host
                log.info("Attempt %d at %s failed (%s); again in %.2f s", attempt + 1, host, error, pause)
            await asyncio.sleep(pause)

    async def fetch(self, path: str, call: Call, limit: float) -> object:
        """The JSON at `path` below the base URL, within `limit` seconds. Raises ProviderError."""
        sdk = await self._ready()
        with translated(call):
            try:
                async with asyncio.timeout(limit):
                    return await sdk.get(path, cast_to=object, options={"timeout": limit})
            except TimeoutError as exc:
                raise stalled(call) from exc
            finally:
                self._used = asyncio.get_running_loop().time()

    async def _attempt(
        self,
        call: Call,
        where: str,
        params: dict[str, Any],
        read: Callable[[ServerAnswer], AsyncIterator[T]],
        limit: float,
    ) -> AsyncGenerator[T, None]:
        resource: Any = functools.reduce(getattr, where.split("."), await self._ready())
        with translated(call, answered=True):
            async with contextlib.AsyncExitStack() as stack:
                with translated(call):
                    request = resource.with_streaming_response.create(**params, timeout=max(limit, 0.001))
                    response = await stack.enter_async_context(request)
                try:
                    async with scoped(read(ServerAnswer(response))) as items:
                        async for item in items:
                            yield item
                finally:
                    self._used = asyncio.get_running_loop().time()

    async def _explain(self, error: ProviderError, call: Call) -> None:
        """Put the models that there are into the hint of a NotFound, if the server tells them quickly."""
        if not isinstance(error, NotFound):
            return
        try:
            listing = await self.fetch("/models", call, min(LISTING_LIMIT, call.timeout))
        except ProviderError:
            return
        names = entries_of(listing) or []
        if names and call.model not in names:
            more = f" and {len(names) - 12} more" if len(names) > 12 else ""
            error.hint = f"It has {', '.join(names[:12])}{more}: set model in {call.table}."

    async def _ready(self) -> openai.AsyncOpenAI:
        if self._sdk is None:
            if self._opening is None:
                # In a thread: importing the library takes 0.3 s, and loading certificates 40 ms.
                self._opening = asyncio.create_task(asyncio.to_thread(_open, self.server), name="open client")
            self._sdk = await asyncio.shield(self._opening)
        return self._sdk

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _load(self, model: str) -> None:
        sdk = await self._ready()
        url = self.server.url.removesuffix("/v1") + "/api/generate"  # a request without a prompt only loads
        try:
            with translated(Call("llm", self.server, model, LOAD_LIMIT)):
                await sdk.post(url, cast_to=object, body={"model": model}, options={"timeout": LOAD_LIMIT})
        except ProviderError as error:
            log.info("%s was not loaded beforehand: %s", model, error)

    async def _warm(self) -> None:
        warmed = 0
        while warmed < self._wanted:
            # As many at once as there shall be connections: one after the other would share one.
            warmed = self._wanted
            if not all(await asyncio.gather(*(self._touch() for _ in range(warmed)))):
                return

    async def _touch(self) -> bool:
        try:
            await self.fetch("/models", Call("", self.server, "", WARM_LIMIT), WARM_LIMIT)
        except (Unavailable, Dropped, TimedOut) as error:
            log.debug("Warming a connection failed: %s", error)
            return False
        except ProviderError:
            pass  # it answered: the connection is there, whatever it said
        return True


class Endpoint(OwnEngine[Options]):
    """What the engines of the three stages have in common: a server, its client, and requests to it."""

    name = "openai"
    _connections: ClassVar[int] = 1  # that it needs at once

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        given = self._options
        self._server = address(given.base_url, given.api_key_env)
        self._call = Call(self.stage, self._server, given.model, given.timeout, given.retries)
        self._joined: Client | None = None

    @classmethod
    def missing(cls, options: Options) -> str | None:
        return missing_key(options.base_url, options.api_key_env)

    async def __aenter__(self) -> Self:
        self._joined = await Client.join(self._server, self._connections)
        return self

    async def __aexit__(self, *exc: object) -> None:
        client, self._joined = self._joined, None
        if client is not None:
            await client.leave(self._connections)

    @property
    def _client(self) -> Client:
        assert self._joined is not None, "the engine is not open"
        return self._joined

    def _asked(
        self, where: str, params: dict[str, Any], read: Callable[[ServerAnswer], AsyncIterator[T]]
    ) -> AbstractAsyncContextManager[AsyncIterator[T]]:
        return scoped(self._client.stream(self._call, where, params, read))


def entries_of(listing: object) -> list[str] | None:
    """The names in a list of models; None where it is no such list."""
    entries = listing.get("data") if isinstance(listing, dict) else None
    if entries is None:
        return None
    return [str(entry["id"]) for entry in entries if isinstance(entry, dict) and entry.get("id")]


def _open(server: Address) -> openai.AsyncOpenAI:
    with contextlib.suppress(ImportError):
        # What the first request would import on the event loop, and stall it for 50 ms.
        importlib.import_module("anyio._backends._asyncio")
    try:
        return _build(server)
    except (ImportError, ValueError, OSError) as exc:  # a proxy or certificate setting that cannot be used
        raise Unavailable(
            f"The connection to {server.host} cannot be set up: {exc}.",
            "Look at the variables HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE.",
        ) from exc


def _build(server: Address) -> openai.AsyncOpenAI:
    import openai

    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE
    )
    # A proxy from the environment is for the world outside, not for this machine.
    direct = dict.fromkeys(("all://", "http://", "https://")) if server.is_loopback else None
    http = openai.DefaultAsyncHttpxClient(limits=limits, mounts=direct)
    key = server.key or "none"  # the library insists on one; servers that want none ignore it
    sdk = openai.AsyncOpenAI(base_url=server.url, api_key=key, max_retries=0, http_client=http)
    # Their modules are imported at first use, which would fall into the first turn.
    _ = sdk.chat.completions.with_streaming_response, sdk.audio.speech.with_streaming_response
    _ = sdk.audio.transcriptions.with_streaming_response
    return sdk
