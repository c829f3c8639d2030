"""A recogniser that takes its time: so many seconds for each of sound, and so many utterances at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voicecli.providers.registry import _plugins

PLUGIN = """
import asyncio
from dataclasses import dataclass
from voicecli.providers.recognizer import Transcript

@dataclass(frozen=True)
class Options:
    cost: float = 1.0  # seconds of work for a second of sound
    places: int = 2

class Recognizer:
    name = "slow"
    Options = Options

    def __init__(self, options=Options()):
        self.options = options
        self.places = options.places
        self.room = asyncio.Semaphore(options.places)

    @staticmethod
    def missing(options):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        pass

    async def transcribe(self, audio):
        async with self.room:
            seconds = 0.0
            async for samples in audio:
                seconds += len(samples) / 16_000
                await asyncio.sleep(self.options.cost * len(samples) / 16_000)
            yield Transcript(f"{seconds:.1f} seconds", final=True)
"""


@contextmanager
def slow_engine(folder: Path) -> Iterator[Callable[..., Any]]:
    """Plug it in; yields its Options. Other processes find it with `folder` in PYTHONPATH."""
    (folder / "voicecli_slow.py").write_text(PLUGIN)
    package = folder / "voicecli_slow-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: voicecli-slow\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[voicecli.asr]\nslow = voicecli_slow:Recognizer\n")
    sys.path.insert(0, str(folder))
    _plugins.cache_clear()
    try:
        import voicecli_slow  # type: ignore[import-not-found]

        yield voicecli_slow.Options
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("voicecli_slow", None)
        _plugins.cache_clear()
