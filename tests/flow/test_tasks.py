"""A wait is ended from outside, and nothing else is."""

import asyncio

import pytest

from tests.flow.spring import run, settled
from voicecli.flow.tasks import Interruption


def waiting(interruption, awaited, told):
    async def wait():
        with interruption:
            told.append(await awaited())
        told.append("on")
        await asyncio.sleep(0)
        return interruption.fired

    return asyncio.create_task(wait())


async def for_ever():
    await asyncio.Event().wait()


async def stubborn():
    try:
        await for_ever()
    except asyncio.CancelledError:
        return "stayed"


def test_a_wait_ends_and_its_task_goes_on():
    async def main():
        interruption, told = Interruption(), []
        task = waiting(interruption, for_ever, told)
        await settled()
        interruption.fire()
        interruption.fire()
        assert await task
        assert task.cancelling() == 0
        assert told == ["on"]

    run(main)


def test_a_wait_that_comes_later_ends_at_once():
    async def main():
        interruption, told = Interruption(), []
        interruption.fire()
        assert await waiting(interruption, for_ever, told)
        assert told == ["on"]

    run(main)


def test_a_cancellation_passes():
    async def main():
        for order in ("cancel", "both", "fire first"):
            interruption, told = Interruption(), []
            task = waiting(interruption, for_ever, told)
            await settled()
            if order == "fire first":
                interruption.fire()
            task.cancel()
            if order == "both":
                interruption.fire()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert told == []

    run(main)


def test_what_a_wait_gives_in_spite_of_it_is_kept():
    async def main():
        interruption, told = Interruption(), []
        task = waiting(interruption, stubborn, told)
        await settled()
        interruption.fire()
        assert await task
        assert told == ["stayed", "on"]
        assert task.cancelling() == 0

    run(main)


def test_an_error_passes():
    async def main():
        interruption = Interruption()

        async def fail():
            with interruption:
                interruption.fire()
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert asyncio.current_task().cancelling() == 0
        await asyncio.sleep(0)

    run(main)


def test_a_time_out_inside_delays_it_only():
    """A wait that is being cancelled is not cancelled again until that is over."""

    async def retried():
        try:
            async with asyncio.timeout(0):
                await for_ever()
        except TimeoutError:
            await for_ever()

    async def main():
        interruption, told = Interruption(), []
        task = waiting(interruption, retried, told)
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, interruption.fire)
        assert await task
        assert told == ["on"]

    run(main)
