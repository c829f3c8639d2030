from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.timers import Timer, Timers

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_due_timers_ring_once() -> None:
    timers = Timers()
    late, early, later = (
        Timer("late", "late", 20.0),
        Timer("early", "early", 10.0),
        Timer("later", "later", 30.0),
    )
    for timer in (late, early, later):
        timers.set(timer)
    assert timers.ring(5.0, NOW) == []
    assert timers.ring(20.0, NOW) == [early, late]
    assert timers.ring(20.0, NOW) == []
    assert timers.wait(20.0, NOW) == 10.0


def test_nothing_to_wait_for() -> None:
    assert Timers().wait(0.0, NOW) is None


def test_equal_timers_are_two() -> None:
    timers = Timers()
    one, two = (Timer("tea", "tea", 10.0) for _ in range(2))
    timers.set(one)
    timers.set(two)
    timers.cancel((one,))
    assert timers.running == [two]


def test_alarm_follows_the_wall_clock() -> None:
    timers = Timers()
    alarm = Timer("alarm", "alarm", 3600.0, at=NOW + timedelta(hours=1))
    timers.set(alarm)
    # The computer slept: an hour has passed on the wall, a minute on the loop's clock.
    assert timers.ring(60.0, NOW + timedelta(hours=1)) == [alarm]


@pytest.mark.parametrize(
    "said",
    [
        "timer for -5 minutes",
        "set a timer for minus five minutes",
        "wake me in -5 minutes",
        "remind me in minus 1 hour to go",
    ],
)
def test_no_time_runs_backwards(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert reply.text == "I can't count backwards: please say a time that is still to come."
    assert not reply.actions
