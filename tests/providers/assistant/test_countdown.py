from collections.abc import Callable
from datetime import datetime

import pytest

from voicecli.providers.assistant.dialogue import Reply

ANSWERS = {
    "how many days until christmas": "It's 34 days until Christmas.",
    "how many days until june third": "It's 194 days until June 3rd.",
    "how many days until december 25th 2026": "It's 399 days until December 25th, 2026.",
    "how many weeks until christmas": "It's 4 weeks and 6 days until Christmas.",
    "how many hours until christmas": "It's 800 hours until Christmas begins.",
    "how many months until christmas": "It's 1 month and 4 days until Christmas.",
    "how many days until tomorrow": "It's 1 day until tomorrow.",
    "how many days until friday": "Friday is today.",
    "how many sleeps till christmas": "It's 34 sleeps until Christmas.",
    "how long until five pm": "It's 1 hour and 15 minutes until 5:00 PM.",
    "how long until 5": "It's 1 hour and 15 minutes until 5:00 PM.",
    "how long until three": "It's 11 hours and 15 minutes until 3:00 AM.",
    "how many minutes until noon": "It's 1,215 minutes until 12:00 PM.",
    "how long until 5 pm tomorrow": "It's 1 day, 1 hour and 15 minutes until 5:00 PM tomorrow.",
    "how many days since january first": "January 1st was 324 days ago.",
    "how long ago was christmas": "Christmas was 331 days ago.",
    "how many days between march 1 and april 5": "There are 35 days from March 1st to April 5th.",
    "how many days between november 1 and december 25": (
        "There are 54 days from November 1st to December 25th."
    ),
    "how long until the weekend": "It's 1 day until Saturday.",
    "how many days until december": "It's 10 days until December 1st.",
    "how many hours between 9 am and 5 pm": "From 9:00 AM to 5:00 PM it's 8 hours.",
    "days until halloween": "It's 344 days until Halloween.",
    "how many days until february 30th": "February has no 30th.",
    "how many days until my birthday": (
        "I don't know when that is: my birthday. Say a date, such as December 25th."
    ),
}


@pytest.mark.parametrize("said", ANSWERS)
def test_countdowns_are_answered(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert (reply.intent, reply.text) == ("countdown", ANSWERS[said])


def test_another_day_follows(ask: Callable[..., Reply]) -> None:
    assert (
        ask("how many days until christmas", "what about easter").text == "It's 135 days until Easter Sunday."
    )


def test_the_day_itself_is_today(ask: Callable[..., Reply], now: datetime) -> None:
    christmas = now.replace(month=12, day=25)
    assert ask("how many days until christmas", now=christmas).text == "Christmas is today."


def test_ways_are_no_countdowns(ask: Callable[..., Reply]) -> None:
    assert ask("how long to paris").intent != "countdown"
