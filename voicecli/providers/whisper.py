"""Whisper in this process, through faster-whisper: an utterance is understood when it has ended."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import NotFound
from voicecli.flow.scope import scoped
from voicecli.providers.bounds import Within
from voicecli.providers.fetch import fetch_from_hub, fetched_from_hub
from voicecli.providers.inference import LocalEngine
from voicecli.providers.recognizer import LISTENING_RATE, Transcript

__all__ = ["WhisperOptions", "WhisperRecognizer"]

SHORTEST = 0.1  # seconds; in less than that there is no word, and Whisper invents one
REPOSITORIES = {
    "large": "Systran/faster-whisper-large-v3",
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
    "distil-large-v3.5": "distil-whisper/distil-large-v3.5-ct2",
}
SIZES = (
    *("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"),
    *("large-v1", "large-v2", "large-v3"),
)
DISTILLED = ("distil-small.en", "distil-medium.en", "distil-large-v2", "distil-large-v3")
REPOSITORIES |= {size: f"Systran/faster-whisper-{size}" for size in SIZES}
REPOSITORIES |= {size: f"Systran/faster-{size.replace('distil-', 'distil-whisper-')}" for size in DISTILLED}
PART = re.compile(r"(config|preprocessor_config|tokenizer)\.json|vocabulary\.(json|txt)|model\.bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperOptions:
    """Which Whisper model hears, and how."""

    model: str = "base"  # tiny to large-v3, turbo, their .en forms; a repository "owner/name"; a folder
    language: str = "en-US"  # BCP 47; empty: Whisper guesses, which costs a pass of its encoder
    prompt: str = ""  # words to expect: names, jargon
    device: str = "auto"  # cpu, cuda, auto
    compute_type: str = "default"  # int8 is fastest on a CPU; see CTranslate2's quantization
    threads: Annotated[int, Within(0, 256)] = 0  # on the CPU; 0: as many as CTranslate2 likes
    beam: Annotated[int, Within(1, 20)] = 1  # hypotheses followed at once; 5 is a little better and slower
    partial: Annotated[float, Within(0, 60)] = 0.0  # seconds of audio between partial transcripts; 0: none


class WhisperRecognizer(LocalEngine[WhisperOptions]):
    """Understands whole utterances; partial transcripts cost a pass over all of it each time.

    Downloads its model, 75 MB (tiny) to 3 GB (large), the first time.
    """

    name = "whisper"
    places = 4  # utterances at once: one thread does them in turn
    Options = WhisperOptions
    stage = "asr"
    _library = "faster_whisper"

    @staticmethod
    def cached(options: WhisperOptions) -> bool:
        """Whether the model is on this machine."""
        into = _into(_repository(options.model))
        return _given(options.model) is not None or fetched_from_hub(into, _is_part)

    async def _load(self) -> None:
        folder = await self._folder()
        self._model = await self._inference.run(lambda: self._open(folder))
        await self._inference.run(lambda: self._recognise(np.zeros(LISTENING_RATE, np.float32)))

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield partial transcripts, where they were asked for, and the final one."""
        if self._model is None:
            await self.__aenter__()
        heard: list[Samples] = []
        length = 0
        tried = 0  # samples that the latest partial transcript covers
        trying: asyncio.Future[Transcript] | None = None
        try:
            async with scoped(audio) as blocks:
                async for samples in blocks:
                    heard.append(samples)
                    length += len(samples)
                    if trying is not None and trying.done():
                        if (partial_one := trying.result()).text:
                            yield Transcript(partial_one.text)
                        trying = None
                    if trying is None and self._is_due(length - tried):
                        tried = length
                        trying = asyncio.ensure_future(self._understand(heard))
            if trying is not None:
                trying.cancel()  # what has not begun need not delay the whole
            final = await self._understand(heard)
            yield Transcript(final.text, final=True, confidence=final.confidence)
        finally:
            if trying is not None:
                trying.cancel()
                await asyncio.gather(trying, return_exceptions=True)

    def _is_due(self, fresh: int) -> bool:
        return 0 < self._options.partial * LISTENING_RATE <= fresh

    async def _understand(self, heard: list[Samples]) -> Transcript:
        samples = np.concatenate(heard) if heard else np.zeros(0, np.float32)
        if len(samples) < SHORTEST * LISTENING_RATE:
            return Transcript("")
        return await self._inference.run(partial(self._recognise, samples))

    def _recognise(self, samples: Samples) -> Transcript:
        """Run in Whisper's thread."""
        options = self._options
        segments, _ = self._model.transcribe(
            samples,
            language=options.language.partition("-")[0].lower() or None,
            initial_prompt=options.prompt or None,
            beam_size=options.beam,
            temperature=0.0,  # its second tries at higher temperatures cost seconds
            condition_on_previous_text=False,  # keeps a mistake from repeating itself
            without_timestamps=True,
        )
        found = list(segments)
        text = " ".join(segment.text.strip() for segment in found).strip()
        if not text:
            return Transcript("")
        tokens = sum(len(segment.tokens) for segment in found) or 1
        likelihood = sum(segment.avg_logprob * len(segment.tokens) for segment in found) / tokens
        return Transcript(text, confidence=min(1.0, math.exp(likelihood)))

    def _open(self, folder: Path) -> Any:
        from faster_whisper import WhisperModel

        return WhisperModel(
            str(folder),
            device=self._options.device,
            compute_type=self._options.compute_type,
            cpu_threads=self._options.threads,
            local_files_only=True,
        )

    async def _folder(self) -> Path:
        if (given := await asyncio.to_thread(_given, self._options.model)) is not None:
            return given
        repository = _repository(self._options.model)
        if not repository:
            raise NotFound(
                f"There is no Whisper model {self._options.model!r}.",
                f"There are {', '.join(sorted(REPOSITORIES))}; a repository, owner/name; or a folder.",
            )
        return await fetch_from_hub(repository, "", _into(repository), _is_part, self._report)


def _given(model: str) -> Path | None:
    """The folder, when the model is one."""
    folder = Path(model).expanduser()
    return folder if (folder / "model.bin").is_file() else None


def _repository(model: str) -> str:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", model):
        return model
    return REPOSITORIES.get(model, "")


def _into(repository: str) -> str:
    return f"whisper/{repository.replace('/', '--')}"


def _is_part(file: str) -> bool:
    return PART.fullmatch(file) is not None
