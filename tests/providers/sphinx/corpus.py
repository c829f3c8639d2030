"""Requests and other speech to try recognition with: synthetic voices, and the recordings where they are."""

import asyncio
import json
import os
import re
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np

from tests.providers.assistant.domain import covered, labelled
from voicecli.audio.block import Samples
from voicecli.audio.resample import resample
from voicecli.providers.assistant.intents import Context, understand
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.recognizer import LISTENING_RATE

SPEECH = Path(os.environ.get("VOICECLI_SPEECH", Path(__file__).parents[3] / "../shared/speech")).resolve()
NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Speaker:
    voice: str
    speed: float = 1.0
    pitch: int = 50
    noise: float = 60.0  # dB below the speech


SPEAKERS = (
    Speaker("en-us"),
    Speaker("en-gb", 0.95, 45),
    Speaker("en-us+f3", 0.95),
    Speaker("en-gb-x-rp", 1.03, 55),
    Speaker("en+m3", 0.92, 40),
    Speaker("en-us", 0.86, 60, noise=30),
    Speaker("en-gb+f2", 1.08, 60),
    Speaker("en-us+m7", 1.14, 40),
    Speaker("en-us+f4", noise=20),
)

OTHER = """\
the quick brown fox jumped over the lazy dog
i went to the market yesterday and bought some apples
my brother lives in a small house near the river
have you ever read a book by charles dickens
the committee will publish its report in the spring
nobody knows why the bridge collapsed
we should have taken the other road
explain how photosynthesis works
write a poem about autumn leaves
what is the meaning of life
who was the first president of the united states
why is the sky blue
how do airplanes fly
can you recommend a good movie
what should i cook for dinner
he never told me about his sister
the meeting has been moved because of the strike
do you believe in ghosts
summarize this article for me
python is a programming language
my computer keeps crashing when i start the game
they arrived late because the train was delayed
the water in the lake is very cold
a dog was barking in the garden all night
please describe the difference between cats and dogs
why did the roman empire fall
i am thinking about buying a bicycle
what would you do if you won a million
their garden is full of roses
the police found nothing in the cellar
how does a refrigerator keep food cold
she was wearing a long green coat
the author explains this in the last chapter
which language should i learn next
how can i improve my handwriting
this soup needs more salt
""".splitlines()


def say(texts: Sequence[tuple[str, Speaker]], seed: int = 0) -> list[Samples]:
    """Each text as its speaker says it, in a quiet room with some noise, at 16 kHz."""

    async def run() -> list[Samples]:
        spoken = []
        for text, speaker in texts:
            options = EspeakOptions(voice=speaker.voice, speed=speaker.speed, pitch=speaker.pitch)
            async with EspeakSynthesizer(options) as engine:
                data = b"".join([chunk async for chunk in engine.synthesize(text)])
                spoken.append(resample(_floats(data), engine.format.rate, LISTENING_RATE))
        return spoken

    random = np.random.default_rng(seed)
    return [
        _in_a_room(samples, speaker, random)
        for samples, (_, speaker) in zip(asyncio.run(run()), texts, strict=True)
    ]


def requests(seed: int, count: int) -> list[str]:
    """Different requests that the assistant understands, of every intent about as many."""
    found: dict[str, list[str]] = {}
    for intent, sentence in labelled(seed, 40 * count):
        if intent != "followup" and covered(sentence) and sentence not in found.setdefault(intent, []):
            found[intent].append(sentence)
    return [sentence for row in _in_turn(found) for sentence in row][:count]


def in_two_voices(texts: Sequence[str]) -> list[tuple[str, Speaker]]:
    """Each text twice, every speaker as often as the others."""
    return [
        (text, SPEAKERS[(2 * at + side) % len(SPEAKERS)]) for at, text in enumerate(texts) for side in (0, 1)
    ]


def _in_turn(lists: dict[str, list[str]]) -> Iterator[list[str]]:
    """The first of each list, then the second of each …"""
    for place in range(max(map(len, lists.values()))):
        yield [values[place] for values in lists.values() if place < len(values)]


def understood(heard: str, said: str) -> bool:
    """Whether what was heard gets the answer that what was said would get."""
    replies = [understand(text, Context(now=NOON, random=Random(0))) for text in (heard, said)]
    return len({(reply.intent, reply.text) for reply in replies}) == 1


def recordings() -> list[dict[str, object]]:
    """The manifest's entries, none where there are no recordings."""
    manifest = SPEECH / "manifest.jsonl"
    if not manifest.exists():
        return []
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def recorded(name: str) -> Samples:
    """One recording's samples."""
    with wave.open(str(SPEECH / name)) as file:
        return _floats(file.readframes(file.getnframes()))


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower()).split()


def errors(heard: Sequence[str], said: Sequence[str]) -> int:
    """Words to change, add and leave out: the edit distance of Levenshtein."""
    row = list(range(len(said) + 1))
    for count, word in enumerate(heard, 1):
        above, row = row, [count]
        for place, other in enumerate(said, 1):
            row.append(min(above[place - 1] + (word != other), above[place] + 1, row[-1] + 1))
    return row[-1]


def _floats(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / 32768


def _in_a_room(samples: Samples, speaker: Speaker, random: np.random.Generator) -> Samples:
    quiet = np.zeros(int(0.3 * LISTENING_RATE), np.float32)
    level = float(np.sqrt(np.mean(samples**2))) * 10 ** (-speaker.noise / 20)
    whole = np.concatenate([quiet, 0.5 * samples, quiet])
    return (whole + random.normal(0, 0.5 * level, len(whole))).astype(np.float32)
