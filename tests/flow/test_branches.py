"""Forks, partitions and merges, beyond what all branching steps promise."""

import asyncio
import logging
from itertools import count

import numpy as np
import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.errors import FlowStalled
from voicecli.flow.awaitables import to_tuple
from voicecli.flow.branches import concat_step, fork_step, merge_as_dict_step, merge_step, partition_step
from voicecli.flow.sinks import array_sink, empty_sink
from voicecli.flow.sources import array_source, queue_source
from voicecli.flow.steps import abort_step, delay_step, filter_step, map_step
from voicecli.flow.substreams import interruptable_substream_step


def test_the_first_branch_sets_the_pace():
    async def main():
        spring = Spring(range(100))
        left, right = fork_step(spring())
        following = asyncio.create_task(array_sink(right))
        await settled()
        assert not spring.started
        for number in range(5):
            assert await anext(left) == number
            await settled()
            assert spring.read == number + 1
        await left.aclose()
        assert await following == [0, 1, 2, 3, 4]

    run(main)


def test_the_first_branch_waits_for_the_second():
    async def main():
        spring = Spring(range(100))
        left, right = fork_step(spring(), size=5)
        assert await anext(left) == 0
        reading = asyncio.create_task(array_sink(left))
        assert await anext(right) == 0
        await settled()
        assert spring.read <= 6
        assert await array_sink(right) == list(range(1, 100))
        assert await reading == list(range(1, 100))

    run(main)


def test_a_second_branch_without_a_first_is_an_error():
    async def main():
        spring = Spring([1])
        left, right = fork_step(spring(), unread_timeout=0.01)
        with pytest.raises(FlowStalled, match="first branch"):
            await array_sink(right)
        with pytest.raises(FlowStalled, match="first branch"):
            await array_sink(left)
        assert not spring.started

    run(main)


@pytest.mark.parametrize("all_pull", [False, True])
def test_branches_get_the_same_objects(all_pull):
    async def main():
        arrays = [np.zeros(3) for _ in range(200)]
        left, right = await asyncio.gather(*map(array_sink, fork_step(array_source(arrays), all_pull)))
        assert all(a is b is c for a, b, c in zip(left, right, arrays, strict=True))

    run(main)


@pytest.mark.parametrize("all_pull", [False, True])
def test_short_streams_may_be_read_one_after_the_other(all_pull):
    async def main():
        left, right = fork_step(array_source(range(60)), all_pull)
        assert await array_sink(left) == await array_sink(right) == list(range(60))

    run(main)


def test_a_branch_that_stops_being_read_is_told_of(caplog):
    caplog.set_level(logging.WARNING)

    async def main():
        left, right = fork_step(Spring(range(500))(), pull_from_all=True, unread_timeout=0.01)
        await anext(right)
        reading = asyncio.create_task(array_sink(left))
        await asyncio.sleep(0.05)
        assert not reading.done()
        assert len(await array_sink(right)) == 499
        assert len(await reading) == 500

    run(main)
    assert len(caplog.messages) == 1
    assert "has been full for 0.01 seconds" in caplog.messages[0]


@pytest.mark.parametrize("later", [False, True])
def test_a_condition_may_be_async(later):
    async def even_later(number):
        await asyncio.sleep(0)
        return number % 2 == 0

    async def main():
        condition = even_later if later else (lambda number: even_later(number))
        even, odd = partition_step(array_source(range(100)), condition)
        return await asyncio.gather(array_sink(even), array_sink(odd))

    assert run(main) == [list(range(0, 100, 2)), list(range(1, 100, 2))]


def test_merge_is_fair():
    async def main():
        stream = merge_step(Spring([0] * 1000)(), Spring([1] * 1000)(), Spring([2] * 10)())
        first = [await anext(stream) for _ in range(300)]
        await stream.aclose()
        return [first.count(number) for number in range(3)]

    zeros, ones, twos = run(main)
    assert abs(zeros - ones) <= 64
    assert twos == 10


