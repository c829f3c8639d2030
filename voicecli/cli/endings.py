"""The work of `voicecli bench turn`: recordings listened to once, and judged under many settings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.recording import export_recording
from voicecli.audio.resample import resample
from voicecli.bench.host import Machine, machine, versions
from voicecli.bench.measure.end_of_turn import (
    SILENCES,
    Cut,
    Listened,
    RecognizedWords,
    ReferenceWords,
    Score,
    Words,
    at_most,
    decide,
    listen,
    score,
    silence_only,
)
from voicecli.bench.measure.end_of_turn_report import (
    METRICS,
    Point,
    as_safe,
    curve_table,
    cut_record,
    cuts_table,
    point_of,
    turn_charts,
    turn_samples,
)
from voicecli.bench.measure.recordings import Recorded, read_folder, speech_folder
from voicecli.bench.report import Participant, Report
from voicecli.bench.report_file import participant
from voicecli.bench.table import Table
from voicecli.cli import sound
from voicecli.cli.bench_options import Outputs
from voicecli.cli.downloads import Downloads
from voicecli.cli.progress import progress
from voicecli.cli.reporting import check, publish
from voicecli.config import Loaded
from voicecli.config.assembly import pick_recognizer
from voicecli.errors import ExitStatus, UsageError
from voicecli.providers.choose import choose_detector
from voicecli.providers.recognizer import HEARING_RATE
from voicecli.speech.endpoint import EndpointOptions

__all__ = ["TurnBenchRequest", "run_turn_bench"]

_KIND = "turn"
# Of a collection of many kinds: one speaker who talks to somebody, or reads; nobody is asked for a turn in
# the middle of a meeting, and no wake word is a turn.
_KINDS = frozenset(
    {
        "",
        "assistant",
        "conversation",
        "digits_pauses",
        "hesitation",
        "intent",
        "odd_voice",
        "read",
        "short",
        "short_phrase",
        "spontaneous",
    }
)
_BEFORE, _AFTER = 0.3, 1.0  # seconds of a clip around the utterance's beginning and the cut
_ALIKE = 0.1  # seconds between two cuts of two runs that are one
_BEEP = 0.05  # seconds of the tone that marks the cut
_EXCLUDED = (
    "time: nothing is played, and what decides is given the time",
    "partial transcripts: words are known at each short silence, and then for the whole utterance",
    "uncertainty of the labels: an end within 0.1 s of the label cuts nothing off",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBenchRequest:
    """What the command line says about what is judged."""

    speech: Path | None = None
    asr: bool = False  # words from the settings' recogniser; otherwise those of the labels
    runs: int = 1  # times that each recording is judged, with other noise behind it
    words_after: float = 0.2  # seconds from a short silence to its words
    clips: Path | None = None  # a folder for the sound of each cut
    play: int | None = None  # the number of a cut
    speaker: str = ""  # that plays it
    seed: int = 0


@dataclass(slots=True, kw_only=True)
class _Judged:
    """What there is so far."""

    started: str
    machine: Machine
    listened: list[Listened] = field(default_factory=list)
    engines: list[Participant] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    ours: list[Score] = field(default_factory=list)  # as the settings have it
    plain: list[Score] = field(default_factory=list)  # silence alone, as long as for unknown words
    equal: tuple[float, list[Score]] | None = None  # silence alone, as long as needed to be as safe
    curve: list[Point] = field(default_factory=list)
    plain_curve: list[Point] = field(default_factory=list)

    @property
    def cuts(self) -> list[Cut]:
        """Everybody who was cut off under the settings, once for all runs."""
        found: list[Cut] = []
        for cut in (cut for one in self.ours for cut in one.cuts):
            if not any(
                other.recorded is cut.recorded and abs(other.time - cut.time) < _ALIKE for other in found
            ):
                found.append(cut)
        return found


async def run_turn_bench(loaded: Loaded, request: TurnBenchRequest, outputs: Outputs) -> ExitStatus:
    """Judge and report; returns what the process should. Raises VoiceError."""
    destinations = check(outputs, _KIND, METRICS)
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    judged = _Judged(started=started, machine=machine())
    interrupted = False
    try:
        async with AsyncExitStack() as stack:
            await _judge(stack, loaded, request, judged)
    except asyncio.CancelledError:
        interrupted = True
    if not judged.ours:
        return ExitStatus.INTERRUPTED
    report = _report(loaded, request, judged, interrupted=interrupted)
    status = publish(report, destinations)
    if request.clips is not None:
        await asyncio.to_thread(_write_clips, request.clips, judged)
    if request.play is not None:
        await _play(loaded, request, judged)
    return status


async def _judge(stack: AsyncExitStack, loaded: Loaded, request: TurnBenchRequest, judged: _Judged) -> None:
    settings = loaded.settings
    recordings = _chosen(request)
    detector = await choose_detector(settings.vad.engine, settings.vad.engines)
    vad = await stack.enter_async_context(detector.engine)
    judged.engines.append(participant("vad", detector))
    judged.versions |= versions("vad", [detector.name])
    words: Words = ReferenceWords()
    if request.asr:
        downloads = Downloads()
        stack.callback(downloads.close)
        recognizer = await pick_recognizer(loaded, report=downloads)
        words = RecognizedWords(await stack.enter_async_context(recognizer.engine))
        downloads.close()
        judged.engines.append(participant("asr", recognizer))
        judged.versions |= versions("asr", [recognizer.name])
    options = settings.endpointer()
    settings_tried = 2 + 2 * len(SILENCES)
    with progress(request.runs * len(recordings) * (1 + settings_tried)) as advance:
        for seed, recorded in product(range(request.seed, request.seed + request.runs), recordings):
            judged.listened.append(await asyncio.to_thread(listen, recorded, vad, seed))
            advance(f"listening: {recorded.name}"[:40])

        async def scores(options: EndpointOptions, words: Words | None, name: str) -> list[Score]:
            found: list[Score] = []
            for listened in judged.listened:
                decisions = await decide(
                    listened,
                    options,
                    words,
                    gate=settings.vad,
                    edges=settings.vad.edges,
                    words_after=request.words_after,
                )
                found += score(listened, decisions)
                await asyncio.sleep(0)  # Ctrl-C is heard between two recordings
                advance(name)
            return found

        judged.ours = await scores(options, words, "as set")
        judged.plain = await scores(silence_only(options, options.wait), None, "silence only")
        whole = point_of(options.max_wait, judged.ours)
        for silence in SILENCES:
            name = f"{silence:g} s"
            judged.curve.append(point_of(silence, await scores(at_most(options, silence), words, name)))
            plain = await scores(silence_only(options, silence), None, name)
            judged.plain_curve.append(point_of(silence, plain))
            if judged.equal is None and as_safe(whole, judged.plain_curve) is not None:
                judged.equal = (silence, plain)


def _chosen(request: TurnBenchRequest) -> list[Recorded]:
    """The recordings in which the end of speech is known. Raises UsageError."""
    folder = request.speech or speech_folder()
    if folder is None:
        raise UsageError(
            "There is no recorded speech to judge.",
            "Name a folder with --speech; its manifest says where speech starts and ends.",
        )
    language = "en" if request.speech is None else ""
    found = [
        one
        for one in read_folder(folder)
        if one.utterances and one.kind in _KINDS and (not language or one.language in ("", language))
    ]
    if not found and request.speech is not None:
        found = [one for one in read_folder(folder) if one.utterances]
    if not found:
        raise UsageError(
            f"No recording in {folder} says where speech starts and ends.",
            "Put `start` and `end`, in seconds, into its manifest.jsonl or manifest.csv.",
        )
    return found


def _tables(judged: _Judged) -> list[Table]:
    tables = [curve_table(judged.curve, judged.plain_curve)] if judged.curve else []
    return [*tables, cuts_table(judged.cuts)] if judged.cuts else tables


def _report(loaded: Loaded, request: TurnBenchRequest, judged: _Judged, *, interrupted: bool) -> Report:
    options = loaded.settings.endpointer()
    samples = turn_samples("voicecli", judged.ours)
    alone = f"silence {options.wait:g} s"
    references = []
    if judged.plain:
        samples += turn_samples(alone, judged.plain)
        references.append({"decision": alone})
    if judged.equal is not None and judged.equal[0] != options.wait:
        safe = f"silence {judged.equal[0]:g} s"
        samples += turn_samples(safe, judged.equal[1])
        references.append({"decision": safe})
    cuts = judged.cuts
    return Report(
        kind=_KIND,
        started=judged.started,
        machine=judged.machine,
        versions=judged.versions,
        metrics=METRICS,
        samples=samples,
        engines=judged.engines,
        settings=_settings_record(loaded, request),
        seed=request.seed,
        excluded=_EXCLUDED,
        facts=_facts(loaded, request, judged),
        details={
            "curve": [point.as_dict() for point in judged.curve],
            "silence_only": [point.as_dict() for point in judged.plain_curve],
            "cuts": [cut_record(number, cut) for number, cut in enumerate(cuts, 1)],
        },
        charts=turn_charts(judged.curve, judged.plain_curve, samples),
        tables=_tables(judged),
        references=references,
        interrupted=interrupted,
    )


def _facts(loaded: Loaded, request: TurnBenchRequest, judged: _Judged) -> dict[str, str]:
    whole = point_of(loaded.settings.endpointer().max_wait, judged.ours)
    runs = request.runs
    seconds = sum(one.duration for one in judged.listened) / runs
    count = len(judged.listened) // runs
    length = f"{seconds / 60:.0f} min{f', {runs} times' if runs > 1 else ''}"
    source = "recognised" if request.asr else "as labelled"
    facts = {
        "speech": f"{whole.utterances // runs} utterances in {count} recordings, {length}",
        "words": f"{source}, {request.words_after:g} s after a silence",
        "cut off": f"{whole.cut_off} of {whole.utterances}, {whole.share:.1%}",
    }
    if judged.equal is not None and whole.p50 is not None:
        silence, scores = judged.equal
        alone = point_of(silence, scores)
        if alone.p50 is not None:
            facts["silence only"] = (
                f"needs {silence:g} s to cut off no more ({alone.cut_off}): a median of "
                f"{alone.p50 * 1000:,.0f} ms, not {whole.p50 * 1000:,.0f} ms"
            )
    elif judged.plain_curve:
        facts["silence only"] = f"cuts off more up to {SILENCES[-1]:g} s"
    return facts


def _settings_record(loaded: Loaded, request: TurnBenchRequest) -> dict[str, Any]:
    settings = loaded.settings
    return {
        "speech": None if request.speech is None else str(request.speech),
        "runs": request.runs,
        "words": "recognised" if request.asr else "labelled",
        "words_after": request.words_after,
        "endpoint": asdict(settings.endpointer()),
        "vad": {"start": settings.vad.start, "stop": settings.vad.stop},
    }


def _clip(judged: _Judged, cut: Cut) -> Samples:
    """What the speaker said up to the cut and a little further, with a beep at the cut."""
    samples = next(one.samples for one in judged.listened if one.recorded is cut.recorded)
    first = max(0, round((cut.utterance.start - _BEFORE) * HEARING_RATE))
    at = round(cut.time * HEARING_RATE)
    clip = samples[first : at + round(_AFTER * HEARING_RATE)].copy()
    beep = np.arange(min(round(_BEEP * HEARING_RATE), len(clip) - (at - first)))
    clip[at - first : at - first + len(beep)] += 0.2 * np.sin(2 * np.pi * 1000 / HEARING_RATE * beep)
    return clip.astype(np.float32)


def _write_clips(folder: Path, judged: _Judged) -> None:
    """A WAV for each cut. Raises SaveError."""
    for number, cut in enumerate(judged.cuts, 1):
        name = f"{number:03d}-{cut.recorded.name}-{cut.time:.1f}s.wav"
        export_recording(folder / name, _clip(judged, cut), HEARING_RATE)


async def _play(loaded: Loaded, request: TurnBenchRequest, judged: _Judged) -> None:
    """Let a cut be heard. Raises UsageError for a number that there is not, DeviceError."""
    cuts: Sequence[Cut] = judged.cuts
    assert request.play is not None
    if not 1 <= request.play <= len(cuts):
        known = f"They are numbered from 1 to {len(cuts)}." if cuts else "Nobody was cut off."
        raise UsageError(f"There is no cut {request.play}.", known)
    output = sound.open_speaker(request.speaker, real_time=True)
    async with AudioStreamPlayer(output, loaded.settings.player) as player:
        player.begin()
        await player.write(resample(_clip(judged, cuts[request.play - 1]), HEARING_RATE, player.rate))
        await player.stop()
