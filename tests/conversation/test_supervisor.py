"""The conversation with simulated engines, told by hand what the ears would tell it."""

import asyncio
import time
from dataclasses import replace

import numpy as np
import pytest

from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker, NullSink, PacedSpeaker
from voicecli.conversation import events
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History, HistoryOptions
from voicecli.conversation.draft import ReplyOptions
from voicecli.conversation.moderator import ConversationOptions
from voicecli.conversation.supervisor import Conversation
from voicecli.conversation.turntaking import Dropped, Interrupted, State
from voicecli.errors import DeviceLost, ProviderError
from voicecli.latency.timeline import Mark, Span
from voicecli.providers.assistant import Assistant
from voicecli.providers.language_model import Action, Goodbye
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.reply.utterer import UttererOptions
from voicecli.speech.endpoint import EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped


def ended(at, stopped=None):
    """The end of an utterance, of which the last was voiced then too if nothing else is said."""
    return TurnEnded(at, at if stopped is None else stopped, EndReason.SILENCE)


SPEECH = np.full(8000, 0.1, np.float32)  # half a second


def recognizer(**options):
    return SimulatedRecognizer(SimulatedRecognizerOptions(**options))


class Stage:
    """A conversation on a loudspeaker that takes everything at once, and everything it said."""

    def __init__(
        self, *, paced=False, turns=None, options=None, llm=None, player=AudioStreamPlayer, **engines
    ):
        self.told = []
        self.alone = []
        self.history = History(HistoryOptions(system=""))
        asr = engines.get("asr", {"delay": 0.0, "partial": None})
        tts = engines.get("tts", {"ttfb": 0.0, "speed": 0.0})
        model = engines.get("model", {"ttft": 0.0, "tokens_per_second": 0.0, "texts": ("Fine, thank you.",)})
        sink = NullSink()
        self.player = player(PacedSpeaker("paced", sink, 8000) if paced else FastSpeaker("fast", sink, 8000))
        self.conversation = Conversation(
            Answerer(
                Engines(
                    llm or SimulatedLanguageModel(SimulatedLanguageModelOptions(**model)),
                    SimulatedSynthesizer(SimulatedSynthesizerOptions(**tts)),
                    asr if isinstance(asr, SimulatedRecognizer) else recognizer(**asr),
                    asr_timeout=engines.get("asr_timeout", 5.0),
                ),
                self.player,
                self.listen,
                history=self.history,
                reply=ReplyOptions(timeout=engines.get("llm_timeout", 5.0)),
                utterer=UttererOptions(timeout=engines.get("tts_timeout", 5.0)),
                budgets={Span.VOICE_TO_VOICE: 1.0},
            ),
            options or ConversationOptions(),
            turns=turns,
        )

    def listen(self, event):
        self.told.append(event)
        if isinstance(event, events.StateChanged) and event.after is State.SPEAKING:
            self.alone.append(self.conversation.moderator.alone)

    def run(self, script):
        """Hold the conversation while `script` plays the ears."""

        async def hold():
            async with self.player:
                await asyncio.wait_for(self.conversation.run(script(self)), 20)

        asyncio.run(hold())
        return self

    async def ask(self, *, soft=False):
        """Half a second of speech and its end."""
        now = time.monotonic()
        self.conversation.moderator.push(SpeechStarted(now - 0.5))
        self.conversation.moderator.listen(SPEECH)
        self.conversation.moderator.push(SpeechStopped(now))
        if soft:
            self.conversation.moderator.push(SoftEnd(now, now))
            await asyncio.sleep(0.05)
        self.conversation.moderator.push(ended(time.monotonic(), now))

    async def until(self, state):
        while self.conversation.floor.state is not state:  # noqa: ASYNC110 - the state tells nobody
            await asyncio.sleep(0.001)

    @property
    def turns(self):
        return [event for event in self.told if isinstance(event, events.TurnFinished)]

    @property
    def states(self):
        return [event.after for event in self.told if isinstance(event, events.StateChanged)]


async def one_question(stage):
    await stage.ask()


