"""Microphones that ask."""

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from voicecli.audio.block import Block, Samples
from voicecli.audio.microphone import DeviceMicrophone
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import NullSink, PacedSpeaker
from voicecli.bench.measure.mouth import AskingMicrophone, MouthMicrophone, PlayedMicrophone
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.providers.recognizer import LISTENING_RATE

TONE = np.full(LISTENING_RATE // 4, 0.5, np.float32)
QUESTION = SpokenQuestion(name="a tone", samples=TONE, start=0.0, end=0.25)


async def heard(
    microphone: AskingMicrophone, *over: Callable[[float], bool]
) -> tuple[list[Block], list[float]]:
    """Ask the tone once for each of `over`; the blocks, and when each question began."""
    blocks: list[Block] = []

    async def listen() -> None:
        blocks.extend([block async for block in microphone.blocks()])

    began = []
    async with microphone:
        listening = asyncio.create_task(listen())
        for one in over:
            at = await microphone.ask(QUESTION, one)
            assert at is not None
            began.append(at)
        assert microphone.position >= 0.25
        microphone.finish()
        await listening
    return blocks, began


def loud(blocks: list[Block]) -> Samples:
    samples = np.concatenate([block.samples for block in blocks])
    return np.flatnonzero(np.abs(samples) > 0.25)


def test_question_is_heard_whole_in_a_quiet_room() -> None:
    blocks, _ = asyncio.run(heard(PlayedMicrophone(real_time=False), lambda _: True))
    places = loud(blocks)
    assert len(places) == len(TONE)
    assert places[0] >= 0.6 * LISTENING_RATE
    quiet = np.concatenate([block.samples for block in blocks])[: places[0]]
    assert 0.0005 < float(np.std(quiet)) < 0.002


def test_room_goes_on_until_it_is_over() -> None:
    short, _ = asyncio.run(heard(PlayedMicrophone(real_time=False), lambda _: True))
    long, _ = asyncio.run(heard(PlayedMicrophone(real_time=False), lambda beyond: beyond > 3.0))
    assert sum(block.duration for block in long) - sum(block.duration for block in short) > 1.9


def test_beginning_is_dated() -> None:
    blocks, [began] = asyncio.run(heard(PlayedMicrophone(), lambda _: True))
    first = next(block for block in blocks if np.max(np.abs(block.samples)) > 0.25)
    inside = int(np.argmax(np.abs(first.samples) > 0.25)) / LISTENING_RATE
    assert began == pytest.approx(first.time + inside, abs=1e-6)


def test_each_block_waits_for_hold() -> None:
    waits = 0

    async def hold() -> None:
        nonlocal waits
        waits += 1

    blocks, _ = asyncio.run(heard(PlayedMicrophone(real_time=False, hold=hold), lambda _: True))
    assert waits == len(blocks)


def test_same_seed_same_room() -> None:
    first, second, other = (
        asyncio.run(heard(PlayedMicrophone(real_time=False, seed=seed), lambda _: True))[0]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(loud(first), loud(second))
    assert not np.array_equal(first[0].samples, other[0].samples)


class Room:
    """A sound card that hears nothing, 50 blocks a second."""

    name = "a room"
    rate = LISTENING_RATE

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self, take: Callable[[Samples, float, bool], None], lost: Callable[[str], None]) -> None:
        self._take = take
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(0.02):
            self._take(np.zeros(320, np.float32), time.monotonic() - 0.02, False)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()


def test_mouth_asks_and_the_device_hears() -> None:
    async def asked() -> tuple[list[Block], list[float], float]:
        mouth = AudioStreamPlayer(PacedSpeaker("a mouth", NullSink(), 24_000))
        microphone = MouthMicrophone(DeviceMicrophone(Room()), mouth)
        assert microphone.name == "a room, asked by a mouth"
        before = time.monotonic()
        blocks, began = await heard(microphone, lambda _: True)
        return blocks, began, before

    blocks, [began], before = asyncio.run(asked())
    assert began > before
    assert blocks[-1].time > began + 1.0  # it is listened to for a second behind the question
