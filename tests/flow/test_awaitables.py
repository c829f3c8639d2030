"""What may be given as it is or as something to await."""

import asyncio
import threading
from functools import partial

import pytest

from tests.flow.spring import run, settled
from voicecli.flow.awaitables import (
    finish_in_thread,
    is_async,
    map_future,
    resolve_awaitable_or_obj,
    to_tuple,
)
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source, to_source


async def one():
    return 1


class Called:
    async def __call__(self):
        return 1


def test_async_functions_are_told_from_others():
    assert all(map(is_async, [one, partial(one), Called(), Called().__call__]))
    assert not any(map(is_async, [int, len, lambda: one(), Called]))


def test_values_are_resolved():
    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result(3)
        return [await resolve_awaitable_or_obj(value) for value in (1, one(), future, "text")]

    assert run(main) == [1, 1, 3, "text"]


def test_a_future_outlives_its_reader():
    async def main():
        future = asyncio.get_running_loop().create_future()
        reading = asyncio.create_task(resolve_awaitable_or_obj(future))
        await settled()
        reading.cancel()
        await asyncio.wait([reading])
        assert not future.cancelled()
        future.set_result(1)
        assert await resolve_awaitable_or_obj(future) == 1

    run(main)


def test_futures_are_mapped():
    async def main():
        futures = [asyncio.get_running_loop().create_future() for _ in range(5)]
        mapped = [map_future(future, lambda number: 8 // number) for future in futures]
        futures[0].set_result(2)
        futures[1].set_result(0)
        futures[2].set_exception(KeyError("source"))
        futures[3].cancel()
        mapped[4].cancel()
        futures[4].set_result(1)
        assert await mapped[0] == 4
        for future, error in zip(
            mapped[1:],
            [ZeroDivisionError, KeyError, asyncio.CancelledError, asyncio.CancelledError],
            strict=True,
        ):
            with pytest.raises(error):
                await future

    run(main)


def test_sources_are_made_of_anything():
    async def main():
        stream = array_source([1, 2])
        assert to_source(stream) is stream
        things = [None, 5, "text", [1], lambda: array_source([7])]
        return [await array_sink(to_source(thing)) for thing in things]

    assert run(main) == [[], [5], ["text"], [[1]], [7]]


def test_outputs_are_tuples():
    stream = array_source([])
    assert to_tuple(stream) == (stream,)
    assert to_tuple([stream, stream]) == to_tuple((stream, stream)) == (stream, stream)


def test_a_thread_finishes_what_is_cancelled():
    async def main():
        begun, go = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()
        written = []

        def write():
            loop.call_soon_threadsafe(begun.set)
            go.wait(5)
            written.append(1)

        writing = asyncio.create_task(finish_in_thread(write))
        await begun.wait()
        writing.cancel()
        await settled()
        assert not writing.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await writing
        assert written == [1]

    run(main)