def test_one_turn():
    stage = Stage().run(one_question)
    (turn,) = stage.turns
    assert turn.transcript == "What is the weather like today?"
    assert turn.reply == turn.heard == "Fine, thank you."
    assert stage.states == [State.PROCESSING, State.THINKING, State.SPEAKING, State.LISTENING]


def test_marks_are_in_order():
    (turn,) = Stage(paced=True).run(one_question).turns
    marks = turn.timeline.marks
    # A reply that is made at once is complete before it is heard.
    order = [mark for mark in Mark if mark in marks and mark is not Mark.REPLY_ENDED]
    assert set(Mark) - set(order) == {Mark.SOFT_END, Mark.REPLY_ENDED}
    assert [marks[mark] for mark in order] == sorted(marks[mark] for mark in order)


def test_history_has_both_sides():
    stage = Stage().run(one_question)
    assert [message.role for message in stage.history.messages] == ["user", "assistant"]


def test_speculation_that_holds_is_a_hit():
    async def script(stage):
        await stage.ask(soft=True)

    stage = Stage().run(script)
    (turn,) = stage.turns
    assert (turn.ledger.hits, turn.ledger.misses) == (1, 0)
    assert turn.timeline.marks[Mark.FIRST_CHUNK] < turn.timeline.marks[Mark.TURN_ENDED]
    assert turn.timeline.marks[Mark.FIRST_SOUND] > turn.timeline.marks[Mark.TURN_ENDED]


def test_speech_that_goes_on_discards_the_reply():
    async def script(stage):
        conversation = stage.conversation
        now = time.monotonic()
        conversation.moderator.push(SpeechStarted(now))
        conversation.moderator.listen(SPEECH)
        conversation.moderator.push(SpeechStopped(now))
        conversation.moderator.push(SoftEnd(now, now))
        await asyncio.sleep(0.05)
        conversation.moderator.push(SpeechStarted(now + 0.1))
        conversation.moderator.listen(SPEECH)
        await asyncio.sleep(0.01)
        conversation.moderator.push(SpeechStopped(now + 0.2))
        conversation.moderator.push(ended(now + 0.3, now + 0.2))

    stage = Stage().run(script)
    (turn,) = stage.turns
    assert turn.ledger.misses == 1
    assert turn.ledger.wasted_tokens > 0
    assert turn.reply == "Fine, thank you."
    assert turn.timeline.marks[Mark.SPEECH_STOPPED] == pytest.approx(
        turn.timeline.marks[Mark.TURN_ENDED] - 0.1
    )


def test_no_speculation_waits_for_the_end():
    async def script(stage):
        await stage.ask(soft=True)

    (turn,) = Stage(options=ConversationOptions(speculation=False)).run(script).turns
    assert turn.timeline.marks[Mark.TRANSCRIPT] > turn.timeline.marks[Mark.TURN_ENDED]


def test_barge_in_keeps_what_was_heard():
    async def script(stage):
        await stage.ask()
        await stage.until(State.SPEAKING)
        await asyncio.sleep(1.0)
        stage.conversation.moderator.push(SpeechStarted(time.monotonic()))
        stage.conversation.moderator.push(Interrupted(time.monotonic()))
        assert stage.conversation.floor.state is State.INTERRUPTED
        stage.conversation.moderator.listen(SPEECH)
        stage.conversation.moderator.push(SpeechStopped(time.monotonic()))
        stage.conversation.moderator.push(ended(time.monotonic()))
        await stage.until(State.SPEAKING)
        stage.conversation.stop()

    text = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
    model = {"ttft": 0.0, "tokens_per_second": 0.0, "texts": (text,)}
    stage = Stage(paced=True, model=model, turns=2).run(script)
    first = stage.turns[0]
    assert first.interrupted
    assert text.startswith(first.heard.strip())
    assert 3 <= len(first.heard.split()) <= 9
    assert stage.history.messages[1].content == first.heard.strip()


