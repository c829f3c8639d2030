"""A value of a stream always comes, or says why not."""

import asyncio
import gc

import numpy as np
import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.errors import NoValue
from voicecli.flow.branches import fork_step
from voicecli.flow.sinks import array_sink, text_file_sink
from voicecli.flow.sources import array_source
from voicecli.flow.steps import map_step
from voicecli.flow.values import async_init_step, extract_value_step


def test_the_first_value_is_extracted():
    async def main():
        arrays = [np.full(2, number) for number in range(4)]
        stream, total = extract_value_step(array_source(arrays), np.sum, lambda array: array.sum() > 2)
        first_stream, first = extract_value_step(stream, lambda array: array)
        read = await array_sink(first_stream)
        assert all(item is array for item, array in zip(read, arrays, strict=True))
        assert await total == 4
        assert await first is arrays[0]

    run(main)


def endings():
    async def ended(stream):
        await array_sink(stream)

    async def closed(stream):
        await anext(stream)
        await stream.aclose()

    async def closed_before(stream):
        await stream.aclose()

    async def cancelled(stream):
        reading = asyncio.create_task(array_sink(stream))
        await settled()
        reading.cancel()
        await asyncio.wait([reading])

    return [ended, closed, closed_before, cancelled]


@pytest.mark.parametrize("ending", endings(), ids=lambda ending: ending.__name__)
def test_a_value_that_does_not_come_is_told(ending):
    async def main():
        spring = Spring([1], hold=ending.__name__ == "cancelled")
        stream, value = extract_value_step(spring(), str, lambda item: False)
        await ending(stream)
        with pytest.raises(NoValue):
            await value
        assert spring.closed == spring.started

    run(main)


def test_a_stream_that_is_dropped_is_told():
    async def main():
        stream, value = extract_value_step(array_source([1]), str)
        del stream
        gc.collect()
        with pytest.raises(NoValue):
            await value

    run(main)


@pytest.mark.parametrize("which", ["source", "value", "condition"])
def test_an_exception_reaches_stream_and_future(which):
    def broken(item):
        raise ValueError("broken")

    async def main():
        source = Spring([1], error=ValueError("broken"))() if which == "source" else array_source([1, 2])
        stream, value = extract_value_step(
            source,
            broken if which == "value" else str,
            broken if which == "condition" else lambda item: which != "source",
        )
        for waiting in (array_sink(stream), value):
            with pytest.raises(ValueError, match="broken"):
                await waiting

    run(main)


def test_a_value_that_was_cancelled_does_not_matter():
    async def main():
        stream, value = extract_value_step(array_source([1, 2]), str)
        value.cancel()
        assert await array_sink(stream) == [1, 2]

    run(main)


def test_initialisation_may_wait_for_a_later_value(tmp_path):
    async def main():
        stream, value = extract_value_step(
            array_source(range(50)), lambda item: item * 100, lambda item: item == 40
        )

        async def started(items):
            offset = await value
            return map_step(items, lambda item: item + offset)

        assert await array_sink(async_init_step(stream, started)) == [4000 + number for number in range(50)]

    run(main)


def test_initialisation_of_a_sink(tmp_path):
    path = tmp_path / "lines.txt"

    async def main():
        async def started(items):
            await asyncio.sleep(0)
            await text_file_sink(items, path)
            return "written"

        spring = Spring(["a", "b"])
        assert await async_init_step(spring(), started, num_outputs=0) == "written"
        assert spring.closed

    run(main)
    assert path.read_text() == "a\nb\n"


def test_initialisation_with_the_wrong_number_of_outputs():
    async def started(items):
        return fork_step(items)

    async def main():
        spring = Spring([1])
        outputs = async_init_step(spring(), started, 3)
        made = await asyncio.gather(*map(array_sink, outputs), return_exceptions=True)
        assert {str(error) for error in made} == {"num_outputs is 3, but the function gave 2 streams."}

    run(main)


def test_initialisation_is_cancelled_with_its_output():
    async def main():
        cancelled = False

        async def started(items):
            nonlocal cancelled
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled = True
                raise

        spring = Spring([1, 2], hold=True)
        output = async_init_step(spring(), started)
        reading = asyncio.create_task(array_sink(output))
        await settled()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert cancelled
        assert spring.closed

    run(main)
