"""What every step with several inputs, several outputs or a task promises, for all of them."""

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np
import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.errors import FlowStalled
from voicecli.flow import branches, feeds, recovery, substreams, values
from voicecli.flow.awaitables import to_tuple
from voicecli.flow.branches import concat_step, fork_step, merge_as_dict_step, merge_step, partition_step
from voicecli.flow.feeds import buffer_step, byte_buffer_step, str_buffer_step
from voicecli.flow.recovery import exception_handling_substream
from voicecli.flow.sinks import array_sink
from voicecli.flow.steps import flatten_step, map_step
from voicecli.flow.substreams import (
    cancelable_substream_step,
    interruptable_substream_step,
    substream_on_dict_key_step,
    substream_step,
)
from voicecli.flow.values import async_init_step, extract_value_step

KINDS = {"numbers": int, "arrays": lambda number: np.full(3, number)}


def number(item):
    """What was counted, from any form of an item."""
    if isinstance(item, dict):
        item = item["a"]
    return int(item[0] if isinstance(item, np.ndarray) else item)


def same(item):
    return item


def even(item):
    return number(item) % 2 == 0


def both(stream):
    return fork_step(stream, pull_from_all=True)


async def both_later(stream):
    await asyncio.sleep(0)
    return both(stream)


def broken(item):
    raise ZeroDivisionError(str(item))


def broken_stream(stream):
    return map_step(stream, broken)


async def broken_later(stream):
    raise ZeroDivisionError(str(stream))


def failing(error):
    raise error


def in_dictionary(stream):
    return map_step(stream, lambda item: {"a": item})


def as_bytes(stream):
    return map_step(stream, lambda item: bytes([number(item) % 256]))


def as_text(stream):
    return map_step(stream, lambda item: chr(number(item) % 256))


def code_points(stream):
    return map_step(flatten_step(stream), ord)


def forever():
    return Spring([], hold=True)()


@dataclass(frozen=True)
class Row:
    """How to build a step from sources, and what to expect of it."""

    function: Callable[..., Any]
    build: Callable[..., Any]  # of a function that makes a source; keywords reach the step
    expected: Callable[[list[int]], tuple[list[int], ...]]  # of each output, for the numbers of each input
    inputs: int = 1
    breaks: Callable[..., Any] | None = None  # the same with a function that raises ZeroDivisionError
    waits: bool = False  # whether an unread output is an error after `unread_timeout`
    last_only: bool = False  # whether only the last item is certain to get through
    held: int = 64  # items that may be read ahead


def once(numbers):
    return (numbers,)


def twice(numbers):
    return numbers, numbers


ROWS = {
    "fork": Row(fork_step, lambda make, **more: fork_step(make(), **more), twice, waits=True, held=1),
    "fork, all pull": Row(
        fork_step, lambda make, **more: fork_step(make(), pull_from_all=True, **more), twice, waits=True
    ),
    "partition": Row(
        partition_step,
        lambda make, **more: partition_step(make(), even, **more),
        lambda numbers: ([n for n in numbers if n % 2 == 0], [n for n in numbers if n % 2]),
        breaks=lambda make: partition_step(make(), broken),
        waits=True,
        held=130,
    ),
    "merge": Row(
        merge_step,
        lambda make: merge_step(make(), make()),
        lambda numbers: (sorted([*numbers, *numbers]),),
        2,
    ),
    "merge as dict": Row(
        merge_as_dict_step, lambda make: merge_as_dict_step({"a": make(), "b": make()}), once, 2, held=1000
    ),
    "concat": Row(
        concat_step,
        lambda make: concat_step(make(), make()),
        lambda numbers: ([*numbers, *numbers],),
        2,
        held=1,
    ),
    "buffer": Row(buffer_step, lambda make: buffer_step(make()), once),
    "buffer, joined": Row(
        buffer_step,
        lambda make: flatten_step(buffer_step(make(), list)),
        once,
        breaks=lambda make: buffer_step(make(), broken),
        held=130,
    ),
    "bytes": Row(
        byte_buffer_step, lambda make: flatten_step(byte_buffer_step(as_bytes(make()))), once, held=130
    ),
    "text": Row(str_buffer_step, lambda make: code_points(str_buffer_step(as_text(make()))), once, held=130),
    "substream": Row(
        substream_step,
        lambda make: substream_step(make(), buffer_step),
        once,
        breaks=lambda make: substream_step(make(), broken_stream),
        held=1,
    ),
    "substream on key": Row(
        substream_on_dict_key_step,
        lambda make: substream_on_dict_key_step(in_dictionary(make()), "a", buffer_step),
        once,
        breaks=lambda make: substream_on_dict_key_step(in_dictionary(make()), "a", broken_stream),
        held=1,
    ),
    "cancelable": Row(
        cancelable_substream_step,
        lambda make, **more: cancelable_substream_step(make(), forever(), both, **more),
        twice,
        breaks=lambda make: cancelable_substream_step(make(), forever(), broken_stream),
        waits=True,
        held=3,
    ),
    "cancelable, cancels fail": Row(
        cancelable_substream_step,
        lambda make: cancelable_substream_step(make(), forever(), same),
        once,
        breaks=lambda make: cancelable_substream_step(forever(), broken_stream(make()), both),
        held=3,
    ),
    "interruptable": Row(
        interruptable_substream_step,
        lambda make, **more: interruptable_substream_step(make(), both, **more),
        twice,
        breaks=lambda make: interruptable_substream_step(make(), broken_stream),
        waits=True,
        last_only=True,
        held=100_000,  # what interrupts is not held back by what it interrupts
    ),
    "exception handling": Row(
        exception_handling_substream,
        lambda make, **more: exception_handling_substream(make(), both, failing, 2, **more),
        twice,
        breaks=lambda make: exception_handling_substream(make(), broken_stream, failing),
        waits=True,
        held=200,
    ),
    "extract value": Row(
        extract_value_step,
        lambda make: extract_value_step(make(), same)[0],
        once,
        breaks=lambda make: extract_value_step(make(), broken)[0],
        held=1,
    ),
    "async init": Row(
        async_init_step,
        lambda make: async_init_step(make(), both_later, 2),
        twice,
        breaks=lambda make: async_init_step(make(), broken_later),
        held=200,
    ),
}
EVERY = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
FORMS = pytest.mark.parametrize("form", KINDS.values(), ids=KINDS)


