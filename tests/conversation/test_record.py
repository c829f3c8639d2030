"""Every event has its JSON object."""

import json
from typing import get_args

import pytest

from voicecli.conversation import events
from voicecli.conversation.events import Ledger
from voicecli.conversation.record import event_record, summary_record
from voicecli.conversation.turntaking import State
from voicecli.errors import TimedOut
from voicecli.latency.budget import judge
from voicecli.latency.tally import Tally
from voicecli.latency.timeline import Mark, Span, Timeline

TIMELINE = Timeline({Mark.SPEECH_STOPPED: 10.0, Mark.TURN_ENDED: 10.5, Mark.FIRST_SOUND: 11.25})
EXAMPLES = {
    events.Ready: events.Ready({"asr": "a"}, {"asr": "why"}, {"mic": "m"}, {"mic": 16000}, None),
    events.StateChanged: events.StateChanged(State.LISTENING, State.PROCESSING, 1.5, 1),
    events.SpeechStarted: events.SpeechStarted(1.0),
    events.SpeechStopped: events.SpeechStopped(2.0),
    events.TranscriptCame: events.TranscriptCame(1, "hello", True),
    events.TokenCame: events.TokenCame(1, "Hi"),
    events.ReplyFinished: events.ReplyFinished(1, "Hi there"),
    events.TurnFinished: events.TurnFinished(
        1, "hello", "Hi there", "Hi", True, TIMELINE, 0, 0.0, Ledger(1), judge(TIMELINE, {Span.TTFA: 1.0})
    ),
    events.Warned: events.Warned("muted?"),
    events.ErrorRaised: events.ErrorRaised(TimedOut("Nothing came."), 1),
}


def test_every_event_has_an_example():
    assert set(EXAMPLES) == set(get_args(events.Event))


@pytest.mark.parametrize("event", EXAMPLES.values(), ids=lambda event: type(event).__name__)
def test_event_is_one_json_line(event):
    line = json.dumps(event_record(event, {"llm": "l"}))
    assert "\n" not in line
    assert json.loads(line)["event"]


def test_turn_counts_from_the_end_of_speech():
    record = event_record(EXAMPLES[events.TurnFinished], {"llm": "l"})
    assert record["marks"]["first_sound"] == 1.25
    assert record["marks"]["first_token"] is None
    assert record["spans"]["voice_to_voice"] == 1.25
    assert record["budget"]["ttfa"] == {"limit": 1.0, "value": None, "ok": None}


def test_error_names_its_kind():
    record = event_record(EXAMPLES[events.ErrorRaised], {})
    assert (record["kind"], record["recoverable"]) == ("TimedOut", True)


def test_summary_has_every_statistic():
    tally = Tally({Span.TTFA: 0.2})
    for seconds in (0.1, 0.3):
        timeline = Timeline({Mark.FIRST_PHRASE: 1.0, Mark.FIRST_SOUND: 1.0 + seconds})
        tally.count(timeline, judge(timeline, {Span.TTFA: 0.2}))
    record = summary_record(tally.summary())
    assert (record["turns"], record["over"]) == (2, {"ttfa": 1})
    assert record["waited"]["ttfa"] == record["spans"]["ttfa"]
    assert set(record["spans"]["ttfa"]) == {"p50", "p90", "p95", "p99", "min", "max", "n"}
    assert record["spans"]["asr"] is None