async def echo(stage):
    """The microphone hears the beginning of the answer, as loud as it is."""
    conversation = stage.conversation
    await stage.until(State.SPEAKING)
    while (first := stage.player.first_sound) is None:  # noqa: ASYNC110 - the sound tells nobody
        await asyncio.sleep(0.001)
    await asyncio.sleep(max(0.0, first + 0.3 - time.monotonic()))
    conversation.moderator.push(SpeechStarted(first + 0.02))
    conversation.moderator.listen(SPEECH)
    conversation.moderator.push(Interrupted(time.monotonic()))
    stopped = time.monotonic() + 0.03
    conversation.moderator.push(SpeechStopped(stopped))
    conversation.moderator.push(ended(time.monotonic(), stopped))
    await stage.until(State.LISTENING)


def echoing(*heard, script):
    """What the recogniser makes of each utterance, and the times at which nothing else would be heard."""
    text = "One two three four five six seven."
    model = {"ttft": 0.0, "tokens_per_second": 0.0, "texts": (text,)}
    asr = {"delay": 0.0, "partial": None, "texts": heard}
    stage = Stage(paced=True, model=model, asr=asr)
    return stage.run(script)


def test_answer_that_hears_its_own_words_is_said_again_and_hears_no_more():
    async def script(stage):
        await stage.ask()
        await echo(stage)
        await stage.conversation.quiet()

    stage = echoing("What is it?", "one to", script=script)
    assert [(turn.transcript, turn.interrupted) for turn in stage.turns] == [
        ("What is it?", True),
        ("", False),
    ]
    assert stage.turns[1].heard == "One two three four five six seven."
    assert stage.alone == [False, True]
    (warning,) = [event for event in stage.told if isinstance(event, events.Warned)]
    assert warning.kind == "echo"
    assert stage.conversation.moderator.half_duplex
    assert [message.role for message in stage.history.messages][:1] == ["user"]


def test_two_answers_in_a_row_that_interrupt_themselves_are_an_echo():
    async def script(stage):
        for _ in range(2):
            await stage.ask()
            await echo(stage)
            await stage.conversation.quiet()
        await stage.ask()
        await stage.conversation.quiet()

    stage = echoing("What is it?", "exit", "And now?", "cancel", "And then?", script=script)
    asked = [turn.transcript for turn in stage.turns]
    assert asked == ["What is it?", "", "And now?", "", "And then?"]
    assert stage.alone == [False, True, False, True, True]
    assert sum(isinstance(event, events.Warned) for event in stage.told) == 1


def test_key_stops_the_answer():
    async def script(stage):
        await stage.ask()
        await stage.until(State.SPEAKING)
        stage.conversation.stop()

    stage = Stage(paced=True).run(script)
    assert stage.turns[0].interrupted
    assert stage.states[-2:] == [State.INTERRUPTED, State.LISTENING]


def test_question_that_a_key_cancels_is_dropped():
    async def script(stage):
        await stage.ask()
        await stage.until(State.THINKING)
        stage.conversation.stop()
        await stage.ask()

    model = {"ttft": 0.1, "texts": ("Fine.",)}
    asr = {"delay": 0.0, "partial": None, "texts": ("What is A?", "What is B?")}
    stage = Stage(model=model, asr=asr).run(script)
    assert [message.content for message in stage.history.messages] == ["What is B?", "Fine."]
    assert [turn.dropped for turn in stage.turns] == [True, False]


def test_question_that_a_key_cancels_while_the_next_is_said_is_dropped():
    async def script(stage):
        conversation = stage.conversation
        await stage.ask()
        assert conversation.floor.state is State.PROCESSING
        conversation.moderator.push(SpeechStarted(time.monotonic()))
        conversation.moderator.listen(SPEECH)
        conversation.stop()
        conversation.moderator.push(ended(time.monotonic()))
        await conversation.quiet()

    asr = {"delay": 0.1, "partial": None, "texts": ("What is A?", "What is B?")}
    stage = Stage(asr=asr).run(script)
    assert [message.role for message in stage.history.messages] == ["user", "assistant"]
    assert [turn.dropped for turn in stage.turns] == [True, False]


