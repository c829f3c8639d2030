"""Progress of model files that are fetched on first use."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Self

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from voicecli.cli.console import SafeConsole
from voicecli.config.assembly import Enterable, enter_all
from voicecli.providers import fetch

__all__ = ["Downloads"]


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
