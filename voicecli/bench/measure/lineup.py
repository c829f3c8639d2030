"""The pipelines of `voicecli bench talk`: engines chosen from the settings, and the networks to them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from voicecli.audio.decode import prepare
from voicecli.audio.format import Codec
from voicecli.bench.host import versions
from voicecli.bench.measure.conversations import Contender
from voicecli.bench.measure.conversations_report import simulated_delays
from voicecli.bench.measure.formats import in_formats
from voicecli.bench.measure.lateness import Stated
from voicecli.bench.measure.network import (
    NETWORKS,
    Network,
    NetworkedLanguageModel,
    NetworkedRecognizer,
    NetworkedSynthesizer,
)
from voicecli.bench.measure.serial import SerialOptions
from voicecli.bench.report import Participant
from voicecli.bench.report_file import participant
from voicecli.config import Loaded
from voicecli.config.assembly import Assembly, ReadyDecoder, assemble, enter_all
from voicecli.errors import UsageError
from voicecli.providers.choose import Choice, choose_detector
from voicecli.providers.fetch import Reporter
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["SIMULATED", "Lineup", "open_lineup"]

SIMULATED = "simulated"
_OURS = "voicecli"


@dataclass(slots=True, kw_only=True)
class Lineup:
    """The pipelines, open, and what a report says of them."""

    contenders: list[Contender] = field(default_factory=list)
    participants: list[Participant] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    stated: dict[int, Stated] = field(default_factory=dict)  # by the identity of a contender
    facts: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    hears: bool = True  # whether the recogniser listens to what is said


async def open_lineup(
    stack: AsyncExitStack,
    loaded: Loaded,
    networks: Sequence[Network],
    serial: tuple[str, SerialOptions] | None,
    seed: int,
    codecs: Sequence[Codec] = (),
    report: Reporter | None = None,
) -> Lineup:
    """Ours over each of the networks with speech in each of the `codecs`, and a `serial` one by its name.

    `report` hears of models that are fetched. Raises UsageError, LibraryMissing, ProviderError.
    """
    assembly = await assemble(loaded, report=report)
    voices = await in_formats(assembly.tts, codecs)
    if not voices.choices:
        raise UsageError("The speech engine sends nothing that was asked for.", f"{'. '.join(voices.notes)}.")
    assembly = replace(assembly, tts=voices.choices[0])
    assert assembly.asr is not None
    await enter_all(stack, assembly.engines)
    for voice in voices.choices[1:]:
        await enter_all(stack, [voice.engine, ReadyDecoder(voice.engine)])
    lineup = Lineup(hears=assembly.asr.name != SIMULATED, notes=list(voices.notes))
    lineup.participants += _participants(assembly)
    lineup.participants += [_voice(voice) for voice in voices.choices[1:]]
    for stage, choice in assembly.choices.items():
        lineup.versions |= versions(stage, [choice.name])
    some = any(network != NETWORKS["none"] for network in networks)
    if some:
        lineup.facts["network"] = "; ".join(map(str, networks))
    speech = None
    if serial is not None:
        speech = await _speech(stack, assembly.tts, serial[1], lineup.notes)
    for network in networks:
        where = {"network": network.name} if some else {}
        for voice in voices.choices:
            form = {"format": str(voice.engine.format.codec)} if len(voices.choices) > 1 else {}
            label = {"pipeline": _OURS, **where, **form}
            ours = await _contender(stack, loaded, assembly, voice.engine, (network, seed), label, None)
            lineup.contenders.append(ours)
            choices = replace(assembly, tts=voice).choices
            options: dict[str, Any] = {
                stage: one.options for stage, one in choices.items() if one.name == SIMULATED
            }
            stated = simulated_delays(ours, options) if network == NETWORKS["none"] else None
            if stated is not None:
                lineup.stated[id(ours)] = stated
        if serial is not None and speech is not None:
            label = {"pipeline": serial[0], **where}
            lineup.contenders.append(
                await _contender(stack, loaded, assembly, speech, (network, seed), label, serial[1])
            )
    return lineup


async def _contender(
    stack: AsyncExitStack,
    loaded: Loaded,
    assembly: Assembly,
    tts: Synthesizer,
    way: tuple[Network, int],
    label: Mapping[str, str],
    serial: SerialOptions | None,
) -> Contender:
    """A pipeline with a detector of its own; the engines are shared, for no two are asked at once."""
    assert assembly.asr is not None
    settings = loaded.settings
    detector = await choose_detector(settings.vad.engine, settings.vad.engines)
    vad = await stack.enter_async_context(detector.engine)
    network, seed = way
    asr: Recognizer = assembly.asr.engine
    llm = assembly.llm.engine
    if network != NETWORKS["none"]:
        asr = NetworkedRecognizer(asr, network, seed)
        llm = NetworkedLanguageModel(llm, network, seed)
        tts = NetworkedSynthesizer(tts, network, seed)
    return Contender(label=label, asr=asr, llm=llm, tts=tts, vad=vad, settings=settings, serial=serial)


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


def _participants(assembly: Assembly) -> list[Participant]:
    return [
        _voice(choice) if stage == "tts" else participant(stage, choice)
        for stage, choice in assembly.choices.items()
    ]


def _voice(choice: Choice[Synthesizer]) -> Participant:
    return participant("tts", choice, format=str(choice.engine.format.codec))
