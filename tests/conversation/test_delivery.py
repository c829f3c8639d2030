""" "Louder" and "slower" are heard in the replies that follow."""

import asyncio
import time

import numpy as np
import pytest

from tests.conversation.test_supervisor import SPEECH, Stage
from voicecli.audio.block import Samples
from voicecli.audio.loudness import amplified
from voicecli.audio.player import AudioStreamPlayer
from voicecli.audio.speaker import FastSpeaker
from voicecli.conversation.answerer import Answerer, Engines
from voicecli.conversation.context import History
from voicecli.conversation.draft import ReplyOptions
from voicecli.conversation.moderator import ConversationOptions
from voicecli.conversation.supervisor import Conversation
from voicecli.conversation.turntaking import Dropped
from voicecli.providers.assistant import Assistant
from voicecli.providers.espeak import EspeakSynthesizer
from voicecli.providers.simulated import SimulatedSynthesizer
from voicecli.reply.utterer import UttererOptions
from voicecli.speech.endpoint import SoftEnd
from voicecli.speech.gate import SpeechStarted

QUESTION = "who are you"  # is always answered in the same words


class Kept:
    """A loudspeaker's other end, which keeps the reply that sounds."""

    def __init__(self) -> None:
        self.blocks: list[Samples] = []

    def write(self, samples: Samples) -> None:
        self.blocks.append(samples.copy())

    def close(self) -> None:
        pass

    def take(self) -> Samples:
        sound = np.concatenate(self.blocks)
        self.blocks.clear()
        (sounding,) = np.nonzero(np.abs(sound) > 1e-4)
        return sound[sounding[0] : sounding[-1] + 1]


def replies(*lines: str, tts: EspeakSynthesizer | SimulatedSynthesizer | None = None) -> list[Samples]:
    """What is heard of the bundled assistant and voice after each line."""
    sink = Kept()
    heard: list[Samples] = []

    async def hold() -> None:
        engines = Engines(Assistant(), tts or EspeakSynthesizer())
        async with (
            engines.llm,
            engines.tts,
            AudioStreamPlayer(FastSpeaker("fast", sink, 22_050)) as player,
        ):
            conversation = Conversation(
                Answerer(
                    engines,
                    player,
                    lambda _: None,
                    history=History(),
                    reply=ReplyOptions(),
                    utterer=UttererOptions(),
                    budgets={},
                ),
                ConversationOptions(),
            )

            async def type_all() -> None:
                for line in lines:
                    conversation.say(line)
                    await conversation.quiet()
                    heard.append(sink.take())

            await asyncio.wait_for(conversation.run(type_all()), 60)

    asyncio.run(hold())
    return heard


def rms(sound: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(sound, dtype=float))))


def decibels(sound: Samples, before: Samples) -> float:
    return 20 * float(np.log10(rms(sound) / rms(before)))


@pytest.mark.parametrize(
    ("said", "gain"), [("louder", 4), ("much louder", 6), ("a bit quieter", -2), ("much softer", -6)]
)
def test_the_next_reply_is_louder_by_the_step(said: str, gain: float) -> None:
    before, _, after, _, again = replies(QUESTION, said, QUESTION, "normal volume", QUESTION)
    assert decibels(after, before) == pytest.approx(gain, abs=0.3)
    assert np.abs(after).max() <= 1.0
    assert decibels(again, before) == pytest.approx(0, abs=0.1)


def test_the_answer_is_the_first_in_the_new_voice() -> None:
    _, louder, _, quieter, _ = replies("hello", "louder", "hello", "softer", "hello")
    (plain,) = replies("hello")
    assert decibels(louder, plain) > decibels(quieter, plain) + 2


@pytest.mark.parametrize(("said", "speed"), [("slower", 0.8), ("much faster", 1.5)])
def test_the_next_reply_lasts_as_much_longer(said: str, speed: float) -> None:
    before, _, after, _, again = replies(QUESTION, said, QUESTION, "normal speed", QUESTION)
    assert len(after) / len(before) == pytest.approx(1 / speed, rel=0.1)
    assert len(again) == pytest.approx(len(before), rel=0.02)


def test_a_voice_without_speeds_is_no_slower() -> None:
    before, _, after = replies(QUESTION, "slower", QUESTION, tts=SimulatedSynthesizer())
    assert len(before) == len(after)


def test_what_was_never_certain_changes_nothing() -> None:
    async def script(stage: Stage) -> None:
        stage.conversation.moderator.push(SpeechStarted(0.0))
        stage.conversation.moderator.listen(SPEECH)
        stage.conversation.moderator.push(SoftEnd(0.5, 0.5))
        await asyncio.sleep(0.05)
        stage.conversation.moderator.push(Dropped(time.monotonic()))

    model = Assistant()
    Stage(llm=model, asr={"delay": 0.0, "partial": None, "texts": ("louder",)}).run(script)
    assert model.delivery is not None
    assert model.delivery.gain == 0


def test_nothing_leaves_full_scale() -> None:
    tone = np.linspace(-0.99, 0.99, 1999, dtype=np.float32)
    louder = amplified(tone, 6.0)
    assert np.abs(louder).max() <= 1.0
    assert (np.diff(louder) >= 0).all()
    assert louder[np.abs(tone) < 0.39] == pytest.approx(tone[np.abs(tone) < 0.39] * 10**0.3, rel=1e-5)
    assert amplified(tone, 0.0) is tone
