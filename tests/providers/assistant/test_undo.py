"""The last thing that was set or cancelled is taken back."""

from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.timers import Timers

TEA = "set a tea timer for three minutes"


@pytest.mark.parametrize(
    ("lines", "text", "left"),
    [
        (("wake me at 7 am", "cancel that"), "I've cancelled the 7:00 AM alarm.", []),
        (("wake me at 7 am", "no, undo that please"), "I've cancelled the 7:00 AM alarm.", []),
        ((TEA, "thanks", "forget it"), "I've cancelled the tea timer.", []),
        (("remind me in 5 minutes to stretch", "cancel"), "I've cancelled the reminder to stretch.", []),
        (("wake me at 7", "in the morning", "scrap that"), "I've cancelled the 7:00 AM alarm.", []),
        ((TEA, "cancel the timer", "undo"), "The tea timer is set again.", ["tea timer"]),
        (
            (TEA, "wake me at 7 am", "cancel that", "how much longer"),
            "Your tea timer has 3 minutes left.",
            ["tea timer"],
        ),
        ((TEA, TEA, "cancel all timers", "take that back"), "2 timers are set again.", ["tea timer"] * 2),
        ((TEA, "undo", "undo"), "Okay.", []),
        ((TEA, "what is two plus two", "cancel that"), "Okay.", ["tea timer"]),
        (("cancel that",), "Okay.", []),
    ],
)
def test_undone(lines: tuple[str, ...], text: str, left: list[str], ask: Callable[..., Reply]) -> None:
    timers = Timers()
    assert ask(*lines, timers=timers).text == text
    assert [timer.label for timer in timers.running] == left


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("goodbye",), "Goodbye."),
        ((TEA, "goodbye"), "Goodbye. The tea timer won't ring any more."),
        (
            (TEA, "wake me at 7 am", "good night"),
            "Good night. The tea timer and 7:00 AM alarm won't ring any more.",
        ),
    ],
)
def test_goodbye_tells_what_is_lost(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    reply = ask(*lines)
    assert (reply.text, reply.goodbye) == (text, True)