def test_answer_that_a_key_stops_is_kept_as_far_as_it_was_heard():
    async def script(stage):
        await stage.ask()
        await stage.until(State.SPEAKING)
        await asyncio.sleep(0.6)
        stage.conversation.stop()

    stage = Stage(paced=True).run(script)
    assert [message.role for message in stage.history.messages] == ["user", "assistant"]
    assert not stage.turns[0].dropped


def test_interrupted_before_a_word_belongs_to_the_next():
    async def script(stage):
        await stage.ask()
        await stage.until(State.THINKING)
        stage.conversation.moderator.push(SpeechStarted(time.monotonic()))
        stage.conversation.moderator.listen(SPEECH)
        stage.conversation.moderator.push(Interrupted(time.monotonic()))
        stage.conversation.moderator.push(ended(time.monotonic()))

    model = {"ttft": 0.1, "texts": ("Fine.",)}
    asr = {"delay": 0.0, "partial": None, "texts": ("Set a timer", "for five minutes.")}
    stage = Stage(model=model, asr=asr).run(script)
    assert stage.history.messages[0].content == "Set a timer for five minutes."


def test_nothing_understood_is_no_turn():
    asr = {"delay": 0.0, "partial": None, "texts": ("",)}
    stage = Stage(asr=asr).run(one_question)
    assert stage.turns == []
    assert stage.states == [State.PROCESSING, State.LISTENING]


@pytest.mark.parametrize(
    ("engines", "kind"),
    [
        ({"asr": {"delay": 0.0, "fail": "down"}}, "Unavailable"),
        ({"asr": {"delay": 0.0, "fail": "hang"}, "asr_timeout": 0.1}, "TimedOut"),
        ({"model": {"ttft": 0.0, "fail": "refuse"}}, "Refused"),
        ({"model": {"ttft": 0.0, "fail": "hang"}, "llm_timeout": 0.1}, "TimedOut"),
        ({"model": {"ttft": 0.0, "fail": "stall"}, "llm_timeout": 0.1}, "TimedOut"),
        ({"tts": {"ttfb": 0.0, "speed": 0.0, "fail": "drop"}}, "Dropped"),
        ({"tts": {"ttfb": 0.0, "speed": 0.0, "fail": "hang"}, "tts_timeout": 0.1}, "TimedOut"),
    ],
)
@pytest.mark.parametrize("soft", [False, True])
def test_failure_is_an_event_and_the_next_turn_goes_on(engines, kind, soft):
    async def script(stage):
        await stage.ask(soft=soft)
        await stage.conversation.quiet()
        assert stage.conversation.floor.state is State.LISTENING

    stage = Stage(**engines).run(script)
    errors = [event.error for event in stage.told if isinstance(event, events.ErrorRaised)]
    assert [error.kind for error in errors] == [kind]
    assert isinstance(errors[0], ProviderError)
    assert stage.turns[0].error is errors[0]


def test_failure_in_the_middle_plays_what_there_is():
    tts = {"ttfb": 0.0, "speed": 0.0, "fail": "refuse", "fail_on": (2,)}
    text = "The first sentence is long enough to stand alone. The second one fails to be spoken at all."
    model = {"ttft": 0.0, "tokens_per_second": 0.0, "texts": (text,)}
    stage = Stage(tts=tts, model=model).run(one_question)
    (turn,) = stage.turns
    assert turn.error is not None
    assert turn.heard == "The first sentence is long enough to stand alone."


class Acting:
    """Sets something, says so, and leaves."""

    name = "acting"

    def __init__(self):
        self.done = []

    async def complete(self, messages):
        yield Action("set", lambda: self.done.append(True))
        yield "Done and gone, goodbye."
        yield Goodbye()


def test_discarded_reply_does_nothing():
    async def script(stage):
        conversation = stage.conversation
        conversation.moderator.push(SpeechStarted(time.monotonic()))
        conversation.moderator.listen(SPEECH)
        conversation.moderator.push(SoftEnd(time.monotonic(), time.monotonic()))
        await asyncio.sleep(0.05)
        conversation.moderator.push(Dropped(time.monotonic()))

    model = Acting()
    Stage(llm=model).run(script)
    assert model.done == []


