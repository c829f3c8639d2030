"""Iterators that others than their reader drive."""

import asyncio

import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.flow.feeds import Feed, ReadAhead


def test_read_ahead_is_bounded():
    async def main():
        spring = Spring(range(100))
        ahead = ReadAhead(spring(), 5)
        await settled()
        assert spring.read == 5
        first = await anext(ahead)
        await settled()
        assert spring.read == 6
        return [first, *[item async for item in ahead]]

    assert run(main) == list(range(100))


def test_error_comes_after_the_items_before_it():
    async def main():
        ahead = ReadAhead(Spring(range(3), error=ValueError("broken"))())
        got = [await anext(ahead) for _ in range(3)]
        with pytest.raises(ValueError, match="broken"):
            await anext(ahead)
        return got

    assert run(main) == [0, 1, 2]


def test_closing_a_full_read_ahead_closes_its_source():
    async def main():
        spring = Spring(range(100))
        ahead = ReadAhead(spring(), 2)
        await settled()
        await ahead.aclose()
        assert len(asyncio.all_tasks()) == 1
        return spring.closed

    assert run(main)


def test_feed_gives_what_was_pushed_before_its_end():
    async def main():
        feed = Feed()
        feed.push(1)
        feed.push(2)
        feed.close()
        feed.push(3)
        return [item async for item in feed]

    assert run(main) == [1, 2]


def test_feed_waits_for_what_comes_later():
    async def main():
        feed = Feed()
        asyncio.get_running_loop().call_later(0.01, feed.push, "late")
        asyncio.get_running_loop().call_later(0.02, feed.close)
        return [item async for item in feed]

    assert run(main) == ["late"]
