"""`voicecli connect`: what it takes; the work is in `connection`, loaded when needed."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from voicecli.cli.invocation import finish, loaded_settings
from voicecli.cli.options import Config, Json, Profile, Set, Speaker
from voicecli.errors import UsageError

__all__ = ["connect"]


class Path(StrEnum):
    """How a recognition server listens."""

    SIMPLE = "simple"
    SEGMENTED = "segmented"


def connect(
    source: Annotated[
        str | None,
        typer.Option(
            "-i",
            "--input",
            metavar="FILE|-",
            help="A recording in any format, or `-` for raw s16le mono 16 kHz on standard input.",
        ),
    ] = None,
    mic: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Send what this microphone hears, until Ctrl-C.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="With --frames: a question in writing instead of a recording.")
    ] = None,
    addr: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The server, as in wss://example.org or 10.0.0.1:8080; this machine unless told.",
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option(
            help="Everything in order, or cut into utterances (which is the default); the path of --addr has "
            "the last word."
        ),
    ] = None,
    chunk_size: Annotated[
        int, typer.Option(metavar="BYTES", min=1, help="Of one message; rounded down to whole samples.")
    ] = 4096,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Send a recording as a microphone would hear it.")
    ] = False,
    interim_results: Annotated[
        bool, typer.Option("--interim-results", help="Ask for what may still change, too.")
    ] = False,
    frames: Annotated[
        bool,
        typer.Option(
            "--frames", help="Ask a question and play the answer, instead of having it written down."
        ),
    ] = False,
    speaker: Speaker = None,
    token_env: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The environment variable that holds the token (VOICECLI_TOKEN)."),
    ] = None,
    trace_id: Annotated[
        str | None, typer.Option(metavar="TRACEPARENT", help="The W3C trace that this is a part of.")
    ] = None,
    json: Json = False,
    profile: Profile = None,
    config: Config = None,
    settings: Set = None,
) -> None:
    """Have a server write down what a recording or a microphone says, or answer it.

    Any server will do that speaks as `voicecli serve` does.
    """
    given = [value for value in (source, mic, text) if value is not None]
    if len(given) != 1:
        raise UsageError("Give one of -i FILE, --mic DEVICE and, with --frames, --text TEXT.")
    if text is not None and not frames:
        raise UsageError("--text is a question to be answered: give --frames with it.")
    if speaker is not None and not frames:
        raise UsageError("--speaker plays an answer: give --frames with it.")
    if frames and (mic is not None or interim_results or real_time or path is not None):
        raise UsageError(
            "--frames sends a question at once: it goes with -i or --text, and none of the rest."
        )
    loaded = loaded_settings(config, profile, settings, {"speaker.device": speaker})
    from voicecli.cli.connection import ConnectRequest, read_token, run_connect, server_address

    if path is not None and server_address(loaded, addr).path:
        raise UsageError("--addr already has a path: leave it or --path out.")
    request = ConnectRequest(
        address=server_address(loaded, addr),
        path=str(path or Path.SEGMENTED),
        input=source,
        mic=mic,
        chunk_size=chunk_size,
        real_time=real_time,
        interim=interim_results,
        token=read_token(token_env),
        trace_id=trace_id,
        json=json,
    )
    if not frames:
        finish(run_connect(request))
        return
    from voicecli.cli.answer import run_question

    finish(run_question(loaded, request, text))
