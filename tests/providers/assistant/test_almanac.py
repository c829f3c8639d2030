from collections.abc import Callable

import pytest

from voicecli.providers.assistant.dialogue import Reply

ANSWERS = {
    "what day is it": "It's Friday, November 21st, 2025.",
    "what is the date": "It's Friday, November 21st, 2025.",
    "what's today's date": "It's Friday, November 21st, 2025.",
    "what day of the week is it": "It's Friday, November 21st, 2025.",
    "what day is it tomorrow": "Tomorrow is Saturday, November 22nd, 2025.",
    "what day was yesterday": "Yesterday was Thursday, November 20th, 2025.",
    "what is tomorrow's date": "Tomorrow is Saturday, November 22nd, 2025.",
    "what is the date in tokyo": "In Tokyo, it's Friday, November 21st, 2025.",
    "what's today's date in sydney": "In Sydney, Australia, it's Saturday, November 22nd, 2025.",
    "what day of the week is december 25th": "December 25th is a Thursday.",
    "what day of the week was july 20, 1969": "July 20th, 1969, was a Sunday.",
    "what day was july twentieth nineteen sixty nine": "July 20th, 1969, was a Sunday.",
    "what day is march third": "March 3rd, 2026, is a Tuesday.",
    "what day is christmas": "Christmas is on Thursday, December 25th, 2025.",
    "when is easter": "Easter Sunday is April 5th, 2026.",
    "when is thanksgiving": "Thanksgiving in the United States is on Thursday, November 27th, 2025.",
    "what day is february 30th": "February has no 30th.",
    "what day is february 29th 2027": "February has no 29th in 2027.",
    "when is next friday": "Next Friday is November 28th, 2025.",
    "what's the date next monday": "Next Monday is November 24th, 2025.",
    "what's the date in three weeks": "In 3 weeks it is Friday, December 12th, 2025.",
    "what is the date 10 days from now": "10 days from now it is Monday, December 1st, 2025.",
    "what was the date two weeks ago": "2 weeks ago, it was Friday, November 7th, 2025.",
    "what day is the 25th": "November 25th is a Tuesday.",
    "the twenty fifth": "November 25th is a Tuesday.",
    "what year is it": "It's 2025.",
    "what month is it": "It's November.",
    "what week is it": "It's week 47 of 2025.",
    "how many days are in february": "February has 28 days, and 29 in a leap year.",
    "how many days are in february 2028": "February has 29 days.",
    "how many days in march": "March has 31 days.",
    "is 2028 a leap year": "Yes, 2028 is a leap year.",
    "is it a leap year": "No, 2025 is not a leap year.",
    "is 1900 a leap year": "No, 1900 is not a leap year.",
    "is it friday": "Yes, it's Friday.",
    "is it the weekend": "No, it's Friday.",
    "what's today": "It's Friday, November 21st, 2025.",
    "what is the day after tomorrow": "The day after tomorrow is Sunday, November 23rd, 2025.",
    "is it morning": "No, it's 3:45 PM.",
}


@pytest.mark.parametrize("said", ANSWERS)
def test_dates_are_answered(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert (reply.intent in ("date", "weekend"), reply.text) == (True, ANSWERS[said])


def test_ambiguous_weekday_names_both(ask: Callable[..., Reply]) -> None:
    assert (
        ask("when is next saturday").text
        == "This Saturday is November 22nd, and Saturday next week is November 29th."
    )


def test_tomorrow_follows(ask: Callable[..., Reply]) -> None:
    assert (
        ask("what day is it", "and what about tomorrow").text == "Tomorrow is Saturday, November 22nd, 2025."
    )
