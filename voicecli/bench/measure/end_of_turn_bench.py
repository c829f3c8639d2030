"""What `voicecli bench turn` measures: recordings listened to once, and judged under many settings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from voicecli.audio.block import Samples
from voicecli.audio.player import AudioStreamPlayer, Output
from voicecli.audio.recording import export_recording
from voicecli.audio.resample import resample
from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import cdfs, lines
from voicecli.bench.host import versions
from voicecli.bench.measure.end_of_turn import (
    SILENCES,
    Decision,
    Listened,
    Point,
    RecognizedWords,
    Score,
    Words,
    at_most,
    decide,
    listen,
    point_of,
    reference_words,
    score,
)
from voicecli.bench.measure.measurement import Bars, Measurement
from voicecli.bench.measure.recordings import Recorded, read_folder, speech_folder
from voicecli.bench.metric import Measure, Metric, shown
from voicecli.bench.report import Sample
from voicecli.bench.report_file import participant
from voicecli.bench.table import Grid
from voicecli.config.assembly import pick_recognizer
from voicecli.errors import UsageError
from voicecli.providers.choose import choose_detector
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.speech.endpoint import EndpointOptions

__all__ = ["TurnBench", "curve_table", "cut_record", "cuts_table", "turn_charts", "turn_samples"]

# Of a collection of many kinds: one speaker who talks to somebody, or reads; nobody is asked for a turn in
# the middle of a meeting, and no wake word is a turn.
_KINDS = frozenset(
    (
        "", "assistant", "conversation", "digits_pauses", "hesitation", "intent", "odd_voice", "read",
        "short", "short_phrase", "spontaneous",
    )
)  # fmt: skip
_BEFORE, _AFTER = 0.3, 1.0  # seconds of a clip around the utterance's beginning and the cut
_ALIKE = 0.1  # seconds between two cuts of two runs that are one
_BEEP = 0.05  # seconds of the tone that marks the cut
_TEXT = 48  # characters of what was understood that a table shows

Cut = tuple[Score, Decision]
"""Who was cut off, and when."""


@dataclass(kw_only=True)
class TurnBench(Measurement):
    """The end-of-turn decision, held against recordings whose ends are known."""

    kind: ClassVar = "turn"
    metrics: ClassVar = (
        Metric(name="delay", title="end of speech to decision"),
        Metric(name="cut_off", title="cut off", unit=Measure.COUNT, total=True),
        Metric(name="unended", title="never ended", unit=Measure.COUNT, total=True),
    )
    excluded: ClassVar = (
        "time: nothing is played, and what decides is given the time",
        "partial transcripts: words are known at each short silence, and then for the whole utterance",
        "uncertainty of the labels: an end within 0.1 s of the label cuts nothing off",
    )

    speech: Path | None = None
    asr: bool = False  # words from the settings' recogniser; otherwise those of the labels
    runs: int = 1  # times that each recording is judged, with other noise behind it
    words_after: float = 0.2  # seconds from a short silence to its words
    seed: int = 0
    listened: list[Listened] = field(default_factory=list)
    ours: list[Score] = field(default_factory=list)  # as the settings have it
    plain: list[Score] = field(default_factory=list)  # silence alone, as long as for unknown words
    equal: tuple[float, list[Score]] | None = None  # the shortest silence that alone is as safe
    curve: list[tuple[Point, Point]] = field(default_factory=list)  # beside it silence alone, as long

    @property
    def cuts(self) -> list[Cut]:
        """Everybody who was cut off under the settings, once for all runs."""
        found: list[Cut] = []
        for judged, cut in ((one, cut) for one in self.ours for cut in one.cuts):
            known = (other for one, other in found if one.recorded is judged.recorded)
            if not any(abs(other.time - cut.time) < _ALIKE for other in known):
                found.append((judged, cut))
        return found

    async def _measure(self, stack: AsyncExitStack, bars: Bars) -> None:
        settings, report = self.loaded.settings, self.report
        recordings = _chosen(self.speech)
        detector = await choose_detector(settings.vad.engine, settings.vad.engines)
        vad = await stack.enter_async_context(detector.engine)
        report.engines.append(participant("vad", detector))
        report.versions |= versions("vad", [detector.name])
        words: Words = reference_words
        if self.asr:
            recognizer = await pick_recognizer(self.loaded, report=bars.fetching)
            words = RecognizedWords(await stack.enter_async_context(recognizer.engine))
            report.engines.append(participant("asr", recognizer))
            report.versions |= versions("asr", [recognizer.name])
        options = settings.endpointer()
        report.seed = self.seed
        report.settings = {
            "speech": None if self.speech is None else str(self.speech),
            "runs": self.runs,
            "words": "recognised" if self.asr else "labelled",
            "words_after": self.words_after,
            "endpoint": asdict(options),
            "vad": {"start": settings.vad.start, "stop": settings.vad.stop},
        }
        settings_tried = 2 + 2 * len(SILENCES)
        with bars.measuring(self.runs * len(recordings) * (1 + settings_tried)) as advance:
            for seed, recorded in product(range(self.seed, self.seed + self.runs), recordings):
                self.listened.append(await asyncio.to_thread(listen, recorded, vad, seed))
                advance(f"listening: {recorded.name}"[:40])
            self.ours = await self._scores(options, words, partial(advance, "as set"))
            alone = options.by_silence(options.wait)
            self.plain = await self._scores(alone, None, partial(advance, "silence only"))
            for silence in SILENCES:
                tell = partial(advance, f"{silence:g} s")
                scores = await self._scores(at_most(options, silence), words, tell)
                plain = await self._scores(options.by_silence(silence), None, tell)
                self.curve.append((point_of(silence, scores), point_of(silence, plain)))
                if self.equal is None and sum(one.cut_off for one in plain) <= self._whole().cut_off:
                    self.equal = silence, plain

    def _whole(self) -> Point:
        return point_of(self.loaded.settings.endpointer().max_wait, self.ours)

    async def _scores(
        self, options: EndpointOptions, words: Words | None, advance: Callable[[], None]
    ) -> list[Score]:
        vad, words_after = self.loaded.settings.vad, self.words_after
        found: list[Score] = []
        for listened in self.listened:
            decisions = await decide(
                listened, options, words, gate=vad, edges=vad.edges, words_after=words_after
            )
            found += score(listened, decisions)
            await asyncio.sleep(0)  # Ctrl-C is heard between two recordings
            advance()
        return found

    def _sum_up(self) -> None:
        if not self.ours:
            return
        report, cuts = self.report, self.cuts
        report.samples = turn_samples("voicecli", self.ours)
        alone = self.loaded.settings.endpointer().wait
        beside = {alone: self.plain} if self.plain else {}
        beside |= {} if self.equal is None or self.equal[0] == alone else dict([self.equal])
        for silence, scores in beside.items():
            report.samples += turn_samples(f"silence {silence:g} s", scores)
        report.references = [{"decision": f"silence {silence:g} s"} for silence in beside]
        report.facts = self._facts()
        report.details = {
            "curve": [point for point, _ in self.curve],
            "silence_only": [point for _, point in self.curve],
            "cuts": [cut_record(number, *cut) for number, cut in enumerate(cuts, 1)],
        }
        report.charts = turn_charts(self.curve, report.samples)
        report.tables = [curve_table(self.curve)] if self.curve else []
        report.tables += [cuts_table(cuts)] if cuts else []

    def _facts(self) -> dict[str, str]:
        whole, runs = self._whole(), self.runs
        seconds = sum(one.duration for one in self.listened) / runs
        count = len(self.listened) // runs
        length = f"{seconds / 60:.0f} min{f', {runs} times' if runs > 1 else ''}"
        source = "recognised" if self.asr else "as labelled"
        facts = {
            "speech": f"{whole.utterances // runs} utterances in {count} recordings, {length}",
            "words": f"{source}, {self.words_after:g} s after a silence",
            "cut off": f"{whole.cut_off} of {whole.utterances}, {whole.share:.1%}",
        }
        if self.equal is not None:
            alone = point_of(*self.equal)
            took, instead = alone.delay["p50"], whole.delay["p50"]
            if took is not None and instead is not None:
                facts["silence only"] = (
                    f"needs {alone.silence:g} s to cut off no more ({alone.cut_off}): a median of "
                    f"{took * 1000:,.0f} ms, not {instead * 1000:,.0f} ms"
                )
        elif self.curve:
            facts["silence only"] = f"cuts off more up to {SILENCES[-1]:g} s"
        return facts

    def _clip(self, cut: Cut) -> Samples:
        """What the speaker said up to the cut and a little further, with a beep at the cut."""
        judged, end = cut
        samples = next(one.samples for one in self.listened if one.recorded is judged.recorded)
        first = max(0, round((judged.utterance.start - _BEFORE) * LISTENING_RATE))
        at = round(end.time * LISTENING_RATE)
        clip = samples[first : at + round(_AFTER * LISTENING_RATE)].copy()
        beep = np.arange(min(round(_BEEP * LISTENING_RATE), len(clip) - (at - first)))
        clip[at - first : at - first + len(beep)] += 0.2 * np.sin(2 * np.pi * 1000 / LISTENING_RATE * beep)
        return clip.astype(np.float32)

    def write_clips(self, folder: Path) -> None:
        """A WAV for each cut. Raises SaveError."""
        for number, (judged, cut) in enumerate(self.cuts, 1):
            name = f"{number:03d}-{judged.recorded.name}-{cut.time:.1f}s.wav"
            export_recording(folder / name, self._clip((judged, cut)), LISTENING_RATE)

    async def play(self, number: int, output: Callable[[], Output]) -> None:
        """Let a cut be heard. Raises UsageError for a number that there is not, DeviceError."""
        cuts = self.cuts
        if not 1 <= number <= len(cuts):
            known = f"They are numbered from 1 to {len(cuts)}." if cuts else "Nobody was cut off."
            raise UsageError(f"There is no cut {number}.", known)
        async with AudioStreamPlayer(output(), self.loaded.settings.player) as player:
            player.begin()
            await player.write(resample(self._clip(cuts[number - 1]), LISTENING_RATE, player.rate))
            await player.stop()


def _chosen(speech: Path | None) -> list[Recorded]:
    """The recordings in which the end of speech is known. Raises UsageError."""
    folder = speech or speech_folder()
    if folder is None:
        raise UsageError(
            "There is no recorded speech to judge.",
            "Name a folder with --speech; its manifest says where speech starts and ends.",
        )
    languages = ("", "en") if speech is None else None
    labelled = [one for one in read_folder(folder) if one.utterances]
    usual = [one for one in labelled if one.kind in _KINDS and (not languages or one.language in languages)]
    found = usual or ([] if speech is None else labelled)
    if not found:
        raise UsageError(
            f"No recording in {folder} says where speech starts and ends.",
            "Put `start` and `end`, in seconds, into its manifest.jsonl or manifest.csv.",
        )
    return found


def turn_samples(label: str, scores: Sequence[Score]) -> list[Sample]:
    """A sample for each utterance."""
    return [
        Sample(
            case={"decision": label},
            values={"delay": one.delay, "cut_off": float(one.cut_off), "unended": float(one.delay is None)},
            number=number,
            details={
                "recording": one.recorded.name,
                "said": one.utterance.text,
                "start": one.utterance.start,
            },
        )
        for number, one in enumerate(scores, 1)
    ]


def cuts_table(cuts: Sequence[Cut]) -> Grid:
    """Every cut, with the number that plays it."""
    rows = []
    for number, (judged, cut) in enumerate(cuts, 1):
        text = cut.text if len(cut.text) <= _TEXT else f"…{cut.text[1 - _TEXT :]}"
        where = [str(number), judged.recorded.path.name, text or "–"]
        rows.append([*where, f"{cut.time:.2f} s", shown(cut.pause, Measure.TIME)])
    headings = ["", "recording", "understood so far", "at", "pause"]
    return Grid(title="cut off", headings=headings, rows=rows, words=3)


def curve_table(curve: Sequence[tuple[Point, Point]]) -> Grid:
    """Cut-offs and delay by the longest silence, the decision beside silence alone."""
    rows = []
    for both in curve:
        cells = [f"{both[0].silence:g} s"]
        for one in both:
            cells += [str(one.cut_off), *(shown(one.delay[name], Measure.TIME) for name in ("p50", "p90"))]
        rows.append(cells)
    headings = ["longest silence", "cut off", "delay p50", "p90", "silence only: cut off", "delay p50", "p90"]
    return Grid(title="the curve", headings=headings, rows=rows)


def cut_record(number: int, judged: Score, cut: Decision) -> dict[str, Any]:
    """The object that the JSON output carries."""
    return {
        "number": number,
        "file": judged.recorded.path.name,
        "time": round(cut.time, 3),
        "stopped": round(cut.stopped, 3),
        "pause": None if cut.pause is None else round(cut.pause, 3),
        "understood": cut.text,
        "said": judged.utterance.text,
        "utterance": [judged.utterance.start, judged.utterance.end],
    }


def turn_charts(curve: Sequence[tuple[Point, Point]], samples: Sequence[Sample]) -> list[Chart]:
    """Cut-offs against what they cost, against the longest silence, and how the delays are spread."""
    both = {"voicecli": [ours for ours, _ in curve], "silence only": [plain for _, plain in curve]}
    share = Axis("cut off", Measure.SHARE), lambda point: point.share
    silence = Axis("longest silence", Measure.TIME), lambda point: point.silence
    delay = Axis("median delay", Measure.TIME), lambda point: point.delay["p50"]
    return [
        lines(both, "utterances cut off against the longest silence", silence, share),
        lines(both, "utterances cut off against the median delay", delay, share),
        cdfs(samples, TurnBench.metrics[0], ["decision"], "end of speech to decision"),
    ]
