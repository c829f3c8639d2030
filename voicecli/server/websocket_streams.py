"""The ends of a flow on a WebSocket of FastAPI: what the client sends is a source, what it is sent a sink.

    @app.websocket("/echo")
    async def echo(websocket: WebSocket) -> None:
        stream = fastapi_websocket_text_source(websocket)
        stream = map_step(stream, str.upper)
        await fastapi_websocket_text_sink(stream, websocket)

Each end accepts the connection if nothing has yet; several ends may begin at once. A client that goes ends
its source as the end of a file would. A sink learns of it when it next sends, closes its stream and ends too;
it leaves the socket open for others, and FastAPI closes it when the endpoint returns. An error of the stream
passes through the sink.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

from voicecli.errors import UsageError, WireError
from voicecli.flow.scope import scoped

if TYPE_CHECKING:
    from fastapi import WebSocket

__all__ = [
    "accept",
    "fastapi_websocket_bytes_sink",
    "fastapi_websocket_bytes_source",
    "fastapi_websocket_json_sink",
    "fastapi_websocket_json_source",
    "fastapi_websocket_text_sink",
    "fastapi_websocket_text_source",
    "is_open",
    "receive",
    "sent",
]

T = TypeVar("T")

_accepting: WeakKeyDictionary[WebSocket, asyncio.Lock] = WeakKeyDictionary()


async def fastapi_websocket_text_source(websocket: WebSocket) -> AsyncIterator[str]:
    """Yield each text message until the client goes. Raises WireError for a binary one."""
    async with scoped(_messages(websocket)) as messages:
        async for message in messages:
            if not isinstance(message, str):
                raise WireError("The client sent a binary message where text is expected.")
            yield message


async def fastapi_websocket_bytes_source(websocket: WebSocket) -> AsyncIterator[bytes]:
    """Yield each binary message until the client goes. Raises WireError for a text."""
    async with scoped(_messages(websocket)) as messages:
        async for message in messages:
            if isinstance(message, str):
                raise WireError("The client sent a text where a binary message is expected.")
            yield message


async def fastapi_websocket_json_source(websocket: WebSocket) -> AsyncIterator[Any]:
    """Yield the value of each message, text or UTF-8, until the client goes. Raises WireError for no JSON."""
    async with scoped(_messages(websocket)) as messages:
        async for message in messages:
            try:
                value = json.loads(message)
            except (ValueError, RecursionError) as error:
                raise WireError(f"The client sent a message that is no JSON: {error}.") from error
            yield value


async def fastapi_websocket_text_sink(async_iter: AsyncIterator[Any], websocket: WebSocket) -> None:
    """Send strings as they are; mappings, dataclasses and Pydantic models as JSON.

    Raises UsageError for what is neither.
    """
    await _send(async_iter, websocket, lambda item: websocket.send_text(_text(item)))


async def fastapi_websocket_bytes_sink(async_iter: AsyncIterator[Any], websocket: WebSocket) -> None:
    """Send the bytes of each item: bytes, or an array's samples. Raises UsageError for what has none."""
    await _send(async_iter, websocket, lambda item: websocket.send_bytes(_bytes(item)))


async def fastapi_websocket_json_sink(async_iter: AsyncIterator[Any], websocket: WebSocket) -> None:
    """Send each item as JSON: a string as one, too. Raises UsageError for what has none, like NaN."""
    await _send(async_iter, websocket, lambda item: websocket.send_text(_json(item)))


async def _messages(websocket: WebSocket) -> AsyncIterator[str | bytes]:
    if await accept(websocket):
        while (message := await receive(websocket)) is not None:
            yield message


async def _send(
    async_iter: AsyncIterator[T], websocket: WebSocket, send: Callable[[T], Awaitable[None]]
) -> None:
    async with scoped(async_iter) as items:
        if await accept(websocket):
            async for item in items:
                if not await sent(websocket, partial(send, item)):
                    return


async def accept(websocket: WebSocket) -> bool:
    """Accept the connection unless that is done; False when the client has gone meanwhile."""
    from starlette.websockets import WebSocketDisconnect

    # Accepting waits in between, and a second end that begins at that moment must not accept again.
    async with _accepting.setdefault(websocket, asyncio.Lock()):
        if websocket.application_state.name == "CONNECTING":
            try:
                await websocket.accept()
            except WebSocketDisconnect:
                return False
        return is_open(websocket)


async def receive(websocket: WebSocket) -> str | bytes | None:
    """The next message; None when the client has gone."""
    if websocket.client_state.name != "CONNECTED":
        return None
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        return None
    text: str | None = message.get("text")
    data: bytes = message["bytes"] if text is None else b""
    return data if text is None else text


async def sent(websocket: WebSocket, send: Callable[[], Awaitable[None]]) -> bool:
    """Do as `send` says; False when the client has gone."""
    from starlette.websockets import WebSocketDisconnect

    if not is_open(websocket):
        return False
    try:
        await send()
    except WebSocketDisconnect:
        return False
    return True


def is_open(websocket: WebSocket) -> bool:
    """Whether messages can be sent, as far as is known."""
    return websocket.application_state.name == websocket.client_state.name == "CONNECTED"


def _text(item: Any) -> str:
    return item if isinstance(item, str) else _json(item)


def _bytes(item: Any) -> bytes:
    try:
        return memoryview(item).tobytes()
    except TypeError:
        raise UsageError(f"A {type(item).__name__} has no bytes to send.", "Encode it first.") from None


def _json(item: Any) -> str:
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"A {type(item).__name__} cannot be sent as JSON: {error}.") from error


def _fields(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is no JSON")
