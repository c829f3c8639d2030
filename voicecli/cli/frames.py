"""`voicecli frames`: what the commands take; the work is in `framing`, loaded when needed."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["frames_app"]

frames_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Sound as framed objects, and back: files and pipes."
)

Json = Annotated[
    bool,
    typer.Option("--json", help="The header of each frame as JSON Lines (on standard error where OUT is -)."),
]


@frames_app.command()
def encode(
    source: Annotated[str, typer.Argument(metavar="IN.wav|-", help="A WAV file of 16 or 32-bit integers.")],
    out: Annotated[str, typer.Argument(metavar="OUT|-", help="Where the frames go.")],
    question: Annotated[str, typer.Option(help="The text of the question, in every frame.")] = "",
    answer: Annotated[str, typer.Option(help="The text of the sound, in the first frame.")] = "",
    url: Annotated[str, typer.Option(help="An address, in every frame.")] = "",
    chunk: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.001, max=60, help="Sound in one frame.")
    ] = 0.5,
    json: Json = False,
) -> None:
    """Put a WAV file into frames, bit for bit; `-` is a pipe."""
    from voicecli.cli.framing import Texts, encode_frames

    encode_frames(source, out, Texts(question, answer, url), chunk, as_json=json)


@frames_app.command()
def decode(
    source: Annotated[str, typer.Argument(metavar="IN|-", help="Frames, back to back.")],
    out: Annotated[str, typer.Argument(metavar="OUT.wav|-", help="Where the sound goes, as a WAV file.")],
    json: Json = False,
) -> None:
    """Take the sound out of frames, bit for bit; `-` is a pipe.

    What was decoded before something is broken or cut off is kept, and the exit status is 1.
    """
    from voicecli.cli.framing import decode_frames

    decode_frames(source, out, as_json=json)
