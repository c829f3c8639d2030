"""Moonshine in this process: small recognisers that work while one speaks, and have little left to do after.

Its English models are free; those of other languages are for non-commercial use only.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import NotFound, Unavailable
from voicecli.flow.scope import scoped
from voicecli.providers.bounds import Within
from voicecli.providers.fetch import ModelFile, fetch, model_folder
from voicecli.providers.inference import LocalEngine
from voicecli.providers.recognizer import LISTENING_RATE, Transcript

__all__ = ["MoonshineOptions", "MoonshineRecognizer"]

PREFERRED = ("small-streaming", "tiny-streaming", "base", "tiny")  # quick enough for a conversation on a CPU
LISTING = "files.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoonshineOptions:
    """Which Moonshine model hears, and how often it tells."""

    model: str = ""  # small-streaming, base, …; empty: the best quick one of the language
    language: str = "en-US"  # BCP 47: ar, de, en, es, ja, ko, tl, uk, vi, zh
    partial: Annotated[float, Within(0.1, 60)] = 0.3  # seconds of new audio between partial transcripts


class MoonshineRecognizer(LocalEngine[MoonshineOptions]):
    """Understands while the audio comes. Its model of 30 to 270 MB is saved by hand: nobody states a hash."""

    name = "moonshine"
    places = 4  # utterances at once: one thread does them in turn
    Options = MoonshineOptions
    stage = "asr"
    _library = "moonshine_voice"

    @staticmethod
    def cached(options: MoonshineOptions) -> bool:
        """Whether the model is on this machine."""
        return (model_folder() / _into(options) / LISTING).exists()

    async def _load(self) -> None:
        architecture, files = await self._inference.run(lambda: _wanted(self._options))
        paths = await fetch(files, self._report)
        folder = paths[0].parent
        await self._inference.run(partial(_note, folder, files))
        self._model = await self._inference.run(partial(self._open, folder, architecture))

    async def __aexit__(self, *exc: object) -> None:
        if self._model is not None:
            await self._inference.run(self._model.close)
        await super().__aexit__()

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        """Yield a transcript every so often while the audio runs, and the final one."""
        if self._model is None:
            await self.__aenter__()
        run = self._inference.run
        stream = await run(self._begin)
        shown = ""
        heard = False
        waiting: list[Samples] = []  # audio that Moonshine has not been given yet
        pace = self._options.partial * LISTENING_RATE
        try:
            async with scoped(audio) as blocks:
                async for samples in blocks:
                    waiting.append(samples)
                    heard = heard or len(samples) > 0
                    if sum(map(len, waiting)) < pace:
                        continue
                    text = await run(partial(_listen, stream, waiting))
                    waiting = []
                    if text and text != shown:
                        shown = text
                        yield Transcript(text)
            text = await run(partial(_finish, stream, waiting)) if heard else ""
            yield Transcript(text, final=True)
        finally:
            await run(stream.close)

    def _begin(self) -> Any:
        # It would transcribe by itself every so often; here it does when asked.
        stream = self._model.create_stream(update_interval=math.inf)
        stream.start()
        return stream

    def _open(self, folder: Path, architecture: int) -> Any:
        from moonshine_voice import ModelArch, Transcriber

        return Transcriber(folder, ModelArch(architecture))


def _listen(stream: Any, blocks: list[Samples]) -> str:
    """Run in Moonshine's thread."""
    _give(stream, blocks)
    return _text(stream.update_transcription())


def _finish(stream: Any, blocks: list[Samples]) -> str:
    """Run in Moonshine's thread."""
    _give(stream, blocks)
    transcript = stream.stop()
    if transcript is None:  # it hands its error to listeners only
        raise Unavailable("moonshine could not transcribe the end of the utterance.")
    return _text(transcript)


def _give(stream: Any, blocks: list[Samples]) -> None:
    if blocks:
        stream.add_audio(np.concatenate(blocks).tolist(), LISTENING_RATE)


def _text(transcript: Any) -> str:
    return " ".join(text for line in transcript.lines if (text := line.text.strip()))


def _into(options: MoonshineOptions) -> str:
    language = options.language.partition("-")[0].lower() or "en"
    return f"moonshine/{language}-{options.model or 'auto'}"


def _wanted(options: MoonshineOptions) -> tuple[int, list[ModelFile]]:
    """The number of the model's architecture and its files, as the library lists them."""
    from moonshine_voice.moonshine_api import (
        moonshine_get_stt_catalog_string,
        moonshine_get_stt_dependencies_string,
        string_to_model_arch,
    )

    language = options.language.partition("-")[0].lower() or "en"
    catalogue = {one["code"]: one for one in json.loads(moonshine_get_stt_catalog_string())["languages"]}
    if language not in catalogue:
        raise NotFound(
            f"Moonshine does not understand {options.language!r}.",
            f"It understands {', '.join(sorted(catalogue))}.",
        )
    there = [model["model_arch"] for model in catalogue[language]["models"]]
    names = {
        name: int(string_to_model_arch(name)) for name in (*PREFERRED, "medium-streaming", "base-streaming")
    }
    if options.model and names.get(options.model) not in there:
        known = ", ".join(name for name, number in names.items() if number in there)
        raise NotFound(f"Moonshine has no model {options.model!r} for {language}.", f"It has {known}.")
    wanted = [options.model] if options.model else [name for name in PREFERRED if names[name] in there]
    architecture = names[wanted[0]] if wanted else there[0]
    listed = json.loads(moonshine_get_stt_dependencies_string(language, {"model_arch": architecture}))
    into = _into(options)
    if language != "en":
        _log.warning(
            "Moonshine's model for %s is for non-commercial use only: moonshine.ai/license", language
        )
    return architecture, [
        ModelFile(file["url"], f"{into}/{file['name']}", file.get("sha256") or "")
        for group in listed["groups"][:1]
        for file in group["files"]
    ]


def _note(folder: Path, files: list[ModelFile]) -> None:
    """Note that the model is whole."""
    (folder / LISTING).write_text(json.dumps([file.url for file in files], indent=1), encoding="utf-8")
