"""Fits the weights of voicecli/providers/sphinx/confidence.py to requests and to other speech.

Run as `python -m tests.providers.sphinx.calibration [requests]`; it takes some minutes.
"""

import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.providers.assistant.domain import jsgf
from tests.providers.sphinx.corpus import (
    OTHER,
    in_two_voices,
    recorded,
    recordings,
    requests,
    say,
    understood,
)
from voicecli.audio.block import Samples
from voicecli.providers.pocketsphinx import PocketsphinxOptions, _models
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.providers.sphinx.confidence import Evidence, compare
from voicecli.providers.sphinx.decoder import Search
from voicecli.providers.sphinx.domain import prepare
from voicecli.providers.sphinx.listener import Listener
from voicecli.providers.sphinx.noise_floor import NoiseFloor

PIECE = 1600  # samples
LONGEST = 10  # seconds of a recording
THRESHOLD = PocketsphinxOptions().threshold
# What these recordings say is known to be a request of the grammar, or a short word that is one.
REQUESTS = (
    *("coffee", "whattimeisit", "turn-on-living-room-lamp", "goforward", "launch-firefox"),
    "whats-the-weather",
)
WORDS = {"stop", "yes", "no", "quit", "time", "help", "cancel"}


@dataclass
class Trial:
    group: str
    said: str
    heard: str
    evidence: Evidence | None
    right: bool


def listener() -> Listener:
    models = _models(PocketsphinxOptions())
    with tempfile.TemporaryDirectory() as folder:
        grammar, known = prepare(jsgf(), models.dictionary, Path(folder))
        small = type(models)(models.acoustic, known, models.language)
        return Listener(Search(models), Search(small, grammar=grammar))


def attempt(hearing: Listener, samples: Samples, group: str, said: str, request: bool) -> Trial:
    hearing.start()
    floor = NoiseFloor()
    for start in range(0, len(samples), PIECE):
        hearing.listen(floor.push(samples[start : start + PIECE]))
        hearing.follow()
    hearing.finish()
    assert hearing._commands is not None
    command, dictation = hearing._commands.hypothesis(), hearing._dictation.hypothesis()
    right = request and (not said or understood(command.text, said))
    return Trial(group, said, command.text, compare(command, dictation), right)


def trials(count: int, seed: int) -> list[Trial]:
    """Requests in every voice, other sentences in every voice, and the recordings."""
    hearing = listener()
    found: list[Trial] = []
    pairs = in_two_voices(requests(seed, count))
    for (text, speaker), samples in zip(pairs, say(pairs), strict=True):
        found.append(attempt(hearing, samples, f"{speaker.voice} {speaker.noise:.0f} dB", text, True))
    pairs = in_two_voices(OTHER)
    for (text, _), samples in zip(pairs, say(pairs), strict=True):
        found.append(attempt(hearing, samples, "other, synthetic", text, False))
    for entry in recordings():
        text = str(entry.get("transcript", ""))
        if entry["kind"] == "conversation" or text.lower().strip(".!") in WORDS:
            continue
        request = any(name in str(entry["id"]) for name in REQUESTS)
        group = "requests, recorded" if request else "other, recorded"
        samples = recorded(str(entry["file"]))[: LONGEST * LISTENING_RATE]
        trial = attempt(hearing, samples, group, text or str(entry["id"]), False)
        trial.right = request and (not text or understood(trial.heard, text))
        found.append(trial)
    return found


def fit(values: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights and, last, the bias of a logistic regression in which both classes count the same."""
    mean, spread = values.mean(0), values.std(0)
    table = np.c_[(values - mean) / spread, np.ones(len(values))]
    weights = np.zeros(table.shape[1])
    share = np.where(right, 0.5 / right.mean(), 0.5 / (1 - right.mean()))
    for _ in range(4000):
        guess = 1 / (1 + np.exp(-table @ weights))
        weights -= 0.3 * (
            (table * ((guess - right) * share)[:, None]).mean(0) + 0.005 * np.r_[weights[:-1], 0]
        )
    return np.r_[weights[:-1] / spread, weights[-1] - (weights[:-1] * mean / spread).sum()]


def held_out(values: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The probability of each by weights fitted to nine tenths of the others."""
    folds = np.random.default_rng(0).permutation(len(right)) % 10
    table = np.c_[values, np.ones(len(values))]
    sure = np.zeros(len(right))
    for fold in range(10):
        part = fit(values[folds != fold], right[folds != fold])
        sure[folds == fold] = 1 / (1 + np.exp(-(table[folds == fold] @ part)))
    return sure


def summarise(found: list[Trial]) -> None:
    tally: dict[str, list[bool]] = defaultdict(list)
    for trial in found:
        tally[trial.group].append(trial.right)
    for group, rights in tally.items():
        print(f"{group:24} {np.mean(rights):.2f} of {len(rights)}")
    usable = [t for t in found if t.evidence is not None and (t.right or t.group.startswith("other"))]
    values = np.array([astuple(t.evidence) for t in usable if t.evidence is not None])
    right = np.array([t.right for t in usable])
    weights = fit(values, right)
    fitted = [f"{field.name}={weight:.3f}" for field, weight in zip(fields(Evidence), weights, strict=False)]
    print(f"WEIGHTS = Evidence({', '.join(fitted)})\nBIAS = {weights[-1]:.3f}")
    sure = held_out(values, right)
    for threshold in (0.2, 0.3, 0.4, 0.5, 0.6):
        lost, forced = np.mean(sure[right] < threshold), np.mean(sure[~right] >= threshold)
        print(f"threshold {threshold}: {lost:.3f} of the requests lost, {forced:.3f} of the others forced")
    for at in np.argsort(-sure):
        trial = usable[at]
        if right[at] != (sure[at] >= THRESHOLD):
            print(f"  {'lost' if right[at] else 'forced'} {sure[at]:.2f} {trial.said[:40]} | {trial.heard}")


def main() -> None:
    began = time.perf_counter()
    found = trials(int(sys.argv[1]) if len(sys.argv) > 1 else 120, seed=5)
    print(f"{len(found)} utterances, {time.perf_counter() - began:.0f} s")
    summarise(found)


if __name__ == "__main__":
    main()
