"""Options that every bench takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Outputs", "Runs", "Seed", "Speech", "unique"]

Runs = Annotated[int, typer.Option(min=1, help="Runs of every case that count.")]
Seed = Annotated[
    int, typer.Option(min=0, metavar="N", help="Of everything that chance decides, the order included.")
]
Speech = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder of recordings, with a manifest or transcripts beside them; otherwise VOICECLI_SPEECH.",
    ),
]


def unique(given: Iterable[str] | None) -> tuple[str, ...]:
    """What an option that may be repeated was given, each once."""
    return tuple(dict.fromkeys(given or ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Where the report goes and what it is held against: options of every bench."""

    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE|-", help="Write all of it as JSON."),
    ] = None
    csv: Annotated[
        str | None,
        typer.Option("--csv", metavar="FILE|-", help="Write a row for each run."),
    ] = None
    markdown: Annotated[
        str | None,
        typer.Option("--markdown", metavar="FILE|-", help="Write the tables as Markdown."),
    ] = None
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Write a page with charts that opens without a network."),
    ] = None
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE.png|.svg", help="Write the charts as a picture."),
    ] = None
    charts: Annotated[bool, typer.Option("--charts", help="Draw the charts in the terminal too.")] = False
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What `--json` wrote before: name what got better or worse."),
    ] = None
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, metavar="SHARE", help="How much worse is not yet a regression; 0.05 is 5 %."),
    ] = 0.05
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPAN.STAT=SECONDS",
            help="A limit, as in `ttfa.p95=0.3`; without one the settings' [budgets] hold for p95.",
        ),
    ] = None
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Exit with 5 if a budget was breached, a run failed, or something got worse."
        ),
    ] = False
