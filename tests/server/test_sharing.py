"""Streams that share an engine: how long a well-behaved one waits for its answers beside others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.server.served import said, served, silence, start, stop, tone
from tests.server.slow_engine import slow_engine
from tests.server.talking import Diary, beeps, messages, recognition, recording, until
from tests.server.talking import start as begin
from voicecli.audio.block import Samples
from voicecli.config.serving import SessionSettings
from voicecli.providers.pocketsphinx import PocketsphinxOptions
from voicecli.server.session import Mode, Session
from voicecli.server.shared_recognition import SharedRecognition
from voicecli.wire.recognition import Active, Inactive, Segment

pytestmark = pytest.mark.alone

STEP = 0.1  # seconds of sound in a message


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    with slow_engine(tmp_path) as options:
        yield options


class Client:
    """A session and its reader, which knows when each answer came."""

    def __init__(self, shared: SharedRecognition, holder: str | None = None) -> None:
        self.session = Session(shared, Mode.SEGMENTED, SessionSettings(), Diary(), holder)
        self.active = asyncio.Event()
        self.delays: list[float] = []  # from `inactive` to the final segment
        self.texts: list[str] = []
        self._begun = False
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        now, ended = asyncio.get_running_loop().time, 0.0
        async for event in self.session.events():
            if isinstance(event, Active):
                self.active.set()
            elif isinstance(event, Inactive):
                ended = now()
            elif isinstance(event, Segment):
                self.delays.append(now() - ended)
                self.texts.append(event.text)

    async def say(self, sound: Samples, speed: float = 1.0) -> None:
        """Send it as if it were spoken, or `speed` times as fast."""
        if not self._begun:
            self._begun = True
            await self.session.receive(begin())
        for message in messages(sound, round(32_000 * STEP)):
            await self.session.receive(message)
            if speed < 50:
                await asyncio.sleep(len(message) / 32_000 / speed)

    async def finish(self) -> list[float]:
        await self.session.finish()
        await self._reading
        return self.delays

    async def close(self) -> None:
        self._reading.cancel()
        await self.session.close()


async def stalled(shared: SharedRecognition, sound: Samples, holder: str | None) -> Client:
    """Somebody who begins to speak, and then nothing more comes."""
    client = Client(shared, holder)
    await client.say(sound)
    await client.active.wait()
    return client


async def alone(shared: SharedRecognition, sound: Samples) -> float:
    """How long an answer takes with nobody else there."""
    client = Client(shared, "honest")
    await client.say(sound)
    return max(await client.finish())


@pytest.mark.parametrize("holder", ["honest", "other"])
def test_stalled_speakers_delay_nobody(slow: Any, holder: str) -> None:
    async def run() -> None:
        async with recognition(slow(cost=0.5), name="slow") as shared:
            baseline = await alone(shared, beeps(1.0, gap=0.6))
            others = [await stalled(shared, beeps(1.5)[:32_000], holder) for _ in range(3)]
            honest = Client(shared, "honest")
            for _ in range(2):
                await honest.say(beeps(1.0, gap=0.6))
            delays = await honest.finish()
            assert len(delays) == 2
            assert max(delays) < baseline + 3 * 0.5 * 2.0  # the whole of it, and noise
            for other in others:
                await other.close()
            assert shared.workers.jobs == 0

    asyncio.run(asyncio.wait_for(run(), 60))


def test_two_stalled_speakers_and_pocketsphinx() -> None:
    """They had both of its places."""
    sound = recording("assistant-en-goforward")

    async def run() -> None:
        async with recognition(PocketsphinxOptions(workers=2), "silero", name="pocketsphinx") as shared:
            baseline = await alone(shared, sound)
            others = [await stalled(shared, sound[:32_000], None) for _ in range(2)]
            assert sum(job.placed for job in shared.workers._claims.values()) == 2
            honest = [Client(shared), Client(shared)]
            await asyncio.gather(*(client.say(sound) for client in honest))
            delays = [delay for client in honest for delay in await client.finish()]
            assert len(delays) == 2
            assert max(delays) < 4 * baseline + 8.0  # each hears it all at its end, on a busy machine
            assert [client.texts for client in honest] == [["go forward ten meters"]] * 2
            for other in others:
                await other.close()

    asyncio.run(asyncio.wait_for(run(), 120))


def test_bulk_delays_no_conversation(slow: Any) -> None:
    """Twenty who send an hour at once, and two who talk, of the same token."""

    async def run() -> None:
        async with recognition(slow(cost=0.2), name="slow") as shared:
            bulk = [Client(shared) for _ in range(20)]
            sending = [asyncio.create_task(client.say(beeps(*[4.0] * 20), speed=1000.0)) for client in bulk]
            await until(lambda: shared.workers.jobs >= 20)
            honest = [Client(shared), Client(shared)]
            for _ in range(2):
                await asyncio.gather(*(client.say(beeps(1.0, gap=0.6)) for client in honest))
            delays = [await client.finish() for client in honest]
            assert [len(each) for each in delays] == [2, 2]
            # One of each token's bulk goes on, and the two wait for each other.
            assert max(map(max, delays)) < 4 * 0.2 * 2.0 + 1.0
            for task in sending:
                task.cancel()
            for client in bulk:
                await client.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def test_more_than_can_be_heard_are_all_answered(slow: Any) -> None:
    """Sixteen at once, of whom two can be recognised in real time."""

    async def run() -> None:
        async with recognition(slow(cost=0.5), name="slow") as shared:
            clients = [Client(shared) for _ in range(16)]
            await asyncio.gather(*(client.say(beeps(1.0, gap=0.6)) for client in clients))
            delays = [await client.finish() for client in clients]
            assert [len(each) for each in delays] == [1] * 16
            assert max(map(max, delays)) < 16 * 0.5 * 2.0 / 2 + 2.0

    asyncio.run(asyncio.wait_for(run(), 60))


def test_a_queue_that_is_late_refuses(slow: Any, tmp_path: Path) -> None:
    """New sessions are sent away and /ready tells, until those that are there have been answered."""
    words = ("--asr", "slow", "--set", "asr.slow.cost=5", "--set", "asr.slow.places=1")
    home = tmp_path / "home"
    home.mkdir()

    async def run(server: Any) -> None:
        address = f"{server.address}/api/v1/segmented"
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connect(address)) for _ in range(4)]
            for client in clients:
                for message in (start(), tone(0.4), silence(0.5), stop()):
                    await client.send(message)
            answers = [asyncio.create_task(said(client)) for client in clients]
            assert await server.unready() == (503, b'{"status":"busy"}')
            assert server.numbers()["voicecli_ready"] == 0
            with pytest.raises(InvalidStatus) as failed:
                await connect(address)
            assert failed.value.response.status_code == 503
            assert int(failed.value.response.headers["retry-after"]) >= 5
            for events in await asyncio.gather(*answers):
                assert [event["type"] for event in events] == ["active", "inactive", "segment"]
        assert server.get("/api/v1/ready") == (200, b'{"status":"ready"}')
        assert server.numbers()['voicecli_refused_total{reason="busy"}'] == 1

    with served(home, *words, env={"PYTHONPATH": str(tmp_path)}) as server:
        asyncio.run(asyncio.wait_for(run(server), 60))