def test_goodbye_ends_the_conversation():
    async def script(stage):
        await stage.ask(soft=True)
        await asyncio.sleep(30)

    model = Acting()
    Stage(llm=model).run(script)
    assert model.done == [True]


class Ringing(Acting):
    """Announces something once."""

    async def complete(self, messages):
        yield "Done and gone, goodbye."

    async def announcements(self):
        yield "Your tea timer is done."
        await asyncio.sleep(30)


def test_announcement_is_a_turn_without_a_question():
    async def script(stage):
        await asyncio.sleep(30)

    (turn,) = Stage(llm=Ringing(), turns=1).run(script).turns
    assert (turn.transcript, turn.heard) == ("", "Your tea timer is done.")


def test_alarm_that_was_spoken_over_rings_again():
    async def script(stage):
        await stage.until(State.THINKING)
        stage.conversation.say("hello")
        await asyncio.sleep(30)

    stage = Stage(llm=Ringing(), turns=3, tts={"ttfb": 0.1, "speed": 0.0}).run(script)
    assert [turn.heard for turn in stage.turns] == ["", "Done and gone, goodbye.", "Your tea timer is done."]


def test_typing_takes_the_same_way():
    async def script(stage):
        stage.conversation.say("hello")

    (turn,) = Stage().run(script).turns
    assert (turn.transcript, turn.heard) == ("hello", "Fine, thank you.")


def test_lost_loudspeaker_ends_with_an_account():
    async def script(stage):
        await stage.ask()
        await stage.until(State.SPEAKING)
        stage.player._wakeup.lose("The loudspeaker went away.")
        await asyncio.sleep(30)

    stage = Stage(paced=True)
    with pytest.raises(DeviceLost):
        stage.run(script)
    assert len(stage.turns) == 1
    assert stage.conversation.over


def test_nothing_is_left_running():
    async def script(stage):
        await stage.ask(soft=True)
        await stage.conversation.quiet()

    async def hold():
        stage = Stage()
        async with stage.player:
            await stage.conversation.run(script(stage))
        await asyncio.sleep(0.01)
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert asyncio.run(hold()) == []


class Mumbling(SimulatedRecognizer):
    """Is not sure of what it heard."""

    async def transcribe(self, audio):
        async for transcript in super().transcribe(audio):
            yield replace(transcript, certain=False)


@pytest.mark.parametrize("soft", [True, False])
def test_what_may_be_misheard_asks_before_it_acts(soft):
    async def script(stage):
        await stage.ask(soft=soft)
        await stage.conversation.quiet()
        assert stage.conversation.pending == []
        await stage.ask(soft=soft)
        await stage.conversation.quiet()
        assert stage.conversation.pending == ["5 minute timer"]

    mumbling = Mumbling(
        SimulatedRecognizerOptions(delay=0.0, partial=None, texts=("set a five minute timer", "yes"))
    )
    stage = Stage(llm=Assistant(), asr=mumbling)
    stage.run(script)
    assert [turn.reply for turn in stage.turns] == [
        "Did you mean a 5 minute timer?",
        "I've set a 5 minute timer.",
    ]


@pytest.mark.parametrize(("said", "begun"), [("set a timer for", False), ("what time is it", True)])
def test_only_whole_words_are_answered_on_trust(said, begun):
    async def script(stage):
        stage.conversation.moderator.push(SpeechStarted(time.monotonic()))
        stage.conversation.moderator.listen(SPEECH)
        stage.conversation.moderator.push(SoftEnd(time.monotonic(), time.monotonic()))
        await asyncio.sleep(0.05)
        assert stage.conversation.moderator.words.text == said
        stage.conversation.moderator.push(Dropped(time.monotonic()))

    model = Counting()
    Stage(llm=model, asr={"delay": 0.0, "partial": None, "texts": (said,)}).run(script)
    assert model.asked == begun


class Counting(Acting):
    """Counts what it is asked."""

    asked = 0

    async def complete(self, messages):
        self.asked += 1
        yield "Fine."
