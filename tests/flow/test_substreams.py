"""Substreams take turns, and what is cut short is cut cleanly."""

import asyncio
import logging

import numpy as np
import pytest

from tests.flow.spring import Spring, run, settled
from voicecli.flow.branches import concat_step, fork_step
from voicecli.flow.feeds import buffer_step
from voicecli.flow.queues import EndOfStreamMarker
from voicecli.flow.recovery import exception_handling_substream
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source, empty_source, none_source, queue_source, single_source
from voicecli.flow.steps import flatten_step, map_step
from voicecli.flow.substreams import (
    cancelable_substream_step,
    interruptable_substream_step,
    substream_on_dict_key_step,
    substream_step,
)


class Replies:
    """A substream that says a, b, c… of its item, when it is told to, and ends."""

    def __init__(self):
        self.cue = asyncio.Semaphore(0)
        self.begun = self.closed = 0

    async def __call__(self, stream):
        self.begun += 1
        try:
            async for item in stream:
                for letter in "abc":
                    await self.cue.acquire()
                    yield f"{item}{letter}"
        finally:
            self.closed += 1

    def let(self, count):
        for _ in range(count):
            self.cue.release()


def test_each_item_has_a_substream():
    built = []

    def substream(stream):
        built.append(stream)
        return map_step(stream, lambda number: number + len(built))

    assert run(lambda: array_sink(substream_step(array_source([1, 1, 1]), substream))) == [2, 3, 4]


def test_dictionaries_keep_their_values():
    """Also where the substream reads ahead, gives nothing or several items."""

    async def main():
        items = [{"n": number, "list": [number] * number} for number in range(4)]
        stream = substream_on_dict_key_step(
            array_source(items), "list", lambda s: buffer_step(flatten_step(s))
        )
        return [(item["n"], item["list"]) for item in await array_sink(stream)]

    assert run(main) == [(1, 1), (2, 2), (2, 2), (3, 3), (3, 3), (3, 3)]


def test_the_next_item_interrupts():
    async def main():
        source, replies = queue_source(), Replies()
        stream = interruptable_substream_step(source, replies, ["interrupted"])
        read = []
        reading = asyncio.create_task(array_sink(map_step(stream, lambda item: read.append(item) or item)))
        await source.put("1")
        await settled()
        replies.let(2)
        await settled()
        assert read == ["1a", "1b"]
        await source.put("2")
        await settled()
        assert read == ["1a", "1b", "interrupted"]
        assert replies.closed == 1
        replies.let(3)
        await settled()
        await source.put("3")
        await settled()
        assert read[3:] == ["2a", "2b", "2c"]  # it had ended: nothing to interrupt

        await source.put(EndOfStreamMarker)
        replies.let(3)
        assert await reading == ["1a", "1b", "interrupted", "2a", "2b", "2c", "3a", "3b", "3c"]

    run(main)


def test_what_nobody_has_read_is_dropped():
    async def main():
        source = queue_source()
        stream = interruptable_substream_step(source, lambda s: flatten_step(s), [none_source])
        first, second = [np.array([1, 2]), np.array([3, 4])], [np.array([5])]
        await source.put(first)
        assert await anext(stream) is first[0]
        await settled()  # the second item waits in the step
        await source.put(second)
        await settled()
        assert await anext(stream) is None
        assert await anext(stream) is second[0]
        await stream.aclose()

    run(main)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, []),
        ("stop", ["stop"]),
        (none_source, [None]),
        (lambda: array_source(["stop", "now"]), ["stop", "now"]),
    ],
)
def test_messages_are_items_or_streams(message, expected):
    async def main():
        source, cancels, replies = queue_source(), queue_source(), Replies()
        stream = cancelable_substream_step(source, cancels, replies, [message])
        reading = asyncio.create_task(array_sink(stream))
        await source.put("1")
        replies.let(1)
        await settled()
        await cancels.put(np.ones(2))
        await settled()
        await source.put("2")
        replies.let(3)
        await settled()

        await source.put(EndOfStreamMarker)
        assert await reading == ["1a", *expected, "2a", "2b", "2c"]
        assert replies.closed == replies.begun == 2

    run(main)


def test_every_output_is_told_of_a_cancel():
    async def main():
        source, cancels = queue_source(), queue_source()
        streams = cancelable_substream_step(
            source,
            cancels,
            lambda s: fork_step(concat_step(s, Spring([], hold=True)()), True),
            ["left", "right"],
        )
        reading = [asyncio.create_task(array_sink(stream)) for stream in streams]
        for item in (1, 2):
            await source.put(item)
            await settled()
            await cancels.put("cancel")
            await settled()
        await streams[0].aclose()
        assert await asyncio.gather(*reading) == [[1, "left", 2, "left"], [1, "right", 2, "right"]]

    run(main)


def test_a_cancel_between_substreams_does_nothing():
    async def main():
        source, cancels = queue_source(), queue_source()
        stream = cancelable_substream_step(source, cancels, lambda s: s, ["cancelled"])
        reading = asyncio.create_task(anext(stream))
        await settled()
        await cancels.put(1)
        await settled()
        await source.put("a")
        assert await reading == "a"
        await settled()
        await cancels.put(2)
        await settled()
        await source.put("b")
        assert await anext(stream) == "b"
        await stream.aclose()

    run(main)


def test_a_second_cancel_does_not_disturb_the_first():
    async def main():
        source, cancels = queue_source(), queue_source()
        message = Spring(["stop", "now"])
        stream = cancelable_substream_step(
            source, cancels, lambda s: Spring([], hold=True)(), [lambda: message()]
        )
        reading = asyncio.create_task(anext(stream))
        await source.put(1)
        await settled()
        await cancels.put(1)
        await settled()
        await cancels.put(2)
        await settled()
        assert [await reading, await anext(stream)] == ["stop", "now"]
        await stream.aclose()

    run(main)