def test_merge_gives_items_as_they_come():
    async def main():
        first, second = queue_source(), queue_source()
        stream = merge_step(first, second)
        read = []
        for source, item in [(first, "a"), (second, "b"), (second, "c"), (first, "d")]:
            await source.put(item)
            read.append(await anext(stream))
        await stream.aclose()
        return read

    assert run(main) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("inputs", [0, 1, 2, 7, 100])
def test_merge_takes_any_number(inputs):
    async def main():
        streams = [array_source(range(number, 1000, inputs)) for number in range(inputs)]
        return sorted(await array_sink(merge_step(*streams, size=8)))

    assert run(main) == (list(range(1000)) if inputs else [])


@pytest.mark.parametrize("which", [0, 1, 2])
def test_merge_raises_what_any_input_raises(which):
    async def main():
        springs = [Spring([1], hold=True) for _ in range(3)]
        springs[which] = Spring([2], error=ValueError("broken"))
        stream = merge_step(*(spring() for spring in springs))
        assert sorted([await anext(stream) for _ in range(3)]) == [1, 1, 2]
        with pytest.raises(ValueError, match="broken"):
            await anext(stream)
        assert all(spring.closed for spring in springs)
        assert not any(spring.disturbed for spring in springs)

    run(main)


def test_merged_dictionaries_hold_the_latest():
    async def main():
        slow, fast = queue_source(), queue_source()
        stream = merge_as_dict_step({"a": slow, "b": fast})
        await slow.put(1)
        assert await anext(stream) == {"a": 1}
        for item in (2, 3):
            await fast.put(item)
        await slow.put(4)
        await settled()
        assert await anext(stream) == {"a": 4, "b": 3}
        await slow.put(5)
        assert await anext(stream) == {"a": 5, "b": 3}
        await stream.aclose()

    run(main)


def test_lists_are_merged_in_turns():
    assert run(lambda: array_sink(merge_step(array_source([1, 2]), array_source([3, 4])))) == [1, 3, 2, 4]


def test_merged_dictionaries_begin_with_the_first():
    """What the others have not given yet is not waited for; all of them have their turn all the same."""

    async def prompt(*items):
        for item in items:
            yield item

    for source in (prompt, lambda *items: array_source(items)):
        stream = merge_as_dict_step({"a": source(1, 2, 3, 4), "b": source(5, 6, 7)})
        made = run(lambda stream=stream: array_sink(stream))
        assert [item["a"] for item in made] == [1, 2, 3, 4]
        assert made[0] == {"a": 1}
        assert made[-1]["b"] in (6, 7)


def test_merged_dictionaries_of_one_list():
    """Forks of a prompt list stay in step: an even number comes with the odd one before it."""

    async def main():
        rest, evens = fork_step(array_source(range(1, 7)))
        thirds, odds = fork_step(rest)
        streams = {
            "even": filter_step(evens, lambda number: number % 2 == 0),
            "odd": filter_step(odds, lambda number: number % 2 == 1),
            "third": filter_step(thirds, lambda number: number % 3 == 0),
        }
        return await array_sink(merge_as_dict_step(streams))

    first, *others = run(main)
    assert first == {"even": 2, "odd": 1}
    assert others == [{"even": 4, "odd": 3, "third": 3}, {"even": 6, "odd": 5, "third": 6}]


def test_merged_dictionaries_end_with_the_first():
    async def main():
        other = Spring([1], hold=True)
        first, second, third = await array_sink(
            merge_as_dict_step({"a": delay_step(array_source([1, 2, 3]), 0.001), "b": other()})
        )
        assert (first["a"], second, third) == (1, {"a": 2, "b": 1}, {"a": 3, "b": 1})
        assert other.closed

    run(main)


def test_merged_dictionaries_raise_what_the_others_raise():
    async def main():
        first = Spring([1], hold=True)
        stream = merge_as_dict_step({"a": first(), "b": Spring([], error=ValueError("broken"))()})
        with pytest.raises(ValueError, match="broken"):
            await array_sink(stream)
        assert first.closed

    run(main)


