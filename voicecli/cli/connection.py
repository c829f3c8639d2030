"""`voicecli connect`: sound to a recognition server, and what it understands."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from voicecli.cli import ends
from voicecli.cli.console import SafeConsole, warn
from voicecli.cli.screen import failure_text
from voicecli.config import Loaded
from voicecli.errors import Dropped, ExitStatus, UsageError, VoiceError
from voicecli.flow.scope import scoped
from voicecli.printable import json_line, printable
from voicecli.server.recognition_client import RecognitionClient
from voicecli.server.server_address import ServerAddress, parse_address
from voicecli.server.upload import Upload, cut, paced, upload_file, upload_microphone
from voicecli.wire.recognition import Event, Failure, Segment, encode_event

__all__ = ["TOKEN", "ConnectRequest", "protect", "read_token", "run_connect", "server_address"]

TOKEN = "VOICECLI_TOKEN"  # the environment variable that holds the token unless another is named


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectRequest:
    """What the command line says beyond the settings."""

    address: ServerAddress
    path: str = "segmented"  # or "simple"; of no effect where the address has a path
    input: str | None = None  # a file, or "-"
    mic: str | None = None
    chunk_size: int = 4096  # bytes of a message, rounded down to whole samples
    real_time: bool = False  # a file at its own pace
    interim: bool = False
    token: str | None = None
    trace_id: str | None = None  # W3C traceparent
    json: bool = False


async def run_connect(request: ConnectRequest) -> ExitStatus:
    """Send the sound and print what comes. Raises VoiceError."""
    show = _Shown(request)
    protect(request.address, request.token)
    async with AsyncExitStack() as stack:
        upload = await _upload(request, stack)
        client = RecognitionClient(
            request.address,
            f"/api/v1/{request.path}",
            token=request.token,
            traceparent=request.trace_id,
        )
        try:
            await stack.enter_async_context(client)
            show.ready(client, upload)
            await client.start(upload.format, trace_id=request.trace_id, interim=request.interim)
            sending = asyncio.create_task(_send(client, upload, request))
            try:
                async with scoped(client.events()) as events:
                    async for event in events:
                        show(event)
                show.summary(await sending)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        except VoiceError as error:
            show.ended_by(error)
            raise
    return ExitStatus.FAILED if show.errors else ExitStatus.FINE


async def _upload(request: ConnectRequest, stack: AsyncExitStack) -> Upload:
    if request.input is not None and request.input != ends.PIPE:
        return await upload_file(Path(request.input))
    device = ends.PIPE if request.mic is None else request.mic
    real_time = request.mic is not None or request.real_time
    microphone = await ends.open_microphone(device, real_time=real_time)
    return upload_microphone(await stack.enter_async_context(microphone))


async def _send(client: RecognitionClient, upload: Upload, request: ConnectRequest) -> float:
    """Send everything, then the stop; returns the seconds of sound that were sent.

    What was sent before the sound broke is still worth its transcript. A connection that is gone is told
    about by who reads from it.
    """
    format = upload.format
    sent = 0
    messages = cut(upload.pieces, request.chunk_size, format.frame_bytes)
    if request.real_time and request.input not in (None, ends.PIPE):
        messages = paced(messages, format.byte_rate)
    try:
        async with scoped(messages) as pieces:
            async for message in pieces:
                await client.send(message)
                sent += len(message)
        await client.stop()
    except Dropped:
        pass
    except VoiceError:
        await client.stop()
        raise
    return sent / format.byte_rate


def read_token(name: str | None) -> str | None:
    """The token, from the environment. Raises UsageError when a variable is named that is not set."""
    token = os.environ.get(name or TOKEN, "").strip()
    if name and not token:
        raise UsageError(f"The environment variable {name} is not set.", "It should hold the token.")
    if not (token.isascii() and token.isprintable()):
        raise UsageError(f"The token in {name or TOKEN} has characters that no header can carry.")
    return token or None


def server_address(loaded: Loaded, text: str | None) -> ServerAddress:
    """Where the server is: as `text` says, or where one of these settings would listen. Raises UsageError."""
    if text is not None:
        return parse_address(text)
    server = loaded.settings.server
    host = "127.0.0.1" if server.host in ("", "0.0.0.0", "::") else server.host
    return parse_address(f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}")


def protect(address: ServerAddress, token: str | None) -> None:
    """Say so when others can read the token on its way."""
    if token is not None and not address.secure and not address.is_loopback:
        warn(f"The token goes to {address.host} unprotected: use wss:// if the server can.")


class _Shown:
    """What the server says, as lines for people or as JSON Lines."""

    def __init__(self, request: ConnectRequest) -> None:
        self._request = request
        self._channels = 1
        self._segments = 0
        self._stderr = SafeConsole(stderr=True, soft_wrap=True)
        self.errors = 0

    def ready(self, client: RecognitionClient, upload: Upload) -> None:
        """The connection stands."""
        format = upload.format
        self._channels = format.channels
        if self._request.json:
            self._json(
                {
                    "event": "ready",
                    "address": client.url,
                    "input": upload.name,
                    "format": {
                        "channels": format.channels,
                        "sample_rate": format.sample_rate,
                        "bit_depth": format.bit_depth,
                        "is_float": format.is_float,
                    },
                }
            )
        elif sys.stderr.isatty():
            self._stderr.print(Text(f"{client.url} hears {upload.name}", style="dim"))

    def __call__(self, event: Event) -> None:
        """Print one event as it comes."""
        if isinstance(event, Failure):
            self.errors += 1
        if isinstance(event, Segment) and event.is_final is not False:
            self._segments += 1
        if self._request.json:
            self._json(_record(event))
        elif isinstance(event, Segment):
            self._segment(event)
        elif isinstance(event, Failure):
            place = f"channel {event.channel}: " if event.channel and self._channels > 1 else ""
            self._stderr.print(failure_text(f"{place}{event.message}", ""))

    def summary(self, seconds: float) -> None:
        """Everything has been said."""
        if self._request.json:
            self._json(
                {
                    "event": "summary",
                    "audio": round(seconds, 6),
                    "segments": self._segments,
                    "errors": self.errors,
                }
            )

    def ended_by(self, error: VoiceError) -> None:
        """What ends everything; the command line says it to people."""
        if self._request.json:
            self._json(
                {
                    "event": "error",
                    "kind": error.kind,
                    "message": str(error),
                    "recoverable": error.recoverable,
                }
            )

    def _segment(self, segment: Segment) -> None:
        text = segment.text or _other_words(segment)
        if segment.is_final is False:
            text += " …"
        place = f"[{segment.channel}] " if self._channels > 1 else ""
        # Speech is one line, whatever the model makes of it.
        line = (
            f"{segment.start_time:8.2f} {segment.end_time:8.2f}  {place}{' '.join(printable(text).split())}"
        )
        print(line, flush=True)

    def _json(self, record: dict[str, Any]) -> None:
        print(json_line(record), flush=True)


def _other_words(segment: Segment) -> str:
    """What the model of another server says, which need not be called text."""
    return json_line(dict(segment.output)) if segment.output else ""


def _record(event: Event) -> dict[str, Any]:
    """An event as it is on the wire, but with its name where all our JSON has it."""
    fields = json.loads(encode_event(event))
    return {"event": fields.pop("type"), **fields}
