"""Bundled recognition: pocketsphinx, with the English model that its wheel carries, in a process of its own.

With a domain (a JSGF grammar of what to expect) requests of the grammar are understood, and whatever does not
sound like one is taken down as dictation. Without, everything is dictation: pocketsphinx does not do it well.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Self

from voicecli.audio.block import Samples
from voicecli.errors import NotFound
from voicecli.flow.steps import scoped
from voicecli.folders import cache_folder
from voicecli.providers.bounds import Within, check
from voicecli.providers.recognizer import Transcript
from voicecli.providers.sphinx.decoder import Models
from voicecli.providers.sphinx.process import Worker

__all__ = ["PocketsphinxOptions", "PocketsphinxRecognizer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketsphinxOptions:
    """Which models hear, and how readily they hear a request."""

    language: str = "en-US"  # BCP 47; what the models below speak, English for the bundled ones
    acoustic_model: str = ""  # folder; empty: the bundled one
    dictionary: str = ""  # file of pronunciations; empty: the bundled one
    language_model: str = ""  # file, ARPA or binary; empty: the bundled one
    threshold: Annotated[float, Within(0, 1)] = 0.25  # how sure a request must be not to become dictation
    certain: Annotated[float, Within(0, 1)] = 0.85  # how sure what acts must be not to be asked about
    workers: Annotated[int, Within(1, 32)] = 2  # processes at most, 120 MB each: utterances heard at once


class PocketsphinxRecognizer:
    """Understands the requests of a grammar, and dictation; partial transcripts come five times a second.

    `domain` is the grammar in JSGF; sentences with words that the dictionary lacks are left out of it.
    """

    name = "pocketsphinx"
    Options: ClassVar[type[PocketsphinxOptions]] = PocketsphinxOptions

    def __init__(
        self, options: PocketsphinxOptions = PocketsphinxOptions(), domain: str | None = None
    ) -> None:
        check("asr.pocketsphinx", options)
        self._options = options
        self._domain = domain or ""
        self._idle: list[Worker] = []
        self._places = asyncio.Semaphore(options.workers)

    @property
    def places(self) -> int:
        """Utterances at once."""
        return self._options.workers

    @staticmethod
    def missing(options: PocketsphinxOptions) -> str | None:
        """Say what keeps it from hearing, or None."""
        if importlib.util.find_spec("pocketsphinx") is None:
            return "not installed: pip install pocketsphinx"
        given = (options.acoustic_model, options.dictionary, options.language_model)
        if options.language.partition("-")[0].lower() not in ("", "en") and not all(given):
            return (
                f"it has no model for {options.language}: set acoustic_model, dictionary and language_model"
                " in [asr.pocketsphinx], or choose another engine"
            )
        if absent := _models(options).absent:
            remedy = (
                "check [asr.pocketsphinx]" if any(given) else "pip install --force-reinstall pocketsphinx"
            )
            return f"there is no {absent[0]}: {remedy}"
        return None

    async def __aenter__(self) -> Self:
        """Start a process and load the models. Raises NotFound, BadRequest, Unavailable."""
        async with self._places:
            self._idle.append(await self._open())
        return self

    async def __aexit__(self, *exc: object) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts and the final one; an utterance waits while every process has one."""
        certain = self._options.certain
        async with scoped(audio) as pieces, self._places:
            worker = await self._take()
            try:
                async with scoped(worker.transcribe(pieces)) as transcripts:
                    async for transcript in transcripts:
                        sure = transcript.confidence is None or transcript.confidence >= certain
                        yield replace(transcript, certain=sure)
            finally:
                if worker.alive:
                    self._idle.append(worker)
                else:
                    await worker.close()

    async def _take(self) -> Worker:
        """The process that was used last, which may know the beginning of the utterance; else a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await worker.close()
        return await self._open()

    async def _open(self) -> Worker:
        if lacking := self.missing(self._options):
            what, _, remedy = lacking.partition(": ")
            raise NotFound(f"pocketsphinx cannot be used: {what}.", f"What to do: {remedy}.")
        models = _models(self._options)
        return await Worker.open(
            {
                "acoustic": str(models.acoustic),
                "dictionary": str(models.dictionary),
                "language": str(models.language),
                "domain": self._domain,
                "threshold": self._options.threshold,
                "cache": str(cache_folder() / "pocketsphinx"),
            }
        )


def _models(options: PocketsphinxOptions) -> Models:
    spec = importlib.util.find_spec("pocketsphinx")
    folder = Path(spec.origin).parent / "model" / "en-us" if spec and spec.origin else Path()
    return Models(
        Path(options.acoustic_model).expanduser() if options.acoustic_model else folder / "en-us",
        Path(options.dictionary).expanduser() if options.dictionary else folder / "cmudict-en-us.dict",
        Path(options.language_model).expanduser() if options.language_model else folder / "en-us.lm.bin",
    )