class Flow:
    """A step under test with its sources and outputs."""

    def __init__(self, row, items, build=None, more=None, **ending):
        self.springs = []

        def make():
            given = ending if not self.springs or "error" not in ending else {"hold": True}
            spring = Spring(
                items() if callable(items) else items, **given
            )  # one input fails, the others wait
            self.springs.append(spring)
            return spring()

        self.outputs = to_tuple((build or row.build)(make, **(more or {})))

    @property
    def read(self):
        return sum(spring.read for spring in self.springs)

    def assert_closed(self):
        assert all(spring.closed for spring in self.springs if spring.started)
        assert not any(spring.disturbed for spring in self.springs if not spring.ended)


def test_every_branching_step_has_a_row():
    named = {
        name
        for module in (branches, feeds, recovery, substreams, values)
        for name in module.__all__
        if not name[0].isupper()
    }
    assert {row.function.__name__ for row in ROWS.values()} == named


@EVERY
@FORMS
@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65, 200])
@pytest.mark.parametrize("pause", [False, True], ids=["prompt", "pausing"])
def test_everything_arrives(row, form, length, pause):
    async def main():
        flow = Flow(row, [form(n) for n in range(length)], pause=pause)
        read = await asyncio.gather(*map(array_sink, flow.outputs))
        flow.assert_closed()
        return [[number(item) for item in items] for items in read]

    read = run(main)
    expected = row.expected(list(range(length)))
    if row.last_only:
        assert [items[-1:] for items in read] == [list(items[-1:]) for items in expected]
    elif row.function is merge_step:
        assert sorted(read[0]) == expected[0]
    else:
        assert read == list(expected)


@EVERY
def test_nothing_runs_before_a_sink(row):
    async def main():
        flow = Flow(row, count)
        await settled()
        assert not any(spring.started for spring in flow.springs)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        for output in flow.outputs:
            await output.aclose()
        assert [item for output in flow.outputs async for item in output] == []

    run(main)


@EVERY
def test_a_flow_can_be_built_before_the_loop(row):
    if row.function is extract_value_step:
        pytest.skip("a future belongs to a loop")
    flow = Flow(row, [1])

    async def main():
        return await asyncio.gather(*map(array_sink, flow.outputs))

    read = run(main)
    assert sum(len(items) for items in read) == sum(len(items) for items in row.expected([1]))


@EVERY
@FORMS
def test_reading_ahead_is_bounded(row, form):
    async def main():
        flow = Flow(row, lambda: map(form, range(9) if row.last_only else count()))
        for output in flow.outputs:
            await anext(output)
        await settled()
        await asyncio.sleep(0.01)
        assert flow.read <= row.held + len(flow.outputs) + 1
        for output in flow.outputs:
            await output.aclose()
        flow.assert_closed()

    if row.function is merge_as_dict_step:
        pytest.skip("all but the first are read as fast as they come, and only the latest item is kept")
    run(main)


