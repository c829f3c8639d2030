"""The moderator under random sequences of what ears, keys and timers may do, with simulated engines."""

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conversation.test_supervisor import SPEECH, Stage, ended
from voicecli.audio.player import AudioStreamPlayer
from voicecli.conversation import events
from voicecli.conversation.turntaking import Announced, Dropped, Floor, Interrupted, State, Voiced
from voicecli.errors import TurnError
from voicecli.latency.timeline import Span
from voicecli.providers.simulated import SimulatedRecognizer, SimulatedRecognizerOptions
from voicecli.speech.endpoint import SoftEnd
from voicecli.speech.gate import SpeechStarted, SpeechStopped


class Counted(AudioStreamPlayer):
    """Counts the replies that were put into the air."""

    begun = 0

    def begin(self):
        self.begun += 1
        super().begin()


def speak(stage):
    stage.conversation.moderator.push(SpeechStarted(time.monotonic()))
    stage.conversation.moderator.listen(SPEECH)


def pause(stage):
    now = time.monotonic()
    stage.conversation.moderator.push(SpeechStopped(now))
    stage.conversation.moderator.push(SoftEnd(now, now))


def announce(stage):
    if not stage.conversation.floor.busy and stage.conversation.floor.state is State.LISTENING:
        stage.conversation.moderator.push(Announced(time.monotonic(), "Your tea timer is done."))


def type_in(stage):
    if not stage.conversation.floor.in_utterance:
        stage.conversation.say("hello")


STEPS = {
    "speak": speak,
    "pause": pause,
    "end": lambda stage: stage.conversation.moderator.push(ended(time.monotonic())),
    "drop": lambda stage: stage.conversation.moderator.push(Dropped(time.monotonic())),
    "barge in": lambda stage: stage.conversation.moderator.push(Interrupted(time.monotonic())),
    "stop": lambda stage: stage.conversation.stop(),
    "press": lambda stage: stage.conversation.stop(drop=False),
    "announce": announce,
    "type": type_in,
    "wait a step": None,
    "wait": None,
}
FAILING = [
    {},
    {"asr": {"delay": 0.0, "partial": None, "fail": "down", "fail_on": (2, 3)}},
    {
        "model": {
            "ttft": 0.0,
            "tokens_per_second": 0.0,
            "texts": ("Fine.",),
            "fail": "refuse",
            "fail_on": (1, 4),
        }
    },
    {"tts": {"ttfb": 0.001, "speed": 0.0, "fail": "drop", "fail_on": (2,)}},
]


def walk(names, **engines):
    """Do so and wait until all is quiet; returns the stage and what is left running."""

    async def script(stage):
        for name in names:
            if name == "wait a step":
                await asyncio.sleep(0)
            elif name == "wait":
                await asyncio.sleep(0.003)
            elif name != "barge in" or stage.conversation.floor.in_utterance:
                STEPS[name](stage)
        stage.conversation.moderator.push(Dropped(time.monotonic()))
        await stage.conversation.quiet()
        stage.floor = stage.conversation.floor

    async def hold():
        stage = Stage(player=Counted, **engines)
        async with stage.player:
            await asyncio.wait_for(stage.conversation.run(script(stage)), 20)
        return stage, asyncio.all_tasks() - {asyncio.current_task()}

    return asyncio.run(hold())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(list(STEPS)), max_size=25),
    st.sampled_from(FAILING),
)
def test_any_walk_comes_to_rest(names, engines):
    stage, left = walk(names, **engines)
    assert stage.floor == Floor()
    assert not left
    changes = [event for event in stage.told if isinstance(event, events.StateChanged)]
    assert all(one.after is two.before for one, two in pairwise(changes))
    numbers = [turn.turn for turn in stage.turns]
    assert numbers == sorted(set(numbers))
    # What was never certain is never heard, and no two sound at once.
    assert stage.player.begun == sum(change.after is State.SPEAKING for change in changes)
    assert all(turn.interrupted or turn.error or turn.heard == turn.reply for turn in stage.turns)
    for turn in stage.turns:
        assert turn.reply.startswith(turn.heard)


def test_what_cannot_happen_changes_nothing():
    async def script(stage):
        with pytest.raises(TurnError):
            stage.conversation.moderator.push(Voiced(time.monotonic()))
        assert stage.conversation.floor == Floor()

    assert Stage().run(script).told == []


def test_speech_before_the_last_was_understood_is_one_utterance_with_it():
    async def script(stage):
        conversation = stage.conversation
        await stage.ask()
        assert conversation.floor.state is State.PROCESSING
        speak(stage)
        conversation.moderator.push(Interrupted(time.monotonic()))
        assert conversation.floor.state is State.INTERRUPTED
        conversation.moderator.push(ended(time.monotonic()))
        await conversation.quiet()

    stage = Stage(asr={"delay": 0.05, "partial": None}).run(script)
    (turn,) = stage.turns
    assert (turn.turn, turn.interrupted) == (1, False)
    assert stage.states[:3] == [State.PROCESSING, State.INTERRUPTED, State.PROCESSING]


def test_late_words_of_an_answered_turn_are_nothing():
    async def script(stage):
        await stage.ask()
        await stage.until(State.THINKING)
        turn = stage.conversation.moderator.turn
        before = len(stage.told)
        stage.conversation.moderator._recognised(turn, turn.transcript)
        assert len(stage.told) == before

    Stage(model={"ttft": 0.05, "texts": ("Fine.",)}).run(script)


def test_recognition_that_failed_on_trust_gets_a_second_chance():
    async def script(stage):
        await stage.ask(soft=True)
        await stage.conversation.quiet()

    stage = Stage(asr={"delay": 0.0, "partial": None, "fail": "down", "fail_on": (1,)}).run(script)
    assert [turn.reply for turn in stage.turns] == ["Fine, thank you."]
    assert not [event for event in stage.told if isinstance(event, events.ErrorRaised)]


def test_turn_that_is_stopped_while_it_is_recognised_keeps_its_number():
    async def script(stage):
        await stage.ask()
        assert stage.conversation.floor.state is State.PROCESSING
        stage.conversation.stop()
        await stage.ask()
        await stage.conversation.quiet()

    stage = Stage(asr={"delay": 0.05, "partial": None}).run(script)
    assert [(turn.turn, turn.interrupted) for turn in stage.turns] == [(1, True), (2, False)]


def test_end_of_speech_before_the_last_was_understood_is_one_utterance_with_it():
    async def script(stage):
        await stage.ask()
        await stage.ask()
        await stage.conversation.quiet()

    stage = Stage(asr={"delay": 0.05, "partial": None}).run(script)
    (turn,) = stage.turns
    assert turn.timeline.span(Span.ENDPOINT) is not None


class Ending(SimulatedRecognizer):
    """Understands nothing, and says how it was left."""

    def __init__(self):
        super().__init__(SimulatedRecognizerOptions(delay=0.0, partial=None, texts=("",)))
        self.left = []

    async def transcribe(self, audio):
        try:
            async for transcript in super().transcribe(audio):
                yield transcript
            await asyncio.sleep(0)
            self.left.append("at its end")
        except BaseException:
            self.left.append("before its end")
            raise


def test_recogniser_that_heard_no_words_is_left_in_peace():
    async def script(stage):
        await stage.ask()
        await stage.conversation.quiet()
        await asyncio.sleep(0.01)

    ending = Ending()
    Stage(asr=ending).run(script)
    assert ending.left == ["at its end"]
