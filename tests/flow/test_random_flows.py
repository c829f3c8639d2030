"""Flows of any shape, with readers of any pace: nothing is lost or doubled, nothing is left behind."""

import asyncio
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.flow.spring import Spring, run
from voicecli.flow.branches import concat_step, fork_step, merge_step, partition_step
from voicecli.flow.feeds import buffer_step
from voicecli.flow.recovery import exception_handling_substream
from voicecli.flow.scope import scoped
from voicecli.flow.sinks import array_sink
from voicecli.flow.steps import filter_step, flatten_step, map_step
from voicecli.flow.substreams import substream_step
from voicecli.flow.values import async_init_step

SIZES = st.sampled_from([1, 2, 3, 5, 64])


async def paced(source, dice):
    """The items, with a turn of the loop in between now and then."""
    async with scoped(source) as items:
        async for item in items:
            if dice.random() < 0.3:
                await asyncio.sleep(0)
            yield item


async def initialised(stream):
    await asyncio.sleep(0)
    return stream


# Steps of one stream that keep the items and their order.
PLAIN = {
    "map": lambda stream, size: map_step(stream, lambda item: item),
    "filter": lambda stream, size: filter_step(stream, lambda item: True),
    "buffer": lambda stream, size: buffer_step(stream, size=size),
    "joined": lambda stream, size: flatten_step(buffer_step(stream, list, size=size)),
    "merge": lambda stream, size: merge_step(stream, size=size),
    "concat": lambda stream, size: concat_step(stream),
    "substream": lambda stream, size: substream_step(stream, lambda one: one),
    "init": lambda stream, size: async_init_step(stream, initialised),
    "handled": lambda stream, size: exception_handling_substream(stream, lambda s: s, lambda error: None),
}
# Steps of one stream that make two; both get every item, or one of the two does.
SPLITS = {
    "fork": lambda stream, size: fork_step(stream, size=size),
    "all": lambda stream, size: fork_step(stream, pull_from_all=True, size=size),
    "partition": lambda stream, size: partition_step(stream, lambda item: item.sum() % 4 < 2, size=size),
}


@st.composite
def trees(draw, depth=3):
    """What is done to a stream: a step and what follows it, or None for a sink."""
    kinds = ["sink", "plain", "split", "again"] if depth else ["sink"]
    kind = draw(st.sampled_from(kinds))
    if kind == "sink":
        return None
    step = draw(st.sampled_from(sorted(PLAIN if kind == "plain" else SPLITS)))
    branches = [draw(trees(depth - 1)) for _ in range(2 if kind == "split" else 1)]
    return kind, step, draw(SIZES), branches


def grown(stream, tree, dice):
    """The ends of a flow."""
    stream = paced(stream, dice)
    if tree is None:
        return [stream]
    kind, step, size, branches = tree
    if kind == "plain":
        return grown(PLAIN[step](stream, size), branches[0], dice)
    left, right = SPLITS[step](stream, size)
    if kind == "again":
        return grown(merge_step(paced(left, dice), paced(right, dice), size=size), branches[0], dice)
    return [*grown(left, branches[0], dice), *grown(right, branches[1], dice)]


def expected(numbers, tree):
    """The numbers at each end."""
    if tree is None:
        return [sorted(numbers)]
    kind, step, _, branches = tree
    if kind == "plain":
        return expected(numbers, branches[0])
    if step == "partition":
        parts = [n for n in numbers if n % 4 < 2], [n for n in numbers if n % 4 >= 2]
    else:
        parts = numbers, numbers
    if kind == "again":
        return expected([*parts[0], *parts[1]], branches[0])
    return [*expected(parts[0], branches[0]), *expected(parts[1], branches[1])]


def in_order(tree):
    """Whether no end has been merged."""
    return tree is None or (tree[0] != "again" and all(map(in_order, tree[3])))


@settings(max_examples=150, deadline=None)
@given(tree=trees(), length=st.integers(0, 150), seed=st.integers(0, 1000), pause=st.booleans())
def test_every_flow_delivers(tree, length, seed, pause):
    async def main():
        spring = Spring([np.array([number]) for number in range(length)], pause=pause)
        ends = grown(spring(), tree, random.Random(seed))
        read = await asyncio.gather(*map(array_sink, ends))
        assert spring.closed
        return [[int(item[0]) for item in items] for items in read]

    read = run(main)
    assert [sorted(numbers) for numbers in read] == expected(range(length), tree)
    if in_order(tree):
        assert all(numbers == sorted(numbers) for numbers in read)


@settings(max_examples=100, deadline=None)
@given(tree=trees(), length=st.integers(0, 100), turns=st.integers(0, 200), seed=st.integers(0, 1000))
def test_every_flow_can_be_cancelled(tree, length, turns, seed):
    async def main():
        spring = Spring([np.array([number]) for number in range(length)], hold=True)
        reading = asyncio.gather(*map(array_sink, grown(spring(), tree, random.Random(seed))))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        for _ in range(50):
            await asyncio.sleep(0)
        assert spring.closed == spring.started
        # The first branch of a fork may be cancelled twice: as what is read, and with its reader.
        assert "'fork'" in repr(tree) or not spring.disturbed

    run(main)


@settings(max_examples=100, deadline=None)
@given(tree=trees(), length=st.integers(0, 100), seed=st.integers(0, 1000), pause=st.booleans())
def test_every_end_is_told_of_a_failure(tree, length, seed, pause):
    async def main():
        items = [np.array([number]) for number in range(length)]
        spring = Spring(items, error=KeyError("broken"), pause=pause)
        ends = grown(spring(), tree, random.Random(seed))
        made = await asyncio.gather(*map(array_sink, ends), return_exceptions=True)
        assert [type(error) for error in made] == [KeyError] * len(ends)
        assert spring.closed

    run(main)


@settings(max_examples=100, deadline=None)
@given(
    tree=trees(),
    length=st.integers(0, 200),
    after=st.integers(0, 5),
    which=st.integers(0, 7),
    seed=st.integers(0, 99),
)
def test_a_flow_ends_with_any_of_its_ends(tree, length, after, which, seed):
    async def shortened(end):
        async with scoped(end) as items:
            for _ in range(after):
                if await anext(items, None) is None:
                    break

    async def main():
        spring = Spring([np.array([number]) for number in range(length)], hold=True)
        ends = grown(spring(), tree, random.Random(seed))
        sinks = [array_sink] * len(ends)
        sinks[which % len(ends)] = shortened
        closing = sinks[which % len(ends)](ends[which % len(ends)])
        others = [array_sink(end) for end in ends if end is not ends[which % len(ends)]]
        waiting = asyncio.gather(closing, *others)
        try:
            await asyncio.wait_for(asyncio.shield(waiting), 0.02)
        except TimeoutError:
            waiting.cancel()  # an end that has got too few items, as of a partition, to come to its own close
            await asyncio.gather(waiting, return_exceptions=True)
        for _ in range(50):
            await asyncio.sleep(0)
        assert spring.closed == spring.started

    run(main)
