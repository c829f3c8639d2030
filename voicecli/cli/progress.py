"""What a bench shows on standard error meanwhile: models that come, and then a bar with the time left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from voicecli.cli.console import SafeConsole
from voicecli.cli.downloads import Downloads

__all__ = ["BenchBars"]

_SECONDS_REMEMBERED = 600.0  # of which the time left is worked out: cases differ, so it is many of them


class BenchBars:
    """The bars of what is fetched end where that of what is measured begins."""

    def __init__(self) -> None:
        self.fetching = Downloads()

    @contextmanager
    def measuring(self, total: int, done: int = 0) -> Iterator[Callable[[str], None]]:
        """Yield what is called, with a name, after each of `total` things; silent without a terminal."""
        self.fetching.close()
        if not sys.stderr.isatty():
            yield lambda _: None
            return
        # Drawn between the runs alone: a thread that draws meanwhile would be in the numbers.
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=SafeConsole(stderr=True),
            transient=True,
            auto_refresh=False,
            speed_estimate_period=_SECONDS_REMEMBERED,
        )
        with bar:
            task = bar.add_task("measuring", total=total, completed=done)
            bar.refresh()
            yield lambda name: bar.update(task, advance=1, description=name, refresh=True)
