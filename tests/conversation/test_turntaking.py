"""The tables under every sequence of events."""

import sys
from subprocess import run

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.conversation import turntaking
from voicecli.conversation.turntaking import TURNS, UTTERANCES, Action, Floor, Speech, State
from voicecli.errors import TurnError, VoiceError
from voicecli.speech.endpoint import EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted

STARTED, ENDED = SpeechStarted(1.0), TurnEnded(1.0, 1.0, EndReason.SILENCE)
TYPED, TRANSCRIBED = turntaking.Typed(1.0, "hello"), turntaking.Transcribed(1.0)
VOICED, FINISHED = turntaking.Voiced(1.0), turntaking.PlaybackFinished(1.0)
INTERRUPTED, REJOINED = turntaking.Interrupted(1.0), turntaking.Rejoined(1.0)
NOTHING, DROPPED = turntaking.NothingHeard(1.0), turntaking.Dropped(1.0)
EVENTS = [
    STARTED,
    SoftEnd(1.0, 1.0),
    ENDED,
    TYPED,
    turntaking.Understood(1.0),
    turntaking.Misheard(1.0),
    TRANSCRIBED,
    NOTHING,
    DROPPED,
    turntaking.Announced(1.0, "Your tea timer is done."),
    VOICED,
    INTERRUPTED,
    REJOINED,
    FINISHED,
    turntaking.Failed(1.0, VoiceError("It failed.")),
]


def walked(*events, floor=None):
    """The floor after events that are all allowed."""
    floor = floor or Floor()
    for event in events:
        floor, _ = floor.after(event)
    return floor


def followers(floor):
    """Every floor that may come next."""
    for event in EVENTS:
        try:
            yield floor.after(event)[0]
        except TurnError:
            continue


def reachable(start):
    found, frontier = {start}, [start]
    while frontier:
        for following in followers(frontier.pop()):
            if following not in found:
                found.add(following)
                frontier.append(following)
    return found


def test_one_turn():
    floor = Floor()
    for event, state in [
        (STARTED, State.LISTENING),
        (ENDED, State.PROCESSING),
        (TRANSCRIBED, State.THINKING),
        (VOICED, State.SPEAKING),
        (FINISHED, State.LISTENING),
    ]:
        floor = walked(event, floor=floor)
        assert floor.state is state
    assert floor == Floor()


def test_barge_in():
    floor = walked(STARTED, ENDED, TRANSCRIBED, VOICED, STARTED, INTERRUPTED)
    assert floor == Floor(State.INTERRUPTED, Speech.SPOKEN)
    assert walked(ENDED, floor=floor).state is State.PROCESSING


def test_both_parts_are_one_utterance():
    after, actions = walked(STARTED, ENDED, STARTED).after(REJOINED)
    assert after == Floor(State.INTERRUPTED, Speech.SPOKEN)
    assert actions == (Action.REJOIN, Action.RELEASE, Action.DISCARD)


def test_every_event_is_somewhere_in_the_tables():
    rows = [*TURNS.values(), *UTTERANCES.values()]
    assert {kind for row in rows for kind in row} == {type(event) for event in EVENTS}
    assert {action for row in rows for rule in row.values() for action in rule.actions} == set(Action)
    assert set(TURNS) == set(State)
    assert set(UTTERANCES) == set(Speech)


class Replies:
    """What the actions do to utterance, turn and replies, and nothing else."""

    def __init__(self):
        self.said = self.turn = None  # each is what was begun for it
        self.ended = 0

    def do(self, action):
        if action in (Action.BEGIN, Action.WRITE):
            assert self.said is None
            self.said = set()
        elif action is Action.TAKE:
            assert self.turn is None
            self.turn, self.said = self.said, None
        elif action is Action.DRAFT:
            self._begin(self.said)
        elif action is Action.ANSWER:
            assert self.turn is not None
            if "reply" not in self.turn:
                self._begin(self.turn)
        elif action is Action.DISCARD:
            self.said.clear()
        elif action is Action.DROP:
            assert not self.said
            self.said = None
        elif action in (Action.RELEASE, Action.ACCOUNT):
            assert self.turn is not None
            self.turn = None
        else:
            assert (self.said if self.said is not None else self.turn) is not None

    def _begin(self, begun):
        assert "reply" not in begun, "two replies at once"
        begun.add("reply")


@given(st.lists(st.sampled_from(EVENTS), max_size=60))
def test_what_is_begun_is_ended_and_never_twice(events):
    floor, replies = Floor(), Replies()
    for event in events:
        try:
            floor, actions = floor.after(event)
        except TurnError:
            continue
        for action in actions:
            replies.do(action)
        assert floor.in_utterance == (replies.said is not None)
        assert floor.answering == (replies.turn is not None)


def test_forbidden_event_is_told_by_name_and_state():
    with pytest.raises(TurnError, match="Voiced is not allowed while LISTENING"):
        Floor().after(VOICED)
    with pytest.raises(TurnError, match="TurnEnded is not allowed while SILENT"):
        walked(TYPED, ENDED).after(ENDED)


def test_listening_is_reached_again_from_everywhere():
    floors = reachable(Floor())
    assert len(floors) > len(State)
    assert all(Floor() in reachable(floor) for floor in floors)


def test_abort_leads_to_listening_at_once():
    for floor in reachable(Floor()):
        if floor.answering:
            floor = walked(INTERRUPTED, floor=floor)
        if floor.in_utterance:
            floor = walked(DROPPED, floor=floor)
        if floor.state is State.INTERRUPTED:
            floor = walked(NOTHING, floor=floor)
        assert floor == Floor()


def test_whatever_is_answered_may_fail():
    for floor in reachable(Floor()):
        assert (turntaking.Failed in TURNS[floor.state]) == floor.answering


def test_drawing_is_of_the_tables():
    lines = list(turntaking.drawing())
    assert "    PROCESSING --> THINKING: Transcribed" in lines
    rules = sum(len(row) for table in (TURNS, UTTERANCES) for row in table.values())
    assert len([line for line in lines if line.startswith("| `")]) == rules
    printed = run(
        [sys.executable, "-m", "voicecli.conversation.turntaking"], capture_output=True, text=True, check=True
    )
    assert printed.stdout.splitlines() == lines
