"""The player over an output that the test turns by hand."""

import asyncio
import time

import numpy as np
import pytest

from voicecli.audio.player import AudioStreamPlayer, PlayerOptions
from voicecli.audio.speaker import FastSpeaker, PacedSpeaker
from voicecli.errors import DeviceLost


class Collected:
    """A sink that remembers."""

    def __init__(self):
        self.blocks = []

    def write(self, samples):
        self.blocks.append(samples.copy())

    def close(self):
        pass

    @property
    def samples(self):
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.float32)


class Crank:
    """An output whose blocks are asked for by the test."""

    name, rate, latency, paced = "crank", 1000, 0.0, True

    def start(self, fill, lost):
        self.fill, self.lost = fill, lost

    def nudge(self):
        pass

    def close(self):
        pass

    def turn(self, frames=100, at=None):
        out = np.zeros(frames, np.float32)
        return out, self.fill(out, time.monotonic() if at is None else at)


def ramp(count):
    return (np.arange(count, dtype=np.float32) + 1) / (count + 1)


def test_odd_chunks_arrive_whole():
    async def play():
        sink = Collected()
        async with AudioStreamPlayer(FastSpeaker("fast", sink, 1000)) as player:
            player.begin()
            for piece in np.array_split(ramp(5003), [1, 2, 9, 1000, 1001, 4444]):
                await player.write(piece)
            await player.stop()
        return sink.samples

    assert np.array_equal(asyncio.run(play()), ramp(5003))


def test_full_ring_holds_its_source_back():
    async def play():
        crank = Crank()
        options = PlayerOptions(capacity=1.0, prebuffer=0.0)
        async with AudioStreamPlayer(crank, options) as player:
            player.begin()
            writing = asyncio.create_task(player.write(ramp(2500)))
            await asyncio.sleep(0.02)
            assert not writing.done()
            heard = []
            while not writing.done():
                out, count = crank.turn()
                heard.extend(out[:count])
                await asyncio.sleep(0.001)
            player.finish()
            while (turned := crank.turn())[1]:
                heard.extend(turned[0][: turned[1]])
            assert np.array_equal(np.array(heard, np.float32), ramp(2500))

    asyncio.run(play())


def test_heard_follows_the_air_not_the_queue():
    async def play():
        crank = Crank()
        async with AudioStreamPlayer(crank, PlayerOptions(prebuffer=0.0)) as player:
            player.begin()
            await player.write(ramp(500))
            crank.turn(200, at=10.0)
            assert player.heard(9.9) == 0
            assert abs(player.heard(10.1) - 0.1) < 1e-9
            assert abs(player.heard(12.0) - 0.2) < 1e-9

    asyncio.run(play())


def test_abort_leaves_nothing_for_the_next_reply():
    async def play():
        crank = Crank()
        async with AudioStreamPlayer(crank, PlayerOptions(prebuffer=0.0)) as player:
            player.begin()
            await player.write(np.full(900, 0.5, np.float32))
            crank.turn()
            player.abort()
            player.begin()
            await player.write(np.full(300, 0.25, np.float32))
            out, _ = crank.turn()
            assert not out[50:].any()
            assert crank.turn()[0].tolist() == [0.25] * 100
            assert player.underruns.count == 0

    asyncio.run(play())


def test_reply_without_sound_is_over_at_once():
    async def play():
        async with AudioStreamPlayer(Crank()) as player:
            player.begin()
            await player.stop()
            assert player.first_sound is None

    asyncio.run(play())


def test_silence_at_the_front_is_not_the_first_sound():
    async def play():
        crank = Crank()
        async with AudioStreamPlayer(crank, PlayerOptions(prebuffer=0.0)) as player:
            player.begin()
            await player.write(np.zeros(150, np.float32))
            await player.write(np.concatenate((np.zeros(30, np.float32), np.ones(100, np.float32))))
            crank.turn(100, at=1.0)
            crank.turn(100, at=1.1)
            assert abs(player.first_sound - 1.18) < 1e-9

    asyncio.run(play())


def test_uneven_supply_grows_the_prebuffer():
    async def play():
        async with AudioStreamPlayer(Crank(), PlayerOptions(prebuffer=0.01, max_prebuffer=0.05)) as player:
            player.begin()
            await player.write(ramp(10))
            await asyncio.sleep(0.08)
            await player.write(ramp(10))
            assert player.prebuffer == pytest.approx(0.05)

    asyncio.run(play())


def test_lost_device_ends_the_wait():
    async def play():
        crank = Crank()
        async with AudioStreamPlayer(crank) as player:
            player.begin()
            await player.write(ramp(100))
            waiting = asyncio.create_task(player.stop())
            await asyncio.sleep(0)
            crank.lost("It went away.")
            with pytest.raises(DeviceLost, match="went away"):
                await waiting
            with pytest.raises(DeviceLost):
                await player.write(ramp(1))

    asyncio.run(play())


def test_paced_speaker_plays_everything_in_step():
    async def play():
        sink = Collected()
        async with AudioStreamPlayer(PacedSpeaker("paced", sink, 8000)) as player:
            player.begin()
            await player.write(ramp(1600))
            await player.stop()
            assert player.first_sound is not None
        return sink.samples

    heard = asyncio.run(play())
    first = np.flatnonzero(heard)[0]
    assert np.array_equal(heard[first : first + 1600], ramp(1600))


def test_closed_pipe_loses_the_speaker():
    class Broken(Collected):
        def write(self, samples):
            raise BrokenPipeError

    async def play():
        async with AudioStreamPlayer(PacedSpeaker("standard output", Broken(), 8000)) as player:
            player.begin()
            with pytest.raises(DeviceLost, match="standard output"):
                await player.write(ramp(80_000))

    asyncio.run(play())