@pytest.mark.parametrize("read", [0, 1])
@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.waits])
def test_an_unread_branch_is_an_error(name, read):
    row = ROWS[name]

    async def main():
        flow = Flow(row, range(500), more={"unread_timeout": 0.02})
        with pytest.raises(FlowStalled, match=r"for 0\.02 seconds"):
            await array_sink(flow.outputs[read])
        flow.assert_closed()
        for output in flow.outputs:
            await output.aclose()

    run(main)


@EVERY
@FORMS
def test_an_error_comes_behind_the_items_before_it(row, form):
    async def drained(output):
        read = []

        async def drain():
            async for item in output:
                read.append(number(item))  # noqa: PERF401

        with pytest.raises(ValueError, match="broken"):
            await drain()
        await drain()  # it is told once
        return read

    async def main():
        flow = Flow(row, [form(n) for n in range(100)], error=ValueError("broken"))
        read = await asyncio.gather(*map(drained, flow.outputs))
        flow.assert_closed()
        return read

    read = run(main)
    if row.last_only or row.inputs > 1:
        numbers = sorted(set(chain(*read)))
        assert numbers in ([], [99], list(range(100)))
    else:
        assert read == list(row.expected(list(range(100))))


@EVERY
@pytest.mark.parametrize("hold", [False, True], ids=["ending", "holding"])
def test_an_error_of_a_function_reaches_every_output(row, hold):
    if row.breaks is None:
        pytest.skip("no function is given to it")

    async def main():
        flow = Flow(row, [7], row.breaks, hold=hold)
        made = await asyncio.gather(*map(array_sink, flow.outputs), return_exceptions=True)
        assert [type(error) for error in made] == [ZeroDivisionError] * len(flow.outputs)
        flow.assert_closed()

    run(main)


@EVERY
@FORMS
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("hold", [False, True], ids=["waiting", "full"])
def test_closing_one_output_ends_the_others(row, form, which, hold):
    """While the others wait for a source that gives no more, or where queues are full."""

    async def main():
        items = [form(n) for n in range(4 if hold else 300)]
        flow = Flow(row, items, hold=hold)
        outputs = list(flow.outputs)
        for output in outputs:
            await anext(output)
        closing = outputs.pop(which)
        reading = [asyncio.create_task(array_sink(output)) for output in outputs] if hold else []
        await settled()
        await closing.aclose()
        assert [item async for item in closing] == []
        for output in outputs:
            if not hold:
                await array_sink(output)
        await asyncio.gather(*reading)
        flow.assert_closed()

    run(main)


@EVERY
def test_a_dropped_output_ends_the_others(row):
    async def main():
        flow = Flow(row, range(300))
        outputs, flow.outputs = list(flow.outputs), ()
        for output in outputs:
            await anext(output)
        del output, outputs[0]
        gc.collect()
        await settled()
        for left in outputs:
            await array_sink(left)
        del outputs
        gc.collect()
        await settled()
        flow.assert_closed()

    run(main)


@EVERY
@pytest.mark.parametrize("turns", [*range(12), 20, 40])
@pytest.mark.parametrize("pause", [False, True], ids=["prompt", "pausing"])
def test_cancellation_passes_wherever_it_comes(row, turns, pause):
    async def main():
        flow = Flow(row, [1, 2, 3], hold=True, pause=pause)
        reading = asyncio.gather(*map(array_sink, flow.outputs))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await settled()
        flow.assert_closed()

    run(main)


@EVERY
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_a_failing_sink_stops_the_flow(row, which):
    async def failing_sink(output):
        async for _ in output:
            await output.aclose()
            raise KeyError("sink")

    async def main():
        flow = Flow(row, range(500), pause=True)
        sinks = [array_sink] * len(flow.outputs)
        sinks[which] = failing_sink
        made = await asyncio.gather(
            *(sink(output) for sink, output in zip(sinks, flow.outputs, strict=True)), return_exceptions=True
        )
        assert isinstance(made[which], KeyError)
        assert sum(isinstance(result, list) for result in made) == len(made) - 1
        await settled()
        flow.assert_closed()

    run(main)


@EVERY
def test_a_cancelled_pull_of_a_branch_loses_nothing(row):
    if row.function in {fork_step, concat_step, merge_as_dict_step, extract_value_step} or row.last_only:
        pytest.skip("pulls in the task of its reader")

    async def main():
        flow = Flow(row, range(5), hold=True)
        output = flow.outputs[0]
        if not hasattr(output, "failure"):
            pytest.skip("is a generator")
        others = [asyncio.create_task(array_sink(other)) for other in flow.outputs[1:]]
        first = row.expected(list(range(5)))[0]
        read = [number(await anext(output)) for _ in first]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await anext(output)
        assert not any(spring.closed for spring in flow.springs)
        await output.aclose()
        await asyncio.gather(*others)
        assert sorted(read) == first

    run(main)
