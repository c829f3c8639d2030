""" "Louder", "a bit slower": what is understood, what is said back, and what is done."""

from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.delivery import GAINS, Delivery
from voicecli.providers.espeak import EspeakOptions, EspeakSynthesizer
from voicecli.providers.simulated import SimulatedSynthesizer

GAIN = {
    "Louder!": 4,
    "Could you please speak a bit louder?": 2,
    "much louder": 6,
    "speak up": 4,
    "Speak up a little, please.": 2,
    "turn up the volume": 4,
    "turn it down": -4,
    "I can't hear you": 4,
    "quieter": -4,
    "softer please": -4,
    "talk more softly": -4,
    "you're too loud": -4,
}
SPEED = {
    "slower": 1 / 1.25,
    "a bit slower": 1 / 1.1,
    "can you slow down": 1 / 1.25,
    "don't speak so fast": 1 / 1.25,
    "faster": 1.25,
    "speak a lot faster": 1.5,
    "speed up a bit": 1.1,
    "you are too slow": 1.25,
}


@pytest.fixture
def delivery() -> Delivery:
    return Delivery(EspeakSynthesizer())


@pytest.mark.parametrize("said", GAIN)
def test_volume(said: str, delivery: Delivery, ask: Callable[..., Reply]) -> None:
    reply = ask(said, delivery=delivery)
    assert (reply.intent, delivery.gain, delivery.speed) == ("loudness", GAIN[said], 1.0)
    assert reply.text.startswith("Okay, louder." if delivery.gain > 0 else "Okay, quieter.")


@pytest.mark.parametrize("said", SPEED)
def test_speed(said: str, delivery: Delivery, ask: Callable[..., Reply]) -> None:
    reply = ask(said, delivery=delivery)
    assert (reply.intent, delivery.gain, delivery.speed) == ("speed", 0.0, SPEED[said])
    assert reply.text == ("Okay, faster." if SPEED[said] > 1 else "Okay, slower.")


@pytest.mark.parametrize(
    ("said", "reached", "beyond"),
    [
        ("louder", "Okay, louder. That is as loud as I can speak.", "I can't speak any louder."),
        ("softer", "Okay, quieter. That is as quietly as I can speak.", "I can't speak any quieter."),
        ("slower", "Okay, slower. That is as slowly as I can speak.", "I can't speak any slower."),
        ("faster", "Okay, faster. That is as fast as I can speak.", "I can't speak any faster."),
    ],
)
def test_limits_are_told(
    said: str, reached: str, beyond: str, delivery: Delivery, ask: Callable[..., Reply]
) -> None:
    texts = [ask(said, delivery=delivery).text for _ in range(6)]
    assert reached in texts
    assert texts[texts.index(reached) + 1 :] == [beyond] * (5 - texts.index(reached))
    assert (delivery.gain in GAINS) or (delivery.speed in delivery.speeds)


def test_normal_is_what_the_settings_say(ask: Callable[..., Reply]) -> None:
    delivery = Delivery(EspeakSynthesizer(EspeakOptions(speed=1.5)))
    ask("louder and slower", delivery=delivery)
    assert (delivery.gain, delivery.speed) == (4.0, pytest.approx(1.2))
    assert ask("normal volume", delivery=delivery).text == "Okay, my normal volume."
    assert (delivery.gain, delivery.speed) == (0.0, pytest.approx(1.2))
    assert ask("back to normal speed", delivery=delivery).text == "Okay, my normal speed."
    assert delivery.speed == 1.5
    ask("quieter", "faster", "speak normally", delivery=delivery)
    assert (delivery.gain, delivery.speed) == (0.0, 1.5)


def test_a_voice_without_speeds_says_so(ask: Callable[..., Reply]) -> None:
    delivery = Delivery(SimulatedSynthesizer())
    for said in ("slower", "normal speed"):
        reply = ask(said, delivery=delivery)
        assert (reply.text, reply.actions) == ("This voice cannot change its speed.", ())
    assert ask("louder", delivery=delivery).text == "Okay, louder."


def test_without_a_conversation_nothing_changes(ask: Callable[..., Reply]) -> None:
    for said in ("louder", "normal volume"):
        reply = ask(said)
        assert (reply.text, reply.actions) == ("I can't change my voice here.", ())
