"""Steps close what they were given, whichever way they end."""

import asyncio
import json
import logging
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.spring import Spring, run, settled
from voicecli.flow.scope import scoped
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source, single_source
from voicecli.flow.steps import (
    abort_step,
    chunk_bytes_step,
    collect_dict_step,
    count_step,
    delay_step,
    filter_step,
    flatten_step,
    idle_timeout_step,
    log_step,
    map_step,
    map_str_to_json_step,
    min_size_bytes_step,
    recover_exception_step,
    timeout_step,
)


def doubled(number):
    return number * 2


async def doubled_later(number):
    await asyncio.sleep(0)
    return number * 2


class Doubler:
    async def __call__(self, number):
        return await doubled_later(number)


def gathered(stream):
    return run(lambda: array_sink(stream))


def test_scoped_closes_on_an_early_exit():
    async def main():
        spring = Spring(range(5))
        async with scoped(spring()) as items:
            async for _ in items:
                break
        return spring.closed

    assert run(main)


def test_scoped_takes_what_can_be_iterated():
    class Iterable:
        closed = False

        def __aiter__(self):
            return self.spring()

        async def aclose(self):
            self.closed = True

    async def main():
        iterable = Iterable()
        iterable.spring = Spring(range(3))
        async with scoped(iterable) as items:
            assert await anext(items) == 0
        assert iterable.closed
        assert iterable.spring.closed

    run(main)


@pytest.mark.parametrize(
    "function",
    [doubled, doubled_later, Doubler(), partial(doubled_later), lambda number: doubled_later(number)],
)
def test_map_takes_any_function(function):
    assert gathered(map_step(array_source([1, 2, 3]), function)) == [2, 4, 6]


@pytest.mark.parametrize("later", [False, True])
def test_map_leaves_out_none(later):
    async def odd_later(number):
        return number if number % 2 else None

    def odd(number):
        return number if number % 2 else None

    function = odd_later if later else odd
    assert gathered(map_step(array_source(range(6)), function, ignore_none=True)) == [1, 3, 5]
    assert gathered(map_step(array_source(range(3)), function)) == [None, 1, None]


@pytest.mark.parametrize("later", [False, True])
def test_filter_asks_of_arrays(later):
    async def full_later(array):
        return array.all()

    arrays = [np.array([n, n + 1]) for n in range(-1, 2)]
    condition = full_later if later else np.all
    kept = gathered(filter_step(array_source(arrays), condition))
    assert [array.tolist() for array in kept] == [[1, 2]]
    lazily = gathered(filter_step(array_source(arrays), lambda array: full_later(array)))
    assert len(lazily) == 1


def test_flatten_takes_every_iterable():
    async def main():
        springs = [Spring([3, 4]), Spring([5])]
        items = [[1, 2], springs[0](), (), array_source([]), springs[1](), "ab"]
        assert await array_sink(flatten_step(array_source(items))) == [1, 2, 3, 4, 5, "a", "b"]
        assert all(spring.closed for spring in springs)

    run(main)


def test_flatten_closes_both_levels():
    async def main():
        outer, inner = Spring([1]), Spring(range(9))
        stream = flatten_step(map_step(outer(), lambda _: inner()))
        async with scoped(stream) as items:
            assert await anext(items) == 0
        assert outer.closed
        assert inner.closed

    run(main)


def test_delay_passes_a_cancellation():
    async def main():
        spring = Spring([1, 2])
        reading = asyncio.create_task(array_sink(delay_step(spring(), 60)))
        await settled()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert spring.closed

    run(main)


def test_delay_keeps_the_order():
    assert gathered(delay_step(array_source([1, 2, 3]), 0.001)) == [1, 2, 3]


def test_timeout_acts_while_waiting():
    async def main():
        spring = Spring([1], hold=True)
        stream = timeout_step(spring(), 0.02)
        assert await anext(stream) == 1
        with pytest.raises(TimeoutError, match=r"longer than 0\.02 seconds"):
            await anext(stream)
        assert spring.closed

    run(main)


def test_timeout_is_for_the_whole_stream():
    async def main():
        spring = Spring(range(100_000))
        with pytest.raises(TimeoutError):
            await array_sink(delay_step(timeout_step(spring(), 0.02), 0.005))
        assert 0 < spring.read < 100
        assert spring.closed

    run(main)


def test_timeout_lets_a_short_stream_pass():
    assert gathered(timeout_step(array_source([1, 2]), 60)) == [1, 2]


