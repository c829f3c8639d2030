"""What may be misheard asks before it acts: whole conversations in which some words are not certain."""

from collections.abc import Callable
from datetime import datetime

import pytest

from voicecli.providers.assistant.dialogue import Context, Reply
from voicecli.providers.assistant.intents import understand
from voicecli.providers.assistant.timers import Timers
from voicecli.providers.language_model import Message

TEA = "set a tea timer for three minutes"


def hear(now: datetime, timers: Timers, *lines: str) -> Reply:
    """Say one thing after the other, those with "?" behind them not clearly; each is acted on."""
    history: list[Message] = []
    reply = Reply("", "")
    for line in lines:
        said = Message("user", line.removesuffix("?"), certain=not line.endswith("?"))
        context = Context(now=now, history=tuple(history), timers=timers, certain=said.certain)
        reply = understand(said.content, context)
        for action in reply.actions:
            action.run()
        history += [said, Message("assistant", reply.text)]
    return reply


@pytest.mark.parametrize(
    ("lines", "text", "running"),
    [
        (("wake me up at two a m?",), "Did you mean an alarm for 2:00 AM tomorrow?", []),
        (("wake me up at two a m?", "no"), "Okay. Please say it again.", []),
        (("wake me up at two a m?", "yes"), "Your alarm is set for 2:00 AM tomorrow.", ["2:00 AM alarm"]),
        (("set a timer for one hour?", "yes please?"), "I've set a 1 hour timer.", ["1 hour timer"]),
        (
            ("wake me up at two a m?", "no", "wake me up at seven a m"),
            "Your alarm is set for 7:00 AM tomorrow.",
            ["7:00 AM alarm"],
        ),
        (("wake me up at two a m?", "what is two plus two"), "2 plus 2 is 4.", []),
        (("wake me up at two a m?", "what is two plus two", "yes"), "Yes? What can I do for you?", []),
        (("set a timer for five minutes?",) * 2, "I've set a 5 minute timer.", ["5 minute timer"]),
        (("wake me at seven?",), "Do you mean 7:00 AM or 7:00 PM?", []),
        (("wake me at seven?", "in the morning?"), "Did you mean an alarm for 7:00 AM tomorrow?", []),
        (
            ("wake me at seven?", "in the morning?", "yes"),
            "Your alarm is set for 7:00 AM tomorrow.",
            ["7:00 AM alarm"],
        ),
        ((TEA, "cancel the timer?"), "Did you mean to cancel the tea timer?", ["tea timer"]),
        ((TEA, "cancel the timer?", "yes"), "I've cancelled the tea timer.", []),
        ((TEA, "cancel that?", "yes"), "I've cancelled the tea timer.", []),
        (("remind me in an hour to call mom?",), "Did you mean a reminder to call mom in 1 hour?", []),
        (
            ("set a timer for five minutes and wake me at 8 pm?",),
            "Did you mean a 5 minute timer and an alarm for 8:00 PM?",
            [],
        ),
        (("what is two plus two?",), "2 plus 2 is 4.", []),
        (("cancel the timer?",), "No timer is running.", []),
    ],
)  # fmt: skip
def test_doubtful_requests(lines: tuple[str, ...], text: str, running: list[str], now: datetime) -> None:
    timers = Timers()
    assert hear(now, timers, *lines).text == text
    assert [timer.label for timer in timers.running] == running


def test_leaving_is_asked_about(now: datetime) -> None:
    reply = hear(now, Timers(), "goodbye?")
    assert (reply.text, reply.goodbye) == ("Did you mean goodbye?", False)
    assert hear(now, Timers(), "goodbye?", "yes").goodbye
    assert hear(now, Timers(), "goodbye").goodbye


def test_what_is_typed_is_not_asked_about(ask: Callable[..., Reply]) -> None:
    assert ask("wake me up at two a m").actions
