"""`voicecli connect`: sound to a server, and what it understands or answers."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.cli import ends
from voicecli.cli.console import Telling, complain, failure_text, warn
from voicecli.cli.options import Json, SettingsOptions, Speaker, group, spread
from voicecli.errors import Dropped, ExitStatus, UsageError, VoiceError
from voicecli.printable import json_line, printable
from voicecli.server.server_address import ServerAddress, parse_address
from voicecli.wire.recognition import Event, Failure, Segment, encode_event

if TYPE_CHECKING:
    from voicecli.config import Loaded
    from voicecli.server.recognition_client import RecognitionClient
    from voicecli.server.upload import Upload

__all__ = ["app"]

TOKEN = "VOICECLI_TOKEN"  # the environment variable that holds the token unless another is named


class Listening(StrEnum):
    """How a recognition server listens."""

    SIMPLE = "simple"
    SEGMENTED = "segmented"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions(SettingsOptions):
    """What `connect` takes."""

    source: Annotated[
        str | None,
        typer.Option(
            "-i",
            "--input",
            metavar="FILE|-",
            help="A recording in any format, or `-` for raw s16le mono 16 kHz on standard input.",
        ),
    ] = None
    mic: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Send what this microphone hears, until Ctrl-C.")
    ] = None
    text: Annotated[
        str | None, typer.Option(help="With --frames: a question in writing instead of a recording.")
    ] = None
    addr: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The server, as in wss://example.org or 10.0.0.1:8080; this machine unless told.",
        ),
    ] = None
    path: Annotated[
        Listening | None,
        typer.Option(
            help="Everything in order, or cut into utterances (which is the default); the path of --addr has "
            "the last word."
        ),
    ] = None
    chunk_size: Annotated[
        int, typer.Option(metavar="BYTES", min=1, help="Of one message; rounded down to whole samples.")
    ] = 4096
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Send a recording as a microphone would hear it.")
    ] = False
    interim: Annotated[
        bool, typer.Option("--interim-results", help="Ask for what may still change, too.")
    ] = False
    frames: Annotated[
        bool,
        typer.Option(
            "--frames", help="Ask a question and play the answer, instead of having it written down."
        ),
    ] = False
    speaker: Speaker = None
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable that holds the token (VOICECLI_TOKEN)."),
    ] = None
    trace_id: Annotated[
        str | None, typer.Option(metavar="TRACEPARENT", help="The W3C trace that this is a part of.")
    ] = None
    json: Json = False

    def check(self) -> None:
        """Raises UsageError for options that contradict each other."""
        if [self.source, self.mic, self.text].count(None) != 2:
            raise UsageError("Give one of -i FILE, --mic DEVICE and, with --frames, --text TEXT.")
        if self.text is not None and not self.frames:
            raise UsageError("--text is a question to be answered: give --frames with it.")
        if self.speaker is not None and not self.frames:
            raise UsageError("--speaker plays an answer: give --frames with it.")
        others = self.mic is not None or self.interim or self.real_time or self.path is not None
        if self.frames and others:
            raise UsageError(
                "--frames sends a question at once: it goes with -i or --text, and none of the rest."
            )

    async def sound(self, stack: AsyncExitStack) -> Upload:
        """What is sent. Raises VoiceError."""
        from voicecli.server.upload import upload_file, upload_microphone

        if self.source is not None and self.source != ends.PIPE:
            return await upload_file(Path(self.source))
        device = ends.PIPE if self.mic is None else self.mic
        real_time = self.mic is not None or self.real_time
        microphone = await ends.open_microphone(device, real_time=real_time)
        return upload_microphone(await stack.enter_async_context(microphone))


app = group()


@app.command()
@spread
async def connect(options: ConnectOptions) -> ExitStatus:
    """Have a server write down what a recording or a microphone says, or answer it.

    Any server will do that speaks as `voicecli serve` does.
    """
    options.check()
    loaded = options.load()
    address = _server_address(loaded, options.addr)
    if options.path is not None and address.path:
        raise UsageError("--addr already has a path: leave it or --path out.")
    token = _read_token(options.token_env)
    if token is not None and not address.secure and not address.is_loopback:
        warn(f"The token goes to {address.host} unprotected: use wss:// if the server can.")
    async with AsyncExitStack() as stack:
        if not options.frames:
            from voicecli.server.recognition_client import RecognitionClient

            client = RecognitionClient(
                address,
                f"/api/v1/{options.path or Listening.SEGMENTED}",
                token=token,
                traceparent=options.trace_id,
            )
            return await _write_down(client, options, stack)
        from voicecli.audio.player import AudioStreamPlayer
        from voicecli.cli.answer import Answer, Told, framed
        from voicecli.server.query_client import ask, written

        text = options.text
        body = written(text) if text is not None else framed(await options.sound(stack))
        device = str(loaded.settings.speaker.device)
        output = ends.open_speaker(device, real_time=True, silence=False)
        player = await stack.enter_async_context(AudioStreamPlayer(output, loaded.settings.player))
        frames = ask(address, body, token=token, traceparent=options.trace_id)
        stream = sys.stderr if device == ends.PIPE else sys.stdout
        await Answer(player, Told(options.json, stream)).play(frames)
    return ExitStatus.FINE


async def _write_down(
    client: RecognitionClient, options: ConnectOptions, stack: AsyncExitStack
) -> ExitStatus:
    """Send the sound and print what comes. Raises VoiceError."""
    from voicecli.flow.scope import scoped

    show = _Shown(options.json)
    upload = await options.sound(stack)
    try:
        await stack.enter_async_context(client)
        show.ready(client, upload)
        await client.start(upload.format, trace_id=options.trace_id, interim=options.interim)
        sending = asyncio.create_task(_send(client, upload, options))
        try:
            async with scoped(client.events()) as events:
                async for event in events:
                    show(event)
            show.summary(await sending)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    except VoiceError as error:
        show.failed(error)
        raise
    return ExitStatus.FAILED if show.errors else ExitStatus.FINE


async def _send(client: RecognitionClient, upload: Upload, options: ConnectOptions) -> float:
    """Send everything, then the stop; returns the seconds of sound that were sent.

    What was sent before the sound broke is still worth its transcript. A connection that is gone is told
    about by who reads from it.
    """
    from voicecli.flow.scope import scoped
    from voicecli.server.upload import cut, paced

    format = upload.format
    sent = 0
    messages = cut(upload.pieces, options.chunk_size, format.frame_bytes)
    if options.real_time and options.source not in (None, ends.PIPE):
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


def _read_token(name: str | None) -> str | None:
    """The token, from the environment. Raises UsageError when a variable is named that is not set."""
    token = os.environ.get(name or TOKEN, "").strip()
    if name and not token:
        raise UsageError(f"The environment variable {name} is not set.", "It should hold the token.")
    if not (token.isascii() and token.isprintable()):
        raise UsageError(f"The token in {name or TOKEN} has characters that no header can carry.")
    return token or None


def _server_address(loaded: Loaded, text: str | None) -> ServerAddress:
    """Where the server is: as `text` says, or where one of these settings would listen. Raises UsageError."""
    if text is not None:
        return parse_address(text)
    server = loaded.settings.server
    host = "127.0.0.1" if server.host in ("", "0.0.0.0", "::") else server.host
    return parse_address(f"[{host}]:{server.port}" if ":" in host else f"{host}:{server.port}")


class _Shown(Telling):
    """What the server says, as lines for people or as JSON Lines."""

    def __init__(self, as_json: bool) -> None:
        super().__init__(as_json)
        self._channels = 1
        self._segments = 0
        self.errors = 0

    def ready(self, client: RecognitionClient, upload: Upload) -> None:
        """The connection stands."""
        format = upload.format
        self._channels = format.channels
        if self.as_json:
            stated = {
                name: getattr(format, name) for name in ("channels", "sample_rate", "bit_depth", "is_float")
            }
            self.json("ready", address=client.url, input=upload.name, format=stated)
        elif sys.stderr.isatty():
            self.aside(f"{client.url} hears {upload.name}")

    def __call__(self, event: Event) -> None:
        """Print one event as it comes."""
        if isinstance(event, Failure):
            self.errors += 1
        if isinstance(event, Segment) and event.is_final is not False:
            self._segments += 1
        if self.as_json:
            fields = json.loads(encode_event(event))
            self.json(fields.pop("type"), **fields)  # its name is where all our JSON has it
        elif isinstance(event, Segment):
            self._segment(event)
        elif isinstance(event, Failure):
            place = f"channel {event.channel}: " if event.channel and self._channels > 1 else ""
            complain(failure_text(f"{place}{event.message}"))

    def summary(self, seconds: float) -> None:
        """Everything has been said."""
        if self.as_json:
            self.json("summary", audio=round(seconds, 6), segments=self._segments, errors=self.errors)

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


def _other_words(segment: Segment) -> str:
    """What the model of another server says, which need not be called text."""
    return json_line(dict(segment.output)) if segment.output else ""
