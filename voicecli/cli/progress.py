"""What is shown on standard error meanwhile: models that come, and how far a bench is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from voicecli.cli.console import SafeConsole

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from voicecli.config.assembly import Enterable
    from voicecli.providers import fetch

__all__ = ["BenchBars", "Downloads"]

_SECONDS_REMEMBERED = 600.0  # of which the time left is worked out: cases differ, so it is many of them


class Downloads:
    """Call it with every report; bars appear on standard error when the first one comes."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def opening(self, stack: AsyncExitStack, things: Sequence[Enterable]) -> None:
        """Open everything at the same time on `stack`; after that nothing is fetched."""
        from voicecli.config.assembly import enter_all

        await enter_all(stack, things)
        self.close()

    def __call__(self, report: fetch.Progress) -> None:
        """Show how far a file is."""
        if self._progress is None:
            self._progress = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=SafeConsole(stderr=True),
            )
            self._progress.start()
        if report.name not in self._tasks:
            self._tasks[report.name] = self._progress.add_task(f"fetching {report.name}", total=None)
        self._progress.update(self._tasks[report.name], completed=report.done, total=report.total)

    def close(self) -> None:
        """Leave the bars as they are."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


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
