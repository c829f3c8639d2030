"""Where streams begin."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.spring import run, settled
from voicecli.errors import FlowStalled
from voicecli.flow.queues import EndOfStreamMarker
from voicecli.flow.sinks import array_sink, empty_sink
from voicecli.flow.sources import (
    array_source,
    binary_file_source,
    empty_source,
    none_source,
    queue_source,
    single_source,
    text_file_source,
)


def gathered(stream):
    return run(lambda: array_sink(stream))


def test_small_sources():
    assert gathered(empty_source()) == []
    assert gathered(none_source()) == [None]
    assert gathered(single_source("one")) == ["one"]
    assert gathered(array_source(range(3))) == [0, 1, 2]


def test_a_long_list_lets_others_run():
    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        await array_sink(array_source(range(1000)))
        ticking.cancel()
        return ticks

    assert run(main) >= 1000


@pytest.mark.parametrize("source", [array_source, lambda items: single_source(items[0])])
def test_an_item_takes_a_turn_of_the_loop(source):
    async def main():
        turns = []
        asyncio.get_running_loop().call_soon(turns.append, "a turn")
        await anext(source([1, 2]))
        return turns

    assert run(main) == ["a turn"]


def test_an_endless_source_can_be_cancelled():
    def endless():
        while True:
            yield 1

    async def main():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(empty_sink(array_source(endless())), 0.02)

    run(main)


def test_a_queue_ends_with_its_mark():
    async def main():
        queue = asyncio.Queue()
        arrays = [np.zeros(2), np.ones(3)]
        for item in [*arrays, EndOfStreamMarker, "left"]:
            queue.put_nowait(item)
        assert [
            item is array for item, array in zip(await array_sink(queue_source(queue)), arrays, strict=True)
        ]
        assert queue.get_nowait() == "left"

    run(main)


def test_a_queue_may_come_later():
    async def main():
        queue = asyncio.get_running_loop().create_future()
        reading = asyncio.create_task(array_sink(queue_source(queue)))
        await settled()
        made = asyncio.Queue()
        queue.set_result(made)
        await made.put(1)
        await made.put(EndOfStreamMarker)
        assert await reading == [1]

    run(main)


def test_a_cancel_event_ends_the_wait_and_loses_nothing():
    async def main():
        queue, event = asyncio.Queue(), asyncio.Event()
        reading = asyncio.create_task(array_sink(queue_source(queue, event)))
        await queue.put(1)
        await settled()
        event.set()
        assert await reading == [1]
        await queue.put(2)
        assert await array_sink(queue_source(queue, event)) == []
        assert queue.get_nowait() == 2

    run(main)


@pytest.mark.parametrize("turns", range(6))
def test_an_item_that_comes_with_the_event_is_read_or_left(turns):
    async def main():
        queue, event = asyncio.Queue(), asyncio.Event()
        reading = asyncio.create_task(array_sink(queue_source(queue, event)))
        for _ in range(turns):
            await asyncio.sleep(0)
        queue.put_nowait(1)
        event.set()
        read = await reading
        assert read + [queue.get_nowait() for _ in range(queue.qsize())] == [1]

    run(main)


def test_a_cancel_event_needs_a_queue():
    with pytest.raises(ValueError, match="needs a queue"):
        queue_source(cancel_event=asyncio.Event())


def test_a_source_that_is_put_to():
    async def main():
        source = queue_source()
        array = np.arange(3)
        await source.put(array)
        await source.put(None)
        await source.put(EndOfStreamMarker)
        await source.put("too late")
        assert [item is array or item for item in await array_sink(source)] == [True, None]

    run(main)


def test_put_waits_for_room():
    async def main():
        source = queue_source(size=4)
        putting = [asyncio.create_task(source.put(number)) for number in range(20)]
        await settled()
        assert sum(put.done() for put in putting) == 4
        assert sorted([await anext(source) for _ in range(20)]) == list(range(20))
        await asyncio.gather(*putting)

    run(main)


def test_put_where_nobody_reads_is_an_error():
    from voicecli.flow.queues import QueueAsyncIterator

    async def main():
        source = QueueAsyncIterator(2, unread_timeout=0.01)
        await source.put(1)
        await source.put(2)
        with pytest.raises(FlowStalled):
            await source.put(3)

    run(main)


def test_closing_releases_who_puts():
    async def main():
        source = queue_source(size=1)
        await source.put(1)
        assert await anext(source) == 1
        await source.put(2)
        putting = asyncio.create_task(source.put(3))
        await settled()
        await source.aclose()
        await putting
        assert await array_sink(source) == []

    run(main)


def test_a_source_that_is_put_an_exception():
    async def main():
        source = queue_source()
        await source.put(1)
        await source.set_exception(ValueError("broken"))
        assert await anext(source) == 1
        with pytest.raises(ValueError, match="broken"):
            await anext(source)

    run(main)


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]))),
    end=st.booleans(),
)
def test_lines_come_without_their_ends(tmp_path_factory, lines, end):
    path = tmp_path_factory.mktemp("lines") / "lines.txt"
    text = "\n".join(lines) + ("\n" if end and lines else "")
    path.write_text(text, encoding="utf-8", newline="")
    expected = text.split("\n")
    assert gathered(text_file_source(str(path))) == (expected[:-1] if expected[-1] == "" else expected)


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, 4097, 200_000])
@pytest.mark.parametrize("chunk_size", [1, 1000, 4096, 70_000, 300_000, 0, -1])
def test_bytes_come_in_chunks(tmp_path, length, chunk_size):
    whole = np.random.default_rng(1).bytes(length)
    path = tmp_path / "whole.bin"
    path.write_bytes(whole)
    chunks = gathered(binary_file_source(path, chunk_size))
    assert b"".join(chunks) == whole
    size = chunk_size if chunk_size > 0 else max(1, length)
    assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert len(chunks) == -(-length // size)


def test_a_file_that_is_not_there(tmp_path):
    for source in (text_file_source, binary_file_source):
        with pytest.raises(FileNotFoundError):
            gathered(source(tmp_path / "none"))


def test_a_file_is_closed_early(tmp_path):
    """Nobody warns of a file that was left open."""
    path = tmp_path / "lines.txt"
    path.write_text("one\ntwo\n")

    async def main():
        stream = text_file_source(path)
        assert await anext(stream) == "one"
        await stream.aclose()

    run(main)
