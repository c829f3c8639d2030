"""The player under test."""

import statistics

import pytest

from voicecli.audio.player import PlayerOptions
from voicecli.bench.measure.network import Conditions
from voicecli.bench.measure.playback import allocated, callback_cost, played, replies
from voicecli.bench.measure.playback_bench import (
    Trial,
    breaks_tables,
    callback_facts,
    cell_samples,
    player_charts,
)

RATE = 24_000


def jittery(jitter: float = 0.05, loss: float = 0.0) -> Conditions:
    return Conditions(name="", jitter=jitter, loss=loss, pause=0.3)


def test_callback_is_far_cheaper_than_a_queue() -> None:
    cost = callback_cost(blocks=60)
    assert cost.equal
    assert cost.ratio > 20  # some 500 in truth
    facts = callback_facts(cost, allocated(30))
    assert "times as much" in facts["queue of samples"]


def test_callback_makes_no_arrays() -> None:
    memory = allocated()
    assert memory.most < 1024  # an array of a block would be 4,096 bytes
    assert memory.kept < 1024


def test_same_seed_same_replies() -> None:
    plan = jittery(jitter=0.1)
    assert list(replies(plan, 1.5, 3, seed=5)) == list(replies(plan, 1.5, 3, seed=5))
    assert list(replies(plan, 1.5, 3, seed=5)) != list(replies(plan, 1.5, 3, seed=6))


def test_chunks_arrive_in_order() -> None:
    for reply in replies(jittery(jitter=0.2, loss=0.1), 1.5, 3):
        times = [at for at, _ in reply]
        assert times == sorted(times)
        assert sum(count for _, count in reply) == 8 * RATE


def test_steady_network_never_breaks() -> None:
    breaks = played(replies(jittery(jitter=0.0), 1.5, 3), PlayerOptions())
    assert breaks.underruns == [0, 0, 0]
    assert breaks.sound == pytest.approx(24.0)
    assert breaks.delays == pytest.approx([0.05] * 3)  # 60 ms are there with the second chunk


def test_late_chunk_breaks_the_sound() -> None:
    reply = [(0.0, RATE // 10), (0.5, RATE // 10)]  # 0.1 s of sound, and then nothing for 0.4 s
    options = PlayerOptions(prebuffer=0.0, adaptive=False)
    breaks = played(iter([reply]), options)
    assert breaks.underruns == [1]
    assert breaks.missing[0] == pytest.approx(0.4, abs=0.02)
    assert breaks.per_minute == pytest.approx(300)


def test_longer_prebuffer_breaks_less_and_starts_later() -> None:
    plan = jittery(jitter=0.1)
    short, long = (
        played(replies(plan, 1.5, 10), PlayerOptions(prebuffer=prebuffer, adaptive=False))
        for prebuffer in (0.0, 0.4)
    )
    assert long.per_minute < short.per_minute
    assert statistics.median(long.delays) > statistics.median(short.delays)


def test_adaptive_player_learns() -> None:
    plan = jittery(jitter=0.2)
    fixed, adaptive = (
        played(replies(plan, 1.5, 20), PlayerOptions(prebuffer=0.06, adaptive=one)) for one in (False, True)
    )
    assert adaptive.per_minute < fixed.per_minute / 2


def test_player_learns_within_a_reply() -> None:
    gaps = [
        (0.0, RATE // 10),
        (0.4, RATE // 10),
        *((0.4 + 0.1 * index, RATE // 10) for index in range(1, 20)),
    ]
    first, again = (played(iter([gaps]), PlayerOptions(prebuffer=0.0, adaptive=one)) for one in (False, True))
    assert first.underruns[0] >= again.underruns[0] == 1
    assert again.missing[0] > first.missing[0] - 0.01  # it waits for more before it goes on


def test_tables_and_charts_of_cells() -> None:
    cells = [
        Trial(jitter, prebuffer, True, played(replies(jittery(jitter=jitter), 1.5, 2), PlayerOptions()))
        for jitter in (0.0, 0.1)
        for prebuffer in (0.0, 0.06)
    ]
    [table] = breaks_tables(cells)
    assert list(table.headings) == ["jitter", "0 ms", "60 ms"]
    assert [row[0] for row in table.rows] == ["0.0 ms", "100 ms"]
    charts = player_charts(cells, callback_cost(blocks=5))
    assert [chart.kind for chart in charts] == ["line", "line", "cdf"]
    assert [sample.number for sample in cell_samples(cells[0])] == [1, 2]


def test_fixed_and_adaptive_have_charts_of_their_own() -> None:
    cells = [
        Trial(0.1, 0.06, kind, played(replies(jittery(jitter=0.1), 1.5, 2), PlayerOptions(adaptive=kind)))
        for kind in (False, True)
    ]
    charts = player_charts(cells, callback_cost(blocks=5))
    assert [chart.title.split(", ")[-1] for chart in charts[:4]] == [
        *2 * ["by fixed prebuffer"],
        *2 * ["by adaptive prebuffer"],
    ]
    assert [[one.name for one in chart.series] for chart in charts[:4]] == [["60 ms"]] * 4
