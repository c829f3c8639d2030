"""Bundled recognition: pocketsphinx, with the English model that its wheel carries, in processes of its own.

With a domain (a JSGF grammar of what to expect) requests of the grammar are understood, and whatever does not
sound like one is taken down as dictation. Without, everything is dictation: pocketsphinx does not do it well.
"""

from __future__ import annotations

import asyncio
import importlib.util
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

from voicecli.audio.block import Samples
from voicecli.errors import BadRequest, NotFound, Unavailable, VoiceError
from voicecli.flow.scope import scoped
from voicecli.folders import cache_folder
from voicecli.providers.bounds import Within
from voicecli.providers.engine import OwnEngine
from voicecli.providers.recognizer import Transcript
from voicecli.providers.sphinx.decoder import Models, Search
from voicecli.providers.sphinx.domain import prepare
from voicecli.providers.sphinx.listener import SECOND, Listener
from voicecli.providers.sphinx.noise_floor import NoiseFloor, checked
from voicecli.workers.job import Answer, Job
from voicecli.workers.pipe import Recipe
from voicecli.workers.pool import WorkerOptions, Workers

__all__ = ["PocketsphinxDecoder", "PocketsphinxOptions", "PocketsphinxRecognizer"]

EVERY = SECOND // 5  # bytes searched between partial transcripts


@dataclass(frozen=True, slots=True, kw_only=True)
class PocketsphinxOptions:
    """Which models hear, and how readily they hear a request."""

    language: str = "en-US"  # BCP 47; what the models below speak, English for the bundled ones
    acoustic_model: str = ""  # folder; empty: the bundled one
    dictionary: str = ""  # file of pronunciations; empty: the bundled one
    language_model: str = ""  # file, ARPA or binary; empty: the bundled one
    threshold: Annotated[float, Within(0, 1)] = 0.25  # how sure a request must be not to become dictation
    certain: Annotated[float, Within(0, 1)] = 0.85  # how sure what acts must be not to be asked about
    workers: Annotated[int, Within(1, 32)] = 2  # utterances heard at once, each in 120 MB