def test_timeout_of_the_source_is_its_own():
    with pytest.raises(TimeoutError, match="of the source"):
        gathered(timeout_step(Spring([], error=TimeoutError("of the source"))(), 60))


def test_idle_timeout_acts_while_waiting():
    async def main():
        spring = Spring([1], hold=True)
        with pytest.raises(ValueError, match=r"0\.01"):
            await array_sink(idle_timeout_step(spring(), 0.01, lambda seconds: ValueError(seconds)))
        return spring.closed

    assert run(main)


def test_idle_timeout_of_zero_waits():
    assert gathered(idle_timeout_step(delay_step(array_source(range(3)), 0.005), 0, ValueError)) == [0, 1, 2]


def test_abort_acts_while_waiting():
    async def main():
        spring, event = Spring([1, 2], hold=True), asyncio.Event()
        reading = asyncio.create_task(array_sink(abort_step(spring(), event)))
        await settled()
        event.set()
        assert await reading == [1, 2]
        assert spring.closed

    run(main)


def test_abort_before_the_first_item_reads_nothing():
    async def main():
        spring, event = Spring([1]), asyncio.Event()
        event.set()
        assert await array_sink(abort_step(spring(), event)) == []
        assert not spring.started

    run(main)


@pytest.mark.parametrize("turns", range(8))
def test_abort_passes_a_cancellation(turns):
    async def main():
        spring, event = Spring([1, 2], hold=True, pause=True), asyncio.Event()
        reading = asyncio.create_task(array_sink(abort_step(spring(), event)))
        for _ in range(turns):
            await asyncio.sleep(0)
        event.set()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert spring.closed == spring.started

    run(main)


def test_log_says_every_nth(caplog):
    caplog.set_level(logging.INFO)
    assert (
        len(gathered(log_step(array_source(range(25)), "item", lambda n: n * n, every_nth_message=10))) == 25
    )
    assert caplog.messages == ["item: 0", "item: 100", "item: 400"]


def test_log_says_every_item(caplog):
    """To the logger of the name that flows import."""
    caplog.set_level(logging.INFO, "voicecli.streams")
    gathered(log_step(array_source(["a", "b"]), "item"))
    assert caplog.record_tuples == [("voicecli.streams", logging.INFO, f"item: {item}") for item in "ab"]


