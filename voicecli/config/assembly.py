"""Engines chosen from the settings, opened together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from voicecli.audio.decode import prepare
from voicecli.audio.format import Codec
from voicecli.config.load import Loaded, load_settings
from voicecli.config.settings import Settings
from voicecli.providers.choose import (
    Choice,
    choose_detector,
    choose_language_model,
    choose_recognizer,
    choose_synthesizer,
)
from voicecli.providers.fetch import Reporter
from voicecli.providers.language_model import LanguageModel
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.registry import STAGES, Stage
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.utterer import UttererOptions
from voicecli.speech.vad import VoiceDetector

__all__ = [
    "Assembly",
    "Enterable",
    "assemble",
    "enter_all",
    "language_of",
    "open_engines",
    "pick_recognizer",
    "pick_synthesizer",
    "ready_decoder",
    "utterer_options",
]


Enterable: TypeAlias = AbstractAsyncContextManager[object]


@dataclass(frozen=True, slots=True)
class Assembly:
    """The engines of a conversation, not yet opened."""

    llm: Choice[LanguageModel]
    tts: Choice[Synthesizer]
    asr: Choice[Recognizer] | None
    vad: Choice[VoiceDetector] | None

    @property
    def choices(self) -> dict[Stage, Choice[Any]]:
        """By stage."""
        return {stage: choice for stage in STAGES if (choice := getattr(self, stage)) is not None}

    @property
    def names(self) -> dict[str, str]:
        """By stage."""
        return {stage: choice.name for stage, choice in self.choices.items()}

    @property
    def reasons(self) -> dict[str, str]:
        """By stage: why this engine."""
        return {stage: choice.reason for stage, choice in self.choices.items()}

    @property
    def engines(self) -> list[Enterable]:
        """All of them."""
        return [*(choice.engine for choice in self.choices.values()), ready_decoder(self.tts.engine)]


def language_of(loaded: Loaded) -> str | None:
    """The conversation's language if anybody set it; engines keep their own otherwise."""
    return (
        None if loaded.origin("conversation.language") == "default" else loaded.settings.conversation.language
    )


def utterer_options(loaded: Loaded) -> UttererOptions:
    """As the settings say; in the voice's own language unless anybody set the conversation's."""
    return replace(loaded.settings.utterer(), language=language_of(loaded) or "")


async def pick_recognizer(
    loaded: Loaded, domain: object = None, report: Reporter | None = None
) -> Choice[Recognizer]:
    """As the settings say; `report` hears of models that are fetched.

    Raises UsageError, LibraryMissing, ProviderError.
    """
    stage = loaded.settings.asr
    options = stage.engines.tailored(language=language_of(loaded))
    return await choose_recognizer(stage.engine, options, domain=domain, report=report)


async def pick_synthesizer(
    loaded: Loaded,
    voice: str | None = None,
    speed: float | None = None,
    codec: Codec | None = None,
    report: Reporter | None = None,
) -> Choice[Synthesizer]:
    """As the settings say; `report` hears of models that are fetched.

    Raises UsageError, LibraryMissing, ProviderError.
    """
    stage = loaded.settings.tts
    wire = None if codec is None else str(codec)
    options = stage.engines.tailored(language=language_of(loaded), voice=voice, speed=speed, format=wire)
    return await choose_synthesizer(stage.engine, options, report=report)


async def assemble(
    loaded: Loaded, *, voice: str | None = None, ears: bool = True, report: Reporter | None = None
) -> Assembly:
    """Choose all engines; `report` hears of models that are fetched when they are opened.

    Raises UsageError, LibraryMissing, ProviderError.
    """
    settings: Settings = loaded.settings
    llm, tts = await asyncio.gather(
        choose_language_model(settings.llm.engine, settings.llm.engines),
        pick_synthesizer(loaded, voice, report=report),
    )
    if not ears:
        return Assembly(llm, tts, None, None)
    # What the model understands is what the recogniser should expect to hear.
    domain = getattr(llm.engine, "domain", None)
    asr, vad = await asyncio.gather(
        pick_recognizer(loaded, domain, report), choose_detector(settings.vad.engine, settings.vad.engines)
    )
    return Assembly(llm, tts, asr, vad)


@asynccontextmanager
async def open_engines(
    asr: str | None = None,
    llm: str | None = None,
    tts: str | None = None,
    *,
    settings: str | PathLike[str] | None = None,
    profile: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> AsyncIterator[tuple[Recognizer, LanguageModel, Synthesizer]]:
    """The recogniser, the language model and the voice that `voicecli talk` would use, all open.

    As there, the user's settings are read, then the file `settings`, the profile and the environment; over
    them go `overrides` (dotted keys, as `--set` takes them), and the engines given by name. Raises
    SettingsError, UsageError, LibraryMissing, ProviderError.
    """
    named = {"asr.engine": asr, "llm.engine": llm, "tts.engine": tts}
    flags = {**(overrides or {}), **{key: name for key, name in named.items() if name is not None}}
    config = None if settings is None else Path(settings)
    loaded = await asyncio.to_thread(load_settings, config, profile, flags)
    assembly = await assemble(loaded)
    assert assembly.asr is not None
    engines = (assembly.asr.engine, assembly.llm.engine, assembly.tts.engine)
    async with AsyncExitStack() as stack:
        await enter_all(stack, [*engines, ready_decoder(assembly.tts.engine)])
        yield engines


@asynccontextmanager
async def ready_decoder(synthesizer: Synthesizer) -> AsyncIterator[None]:
    """The libraries that the engine's codec needs, loaded before the first chunk comes."""
    await asyncio.to_thread(prepare, synthesizer.format.codec)
    yield


async def enter_all(stack: AsyncExitStack, things: Sequence[Enterable]) -> None:
    """Open everything at the same time; if one fails, `stack` still closes the others."""
    results = await asyncio.gather(*(thing.__aenter__() for thing in things), return_exceptions=True)
    for thing, result in zip(things, results, strict=True):
        if not isinstance(result, BaseException):
            stack.push_async_exit(thing.__aexit__)
    for result in results:
        if isinstance(result, BaseException):
            raise result
