"""How many real-time streams a recognition server holds: more and more of them, until its events come late.

Every stream sends speech at the pace of time. A server can know of an event with the message that completes
the window in which it was decided, and that moment is worked out beforehand with the same detector; the delay
of the event is what lies between that message's time and the event's arrival at its client.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.bench.measure.child import Child, ServerProcess, Usage
from voicecli.bench.measure.stream_load import StreamOrder, Watched
from voicecli.bench.report import Sample
from voicecli.latency.statistics import percentile
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.speech.endpoint import TurnEnded
from voicecli.speech.gate import SpeechStarted
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.silero import SileroDetector
from voicecli.speech.vad import WINDOW, Windows

__all__ = ["LoadLevel", "Ramp", "RampOptions", "decisions", "idle_stage"]

_KEPT = 1000  # events of a stage that the report keeps; which is left to chance
_LATE = 0.001  # share of messages that may be late; a machine does other things too


@dataclass(frozen=True, slots=True, kw_only=True)
class RampOptions:
    """How the streams become more."""

    first: int = 50  # streams
    step: int = 50
    most: int = 500
    settle: float = 6.0  # seconds over which new ones begin
    hold: float = 10.0  # seconds that are measured
    runs: int = 2  # times that a stage may be measured before it counts as one that does not hold
    chunk: float = 0.1  # seconds of a message
    limit: float = 0.25  # seconds: the event delay that 95 % must keep
    idle: int = 0  # connections that say nothing, opened afterwards
    seed: int = 0


@dataclass(frozen=True, slots=True)
class LoadLevel:
    """So many streams for a while."""

    server: str  # which server, as the report calls it
    streams: int
    window: Watched
    cpu: float | None  # processors
    memory: float | None  # bytes a stream
    p95: float | None  # seconds, of all events
    limit: float  # seconds

    @property
    def held(self) -> bool:
        """Whether its events came in time, all the sound was taken in time, and nothing failed."""
        window = self.window
        in_time = self.p95 is not None and self.p95 <= self.limit
        return in_time and window.late <= _LATE * window.sent and not window.failures

    def samples(self, seed: int) -> list[Sample]:
        """One for each event, or for some of them, and one for what the stage cost."""
        case: dict[str, str | int | float] = {"server": self.server, "streams": self.streams}
        found = [(kind, delay) for kind, delays in self.window.delays.items() for delay in delays]
        if len(found) > _KEPT:
            found = random.Random(seed).sample(found, _KEPT)
        rows = [
            Sample(case=case, values={"event_delay": delay, kind: delay}, number=number)
            for number, (kind, delay) in enumerate(found, 1)
        ]
        cost = {
            "late": float(self.window.late),
            "lateness": self.window.lateness,
            "cpu": self.cpu,
            "memory": self.memory,
        }
        details = {"held": self.held, "messages": self.window.sent, "failures": self.window.failures[:10]}
        return [*rows, Sample(case=case, values=cost, number=len(rows) + 1, details=details)]


def decisions(
    sound: Samples, loops: int, chunk: int, segmenter: Segmenter
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """By utterance of `sound`, played `loops` times: the message in which its start, and its end, is decided.

    `sound` is at 16 kHz, `chunk` the samples of a message.
    """
    detector, windows = SileroDetector(), Windows()
    starts: list[int] = []
    ends: list[int] = []
    for window in chain.from_iterable(windows.push(sound) for _ in range(loops)):
        known = (round(window.time * LISTENING_RATE) + WINDOW - 1) // chunk
        for sign in segmenter.push(window, detector.probability(window.samples)):
            if isinstance(sign, SpeechStarted):
                starts.append(known)
            elif isinstance(sign, TurnEnded):
                ends.append(known)
    return tuple(starts), tuple(ends)


class Ramp:
    """Raises the load on one server stage by stage."""

    def __init__(self, options: RampOptions, sound: Samples, segmenter: Segmenter) -> None:
        """`sound` is speech at 16 kHz with silence at both ends; it is sent again and again."""
        self._options = options
        self._chunk = round(options.chunk * LISTENING_RATE)
        self._sound = sound[: len(sound) // self._chunk * self._chunk]
        stages = (options.most - options.first) // options.step + 2
        longest = options.runs * stages * (options.settle + options.hold + 1.0) + 60.0
        loops = int(longest * LISTENING_RATE / len(self._sound)) + 1
        self._starts, self._ends = decisions(self._sound, loops, self._chunk, segmenter)

    async def stages(
        self, name: str, server: ServerProcess, told: Callable[[LoadLevel], None]
    ) -> AsyncIterator[LoadLevel]:
        """Yield each stage, the first that does not hold being the last. Raises Unavailable."""
        options = self._options
        usage = Usage(server.process.pid)
        async with self.load(server.url) as order:
            for streams in range(options.first, options.most + 1, options.step):
                for settle in (options.settle, *(options.runs - 1) * [0.0]):  # machines hiccup
                    usage.share()
                    answer = await order({"streams": streams, "settle": settle, "hold": options.hold})
                    window = Watched(**answer)
                    delays = sorted(delay for delays in window.delays.values() for delay in delays)
                    p95 = percentile(delays, 0.95) if delays else None
                    cpu, each = usage.share(), usage.memory_each(streams)
                    stage = LoadLevel(name, streams, window, cpu, each, p95, options.limit)
                    if stage.held:
                        break
                told(stage)
                yield stage
                if not stage.held:
                    return

    @asynccontextmanager
    async def load(self, url: str) -> AsyncIterator[Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]]:
        """The process of the clients; what is yielded tells it what to do and returns its answer."""
        with tempfile.TemporaryDirectory(prefix="voicecli-") as folder:
            path = Path(folder) / "speech.raw"
            path.write_bytes(s16_bytes(self._sound))
            async with Child(["voicecli.bench.measure.stream_load"]) as clients:
                order = StreamOrder(
                    url=url, sound=str(path), rate=LISTENING_RATE, chunk=self._chunk, starts=self._starts,
                    ends=self._ends,
                )  # fmt: skip
                await clients.tell(asdict(order))

                async def asked(wanted: dict[str, Any]) -> dict[str, Any]:
                    await clients.tell(wanted)
                    return await clients.answer("The clients have failed")

                yield asked


async def idle_stage(ramp: Ramp, server: ServerProcess, connections: int) -> dict[str, Any]:
    """Open connections that say nothing: how many stand, their cost, whether it still answers."""
    usage = Usage(server.process.pid)
    async with ramp.load(server.url) as order:
        standing = (await order({"idle": connections}))["idle"]
        usage.share()
        await asyncio.sleep(2.0)
        cpu, each = usage.share(), usage.memory_each(standing)
        healthy = await asyncio.to_thread(_health, server.url)
    return {"connections": standing, "memory": each, "cpu": cpu, "health": healthy}


def _health(url: str) -> float | None:
    """Seconds in which the server says that it is alive."""
    began = time.perf_counter()
    try:
        with urlopen(f"{url}/api/v1/health", timeout=5.0) as answer:
            answer.read()
    except OSError:
        return None
    return time.perf_counter() - began
