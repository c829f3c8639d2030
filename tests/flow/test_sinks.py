"""Where streams end."""

import asyncio
import threading

import numpy as np
import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.errors import NoValue
from voicecli.flow.queues import EndOfStreamMarker, QueueWithException
from voicecli.flow.sinks import array_sink, binary_file_sink, empty_sink, queue_sink, text_file_sink
from voicecli.flow.sources import array_source, empty_source, queue_source, text_file_source
from voicecli.flow.values import extract_value_step


def drained(queue):
    return [queue.get_nowait() for _ in range(queue.qsize())]


def test_sinks_pull_everything():
    async def main():
        spring = Spring(range(3))
        await empty_sink(spring())
        assert spring.closed
        arrays = [np.ones(2), np.zeros(2)]
        assert [item.sum() for item in await array_sink(array_source(arrays))] == [2, 0]

    run(main)


@pytest.mark.parametrize("items", [[], [1], [1, None, 3]])
def test_a_queue_gets_items_and_the_mark(items):
    async def main():
        queue = await queue_sink(array_source(items))
        assert isinstance(queue, QueueWithException)
        assert drained(queue) == [*items, EndOfStreamMarker]
        given = asyncio.Queue()
        assert await queue_sink(array_source(items), given, end_of_stream="end") is given
        assert drained(given) == [*items, "end"]
        assert drained(await queue_sink(array_source(items), send_end_of_stream=False)) == items

    run(main)


def test_a_queue_may_come_later():
    async def main():
        async def made():
            return queue

        queue = asyncio.Queue()
        for items in ([], [1, 2]):
            assert await queue_sink(array_source(items), made()) is queue
            assert drained(queue) == [*items, EndOfStreamMarker]
        with pytest.raises(ValueError, match="broken"):
            await queue_sink(Spring([], error=ValueError("broken"))(), made())
        assert drained(queue) == [EndOfStreamMarker]

    run(main)


def test_a_queue_that_cannot_be_made():
    async def unmade():
        raise OSError("no queue")

    for items in ([], [1]):
        with pytest.raises(OSError, match="no queue"):
            run(lambda items=items: queue_sink(array_source(items), unmade()))


@pytest.mark.parametrize("items", [[], [1, 2]])
def test_an_exception_goes_into_the_queue(items):
    async def main():
        queue = await queue_sink(Spring(items, error=ValueError("broken"))())
        assert [queue.get_nowait() for _ in items] == items
        with pytest.raises(ValueError, match="broken"):
            queue.get_nowait()
        assert drained(queue) == [EndOfStreamMarker]

    run(main)


@pytest.mark.parametrize("queue", [QueueWithException, asyncio.Queue])
def test_an_exception_that_is_raised_sends_the_mark(queue):
    async def main():
        into = queue()
        propagate = not isinstance(into, QueueWithException)
        with pytest.raises(ValueError, match="broken"):
            await queue_sink(Spring([1], error=ValueError("broken"))(), into, propagate_exceptions=propagate)
        assert drained(into) == [1, EndOfStreamMarker]

    run(main)


@pytest.mark.parametrize("size", [0, 2])
def test_a_cancelled_sink_sends_the_mark(size):
    async def main():
        queue = asyncio.Queue(size)
        spring = Spring([1, 2], hold=not size) if not size else Spring([1, 2, 3])
        putting = asyncio.create_task(queue_sink(spring(), queue))
        await settled()
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        assert drained(queue)[-1] is EndOfStreamMarker
        assert spring.closed

    run(main)


def test_a_queue_holds_back_its_source():
    async def main():
        spring, queue = Spring(range(100)), asyncio.Queue(5)
        putting = asyncio.create_task(queue_sink(spring(), queue))
        await settled()
        assert spring.read == 6
        assert await array_sink(queue_source(queue)) == list(range(100))
        await putting

    run(main)


def test_text_is_written_line_by_line(tmp_path):
    path = tmp_path / "lines.txt"
    run(lambda: text_file_sink(array_source(["Grüße", 2, None]), str(path)))
    assert path.read_bytes() == "Grüße\n2\nNone\n".encode()
    assert run(lambda: array_sink(text_file_source(path))) == ["Grüße", "2", "None"]


def test_an_empty_stream_makes_an_empty_file(tmp_path):
    for sink in (text_file_sink, binary_file_sink):
        path = tmp_path / sink.__name__
        run(lambda sink=sink, path=path: sink(empty_source(), path))
        assert path.read_bytes() == b""


def test_a_long_stream_is_whole(tmp_path):
    path = tmp_path / "long.bin"
    chunks = [bytes([number % 256]) * 999 for number in range(500)]
    run(lambda: binary_file_sink(array_source([*chunks, bytearray(b"x"), memoryview(b"y")]), path))
    assert path.read_bytes() == b"".join(chunks) + b"xy"


def test_a_failed_stream_keeps_what_came(tmp_path):
    path = tmp_path / "part.txt"
    with pytest.raises(ValueError, match="broken"):
        run(lambda: text_file_sink(Spring([1, 2], error=ValueError("broken"))(), path))
    assert path.read_text() == "1\n2\n"
    with pytest.raises(ValueError, match="broken"):
        run(lambda: text_file_sink(Spring([], error=ValueError("broken"))(), tmp_path / "none.txt"))
    assert not (tmp_path / "none.txt").exists()


def test_a_cancelled_stream_keeps_what_came(tmp_path):
    path = tmp_path / "part.txt"

    async def main():
        spring = Spring([1, 2], hold=True)
        writing = asyncio.create_task(text_file_sink(spring(), path))
        async with asyncio.timeout(5):
            await spring.waits.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    run(main)
    assert path.read_text() == "1\n2\n"


def test_a_name_may_come_of_a_later_item(tmp_path):
    async def main():
        lines = ["title", "author", str(tmp_path / "named.txt"), "text"]
        stream, name = extract_value_step(array_source(lines), str, lambda line: line.endswith(".txt"))
        await text_file_sink(stream, name)
        return lines

    lines = run(main)
    assert (tmp_path / "named.txt").read_text().splitlines() == lines


def test_a_name_that_never_comes_is_an_error(tmp_path):
    async def main():
        stream, name = extract_value_step(array_source(["a", "b"]), str, lambda line: False)
        with pytest.raises(NoValue):
            await text_file_sink(stream, name)

    run(main)


def test_a_folder_cannot_be_written(tmp_path):
    spring = Spring([1, 2])
    with pytest.raises(OSError, match=tmp_path.name):
        run(lambda: text_file_sink(spring(), tmp_path))
    assert spring.closed


def test_writing_leaves_the_loop_alone(tmp_path):
    threads = set()

    class Text:
        def __str__(self):
            threads.add(threading.current_thread().name)
            return "x" * 100_000

    run(lambda: text_file_sink(array_source([Text()] * 3), tmp_path / "x"))
    assert (tmp_path / "x").stat().st_size == 300_003
    assert threads == {"MainThread"}  # items are only touched where they belong
