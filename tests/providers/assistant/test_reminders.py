from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.timers import Timers

SET = {
    "set a timer for five minutes": ("I've set a 5 minute timer.", 300),
    "set a timer for one hour and thirty minutes": ("I've set a 1 hour and 30 minute timer.", 5400),
    "a 10 second timer called tea": ("I've set a tea timer for 10 seconds.", 10),
    "set a tea timer for 3 minutes": ("I've set a tea timer for 3 minutes.", 180),
    "set a timer for the eggs for 10 minutes": ("I've set an eggs timer for 10 minutes.", 600),
    "set a timer for 30 seconds called eggs": ("I've set an eggs timer for 30 seconds.", 30),
    "could you set me an eight minute timer please": ("I've set an 8 minute timer.", 480),
    "timer 10 minutes": ("I've set a 10 minute timer.", 600),
    "half hour timer": ("I've set a 30 minute timer.", 1800),
    "set timer five minutes": ("I've set a 5 minute timer.", 300),
    "start a countdown from 30 seconds": ("I've set a 30 second timer.", 30),
    "set a second timer for 5 minutes": ("I've set a 5 minute timer.", 300),
    "set an alarm for 7 30 am": ("Your alarm is set for 7:30 AM tomorrow.", 56700),
    "wake me at seven thirty p m": ("Your alarm is set for 7:30 PM.", 13500),
    "set an alarm for noon tomorrow": ("Your alarm is set for 12:00 PM tomorrow.", 72900),
    "wake me up tomorrow morning at six": ("Your alarm is set for 6:00 AM tomorrow.", 51300),
    "set an alarm for 6 am on monday": ("Your alarm is set for 6:00 AM on Monday.", 224100),
    "wake me in twenty minutes": ("I've set a 20 minute timer.", 1200),
    "set a timer for 7 pm": ("Your alarm is set for 7:00 PM.", 11700),
    "remind me in ten minutes to call mom": ("I'll remind you to call mom in 10 minutes.", 600),
    "remind me to take my pills at 9 pm": ("I'll remind you to take your pills at 9:00 PM.", 18900),
    "remind me at noon to leave": ("I'll remind you to leave at 12:00 PM tomorrow.", 72900),
}


@pytest.mark.parametrize("said", SET)
def test_timers_are_set(said: str, ask: Callable[..., Reply]) -> None:
    timers = Timers()
    reply = ask(said, timers=timers, clock=1000.0)
    text, seconds = SET[said]
    assert reply.text == text
    assert [round(timer.due - 1000.0) for timer in timers.running] == [seconds]


NOT_SET = {
    "set a timer": "How long should the timer be?",
    "set a pasta timer": "How long should the pasta timer be?",
    "set a timer four five minutes": "How long should the timer be?",
    "set a timer for ten": "Do you mean 10 minutes?",
    "set a timer for zero seconds": "A timer needs at least one second.",
    "set a timer for 300 hours": "That is too long for a timer: it only runs as long as this "
    "conversation does.",
    "wake me up at seven": "Do you mean 7:00 AM or 7:00 PM?",
    "set an alarm": "For what time?",
    "set an alarm for blue": "I didn't get the time. For what time?",
    "remind me to call mom": "When should I remind you to call mom?",
    "five minutes": "Do you want a timer for 5 minutes?",
    "pause the timer": "I can't change a timer. I can cancel it and set another one.",
    "how long does a 5 minute timer take": "",
}


@pytest.mark.parametrize("said", NOT_SET)
def test_unclear_timers_are_asked_for(said: str, ask: Callable[..., Reply]) -> None:
    timers = Timers()
    reply = ask(said, timers=timers)
    assert not NOT_SET[said] or reply.text == NOT_SET[said]
    assert timers.running == []


@pytest.mark.parametrize(
    ("lines", "label"),
    [
        (("set a timer", "five minutes"), "5 minute timer"),
        (("set a pasta timer", "for 8 minutes please"), "pasta timer"),
        (("set a timer for ten", "yes"), "10 minute timer"),
        (("five minutes", "yes please"), "5 minute timer"),
        (("wake me up at seven", "in the morning"), "7:00 AM alarm"),
        (("wake me up at seven", "p m"), "7:00 PM alarm"),
        (("set an alarm", "eight thirty pm"), "8:30 PM alarm"),
        (("remind me to call mom", "in ten minutes"), "reminder to call mom"),
        (("remind me to leave at five", "in the evening"), "reminder at 5:00 PM"),
    ],
)
def test_answers_complete_the_request(lines: tuple[str, ...], label: str, ask: Callable[..., Reply]) -> None:
    timers = Timers()
    ask(*lines, timers=timers)
    assert [timer.label for timer in timers.running] == [label]


@pytest.mark.parametrize("then", ["no", "never mind", "what time is it"])
def test_questions_can_be_dropped(then: str, ask: Callable[..., Reply]) -> None:
    timers = Timers()
    ask("five minutes", then, "yes", timers=timers)
    assert timers.running == []
