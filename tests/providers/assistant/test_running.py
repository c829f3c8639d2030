from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply

ALIKE = ("set a five minute timer", "set a five minute timer", "cancel the timer")
TWO = ("set a tea timer for 3 minutes", "set a timer for ten minutes")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("how much time is left",), "No timer is running."),
        (("cancel the timer",), "No timer is running."),
        ((TWO[0], "how much time is left"), "Your tea timer has 3 minutes left."),
        ((*TWO, "how much time is left on the tea timer"), "Your tea timer has 3 minutes left."),
        (
            (*TWO, "what timers do i have"),
            "You have 2 timers: 3 minutes left on the tea timer and 10 minutes left on the 10 minute timer.",
        ),
        ((*TWO, "cancel the timer"), "Which one: the tea timer or the 10 minute timer?"),
        ((*TWO, "cancel the timer", "the tea one"), "I've cancelled the tea timer."),
        ((*TWO, "cancel the timer", "both"), "I've cancelled 2 timers."),
        ((*TWO, "cancel the ten minute timer"), "I've cancelled the 10 minute timer."),
        ((*TWO, "cancel all timers", "list my timers"), "No timer is running."),
        (
            (*TWO, "cancel the pasta timer"),
            "There is no pasta timer. Which one: the tea timer or the 10 minute timer?",
        ),
        (
            ("wake me at 8 pm", "what alarms do i have"),
            "Your 8:00 PM alarm is due in 4 hours and 15 minutes.",
        ),
        (
            ("remind me to call mom at 7 am", "what are my reminders"),
            "Your reminder at 7:00 AM is due tomorrow, in about 15 hours.",
        ),
        (
            ("remind me in 20 hours to call mom", "list my reminders"),
            "Your reminder to call mom is due in about 20 hours.",
        ),
        ((TWO[0], "what are my reminders"), "No reminder is running."),
        (
            ("wake me at 7 am", TWO[0], "what timers do i have"),
            "You have 2 timers: the 7:00 AM alarm tomorrow, in about 15 hours"
            " and 3 minutes left on the tea timer.",
        ),
        (("wake me at 8 pm", "cancel the timer"), "There is no timer. Only the 8:00 PM alarm is running."),
        (("wake me at 8 pm", "cancel my alarm"), "I've cancelled the 8:00 PM alarm."),
        (("wake me at 8 pm", TWO[0], "cancel the 8 pm alarm"), "I've cancelled the 8:00 PM alarm."),
    ],
)
def test_running_timers(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text
