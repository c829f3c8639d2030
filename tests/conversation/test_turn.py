"""The marks of a turn, and what becomes of its reply."""

import pytest

from voicecli.conversation.events import Ledger
from voicecli.conversation.turn import Turn
from voicecli.latency.timeline import Mark


def spoken(number=1, began=10.0):
    turn = Turn(number)
    turn.stopwatch.mark(Mark.SPEECH_STARTED, began)
    return turn


def test_stop_is_news_once():
    turn = spoken()
    assert turn.stopped(11.0)
    assert not turn.stopped(11.0005)
    assert turn.stopped(11.5)
    assert turn.stopwatch[Mark.SPEECH_STOPPED] == 11.5


@pytest.mark.parametrize(("began", "dated"), [(float("nan"), 10.0), (10.04, 10.0), (12.0, 12.0)])
def test_sound_that_was_heard_faster_is_dated_from_its_end(began, dated):
    turn = spoken()
    turn.ended(13.0, began)
    assert turn.stopwatch[Mark.TURN_ENDED] == 13.0
    assert turn.stopwatch[Mark.SPEECH_STARTED] == dated


class Draft:
    dropped = 0

    def drop(self):
        self.dropped += 1


def test_reply_that_is_dropped_is_gone():
    turn, draft = spoken(), Draft()
    turn.drop_reply()
    turn.reply = draft
    turn.drop_reply()
    assert (draft.dropped, turn.reply) == (1, None)


def test_turn_that_is_cut_keeps_its_reply_for_the_account():
    turn, draft = spoken(), Draft()
    turn.reply = draft
    turn.cut()
    assert not turn.over.is_set()
    assert (draft.dropped, turn.reply) == (1, draft)


def test_ledger_counts_what_was_won_and_lost():
    ledger = Ledger().hit(0.5).hit(-0.1).miss(7).miss(0)
    assert ledger == Ledger(hits=2, misses=2, saved=0.5, wasted_tokens=7)
