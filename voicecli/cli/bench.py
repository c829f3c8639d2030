"""`voicecli bench`: its kinds; what measures is loaded when needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voicecli.cli.bench_options import Outputs, Runs, Seed, unique
from voicecli.cli.bench_player import player
from voicecli.cli.bench_server import server
from voicecli.cli.bench_talk import talk
from voicecli.cli.bench_turn import turn
from voicecli.cli.invocation import finish
from voicecli.cli.options import SettingsOptions, group, spread
from voicecli.errors import UsageError

__all__ = ["app"]

_DEFAULT = "tts"


class _BenchGroup(TyperGroup):
    """Means `tts` when no kind is named; the kind may stand before its options or behind them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            place = self._kind(args)
            args = [_DEFAULT, *args] if place is None else [args[place], *args[:place], *args[place + 1 :]]
        return super().parse_args(ctx, args)

    def _kind(self, args: list[str]) -> int | None:
        """Where the first word is that is neither an option nor the value of one."""
        valued = {
            name
            for command in self.commands.values()
            for option in command.params
            if option.param_type_name == "option" and not getattr(option, "is_flag", False)
            for name in option.opts
        }
        before = ""
        for place, word in enumerate(args):
            if word == "--":
                return None
            if not word.startswith("-") and before not in valued:
                return place
            before = "" if before in valued else word
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:
            raise UsageError(f"There is no bench {args[0]!r}.", f"There is {', '.join(self.commands)}.")
        return super().resolve_command(ctx, args)


app = group(
    cls=_BenchGroup,
    help="Measure how long things take; `tts` is meant where no word says what.",
)


@app.command("tts")
@spread
def tts(
    runs: Runs = 10,
    cold: Annotated[
        int,
        typer.Option(min=0, metavar="N", help="Runs of every case with an engine newly opened for each."),
    ] = 3,
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
    voice: Annotated[
        list[str] | None,
        typer.Option(help="A voice of the speech engine; repeat to compare."),
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option(
            help="What is spoken; repeat to compare. Otherwise a short, a medium and a long text.",
        ),
    ] = None,
    words: Annotated[
        list[int] | None,
        typer.Option(min=1, max=10_000, metavar="N", help="A text of so many words; repeat to compare."),
    ] = None,
    speaker: Annotated[
        str,
        typer.Option(
            metavar="DEVICE|FILE.wav|-|null",
            help="The loudspeaker that the first sound leaves; `null` keeps time and is not heard.",
        ),
    ] = "null",
    resume: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Go on with what `--json` wrote when it was interrupted."),
    ] = None,
    seed: Seed = 0,
    *,
    outputs: Outputs,
    settings: SettingsOptions,
) -> None:
    """Measure how long it takes from a text to the first audible sample.

    Engines, formats, voices and texts take turns, so that whatever drifts hits all alike. What was measured
    is kept and reported when you stop it.
    """
    from voicecli.bench.measure.first_audio_bench import SpeechBench
    from voicecli.bench.measure.formats import codecs_of
    from voicecli.bench.measure.texts import lines_of
    from voicecli.cli.reporting import loudspeaker, run_bench

    if resume is not None and outputs.json is None:
        outputs = replace(outputs, json=str(resume))
    bench = SpeechBench(
        loaded=settings.load(), speaker=loudspeaker(speaker), runs=runs, cold=cold, engines=unique(tts),
        codecs=codecs_of(format), voices=unique(voice), lines=lines_of(text or (), words or ()),
        resume=resume, seed=seed,
    )  # fmt: skip
    finish(run_bench(bench, outputs, speaker))


@app.command("show")
@spread
def show(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="What `--json` wrote.")],
    *,
    outputs: Outputs,
) -> None:
    """Show a report again, in other forms, or beside an earlier one; nothing is measured."""
    from voicecli.cli.reporting import show_report

    status = show_report(report, outputs)
    if status:
        raise typer.Exit(int(status))


app.command("talk")(talk)
app.command("turn")(turn)
app.command("player")(player)
app.command("server")(server)
