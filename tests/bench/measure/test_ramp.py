"""More and more streams, and what counts as holding them."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from voicecli.bench.measure.child import ServerProcess, Usage
from voicecli.bench.measure.ramp import LoadLevel, Ramp, RampOptions, decisions, idle_stage
from voicecli.bench.measure.ramp_bench import ramp_charts
from voicecli.bench.measure.stream_load import Watched
from voicecli.bench.measure.texts import spoken_question
from voicecli.config.serving import SegmentSettings
from voicecli.errors import Unavailable
from voicecli.providers.espeak import EspeakSynthesizer
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.speech.gate import GateOptions

CHUNK = 1600
SEGMENTS = SegmentSettings()
DELAYS = {"active": [0.01, 0.02], "inactive": [0.03], "segment": [0.04]}
WINDOW = Watched(delays=DELAYS, sent=1000, late=1, lateness=0.12)
STAGE = LoadLevel("batched", 100, WINDOW, 0.5, 300_000.0, 0.04, 0.25)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    async def main() -> np.ndarray:
        async with EspeakSynthesizer() as voice:
            question = await spoken_question("What time is it in Tokyo?", voice)
        return np.concatenate((question.samples, np.zeros(LISTENING_RATE, np.float32)))

    return asyncio.run(main())


def test_when_it_could_be_known(speech: np.ndarray) -> None:
    starts, ends = decisions(speech, 3, CHUNK, SEGMENTS.segmenter(GateOptions()))
    assert len(starts) == len(ends) == 3
    loop = len(speech) / CHUNK
    for turn, (start, end) in enumerate(zip(starts, ends, strict=True)):
        assert turn * loop <= start < end < (turn + 1) * loop
    # The end is decided after the silence that makes it one; how long the voice fades out differs.
    loud = np.flatnonzero(np.abs(speech) > 0.1 * np.max(np.abs(speech)))
    assert (ends[0] + 1) * CHUNK >= loud[-1] + SEGMENTS.min_silence * LISTENING_RATE - CHUNK


@pytest.mark.parametrize(
    ("window", "p95", "held"),
    [
        (WINDOW, 0.04, True),
        (WINDOW, 0.26, False),
        (WINDOW, None, False),
        (replace(WINDOW, late=2), 0.04, False),
        (replace(WINDOW, failures=["gone"]), 0.04, False),
    ],
)
def test_what_counts_as_holding(window: Watched, p95: float | None, held: bool) -> None:
    assert replace(STAGE, window=window, p95=p95).held is held


def test_samples_of_a_stage() -> None:
    rows = STAGE.samples(seed=0)
    assert [row.values.get("event_delay") for row in rows] == [0.01, 0.02, 0.03, 0.04, None]
    assert rows[-1].values["memory"] == 300_000
    many = replace(STAGE, window=replace(WINDOW, delays={"active": [0.1] * 5000}))
    assert len(many.samples(0)) == 1001


def test_charts_have_a_line_for_each_server() -> None:
    stages = [STAGE, replace(STAGE, streams=200), replace(STAGE, server="apart")]
    delay, *_ = ramp_charts(stages)
    assert [series.name for series in delay.series] == ["batched", "apart"]
    assert list(delay.series[0].x) == [100, 200]
    assert delay.limit == 0.25


def test_usage_of_a_process() -> None:
    usage = Usage(os.getpid())
    sum(range(3_000_000))
    if sys.platform == "linux":
        assert (usage.memory() or 0) > 1_000_000
        assert (usage.share() or 0) > 0
    assert Usage(2**22 + 1).memory() is None


class _Late(Ramp):
    """Clients whose events never come in time."""

    @asynccontextmanager
    async def load(self, url: str) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]:
        async def answer(wanted: dict[str, Any]) -> dict[str, Any]:
            self.asked.append(wanted["settle"])
            return asdict(replace(WINDOW, delays={"active": [9.0] * 50}))

        self.asked: list[float] = []
        yield answer


class _Here:
    process, url = SimpleNamespace(pid=os.getpid()), ""


@pytest.mark.parametrize("runs", [1, 3])
def test_stage_gets_so_many_chances(speech: np.ndarray, runs: int) -> None:
    async def main() -> list[float]:
        ramp = _Late(
            RampOptions(first=1, step=1, most=3, settle=0.5, runs=runs),
            speech,
            SEGMENTS.segmenter(GateOptions()),
        )
        (stage,) = [stage async for stage in ramp.stages("late", _Here(), lambda _: None)]
        assert not stage.held
        return ramp.asked

    assert asyncio.run(main()) == [0.5, *(runs - 1) * [0.0]]


def test_real_streams(speech: np.ndarray) -> None:
    options = RampOptions(first=2, step=2, most=2, settle=0.5, hold=5.0, limit=30.0)
    words = ["--asr", "simulated", "--workers", "1", "--set", "asr.simulated.delay=0"]

    async def main() -> None:
        ramp = Ramp(options, speech, SEGMENTS.segmenter(GateOptions()))
        async with ServerProcess(words) as server:
            (stage,) = [stage async for stage in ramp.stages("batched", server, lambda _: None)]
            assert not stage.window.failures
            delays = stage.window.delays
            assert delays["segment"]
            assert delays["active"]
            assert min(delays["active"] + delays["inactive"]) > 0
            idle = await idle_stage(ramp, server, 20)
        assert idle["connections"] == 20
        assert idle["health"] is not None

    asyncio.run(main())


def test_server_that_does_not_start() -> None:
    async def main() -> None:
        async with ServerProcess(["--asr", "no-such-engine"]):
            pass

    with pytest.raises(Unavailable, match="no-such-engine"):
        asyncio.run(main())


def test_wrong_words_are_refused() -> None:
    command = [sys.executable, "-m", "voicecli", "bench", "server"]
    for words in (["--baseline", "none"], ["--first", "9", "--most", "5"]):
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert words[1] in done.stderr
