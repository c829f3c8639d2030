"""Iterators that others than their reader drive, and steps that read ahead, but not far."""

import asyncio
import operator
from functools import reduce

import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.flow.feeds import Feed, ReadAhead, buffer_step, byte_buffer_step, str_buffer_step
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source, queue_source


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


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_a_slow_sink_sees_a_bounded_buffer(size):
    async def main():
        spring, most = Spring(range(300)), 0
        async for number in buffer_step(spring(), size=size):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            most = max(most, spring.read - number - 1)
        return most

    assert run(main) == size


def test_what_waits_is_joined():
    async def main():
        source = queue_source()
        stream = str_buffer_step(source)
        await source.put("a")
        assert await anext(stream) == "a"
        for letter in "bcd":
            await source.put(letter)
        await settled()
        assert await anext(stream) == "bcd"
        await stream.aclose()
        assert b"".join(await array_sink(byte_buffer_step(array_source([b"a", b"b", b"c"])))) == b"abc"

    run(main)


def test_items_before_an_error_are_joined():
    async def main():
        stream = buffer_step(
            Spring([1, 2, 3], error=ValueError("broken"))(), lambda items: reduce(operator.add, items)
        )
        assert await anext(stream) == 6
        with pytest.raises(ValueError, match="broken"):
            await anext(stream)

    run(main)


def test_reading_goes_on_while_the_sink_is_busy():
    async def main():
        spring = Spring(range(100), pause=True)
        stream = buffer_step(spring(), size=10)
        await anext(stream)
        await settled()
        assert 5 < spring.read <= 11
        await stream.aclose()
        assert spring.closed

    run(main)


def test_the_first_item_of_a_list_does_not_wait_for_the_others():
    async def slow(stream):
        made = []
        async for item in stream:
            made.append(item)
            await settled()
        return made

    assert run(lambda: slow(str_buffer_step(array_source("abcd")))) == ["a", "bcd"]