def test_log_formats_only_what_is_logged(caplog):
    caplog.set_level(logging.WARNING)
    assert gathered(log_step(array_source([1]), "item", lambda item: 1 // 0)) == [1]


@pytest.mark.parametrize("error", [None, ValueError("broken")])
def test_count_is_said_however_it_ends(caplog, error):
    caplog.set_level(logging.INFO)

    async def main():
        stream = count_step(Spring([1, 2], error=error)(), "items")
        return await asyncio.gather(array_sink(stream), return_exceptions=True)

    run(main)
    assert caplog.messages == ["items count: 2"]


HANDLERS = {
    "item": (lambda error: str(error), ["broken"]),
    "array": (lambda error: np.array([1, 2]), [[1, 2]]),
    "nothing": (lambda error: None, []),
    "stream": (lambda error: array_source([8, 9]), [8, 9]),
    "function": (lambda error: lambda: array_source([8, 9]), [8, 9]),
    "none": (lambda error: single_source(None), [None]),
    "later": (doubled_later, None),
}


@pytest.mark.parametrize("name", [name for name in HANDLERS if name != "later"])
def test_recovery_goes_on_with_what_the_handler_gives(name):
    handler, expected = HANDLERS[name]
    spring = Spring([1, 2], error=ValueError("broken"))
    made = gathered(recover_exception_step(spring(), ValueError, handler))
    assert [item.tolist() if isinstance(item, np.ndarray) else item for item in made] == [1, 2, *expected]
    assert spring.closed


def test_recovery_awaits_an_async_handler():
    async def told(error):
        await asyncio.sleep(0)
        return str(error)

    spring = Spring([], error=ValueError("broken"))
    assert gathered(recover_exception_step(spring(), ValueError, told)) == ["broken"]


def test_recovery_passes_other_exceptions():
    with pytest.raises(KeyError):
        gathered(recover_exception_step(Spring([], error=KeyError())(), ValueError, str))


def test_recovery_passes_cancellation_and_closing():
    async def main():
        spring = Spring([1], hold=True)
        reading = asyncio.create_task(array_sink(recover_exception_step(spring(), BaseException, str)))
        await settled()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        stream = recover_exception_step(Spring([1])(), BaseException, str)
        await anext(stream)
        await stream.aclose()

    run(main)


STEPS = {
    "map": lambda stream: map_step(stream, doubled),
    "map later": lambda stream: map_step(stream, doubled_later),
    "map some": lambda stream: map_step(stream, doubled, ignore_none=True),
    "filter": lambda stream: filter_step(stream, lambda item: True),
    "delay": lambda stream: delay_step(stream, 0),
    "timeout": lambda stream: timeout_step(stream, 60),
    "idle timeout": lambda stream: idle_timeout_step(stream, 60, ValueError),
    "log": lambda stream: log_step(stream, "item"),
    "count": lambda stream: count_step(stream, "items"),
    "abort": lambda stream: abort_step(stream, asyncio.Event()),
    "recover": lambda stream: recover_exception_step(stream, KeyError, str),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_step_is_lazy_and_closes_its_source(step):
    async def main():
        spring = Spring(range(9))
        stream = step(spring())
        await settled()
        assert not spring.started
        await anext(stream)
        assert spring.read == 1
        await stream.aclose()
        assert spring.closed
        assert not spring.disturbed

    run(main)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("turns", range(6))
def test_every_step_passes_a_cancellation(step, turns):
    async def main():
        spring = Spring(range(2), hold=True, pause=True)
        reading = asyncio.create_task(array_sink(step(spring())))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert spring.closed == spring.started
        assert not spring.disturbed

    run(main)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_step_passes_an_error(step):
    with pytest.raises(ValueError, match="broken"):
        gathered(step(Spring([1], error=ValueError("broken"))()))


PIECES = st.lists(st.binary(max_size=40))


@given(pieces=PIECES, size=st.integers(1, 30))
def test_chunks_have_their_size(pieces, size):
    chunks = gathered(chunk_bytes_step(array_source(pieces), size))
    assert b"".join(chunks) == b"".join(pieces)
    assert all(0 < len(chunk) <= size for chunk in chunks)
    assert len(chunks) == sum(-(-len(piece) // size) for piece in pieces)


@given(pieces=PIECES, size=st.integers(0, 60))
def test_pieces_have_at_least_their_size(pieces, size):
    joined = gathered(min_size_bytes_step(array_source(pieces), size))
    assert b"".join(joined) == b"".join(pieces)
    assert all(len(piece) >= size for piece in joined[:-1])


def test_sizes_may_come_later():
    async def five():
        return 5

    pieces = [b"HelloWorld!", b"PythonAsyncIO"]
    assert gathered(chunk_bytes_step(array_source(pieces), five()))[-3:] == [b"Pytho", b"nAsyn", b"cIO"]
    assert gathered(min_size_bytes_step(array_source([b"abc"] * 5), five())) == [b"abcabc", b"abcabc", b"abc"]


def test_a_chunk_has_a_byte_at_least():
    with pytest.raises(ValueError, match="not 0"):
        gathered(chunk_bytes_step(array_source([b"a"]), 0))


def test_arrays_are_cut_too():
    chunks = gathered(chunk_bytes_step(array_source([np.arange(5)]), 2))
    assert [chunk.tolist() for chunk in chunks] == [[0, 1], [2, 3], [4]]


def test_json_is_read():
    assert gathered(map_str_to_json_step(array_source(['{"a": 1}', "[2]"]))) == [{"a": 1}, [2]]
    with pytest.raises(json.JSONDecodeError):
        gathered(map_str_to_json_step(array_source(["{"])))


def test_dictionaries_are_joined_until_an_empty_item():
    parts = [
        {"text": "Hello"},
        {"text": " World!", "confidence": 0.75},
        None,
        {},
        {"text": "more"},
        {"tokens": 2},
    ]
    assert gathered(collect_dict_step(array_source(parts))) == [
        {"text": "Hello World!", "confidence": 0.75},
        {},
        {"text": "more", "tokens": 2},
    ]


def test_values_that_cannot_be_added_are_replaced():
    parts = [{"a": None, "b": "x", "c": np.ones(2)}, {"a": "y", "b": 1, "c": np.ones(3)}]
    (collected,) = run(lambda: array_sink(collect_dict_step(array_source(parts))))
    assert (collected["a"], collected["b"], collected["c"].size) == ("y", 1, 3)


def test_parts_are_left_as_they_were():
    first = {"text": "a"}
    gathered(collect_dict_step(array_source([first, {"text": "b"}])))
    assert first == {"text": "a"}
