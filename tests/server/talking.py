"""Sessions without sockets: a recognition with simulated or real engines, and clients that talk to it."""

from __future__ import annotations

import asyncio
import json
import os
import wave
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.pcm import from_s16, s16_bytes
from voicecli.config.serving import ServerSettings, SessionSettings
from voicecli.providers.choose import Choice, choose_detector
from voicecli.providers.registry import engine_class
from voicecli.providers.simulated import SimulatedRecognizerOptions
from voicecli.server.session import Mode, Session
from voicecli.server.shared_recognition import SharedRecognition, SharedRecognitionOptions
from voicecli.wire.recognition import Active, Event, Failure, Format, Inactive, Segment, Start, Stop
from voicecli.wire.recognition import encode_request as encoded

QUICK = SimulatedRecognizerOptions(delay=0.0, texts=("one", "two", "three", "four", "five", "six"))
STOP = encoded(Stop(disconnect=True))
PAUSE = encoded(Stop(disconnect=False))


class Diary:
    """Writes down what a watch is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> object:
        return lambda *values: self.lines.append((name, *values))


def recording(name: str) -> Samples:
    """Recorded speech at 16 kHz; skips where there is none."""
    default = Path(__file__).parents[3] / "shared" / "speech"
    path = Path(os.environ.get("VOICECLI_SPEECH", default)) / f"{name}.wav"
    if not path.is_file():
        pytest.skip("no recorded speech: set VOICECLI_SPEECH")
    with wave.open(str(path)) as file:
        return from_s16(file.readframes(file.getnframes()))


def facts(name: str) -> dict[str, Any]:
    """What is known of a recording."""
    default = Path(__file__).parents[3] / "shared" / "speech"
    manifest = Path(os.environ.get("VOICECLI_SPEECH", default)) / "manifest.jsonl"
    lines = map(json.loads, manifest.read_text(encoding="utf-8").splitlines())
    return next(line for line in lines if line["id"] == name)


def beeps(*lengths: float, gap: float = 1.0) -> Samples:
    """Sounds that any detector by loudness takes for speech, each `lengths` seconds, with silence around.

    They pause for a moment twice a second, as speech does.
    """
    pieces = [np.zeros(round(gap * 16_000), np.float32)]
    noise = np.random.default_rng(1)
    for length in lengths:
        sound = noise.normal(0, 0.1, round(length * 16_000)).astype(np.float32)
        for begin in range(6400, len(sound) - 3200, 8000):
            sound[begin : begin + 1600] = 0.0
        pieces += [sound, np.zeros(round(gap * 16_000), np.float32)]
    return np.concatenate(pieces)


def start(format: Format | None = None, interim: bool = False) -> str:
    return encoded(Start(format or Format(), None, interim))


def messages(samples: Samples, size: int = 3200, format: Format | None = None) -> list[bytes]:
    """The sound of one channel as s16 messages of `size` bytes."""
    data = s16_bytes(samples)
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


@asynccontextmanager
async def recognition(
    asr: Any = QUICK,
    vad: str = "energy",
    *,
    name: str = "simulated",
    options: SharedRecognitionOptions | None = None,
    settings: ServerSettings | None = None,
    observer: Any = None,
) -> AsyncIterator[SharedRecognition]:
    settings = settings or ServerSettings(workers=1)
    engine = engine_class("asr", name)(asr)
    chosen = Choice(engine, name, "as asked for", asr)
    async with SharedRecognition(
        chosen, await choose_detector(vad), settings, options, observer=observer
    ) as shared:
        yield shared


async def until(condition: Callable[[], object]) -> None:
    """Wait for what no event tells."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.002)


async def talk(session: Session, said: Iterable[str | bytes]) -> list[Event]:
    """Everything that is said, and everything that comes back until the session ends."""

    async def read() -> list[Event]:
        return [event async for event in session.events()]

    reading = asyncio.create_task(read())
    try:
        for message in said:
            await session.receive(message)
        if not session.over:
            await session.finish()
        return await reading
    finally:
        reading.cancel()
        await session.close()


def conversation(
    said: Sequence[str | bytes],
    mode: Mode = Mode.SEGMENTED,
    limits: SessionSettings | None = None,
    **more: Any,
) -> list[Event]:
    """The events of one session in a recognition of its own."""

    async def run() -> list[Event]:
        async with recognition(**more) as shared:
            return await talk(Session(shared, mode, limits or SessionSettings(), Diary()), said)

    return asyncio.run(run())


def check(events: Sequence[Event], channels: int = 1, gaps: bool = False) -> None:
    """Raise AssertionError where the events are not well formed, channel by channel.

    `gaps` allows for segments that a failure took the place of.
    """
    for channel in range(channels):
        mine = [event for event in events if not isinstance(event, Failure) and event.channel == channel]
        last, speaking, waiting = 0.0, False, False
        for event in mine:
            if isinstance(event, Active):
                assert not speaking
                assert event.time >= last
                speaking, last = True, event.time
            elif isinstance(event, Inactive):
                assert speaking
                assert event.time >= last
                speaking, waiting, first, last = False, True, last, event.time
            elif isinstance(event, Segment) and event.is_final is False:
                assert speaking
                assert event.start_time == last
            elif isinstance(event, Segment) and event.is_final:
                assert waiting
                assert (event.start_time, event.end_time) == (first, last)
                waiting = False
            elif isinstance(event, Segment):
                assert event.start_time == last or (gaps and event.start_time > last)
                assert event.end_time > event.start_time
                last = event.end_time
        assert not speaking