def test_merged_dictionaries_close_what_had_no_time_to_begin():
    async def broken():
        raise ValueError("broken")
        yield

    async def main():
        other = Closable([])
        with pytest.raises(ValueError, match="broken"):
            await array_sink(merge_as_dict_step({"a": broken(), "b": other}))
        assert other.closed_by_reader

    run(main)


def test_merged_dictionaries_need_a_stream():
    with pytest.raises(ValueError, match="at least one"):
        merge_as_dict_step({})


def test_concat_closes_what_it_has_not_begun():
    async def main():
        left, right = fork_step(Spring(range(300))(), pull_from_all=True)
        stream = concat_step(array_source([1, 2]), left)
        reading = asyncio.create_task(array_sink(right))
        assert await anext(stream) == 1
        await stream.aclose()
        assert len(await reading) <= 64

    run(main)


def test_what_is_split_comes_together_again():
    async def main():
        even, odd = partition_step(array_source(range(1000)), lambda number: number % 2 == 0)
        copy, rest = fork_step(merge_step(map_step(even, str), map_step(odd, str)), pull_from_all=True)
        numbers, _ = await asyncio.gather(array_sink(copy), empty_sink(rest))
        return sorted(map(int, numbers))

    assert run(main) == list(range(1000))


def test_an_aborted_branch_ends_the_other():
    async def main():
        spring, event = Spring([1, 2], hold=True), asyncio.Event()
        left, right = fork_step(spring(), pull_from_all=True)
        reading = asyncio.gather(array_sink(abort_step(left, event)), array_sink(right))
        await settled()
        event.set()
        assert await reading == [[1, 2], [1, 2]]
        assert spring.closed

    run(main)


def test_two_readers_of_one_branch_are_an_error():
    async def main():
        left, right = fork_step(Spring([], hold=True)(), pull_from_all=True)
        reading = asyncio.create_task(array_sink(left))
        await settled()
        with pytest.raises(RuntimeError, match="fork_step"):
            await anext(left)
        await right.aclose()
        assert await reading == []

    run(main)


def test_a_branch_has_room_for_an_item():
    with pytest.raises(ValueError, match="not 0"):
        fork_step(array_source([]), size=0)


def test_a_source_that_ignores_being_cancelled_is_left():
    async def stubborn():
        for number in count():
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                continue
            yield number

    async def main():
        for step in (merge_step, lambda stream: fork_step(stream, pull_from_all=True)[0]):
            stream = step(stubborn())
            await anext(stream)
            await stream.aclose()

    run(main, 5)


class Closable(Spring):
    """An iterator that holds something before it is pulled."""

    closed_by_reader = False

    def __aiter__(self):
        return self

    async def __anext__(self):
        await asyncio.Event().wait()

    async def aclose(self):
        self.closed_by_reader = True


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize(
    "step",
    [
        fork_step,
        lambda stream: fork_step(stream, pull_from_all=True),
        lambda stream: merge_step(stream, array_source([])),
        lambda stream: merge_as_dict_step({"a": Spring([], hold=True)(), "b": stream}),
        lambda stream: interruptable_substream_step(array_source([]), lambda _: stream),
    ],
)
def test_sources_are_closed_that_were_not_begun(step, started):
    """Also where the task that was to read them is cancelled before its first step."""

    async def main():
        source = Closable([])
        stream, *_ = to_tuple(step(source))
        if started or not hasattr(stream, "failure"):
            reading = asyncio.create_task(array_sink(stream))
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        await stream.aclose()
        assert source.closed_by_reader

    run(main)


def test_an_error_on_closing_reaches_who_closes():
    async def source():
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            raise OSError("cannot close")

    async def main():
        left, right = fork_step(source(), pull_from_all=True)
        assert await anext(left) == await anext(right) == 1
        with pytest.raises(OSError, match="cannot close"):
            await left.aclose()
        assert await array_sink(right) == []

    run(main)
