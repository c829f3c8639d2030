"""What the answerer keeps of a turn: its account, its ledger, and what the model is told later."""

import asyncio

import pytest

from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker, NullSink
from voicecli.conversation import events
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History, HistoryOptions
from voicecli.conversation.draft import ReplyOptions
from voicecli.conversation.echo import Verdict
from voicecli.conversation.turn import Turn
from voicecli.conversation.turntaking import Failed, Interrupted, PlaybackFinished
from voicecli.errors import DeviceLost, Unavailable
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.recognizer import Transcript
from voicecli.providers.simulated import SimulatedLanguageModel, SimulatedSynthesizer
from voicecli.reply.utterer import UttererOptions


@pytest.fixture
def told():
    return []


@pytest.fixture
def answerer(told):
    return Answerer(
        Engines(SimulatedLanguageModel(), SimulatedSynthesizer()),
        AudioStreamPlayer(FastSpeaker("fast", NullSink(), 8000)),
        told.append,
        history=History(HistoryOptions(system="")),
        reply=ReplyOptions(),
        utterer=UttererOptions(),
        budgets={Span.ENDPOINT: 0.2},
    )


def asked(text="hello", number=1):
    turn = Turn(number)
    turn.transcript = Transcript(text, final=True)
    turn.stopwatch.mark(Mark.SPEECH_STARTED, 1.0)
    turn.stopwatch.mark(Mark.SPEECH_STOPPED, 2.0)
    turn.ended(2.5, float("nan"))
    return turn


def committed(answerer, turn):
    async def begin():
        answerer.commit(turn, answerer.begin(turn))

    asyncio.run(begin())


def said(answerer):
    return [(message.role, message.content) for message in answerer.history.messages]


def test_account_has_times_and_budgets(answerer, told):
    turn = asked(number=3)
    committed(answerer, turn)
    turn.heard = "Fine."
    answerer.account(turn, Interrupted(3.0))
    (account,) = told
    assert (account.turn, account.transcript, account.heard) == (3, "hello", "Fine.")
    assert account.timeline.span(Span.ENDPOINT) == 0.5
    assert account.budget[Span.ENDPOINT].ok is False
    assert said(answerer) == [("user", "hello"), ("assistant", "Fine.")]
    assert (answerer.number, answerer.turns) == (3, 1)
    assert turn.over.is_set()


@pytest.mark.parametrize(
    ("event", "dropped", "unheard", "left"),
    [
        (Interrupted(3.0), False, True, [("user", "hello")]),
        (Interrupted(3.0, by_key=True), False, False, [("user", "hello")]),
        (Interrupted(3.0, by_key=True, drop=True), True, False, []),
        (PlaybackFinished(3.0), False, False, [("user", "hello")]),
    ],
)
def test_question_of_whose_answer_nothing_was_heard(answerer, told, event, dropped, unheard, left):
    turn = asked()
    committed(answerer, turn)
    answerer.account(turn, event)
    assert told[-1].dropped is dropped
    assert turn.unheard is unheard
    assert said(answerer) == left


@pytest.mark.parametrize(("error", "kinds"), [(Unavailable("down"), 2), (DeviceLost("gone"), 1)])
def test_error_of_a_turn_is_told_unless_it_ends_everything(answerer, told, error, kinds):
    answerer.account(asked(), Failed(3.0, error))
    assert isinstance(told[0], events.TurnFinished)
    assert told[0].error is error
    assert len(told) == kinds


def test_trust_is_reckoned_up(answerer):
    turn = asked()
    turn.stopwatch.mark(Mark.SOFT_END, 2.1)
    committed(answerer, turn)
    assert (answerer.ledger.hits, answerer.ledger.saved) == (1, pytest.approx(0.4))
    turn = asked(number=2)
    turn.stopwatch.mark(Mark.SOFT_END, 2.1)
    answerer.discard(turn)
    assert answerer.ledger.misses == 1
    assert Mark.SOFT_END not in turn.stopwatch
    answerer.discard(turn)
    assert answerer.ledger.misses == 1


def test_what_is_typed_is_no_echo(answerer):
    assert answerer.judge(asked()) is Verdict.USER
