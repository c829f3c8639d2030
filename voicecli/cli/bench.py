"""`voicecli bench`: what the command takes; the work is in `measurement.py`, loaded when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicecli.cli.invocation import finish, loaded_settings
from voicecli.errors import UsageError

__all__ = ["bench"]

_KINDS = ("tts",)


def bench(
    what: Annotated[
        str, typer.Argument(metavar="[tts]", help="tts: text to first audible sample.", show_default=False)
    ] = "tts",
    runs: Annotated[
        int,
        typer.Option(min=1, help="Runs of every case, after one that does not count."),
    ] = 10,
    tts: Annotated[
        list[str] | None,
        typer.Option(metavar="ENGINE", help="A speech engine; repeat to compare."),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            metavar="pcm|wav|mp3|opus|aac|flac",
            help="What the engine is asked to send; repeat to compare.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            help="What is spoken; repeat to compare. Otherwise a short, a medium and a long text.",
        ),
    ] = None,
    voice: Annotated[str | None, typer.Option(help="A voice of the speech engine.")] = None,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|FILE.wav|-|null",
            help="The loudspeaker that the first sound leaves; `null` keeps time and is not heard.",
        ),
    ] = "null",
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPAN.STAT=SECONDS",
            help="A limit, as in `ttfa.p95=0.3`; without one the settings' [budgets] hold for p95.",
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 5 if a budget was breached.")] = False,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write all of it as JSON."),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE|-", help="Write a row for each run."),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="A profile of the settings.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings over the user's own."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting."),
    ] = None,
) -> None:
    """Measure how long it takes until something is heard.

    Engines, formats and texts take turns, so that whatever drifts hits all alike. What was measured is kept
    and reported when you stop it.
    """
    from voicecli.cli.measurement import BenchRequest, parse_codec, run_bench
    from voicecli.latency.budget import parse_limit

    if what not in _KINDS:
        raise UsageError(f"There is no bench {what!r}.", f"There is {', '.join(_KINDS)}.")
    request = BenchRequest(
        runs=runs,
        engines=tuple(dict.fromkeys(tts or ())),
        codecs=tuple(dict.fromkeys(parse_codec(name) for name in format or ())),
        texts=tuple(dict.fromkeys(text or ())),
        voice=voice,
        speaker=speaker,
        json=json,
        csv=csv,
        limits=tuple(parse_limit(limit) for limit in budget or ()),
        strict=strict,
    )
    request.check()
    finish(run_bench(loaded_settings(config, profile, settings, {}), request))
