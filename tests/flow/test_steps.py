"""Steps close what they were given, whichever way they end."""

import asyncio

import pytest

from voicecli.flow.steps import Feed, ReadAhead, scoped, timeout_step


class Source:
    """Counts to `count`, and says whether it was closed."""

    def __init__(self, count, *, delay=0.0, error=None):
        self.count, self.delay, self.error = count, delay, error
        self.read = 0
        self.closed = False

    async def __call__(self):
        try:
            for number in range(self.count):
                await asyncio.sleep(self.delay)
                self.read += 1
                yield number
            if self.error is not None:
                raise self.error
        finally:
            self.closed = True


def test_scoped_closes_on_an_early_exit():
    async def read():
        source = Source(5)
        async with scoped(source()) as items:
            async for _ in items:
                break
        return source.closed

    assert asyncio.run(read())


def test_timeout_acts_while_waiting():
    async def read():
        source = Source(3, delay=10)
        with pytest.raises(ValueError, match=r"0\.01"):
            async for _ in timeout_step(source(), 0.01, lambda seconds: ValueError(seconds)):
                pass
        return source.closed

    assert asyncio.run(read())


def test_timeout_of_zero_waits():
    async def read():
        return [item async for item in timeout_step(Source(3, delay=0.01)(), 0, ValueError)]

    assert asyncio.run(read()) == [0, 1, 2]


def test_read_ahead_is_bounded():
    async def read():
        source = Source(100)
        ahead = ReadAhead(source(), 5)
        await asyncio.sleep(0.01)
        assert source.read == 5
        first = await anext(ahead)
        await asyncio.sleep(0.01)
        assert source.read == 6
        rest = [item async for item in ahead]
        return [first, *rest]

    assert asyncio.run(read()) == list(range(100))


def test_error_comes_after_the_items_before_it():
    async def read():
        ahead = ReadAhead(Source(3, error=ValueError("broken"))())
        got = [await anext(ahead) for _ in range(3)]
        with pytest.raises(ValueError, match="broken"):
            await anext(ahead)
        return got

    assert asyncio.run(read()) == [0, 1, 2]


def test_closing_a_full_read_ahead_closes_its_source():
    async def read():
        source = Source(100)
        ahead = ReadAhead(source(), 2)
        await asyncio.sleep(0.01)
        await ahead.aclose()
        assert len(asyncio.all_tasks()) == 1
        return source.closed

    assert asyncio.run(read())


def test_feed_gives_what_was_pushed_before_its_end():
    async def read():
        feed = Feed()
        feed.push(1)
        feed.push(2)
        feed.close()
        feed.push(3)
        return [item async for item in feed]

    assert asyncio.run(read()) == [1, 2]


def test_feed_waits_for_what_comes_later():
    async def read():
        feed = Feed()
        asyncio.get_running_loop().call_later(0.01, feed.push, "late")
        asyncio.get_running_loop().call_later(0.02, feed.close)
        return [item async for item in feed]

    assert asyncio.run(read()) == ["late"]
