"""What many turns come to, and how many of them were over a budget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.latency.budget import judge
from voicecli.latency.tally import Tally
from voicecli.latency.timeline import Mark, Span, Timeline

BUDGETS = {Span.PLAYOUT: 0.2, Span.VOICE_TO_VOICE: 1.0}


def speculated(chunk: float, sound: float) -> Timeline:
    """A turn whose speech was made on trust, 0.3 s before its end was certain."""
    return Timeline(
        {
            Mark.SPEECH_STOPPED: 0.0,
            Mark.TURN_ENDED: chunk + 0.3,
            Mark.FIRST_PHRASE: chunk - 0.01,
            Mark.FIRST_CHUNK: chunk,
            Mark.FIRST_SOUND: sound,
        }
    )


def tallied(*timelines: Timeline) -> Tally:
    tally = Tally(BUDGETS)
    for timeline in timelines:
        tally.count(timeline, judge(timeline, BUDGETS))
    return tally


def test_work_that_nobody_waited_for_is_not_held_against_a_budget() -> None:
    summary = tallied(*[speculated(0.3, 0.65)] * 3).summary()
    playout, waited = summary.spans[Span.PLAYOUT], summary.waited[Span.PLAYOUT]
    assert playout is not None
    assert waited is not None
    assert playout.p95 == pytest.approx(0.35)
    assert waited.p95 == pytest.approx(0.05)
    assert summary.over[Span.PLAYOUT] == 0
    assert summary.waited[Span.TTFT] is None


@given(st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(0.31, 1.0)), min_size=1, max_size=20))
def test_over_counts_what_is_summed_up(turns: list[tuple[float, float]]) -> None:
    """No turn over, and the highest that was waited for is within; all of them over, and so is the lowest."""
    summary = tallied(*[speculated(chunk, chunk + more) for chunk, more in turns]).summary()
    for span, limit in BUDGETS.items():
        waited, over = summary.waited[span], summary.over[span]
        assert waited is not None
        assert (over == 0) == (waited.max <= limit)
        assert (over == len(turns)) == (waited.min > limit)


def test_summary_has_what_no_turn_reached() -> None:
    summary = Tally(BUDGETS).summary()
    assert summary.turns == 0
    assert set(summary.spans) == set(summary.waited) == set(Span)
    assert not any(summary.waited.values())
