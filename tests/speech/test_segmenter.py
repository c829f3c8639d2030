"""The whole room on recorded speech: where utterances begin and end, and how long it waits for more."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from voicecli.audio.block import Block, Samples
from voicecli.speech.ears import Ears
from voicecli.speech.endpoint import EndpointOptions, EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.silero import SileroDetector
from voicecli.speech.utterance import UtteranceOptions
from voicecli.speech.vad import RATE, WINDOW, WINDOW_SECONDS, Windows

pytestmark = pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs onnxruntime")

START = 1000.0  # the clock of a sound card does not begin at 0
BLOCK = 320  # samples: 20 ms, not a whole number of windows


class Replay:
    """A detector that says again what Silero said of the same samples."""

    name = "replay"

    def __init__(self, said: tuple[float, ...]) -> None:
        self._said = iter(said)

    async def __aenter__(self) -> Replay:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    def probability(self, window: Samples) -> float:
        return next(self._said, 0.0)

    def reset(self) -> None:
        return None


@cache
def said(samples: bytes) -> tuple[float, ...]:
    detector = SileroDetector()
    windows = Windows().push(np.frombuffer(samples, np.float32))
    return tuple(detector.probability(window.samples) for window in windows)


@dataclass
class Heard:
    started: list[float] = field(default_factory=list)
    stopped: list[float] = field(default_factory=list)
    soft: list[SoftEnd] = field(default_factory=list)
    ended: list[TurnEnded] = field(default_factory=list)
    sounds: list[tuple[float, Samples]] = field(default_factory=list)  # each utterance and its first time


def listen(
    samples: Samples, utterances: list[dict[str, Any]], options: EndpointOptions | None = None
) -> Heard:
    """Run a recording through the room; `utterances` are recognised 0.2 s after each soft end."""
    ears = Ears(Replay(said(samples.tobytes())), Segmenter(endpoint=options))
    heard, words = Heard(), None
    for first in range(0, len(samples), BLOCK):
        now = first / RATE
        if words is not None and now >= words[0]:
            ears.recognised(words[1])
            words = None
        for event in ears.push(Block(samples[first : first + BLOCK], RATE, START + now)):
            note(heard, ears, event)
            words = None if isinstance(event, SpeechStarted | TurnEnded) else words
            if isinstance(event, SoftEnd) and utterances:
                words = (event.time + 0.2, spoken(utterances, event.stopped))
    for event in ears.close():
        note(heard, ears, event)
    return heard


def note(heard: Heard, ears: Ears, event: object) -> None:
    if isinstance(event, SpeechStarted):
        heard.started.append(event.time)
    elif isinstance(event, SpeechStopped):
        heard.stopped.append(event.time)
    elif isinstance(event, SoftEnd):
        heard.soft.append(event)
    elif isinstance(event, TurnEnded):
        heard.ended.append(event)
        assert ears.offset == pytest.approx(START)
        heard.sounds.append((ears.segmenter.utterance.time or 0.0, ears.take()))


def spoken(utterances: list[dict[str, Any]], time: float) -> str:
    """The words said by `time`: as many letters as the voice had seconds, for words have no times here."""
    begun = [utterance for utterance in utterances if utterance["start"] <= time + 0.2]
    if not begun:
        return ""
    said_in = voiced(begun[-1], time + 0.05) / voiced(begun[-1], begun[-1]["end"])
    words = begun[-1]["transcript"].split()
    letters, kept = 0.0, []
    for word in words:
        if (letters + len(word) / 2) / sum(map(len, words)) <= said_in:
            kept.append(word)
        letters += len(word)
    return " ".join(kept)


def voiced(utterance: dict[str, Any], time: float) -> float:
    time = min(time, utterance["end"])
    pauses = sum(max(0.0, min(time, pause["end"]) - pause["start"]) for pause in utterance["pauses"])
    return max(0.0, time - utterance["start"]) - pauses


def judge(heard: Heard, utterances: list[dict[str, Any]]) -> tuple[int, list[float]]:
    """How many ends fell into an utterance, and how long after each utterance its end came."""
    cuts, delays = 0, []
    for index, utterance in enumerate(utterances):
        following = utterances[index + 1]["start"] if index + 1 < len(utterances) else np.inf
        times = [ended.time for ended in heard.ended]
        cuts += sum(utterance["start"] < time < utterance["end"] for time in times)
        delays += [time - utterance["end"] for time in times if utterance["end"] <= time < following][:1]
    return cuts, delays


FIXED = [EndpointOptions(min_wait=s, wait=s, max_wait=s, patience=0.0) for s in (0.5, 0.7, 1.0)]


def compare(recordings, names: tuple[str, ...] = ("",)) -> dict[str, tuple[int, list[float]]]:
    settings = {f"fixed {options.wait}": (options, False) for options in FIXED}
    settings |= {"adaptive": (EndpointOptions(), False), "adaptive, words": (EndpointOptions(), True)}
    table = {}
    for name, (options, told) in settings.items():
        cuts, delays = 0, []
        for facts, samples in recordings("conversation"):
            if any(part in facts["file"] for part in names):
                utterances = facts["utterances"]
                found = judge(listen(samples, utterances if told else [], options), utterances)
                cuts, delays = cuts + found[0], delays + found[1]
        print(f"{name:18} cuts {cuts:2}, delay median {np.median(delays):.3f} s, longest {max(delays):.3f} s")
        table[name] = (cuts, delays)
    return table


def test_every_query_is_found(recordings) -> None:
    for facts, samples in recordings("conversation"):
        if "queries" in facts["file"] or "noisy" in facts["file"]:
            heard = listen(samples, facts["utterances"])
            assert len(heard.ended) == len(facts["utterances"])
            assert judge(heard, facts["utterances"])[0] == 0
            for utterance, ended in zip(facts["utterances"], heard.ended, strict=True):
                assert ended.stopped == pytest.approx(utterance["end"], abs=0.3)


def test_no_syllable_is_lost(recordings) -> None:
    """Each utterance is in the sound of the turns, from before its start to its end, sample by sample."""
    for facts, samples in recordings("conversation"):
        heard = listen(samples, facts["utterances"])
        kept = np.zeros(len(samples) + WINDOW, bool)
        for start, sound in heard.sounds:
            first = round(start * RATE)
            length = min(len(sound), len(samples) - first)
            assert np.array_equal(sound[:length], samples[first : first + length])
            assert not kept[first : first + length].any()
            kept[first : first + len(sound)] = True
        for utterance in facts["utterances"]:
            first, last = (round(utterance[edge] * RATE) for edge in ("start", "end"))
            assert kept[first - round(0.25 * RATE) : last].mean() > 0.95, (facts["file"], utterance)
            assert kept[first - round(0.25 * RATE) : first + round(0.3 * RATE)].all()


def test_adaptive_beats_fixed_silence(recordings) -> None:
    print()
    table = compare(recordings)
    cuts = {name: found[0] for name, found in table.items()}
    assert cuts["adaptive"] <= cuts["fixed 1.0"] / 1.5
    assert cuts["adaptive, words"] <= 2
    assert np.median(table["adaptive"][1]) < 0.9
    assert len(table["adaptive, words"][1]) >= 19


def test_queries_are_answered_soon(recordings) -> None:
    print()
    table = compare(recordings, ("queries", "noisy"))
    assert {found[0] for found in table.values()} == {0}
    assert np.median(table["adaptive"][1]) < 0.7
    assert np.median(table["adaptive, words"][1]) < np.median(table["fixed 0.7"][1])


def test_plain_commands_end_quickly(recordings) -> None:
    waits = {}
    for facts, samples in recordings("assistant"):
        if facts["file"].endswith(("whattimeisit.wav", "launch-firefox.wav", "living-room-lamp.wav")):
            utterance = {
                "start": facts["speech_start"],
                "end": facts["speech_end"],
                "transcript": facts["transcript"],
                "pauses": [],
            }
            padded = np.concatenate([samples, samples[:RATE] * 0])
            waits[facts["file"]] = listen(padded, [utterance]).ended[-1].time - utterance["end"]
    print(f"\n{waits}")
    assert len(waits) == 3
    assert max(waits.values()) < 0.5


@pytest.mark.parametrize("kind", ["assistant", "read", "intent"])
def test_edges_agree_with_labels(kind: str, recordings) -> None:
    starts, ends, raw = [], [], []
    for facts, samples in recordings(kind):
        heard = listen(samples, [])
        assert heard.started, facts["file"]
        starts.append(heard.started[0] - facts["speech_start"])
        ends.append(heard.stopped[-1] - facts["speech_end"])
        raw.append(facts["silero_end"] - facts["speech_end"])
    late = np.percentile(np.abs(ends), 90)
    print(
        f"\n{kind}: {len(starts)} files, "
        f"start {np.median(starts):+.3f} s (absolute {np.median(np.abs(starts)):.3f}), "
        f"end {np.median(ends):+.3f} s (absolute {np.median(np.abs(ends)):.3f}, p90 {late:.3f}), "
        f"unrefined end {np.median(raw):+.3f} s"
    )
    assert np.median(np.abs(starts)) < 0.03
    assert np.median(np.abs(ends)) < 0.03
    assert late < 0.15


def test_noise_starts_nothing(recordings) -> None:
    started = {facts["file"]: listen(samples, []).started for facts, samples in recordings("negative")}
    false = sum(map(len, started.values()))
    print(f"\n{false} false starts in {len(started)} recordings without speech")
    assert len(started) >= 10
    assert false <= 1


def test_events_are_in_order(recordings) -> None:
    for facts, samples in recordings("conversation", "hesitation", "digits_pauses"):
        heard = listen(samples, [])
        edges = [time for pair in zip(heard.started, heard.stopped, strict=True) for time in pair]
        assert edges == sorted(edges), facts["file"]
        assert all(soft.time >= soft.stopped + EndpointOptions().soft_end - 1e-6 for soft in heard.soft)


def test_block_length_changes_nothing(recordings) -> None:
    facts, samples = recordings("assistant")[0]
    found = []
    for length in (160, 512, 1000, len(samples)):
        ears, events = Ears(SileroDetector()), []
        for first in range(0, len(samples), length):
            block = Block(samples[first : first + length], RATE, START + first / RATE)
            events += list(ears.push(block))
        events += list(ears.close())
        found.append([(type(event), pytest.approx(event.time)) for event in events])
    assert found == [found[0]] * 4, facts["file"]


def steady(voiced: int, silent: int) -> Ears:
    said = (0.0,) * 20 + (1.0,) * voiced + (0.0,) * silent
    utterance = UtteranceOptions(pre_roll=0.3, longest=5.0)
    return Ears(Replay(said), Segmenter(endpoint=EndpointOptions(cap=2.0), utterance=utterance))


def play(ears: Ears, windows: int) -> tuple[list[object], list[Samples]]:
    """A ramp of samples, so each tells its own place."""
    events: list[object] = []
    sounds: list[Samples] = []
    for index in range(windows):
        samples = np.arange(index * WINDOW, (index + 1) * WINDOW, dtype=np.float32) / 1e6
        for event in ears.push(Block(samples, RATE, START + index * WINDOW_SECONDS)):
            events.append(event)
            if isinstance(event, TurnEnded):
                sounds.append(ears.take())
    for event in ears.close():
        events.append(event)
        if isinstance(event, TurnEnded):
            sounds.append(ears.take())
    return events, sounds


def test_endless_speech_is_cut_without_loss() -> None:
    events, sounds = play(steady(200, 60), 280)
    ends = [event for event in events if isinstance(event, TurnEnded)]
    assert [end.reason for end in ends[:3]] == [EndReason.CAP] * 3
    joined = np.round(np.concatenate(sounds[:4]) * 1e6)
    assert np.array_equal(joined, np.arange(joined[0], joined[0] + len(joined)))


def test_closing_ends_running_speech() -> None:
    events, sounds = play(steady(30, 0), 50)
    assert [type(event) for event in events] == [SpeechStarted, SpeechStopped, TurnEnded]
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].reason is EndReason.CLOSED
    assert len(sounds[0]) >= 30 * WINDOW


def test_reset_forgets_the_stream() -> None:
    ears = steady(30, 0)
    for index in range(40):
        block = Block(np.zeros(WINDOW, np.float32), RATE, START + index * WINDOW_SECONDS)
        assert len(list(ears.push(block))) <= 1
    assert ears.segmenter.endpointer.active
    ears.reset()
    assert not ears.segmenter.endpointer.active
    assert list(ears.close()) == []
    assert len(ears.take()) == 0