class PocketsphinxDecoder:
    """Decodes in this process, whose interpreter lock it holds for up to 80 ms at a time."""

    name = "pocketsphinx"

    def __init__(self, options: PocketsphinxOptions, domain: str | None = None) -> None:
        self._options = options
        self._domain = domain
        self._idle: list[Listener] = []
        self._free = asyncio.Semaphore(options.workers)

    @property
    def places(self) -> int:
        """Utterances at once."""
        return self._options.workers

    async def __aenter__(self) -> Self:
        """Load the models. Raises NotFound, BadRequest, Unavailable."""
        self._idle.append(await asyncio.to_thread(self._load))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._idle.clear()

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts and the final one; an utterance waits for a place."""
        async with scoped(audio) as pieces, self._free:
            # The one that was used last, which may know the beginning of the utterance.
            listener = self._idle.pop() if self._idle else await asyncio.to_thread(self._load)
            listener.start()
            arrived = asyncio.Event()
            reading = asyncio.create_task(_read(pieces, listener, arrived))
            reading.add_done_callback(lambda _: arrived.set())
            told, shown = 0, ""  # bytes and text of the partial transcript before
            try:
                while True:
                    arrived.clear()
                    await asyncio.sleep(0)  # all there is comes before any is decoded
                    more = listener.follow()
                    if listener.searched - told >= EVERY:
                        told = listener.searched
                        finding = listener.partial()
                        if finding.text and finding.text != shown:
                            shown = finding.text
                            yield finding
                    if not more and reading.done():
                        break
                    if not more:
                        await arrived.wait()
                await reading
                yield replace(listener.finish(), final=True)
            finally:
                self._idle.append(listener)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    def _load(self) -> Listener:
        if lacking := PocketsphinxRecognizer.missing(self._options):
            what, _, remedy = lacking.partition(": ")
            raise NotFound(f"pocketsphinx cannot be used: {what}.", f"What to do: {remedy}.")
        models = _models(self._options)
        try:
            commands = self._commands(models, self._domain) if self._domain else None
            return Listener(Search(models), commands, self._options.threshold)
        except ValueError as exc:
            what = "The grammar of what to expect is not one that pocketsphinx can use"
            raise BadRequest(f"{what}: {str(exc).rstrip('.')}.") from exc
        except (RuntimeError, OSError) as exc:
            raise Unavailable(f"pocketsphinx cannot load its models: {str(exc).rstrip('.')}.") from exc

    def _commands(self, models: Models, text: str) -> Search:
        try:
            grammar, known = prepare(text, models.dictionary, cache_folder() / "pocketsphinx")
            return Search(replace(models, dictionary=known), grammar=grammar)
        except OSError:  # the cache cannot be written; once loaded, the files are not needed
            with tempfile.TemporaryDirectory() as folder:
                grammar, known = prepare(text, models.dictionary, Path(folder))
                return Search(replace(models, dictionary=known), grammar=grammar)


async def _read(pieces: AsyncIterator[Samples], listener: Listener, arrived: asyncio.Event) -> None:
    floor = NoiseFloor()
    async for samples in pieces:
        listener.listen(floor.push(samples))
        arrived.set()


class PocketsphinxRecognizer(OwnEngine[PocketsphinxOptions]):
    """Understands the requests of a grammar, and dictation; partial transcripts come five times a second.

    `domain` is the grammar in JSGF; sentences with words that the dictionary lacks are left out of it.
    """

    name = "pocketsphinx"
    stage = "asr"
    Options = PocketsphinxOptions
    Inside = PocketsphinxDecoder  # what is run by whoever has a process for it already

    def __init__(self, options: PocketsphinxOptions | None = None, domain: str | None = None) -> None:
        super().__init__(options)
        alone = replace(self._options, workers=1)
        recipe = Recipe(PocketsphinxDecoder, alone, {"domain": domain})
        once = WorkerOptions(eager=False, timeout=0, patience=0)
        self._workers = Workers(recipe, self._options.workers, once)

    @property
    def places(self) -> int:
        """Utterances at once."""
        return self._options.workers

    @classmethod
    def missing(cls, options: PocketsphinxOptions) -> str | None:
        """Say what keeps it from listening, or None."""
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
        await self._workers.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._workers.__aexit__()

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts and the final one; an utterance waits while every process has one."""
        told: asyncio.Queue[str | Answer | VoiceError | asyncio.Task[None]] = asyncio.Queue()
        job = self._workers.job(told.put_nowait, told.put_nowait)
        sending = asyncio.create_task(_send(audio, job))
        sending.add_done_callback(told.put_nowait)
        try:
            while not isinstance(news := await told.get(), Answer):
                if isinstance(news, VoiceError):
                    raise news
                if isinstance(news, asyncio.Task):
                    news.result()  # what the microphone raised
                elif news:
                    yield Transcript(news)
            certain = news.confidence is None or news.confidence >= self._options.certain
            yield Transcript(news.text, final=True, confidence=news.confidence, certain=certain)
        finally:
            job.cancel()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _send(audio: AsyncIterator[Samples], job: Job) -> None:
    async with scoped(audio) as pieces:
        async for samples in pieces:
            job.push(checked(samples))
    job.end()


def _models(options: PocketsphinxOptions) -> Models:
    spec = importlib.util.find_spec("pocketsphinx")
    folder = Path(spec.origin).parent / "model" / "en-us" if spec and spec.origin else Path()
    return Models(
        Path(options.acoustic_model).expanduser() if options.acoustic_model else folder / "en-us",
        Path(options.dictionary).expanduser() if options.dictionary else folder / "cmudict-en-us.dict",
        Path(options.language_model).expanduser() if options.language_model else folder / "en-us.lm.bin",
    )
