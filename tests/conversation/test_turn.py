"""The turn machine under every sequence of events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.conversation import turn
from voicecli.conversation.turn import TRANSITIONS, State, TurnMachine
from voicecli.errors import TurnError

EVENTS = [
    turn.TurnEnded(1.0),
    turn.Transcribed(1.0, "hello"),
    turn.NothingHeard(1.0),
    turn.Announced(1.0),
    turn.Voiced(1.0),
    turn.Interrupted(1.0),
    turn.PlaybackFinished(1.0),
    turn.Failed(1.0),
]


def test_one_turn():
    machine = TurnMachine()
    for event, state in [
        (turn.TurnEnded(0), State.PROCESSING),
        (turn.Transcribed(0, "hi"), State.THINKING),
        (turn.Voiced(0), State.SPEAKING),
        (turn.PlaybackFinished(0), State.LISTENING),
    ]:
        assert machine.push(event) is state


def test_barge_in():
    machine = TurnMachine()
    for event in (turn.TurnEnded(0), turn.Transcribed(0, "hi"), turn.Voiced(0), turn.Interrupted(0)):
        machine.push(event)
    assert machine.state is State.INTERRUPTED
    assert machine.push(turn.TurnEnded(1)) is State.PROCESSING


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
        assert turn.Failed in TRANSITIONS[state]
