"""Options that every bench takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Budget",
    "Charts",
    "Compare",
    "CsvFile",
    "HtmlFile",
    "JsonFile",
    "MarkdownFile",
    "PlotFile",
    "Runs",
    "Seed",
    "Speech",
    "Strict",
    "Tolerance",
]

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
JsonFile = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE|-", help="Write all of it as JSON."),
]
CsvFile = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE|-", help="Write a row for each run."),
]
MarkdownFile = Annotated[
    str | None,
    typer.Option("--markdown", metavar="FILE|-", help="Write the tables as Markdown."),
]
HtmlFile = Annotated[
    str | None,
    typer.Option("--html", metavar="FILE", help="Write a page with charts that opens without a network."),
]
PlotFile = Annotated[
    str | None,
    typer.Option("--plot", metavar="FILE.png|.svg", help="Write the charts as a picture."),
]
Charts = Annotated[bool, typer.Option("--charts", help="Draw the charts in the terminal too.")]
Compare = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What `--json` wrote before: name what got better or worse."),
]
Tolerance = Annotated[
    float,
    typer.Option(min=0.0, metavar="SHARE", help="How much worse is not yet a regression; 0.05 is 5 %."),
]
Budget = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SPAN.STAT=SECONDS",
        help="A limit, as in `ttfa.p95=0.3`; without one the settings' [budgets] hold for p95.",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Exit with 5 if a budget was breached, a run failed, or something got worse."
    ),
]
