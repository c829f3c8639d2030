"""Counts what was heard right and wrong among requests that act, by how sure the recogniser was.

From it comes `certain` of PocketsphinxOptions. Run as `python -m tests.providers.sphinx.acts`;
it takes some minutes.
"""

import time
from collections import defaultdict
from random import Random

import numpy as np

from tests.providers.sphinx.calibration import PIECE, listener
from tests.providers.sphinx.corpus import NOON, OTHER, SPEAKERS, in_two_voices, recorded, recordings, say
from voicecli.audio.block import Samples
from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.intents import Context, understand
from voicecli.providers.assistant.timers import Timer, Timers
from voicecli.providers.pocketsphinx import PocketsphinxOptions
from voicecli.providers.recognizer import LISTENING_RATE, Transcript
from voicecli.providers.sphinx.listener import Listener
from voicecli.providers.sphinx.noise_floor import NoiseFloor

ACTS = """\
wake me up at seven a m
wake me at six thirty a m
set an alarm for eight fifteen p m
set an alarm for noon
set a timer for five minutes
start a ten minute timer
set a tea timer for three minutes
set a timer for one hour and thirty minutes
remind me in ten minutes to call mom
remind me to leave at five p m
cancel the timer
stop the alarm
goodbye
good night
that's all
""".splitlines()
LONGEST = 4  # seconds of a recording
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95)


def heard(hearing: Listener, samples: Samples) -> Transcript:
    """What is understood of an utterance that ends a silence later."""
    hearing.start()
    floor = NoiseFloor()
    for start in range(0, len(samples), PIECE):
        hearing.listen(floor.push(samples[start : start + PIECE]))
        hearing.follow()
    return hearing.finish()


def from_another_room(samples: Samples, seed: int) -> Samples:
    """Through a door: more echo than voice, little of the treble, noise 15 dB below."""
    random = np.random.default_rng(seed)
    length = int(0.4 * LISTENING_RATE)
    echo = random.normal(0, 1, length) * np.exp(-6.9 * np.arange(length) / length)
    echo[0] = 3.0
    dull = np.exp(-np.arange(64) / 6.0)
    far = np.convolve(np.convolve(samples, echo / np.linalg.norm(echo)), dull / dull.sum())[: len(samples)]
    far = 0.1 * far / max(1e-9, float(np.abs(far).max()))
    level = float(np.sqrt(np.mean(far**2))) * 10 ** (-15 / 20)
    return np.asarray(far + random.normal(0, level, len(far)), np.float32)


def answer(text: str) -> Reply:
    """What the assistant would do with two timers running."""
    running = [
        Timer("tea timer", "", 60.0),
        Timer("7:00 AM alarm", "", 0.0, NOON.replace(day=5, hour=7)),
    ]
    return understand(text, Context(now=NOON, random=Random(0), timers=Timers(running)))


def acting(reply: Reply) -> bool:
    return bool(reply.actions) or reply.goodbye


def utterances() -> list[tuple[str, str, Samples]]:
    """Where it was said, what was said ("" for what is no request that acts), and its sound."""
    found = []
    pairs = [(text, SPEAKERS[(3 * at + turn) % 9]) for at, text in enumerate(ACTS) for turn in range(3)]
    for at, ((text, _), samples) in enumerate(zip(pairs, say(pairs), strict=True)):
        found.append(("near", text, samples))
        if at % 2:
            found.append(("another room", text, from_another_room(samples, at)))
    pairs = in_two_voices(OTHER)[::2]
    for at, samples in enumerate(say(pairs)):
        found.append(("other speech", "", from_another_room(samples, at) if at % 2 else samples))
    for entry in recordings():
        text = str(entry.get("transcript", "")).lower().strip(".!")
        if entry["kind"] != "conversation" and not acting(answer(text)):
            samples = recorded(str(entry["file"]))[: LONGEST * LISTENING_RATE]
            found.append(("recordings", "", samples))
    Random(0).shuffle(found)
    return found


def main() -> None:
    began, hearing = time.perf_counter(), listener()
    hearing._threshold = PocketsphinxOptions().threshold
    right: dict[str, list[float]] = defaultdict(list)
    wrong: dict[str, list[float]] = defaultdict(list)
    said = utterances()
    for where, text, samples in said:
        finding = heard(hearing, samples)
        reply = answer(finding.text)
        if acting(reply):
            same = bool(text) and reply.text == answer(text).text
            (right if same else wrong)[where].append(
                finding.confidence if finding.confidence is not None else -1.0
            )
            if not same:
                print(f"{where:14} {finding.confidence} {text!r} -> {finding.text!r}", flush=True)
    print(f"{len(said)} utterances, {time.perf_counter() - began:.0f} s")
    for where in ("near", "another room", "other speech", "recordings"):
        total = sum(place == where for place, _, _ in said)
        print(f"{where}: {total} said, {len(right[where])} acted on rightly, {len(wrong[where])} wrongly")
        for threshold in THRESHOLDS:
            asked = sum(sure < threshold for sure in right[where])
            slipped = sum(sure >= threshold for sure in wrong[where])
            print(f"  below {threshold}: {asked} right ones asked about, {slipped} wrong ones not")


if __name__ == "__main__":
    main()