def test_cancels_may_end_first():
    async def main():
        stream = cancelable_substream_step(array_source([1, 2]), empty_source(), lambda s: s, ["x"])
        return await array_sink(stream)

    assert run(main) == [1, 2]


@pytest.mark.parametrize(
    "step", [interruptable_substream_step, lambda *a: cancelable_substream_step(a[0], empty_source(), *a[1:])]
)
def test_a_message_is_needed_for_each_output(step):
    with pytest.raises(ValueError, match="2 cancel messages for the 1 streams"):
        step(empty_source(), lambda s: s, ["a", "b"])


@pytest.mark.parametrize(
    "step", [interruptable_substream_step, lambda *a: cancelable_substream_step(a[0], empty_source(), *a[1:])]
)
def test_a_substream_that_waits_fails_at_once(step):
    """While the source holds."""

    async def failing(stream):
        async for item in stream:
            yield item
            raise ValueError("broken")

    async def main():
        spring = Spring([1], hold=True)
        stream = step(spring(), failing)
        assert await anext(stream) == 1
        with pytest.raises(ValueError, match="broken"):
            await anext(stream)
        assert spring.closed

    run(main)


def test_a_new_substream_follows_an_exception(caplog):
    caplog.set_level(logging.WARNING)

    async def main():
        spring = Spring([4, 0, 2, 0, 1])
        stream = exception_handling_substream(
            spring(), lambda s: map_step(s, lambda n: 8 // n), lambda error: [str(error)], restart_delay=0
        )
        return await array_sink(stream)

    zero = "integer division or modulo by zero"
    assert run(main) == [2, zero, 4, zero, 8]
    assert caplog.messages == ["A substream failed."] * 2


@pytest.mark.parametrize("most", [0, 1, 2])
def test_too_many_exceptions_are_raised(most):
    def broken(number):
        raise ValueError(number)

    async def main():
        spring = Spring(range(9))
        outputs = exception_handling_substream(
            spring(),
            lambda s: fork_step(map_step(s, broken), True),
            lambda error: [error.args[0], None],
            2,
            most,
            restart_delay=0,
        )
        left, right = outputs
        read = []

        async def drain():
            async for item in left:
                read.append(item)  # noqa: PERF401

        (told, also) = await asyncio.gather(drain(), array_sink(right), return_exceptions=True)
        assert read == list(range(most + 1))
        assert str(told) == str(also) == str(most)
        assert spring.closed

    run(main)


def test_an_exception_of_the_input_is_not_the_substreams():
    told = []

    async def main():
        stream = exception_handling_substream(
            Spring([1], error=KeyError("input"))(), lambda s: s, told.append
        )
        assert await anext(stream) == 1
        with pytest.raises(KeyError, match="input"):
            await anext(stream)

    run(main)
    assert told == []


def test_a_handler_may_be_async_and_fail():
    async def handled(error):
        await asyncio.sleep(0)
        raise KeyError("handler")

    async def main():
        stream = exception_handling_substream(
            array_source([0]), lambda s: map_step(s, lambda n: 1 // n), handled
        )
        with pytest.raises(KeyError, match="handler"):
            await array_sink(stream)

    run(main)


def test_a_function_that_cannot_build_is_an_exception():
    def unbuilt(stream):
        raise ValueError("unbuilt")

    async def main():
        stream = exception_handling_substream(
            array_source([1]), unbuilt, lambda e: ["told"], 1, 2, restart_delay=0
        )
        assert [await anext(stream) for _ in range(3)] == ["told"] * 3
        with pytest.raises(ValueError, match="unbuilt"):
            await anext(stream)

    run(main)


def test_a_substream_that_ends_is_followed_by_another():
    async def first(stream):
        yield await anext(stream)

    async def main():
        stream = exception_handling_substream(array_source([1, 2, 3]), first, lambda e: None)
        assert await array_sink(stream) == [1, 2, 3]
        nothing = exception_handling_substream(
            array_source([1, 2, 3]), lambda s: single_source("x"), lambda e: None
        )
        assert await array_sink(nothing) == ["x"]

    run(main)


def test_outputs_are_counted():
    async def main():
        outputs = exception_handling_substream(array_source([1]), lambda s: s, lambda e: None, 2, 0)
        made = await asyncio.gather(*map(array_sink, outputs), return_exceptions=True)
        assert [str(error) for error in made] == ["num_outputs is 2, but the function gave 1."] * 2
        handled = exception_handling_substream(
            array_source([0]), lambda s: map_step(s, lambda n: 1 // n), lambda e: []
        )
        with pytest.raises(ValueError, match="the exception handler gave 0"):
            await array_sink(handled)

    run(main)


@pytest.mark.parametrize("turns", range(30))
def test_an_interruption_may_come_at_any_time(turns):
    """The reader sees part of the first, perhaps the message, and all of the second."""

    async def main():
        source = queue_source()
        stream = interruptable_substream_step(source, lambda s: fork_step(flatten_step(s), True), ["x", "y"])
        reading = asyncio.gather(*map(array_sink, stream))
        await source.put(range(3))
        for _ in range(turns):
            await asyncio.sleep(0)
        await source.put([7, 8])

        await source.put(EndOfStreamMarker)
        for read, message in zip(await reading, "xy", strict=True):
            assert read[-2:] == [7, 8]
            first = [item for item in read[:-2] if item != message]
            assert first == list(range(len(first)))
            assert read.count(message) <= 1

    run(main)
