"""The pipelines of `voicecli bench talk`: engines chosen from the settings, and the networks to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from voicecli.audio.decode import prepare
from voicecli.audio.format import Codec
from voicecli.bench.host import versions
from voicecli.bench.measure.formats import InFormats, in_formats
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.network import NETWORKS, Conditions, Networked
from voicecli.bench.measure.partner import Contender, SerialOptions
from voicecli.bench.report import BenchReport, Participant
from voicecli.bench.report_file import participant
from voicecli.config import Loaded
from voicecli.config.assembly import Assembly, assemble, enter_all, ready_decoder
from voicecli.errors import UsageError
from voicecli.providers.choose import Choice, choose_detector
from voicecli.providers.fetch import Reporter
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["lined_up"]

_OURS = "voicecli"
_NONE = NETWORKS["none"]


async def lined_up(
    stack: AsyncExitStack,
    loaded: Loaded,
    networks: Sequence[Conditions],
    codecs: Sequence[Codec],
    serial: tuple[str, SerialOptions] | None,
    report: BenchReport,
    fetching: Reporter | None = None,
) -> list[Contender]:
    """Ours over each of the networks with speech in each of the `codecs`, and a `serial` one by its name.

    All are open, and in the `report`. Raises UsageError, LibraryMissing, ProviderError.
    """
    assembly = await assemble(loaded, report=fetching)
    voices = await in_formats(assembly.tts, codecs)
    if not voices.choices:
        raise UsageError("The speech engine sends nothing that was asked for.", f"{'. '.join(voices.notes)}.")
    assembly = replace(assembly, tts=voices.choices[0])
    await enter_all(stack, assembly.engines)
    for voice in voices.choices[1:]:
        await enter_all(stack, [voice.engine, ready_decoder(voice.engine)])
    _note(report, assembly, voices)
    some = any(network != _NONE for network in networks)
    if some:
        report.facts["network"] = "; ".join(map(str, networks))
    speech = None if serial is None else await _speech(stack, assembly.tts, serial[1], report.notes)
    asr, llm = assembly.choices["asr"], assembly.llm

    async def contender(
        tts: Synthesizer, network: Conditions, label: dict[str, str], **more: Any
    ) -> Contender:
        """With a detector of its own; the engines are shared, for no two are asked at once."""
        settings = loaded.settings
        detector = await choose_detector(settings.vad.engine, settings.vad.engines)
        vad = await stack.enter_async_context(detector.engine)
        way: Callable[[Any], Any] = partial(Networked, network=network, seed=report.seed)
        engines = {"asr": asr.engine, "llm": llm.engine, "tts": tts}
        engines = engines if network == _NONE else {stage: way(one) for stage, one in engines.items()}
        where = {"network": network.name} if some else {}
        return Contender(label={**label, **where}, vad=vad, settings=settings, **engines, **more)

    contenders = []
    for network in networks:
        for voice in voices.choices:
            ours = await contender(
                voice.engine,
                network,
                {"pipeline": _OURS},
                stated=Stated.of(asr.options, llm.options, voice.options) if network == _NONE else None,
            )
            form = {"format": str(voice.engine.format.codec)} if len(voices.choices) > 1 else {}
            contenders.append(replace(ours, label={**ours.label, **form}))
        if serial is not None and speech is not None:
            contenders.append(await contender(speech, network, {"pipeline": serial[0]}, serial=serial[1]))
    return contenders


async def _speech(
    stack: AsyncExitStack, choice: Choice[Synthesizer], serial: SerialOptions, notes: list[str]
) -> Synthesizer:
    """The same voice for the serial pipeline: as an MP3 where it waits for all of it and can choose."""
    if not serial.whole_speech:
        return choice.engine
    found = await in_formats(choice, [Codec.MP3])
    notes += found.notes
    other = found.choices[0]
    if other.engine is choice.engine:
        return choice.engine
    await asyncio.to_thread(prepare, other.engine.format.codec)
    return await stack.enter_async_context(other.engine)


def _note(report: BenchReport, assembly: Assembly, voices: InFormats) -> None:
    for stage, choice in assembly.choices.items():
        report.engines.append(_voice(choice) if stage == "tts" else participant(stage, choice))
        report.versions |= versions(stage, [choice.name])
    report.engines += map(_voice, voices.choices[1:])
    report.notes += voices.notes


def _voice(choice: Choice[Synthesizer]) -> Participant:
    return participant("tts", choice, format=str(choice.engine.format.codec))
