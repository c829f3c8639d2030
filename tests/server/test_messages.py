"""Whatever a client says, in whatever order: no exception, bounded, and events that are well formed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.talking import PAUSE, QUICK, STOP, Diary, beeps, check, recognition, start, talk
from voicecli.audio.pcm import s16_bytes
from voicecli.config.serving import SegmentSettings, ServerSettings, SessionSettings
from voicecli.server.session import Mode, Session
from voicecli.wire.recognition import Active, Failure, Format, decode_event, encode_event

SPOKEN = s16_bytes(beeps(0.7, gap=0.3))
FLOATS = np.array([np.nan, np.inf, -np.inf, 3e38, -1.0, 0.5], "<f4").tobytes()


class Sound(NamedTuple):
    """A binary message, by a name that is shorter than it."""

    begin: int
    length: int
    floats: bool = False

    @property
    def data(self) -> bytes:
        return (FLOATS * 250 if self.floats else SPOKEN)[self.begin : self.begin + self.length]


def spelled(messages):
    return [message.data if isinstance(message, Sound) else message for message in messages]


formats = st.builds(
    lambda channels, rate, shape: Format(channels, rate, *shape),
    st.sampled_from([1, 2, 3, 0]),
    st.sampled_from([16_000, 8_000, 44_100, 1000, 0]),
    st.sampled_from([(16, False), (32, False), (32, True), (24, False)]),
)
said = st.one_of(
    st.builds(Sound, st.integers(0, 3_000), st.just(50_000)),
    st.builds(Sound, st.integers(0, 20_000), st.integers(0, 50_000)),
    st.builds(Sound, st.just(20_000), st.integers(1, 50)),
    st.just(Sound(0, 5_000, floats=True)),
    st.sampled_from([PAUSE, start(), start(interim=True)]),
    st.sampled_from([PAUSE, STOP, "", "{}", "null", '{"request":"stop","disconnect":0}']),
    st.builds(start, formats, st.booleans()),
    st.text(max_size=20),
    st.binary(max_size=40),
)
firsts = st.sampled_from(
    [start(), start(interim=True), start(Format(2, 8_000), True), start(Format(1, 16_000, 32, True))]
)
talks = st.builds(lambda first, rest: [first, *rest], firsts | said, st.lists(said, min_size=2, max_size=24))


@pytest.fixture(scope="module")
def house():
    """One server for all examples, whose model fails now and then."""
    flaky = replace(QUICK, fail="drop", fail_on=tuple(range(3, 5000, 4)))
    segments = SegmentSettings(longest=1.0, piece=1.0, search=0.3)
    shared = ServerSettings(workers=2, segments=segments)
    with asyncio.Runner() as runner:
        opened = recognition(flaky, settings=shared)
        shared = runner.run(opened.__aenter__())
        yield runner, shared
        runner.run(opened.__aexit__(None, None, None))


relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(talks, st.sampled_from(list(Mode)))
def test_any_messages(house, messages, mode):
    runner, shared = house
    borders = Borders()
    session = Session(shared, mode, SessionSettings(queued=1.0), borders)
    events = runner.run(asyncio.wait_for(talk(session, spelled(messages)), 20))
    assert (shared.workers.jobs, shared.voice.streams) == (0, 0)
    for event in events:
        assert decode_event(encode_event(event)) is not None
    for stream in borders.cut(events):
        check(stream, 3, gaps=any(isinstance(event, Failure) for event in events))
    if mode is Mode.SIMPLE:
        assert not any(isinstance(event, Active) for event in events)


class Borders:
    """Counts events, and notes where streams begin."""

    def __init__(self) -> None:
        self.count = 0
        self.begins = [0]

    def started(self, trace_id, format):
        self.begins.append(self.count)

    def __getattr__(self, name):
        counted = name in ("active", "inactive", "segment", "failed")
        return self._count if counted else lambda *values: None

    def _count(self, *values):
        self.count += 1

    def cut(self, events):
        assert self.count == len(events)
        ends = [*self.begins[1:], len(events)]
        return [events[begin:end] for begin, end in zip(self.begins, ends, strict=True)]


@relaxed
@given(talks, st.integers(0, 200), st.sampled_from(list(Mode)), st.booleans())
def test_a_client_that_goes_at_any_moment(house, messages, ticks, mode, finish):
    runner, shared = house

    async def run():
        session = Session(shared, mode, SessionSettings(queued=1.0, events=4), Diary())

        async def say():
            for message in spelled(messages):
                await session.receive(message)

        async def leave():
            for _ in range(ticks):
                await asyncio.sleep(0)
            if finish:
                await session.finish()
            await session.close()

        await asyncio.gather(say(), leave())
        assert [event async for event in session.events()] == []
        assert (shared.workers.jobs, shared.voice.streams) == (0, 0)

    runner.run(asyncio.wait_for(run(), 20))
