"""The turn machine under every sequence of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.conversation import turntaking as floor
from voicecli.conversation.turntaking import TRANSITIONS, State, TurnMachine
from voicecli.errors import TurnError
from voicecli.speech.endpoint import EndReason, TurnEnded

EVENTS = [
    TurnEnded(1.0, 1.0, EndReason.SILENCE),
    floor.Transcribed(1.0, "hello"),
    floor.NothingHeard(1.0),
    floor.Announced(1.0),
    floor.Voiced(1.0),
    floor.Interrupted(1.0),
    floor.PlaybackFinished(1.0),
    floor.Failed(1.0),
]


def test_one_turn():
    machine = TurnMachine()
    for event, state in [
        (TurnEnded(0, 0, EndReason.SILENCE), State.PROCESSING),
        (floor.Transcribed(0, "hi"), State.THINKING),
        (floor.Voiced(0), State.SPEAKING),
        (floor.PlaybackFinished(0), State.LISTENING),
    ]:
        assert machine.push(event) is state


def test_barge_in():
    machine = TurnMachine()
    for event in (
        TurnEnded(0, 0, EndReason.SILENCE),
        floor.Transcribed(0, "hi"),
        floor.Voiced(0),
        floor.Interrupted(0),
    ):
        machine.push(event)
    assert machine.state is State.INTERRUPTED
    assert machine.push(TurnEnded(1, 1, EndReason.SILENCE)) is State.PROCESSING


@given(st.lists(st.sampled_from(EVENTS), max_size=50))
def test_forbidden_event_changes_nothing(events):
    machine = TurnMachine()
    for event in events:
        before = machine.state
        if type(event) in TRANSITIONS[before]:
            assert machine.push(event) is TRANSITIONS[before][type(event)]
        else:
            with pytest.raises(TurnError):
                machine.push(event)
            assert machine.state is before


def test_every_state_leads_back_to_listening():
    for start in State:
        reached, frontier = {start}, [start]
        while frontier:
            for following in TRANSITIONS[frontier.pop()].values():
                if following not in reached:
                    reached.add(following)
                    frontier.append(following)
        assert State.LISTENING in reached


def test_every_busy_state_may_fail():
    for state in set(State) - {State.LISTENING}:
        assert floor.Failed in TRANSITIONS[state]
