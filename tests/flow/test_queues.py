"""Queues that carry a stream."""

import asyncio

import numpy as np
import pytest

from tests.flow.spring import Spring, run
from voicecli.flow.queues import EndOfStreamMarker, QueueWithException
from voicecli.flow.sinks import array_sink, queue_sink
from voicecli.flow.sources import array_source, queue_source


def test_an_exception_keeps_its_place():
    async def main():
        queue = QueueWithException()
        await queue.put(np.ones(2))
        await queue.set_exception(ValueError("broken"))
        await queue.put(2)
        with pytest.raises(ValueError, match="already holds"):
            await queue.set_exception(KeyError())
        assert (await queue.get()).sum() == 2
        with pytest.raises(ValueError, match="broken"):
            await queue.get()
        assert await queue.get() == 2
        await queue.set_exception(KeyError())

    run(main)


def test_an_iterator_is_queued_with_its_end():
    async def main():
        queue = QueueWithException()
        await queue.enqueue_iterator(array_source([1, 2]))
        assert await array_sink(queue_source(queue)) == [1, 2]
        await queue.enqueue_iterator(array_source([3]), include_end_of_stream=False)
        assert queue.get_nowait() == 3
        assert queue.empty()

    run(main)


def test_an_iterator_is_queued_with_its_exception():
    async def main():
        queue = QueueWithException()
        await queue.enqueue_iterator(Spring([1], error=ValueError("broken"))())
        assert await queue.get() == 1
        with pytest.raises(ValueError, match="broken"):
            await queue.get()
        with pytest.raises(ValueError, match="broken"):
            await queue.enqueue_iterator(Spring([], error=ValueError("broken"))(), propagate_exception=False)

    run(main)


def test_a_waiting_reader_is_told_of_an_exception():
    async def main():
        queue = QueueWithException()
        reading = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        await queue.set_exception(ValueError("broken"))
        with pytest.raises(ValueError, match="broken"):
            await reading

    run(main)


def test_an_exception_makes_room_for_the_mark():
    async def failing():
        yield 1
        raise ValueError("broken")

    async def main():
        queue = QueueWithException(1)
        sink = asyncio.create_task(queue_sink(failing(), queue))
        assert await queue.get() == 1
        with pytest.raises(ValueError, match="broken"):
            await queue.get()
        assert await queue.get() is EndOfStreamMarker
        assert await sink is queue

    run(main)


def test_a_cancelled_sink_marks_the_end_even_behind_an_exception():
    async def failing():
        raise ValueError("broken")
        yield

    async def main():
        queue = QueueWithException(1)
        sink = asyncio.create_task(queue_sink(failing(), queue))
        await asyncio.sleep(0.01)  # until it waits for room
        assert queue.full()
        sink.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sink
        assert await queue.get() is EndOfStreamMarker
        await queue.set_exception(KeyError())  # there is room for another one

    run(main)


def test_the_mark_says_its_name():
    assert repr(EndOfStreamMarker) == "EndOfStreamMarker"
