"""How long the event loop is held up while a reply is decoded and played."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Self

import numpy as np
import pytest

from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.measure.first_audio import BenchOptions, Case, Line, measured
from voicecli.bench.measure.loudspeaker import BriefPlayer
from voicecli.providers.choose import Choice

RATE = 24_000
SECONDS = 6  # more than the player holds, so that it is waited for as well
TICK = 0.001  # seconds
NETWORK = 4096  # bytes that come at once
FORMATS = (Codec.PCM, Codec.WAV, Codec.MP3, Codec.OPUS, Codec.AAC, Codec.FLAC)


class Recorded:
    """Says the same recording, whatever the text, as fast as it is taken."""

    name = "recorded"

    def __init__(self, codec: Codec, size: int) -> None:
        self.format = StreamFormat(codec, RATE)
        at = np.arange(SECONDS * RATE) / RATE
        noise = np.random.default_rng(1).normal(0, 0.02, len(at))
        sound = (0.3 * np.sin(2 * np.pi * 220 * at) + noise).astype(np.float32)
        encoder = open_encoder(self.format)
        data = encoder.encode(sound) + encoder.flush()
        self.chunks = [data[start : start + size] for start in range(0, len(data), size)]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            await asyncio.sleep(0)  # as a socket would let others in
            yield chunk


async def ticks(gaps: list[float]) -> None:
    """Note by how much each tick is late."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(TICK)
        gaps.append(time.perf_counter() - began - TICK)


async def longest_gap(codec: Codec, size: int) -> list[float]:
    """Milliseconds, of two runs; the first of them imports what it needs."""
    worst = []
    case = Case(Choice(Recorded(codec, size), "recorded", "", None), Line("any", "Anything"))
    output = PacedSpeaker("nowhere", NullSink(), 48_000)
    async with BriefPlayer(output) as player:
        gaps: list[float] = []
        ticker = asyncio.create_task(ticks(gaps))
        async for run in measured([case], player, BenchOptions(runs=1)):
            assert run.ok, run.error
            assert run.values["audio"] == pytest.approx(SECONDS, abs=0.2)
            worst.append(max(gaps) * 1000)
            gaps.clear()
        ticker.cancel()
    return worst


def sizes() -> Iterator[tuple[str, int]]:
    yield f"{NETWORK} bytes at once", NETWORK
    yield "everything at once", 1 << 30


async def idle() -> float:
    gaps: list[float] = []
    ticker = asyncio.create_task(ticks(gaps))
    await asyncio.sleep(1.0)
    ticker.cancel()
    return max(gaps) * 1000


@pytest.mark.benchmark
def test_event_loop(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\nlongest time that a tick of {TICK * 1000:.0f} ms was late, {SECONDS} s of sound, warm (cold)"
        )
        print(f"  idle: {asyncio.run(idle()):.1f} ms")
        for codec in FORMATS:
            for name, size in sizes():
                cold, *warm = asyncio.run(longest_gap(codec, size))
                print(f"  {codec:<5} {name:<20} {max(warm):5.1f} ms ({cold:.1f})")
