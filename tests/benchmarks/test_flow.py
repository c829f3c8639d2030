"""What a step of a flow costs: ratios to bare Python, items a second, how far buffers reach, and memory."""

import asyncio
import time
from pathlib import Path

import pytest

from voicecli.flow.branches import concat_step, fork_step, merge_step, partition_step
from voicecli.flow.feeds import buffer_step, byte_buffer_step
from voicecli.flow.sinks import empty_sink
from voicecli.flow.sources import array_source
from voicecli.flow.steps import filter_step, map_step

ITEMS = 1_000_000
ROUNDS = 3
MEBI = 1 << 20


async def numbers(count):
    for number in range(count):
        yield number


async def bare_map(source):
    async for number in source:
        yield added(number)


async def drain(source):
    async for _ in source:
        pass


def added(number):
    return number + 1


def odd(number):
    return number % 2


def half():
    return numbers(ITEMS // 2)


FLOWS = {
    "bare": lambda: [bare_map(numbers(ITEMS))],
    "map_step": lambda: [map_step(numbers(ITEMS), added)],
    "filter_step": lambda: [filter_step(numbers(ITEMS), odd)],
    "array_source": lambda: [array_source(range(ITEMS))],
    "fork_step": lambda: fork_step(numbers(ITEMS)),
    "fork_step, all pull": lambda: fork_step(numbers(ITEMS), pull_from_all=True),
    "partition_step": lambda: partition_step(numbers(ITEMS), odd),
    "merge_step": lambda: [merge_step(half(), half())],
    "concat_step": lambda: [concat_step(half(), half())],
    "buffer_step": lambda: [buffer_step(numbers(ITEMS))],
    "byte_buffer_step": lambda: [byte_buffer_step(map_step(numbers(ITEMS), lambda _: b"x"))],
}


def seconds(flow, sink=empty_sink):
    async def main():
        ends = flow()
        began = time.perf_counter()
        await asyncio.gather(*map(sink, ends))
        return time.perf_counter() - began

    return asyncio.run(main())


def resident():
    """Bytes of this process in memory, where the system tells."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


@pytest.mark.benchmark
def test_items_a_second(capsys):
    taken = {name: [] for name in FLOWS}
    for _ in range(ROUNDS):
        for name, flow in FLOWS.items():
            taken[name].append(seconds(flow, drain if name == "bare" else empty_sink))
    bare = min(taken["bare"])
    with capsys.disabled():
        print(f"\n{ITEMS:,} items, best of {ROUNDS}:")
        for name, times in taken.items():
            print(f"{name:22}{ITEMS / min(times):12,.0f} items/s   {min(times) / bare:5.2f} x bare")


@pytest.mark.benchmark
def test_a_slow_sink_holds_buffers_at_their_bound(capsys):
    """A source that takes a turn of the loop for an item, and a sink that takes a hundred."""
    furthest = {}

    async def reach(step):
        given, most = 0, 0

        async def source():
            nonlocal given
            for given in range(1, 1001):
                await asyncio.sleep(0)
                yield given

        async def slow(end):
            nonlocal most
            taken = 0
            async for _ in end:
                taken += 1
                for _ in range(100):
                    await asyncio.sleep(0)
                most = max(most, given - taken)

        await asyncio.gather(*map(slow, step(source())))
        return most

    for name, step in {
        "buffer_step": lambda source: [buffer_step(source)],
        "merge_step": lambda source: [merge_step(source)],
        "fork_step": fork_step,
        "fork_step, all pull": lambda source: fork_step(source, pull_from_all=True),
    }.items():
        furthest[name] = asyncio.run(reach(step))
    with capsys.disabled():
        print("\nitems ahead of a sink 100 times slower:", furthest)
    assert max(furthest.values()) <= 65


@pytest.mark.benchmark
def test_ten_million_items_leave_memory_flat(capsys):
    seen = []

    async def watch(end):
        number = 0
        async for _ in end:
            number += 1
            if number % 1_000_000 == 0:
                seen.append(resident())

    async def main():
        left, right = fork_step(map_step(array_source(range(10_000_000)), added), pull_from_all=True)
        began = time.perf_counter()
        await asyncio.gather(watch(buffer_step(left)), empty_sink(merge_step(right)))
        return time.perf_counter() - began

    taken = asyncio.run(main())
    with capsys.disabled():
        print(
            f"\n10,000,000 items through map, fork, buffer and merge in {taken:.1f} s; resident "
            f"{seen[0] / MEBI:.1f} MiB after the first million, {max(seen) / MEBI:.1f} MiB at most"
        )
    assert max(seen) - seen[0] < 4 * MEBI
