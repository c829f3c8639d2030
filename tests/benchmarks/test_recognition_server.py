"""What a stream costs the recognition server: one call of the voice detector for all, or one for each."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

import numpy as np
import pytest

from tests.server.talking import Diary, messages, recognition, start
from voicecli.audio.block import Samples
from voicecli.config.serving import ServerSettings, SessionSettings
from voicecli.providers.simulated import SimulatedRecognizerOptions
from voicecli.server.session import Mode, Session

STREAMS = 150
SECONDS = 6.0
WINDOW = 1024  # bytes: 32 ms


@pytest.mark.benchmark
@pytest.mark.parametrize("batched", [True, False], ids=["one call for all", "one call a stream"])
def test_streams_in_real_time(batched: bool, capsys: pytest.CaptureFixture[str]) -> None:
    said = asyncio.run(measured(batched))
    with capsys.disabled():
        print(f"\n{STREAMS} streams, {'one call for all' if batched else 'one call a stream'}: {said}")


async def measured(batched: bool) -> str:
    settings = ServerSettings(workers=1, batched=batched)
    async with recognition(SimulatedRecognizerOptions(), "silero", settings=settings) as shared:
        sessions = [Session(shared, Mode.SEGMENTED, SessionSettings(), Diary()) for _ in range(STREAMS)]
        readers = [asyncio.create_task(drain(session)) for session in sessions]
        gc.collect()
        before = resident()
        sound = messages(murmur(), WINDOW)
        loop, began = asyncio.get_running_loop(), asyncio.get_running_loop().time() + 0.1
        here, everywhere = time.thread_time(), time.process_time()

        async def feed(number: int, session: Session) -> float:
            late = 0.0
            await session.receive(start())
            for index in range(round(SECONDS / 0.032)):
                due = began + (index + number / STREAMS) * 0.032
                late = max(late, loop.time() - due)
                await asyncio.sleep(max(0.0, due - loop.time()))
                await session.receive(sound[(index + 7 * number) % len(sound)])
            return late

        lates = await asyncio.gather(*(feed(*pair) for pair in enumerate(sessions)))
        loop_time = time.thread_time() - here
        others = time.process_time() - everywhere - loop_time
        kept = (resident() - before) / STREAMS
        for session in sessions:
            await session.close()
        await asyncio.gather(*readers)
    windows = STREAMS * SECONDS / 0.032
    on_loop, elsewhere = loop_time / windows * 1e6, others / windows * 1e6
    return (
        f"{on_loop:.0f} µs a window on the event loop, {elsewhere:.0f} µs in the detector's thread, "
        f"{kept / 1e6:.2f} MB a stream, a message late by {max(lates) * 1000:.0f} ms at most"
    )


async def drain(session: Session) -> None:
    async for _ in session.events():
        pass


def murmur() -> Samples:
    """Something like speech, without a recording: bursts of a buzz with harmonics."""
    at = np.arange(round(SECONDS * 16_000)) / 16_000
    buzz = sum(np.sin(2 * np.pi * 130 * harmonic * at) / harmonic for harmonic in range(1, 20))
    bursts = (np.sin(2 * np.pi * 0.4 * at) > 0) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at))
    return np.asarray(0.1 * buzz * bursts, np.float32)


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
