from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from voicecli.providers.assistant.dialogue import Reply
from voicecli.providers.assistant.timezones import famous, find, places

ANSWERS = {
    "what time is it": ("time", "It's 3:45 PM."),
    "whats the time": ("time", "It's 3:45 PM."),
    "time": ("time", "It's 3:45 PM."),
    "what times is it": ("time", "It's 3:45 PM."),
    "do you have the time": ("time", "It's 3:45 PM."),
    "hey um could you tell me what time it is please": ("time", "It's 3:45 PM."),
    "what time is it in new york": ("time", "It's 9:45 AM in New York."),
    "what's the time in tokyo": ("time", "It's 11:45 PM in Tokyo."),
    "what is the time tokyo": ("time", "It's 11:45 PM in Tokyo."),
    "tokyo time": ("time", "It's 11:45 PM in Tokyo."),
    "what time is it in sydney": ("time", "It's 1:45 AM on Saturday in Sydney, Australia."),
    "what time is it right now in london england": ("time", "It's 2:45 PM in London."),
    "what time is it in springfield illinois": ("time", "It's 8:45 AM in Springfield, Illinois."),
    "what time is it in portland maine": ("time", "It's 9:45 AM in Portland, Maine."),
    "what time is it in portland": ("time", "It's 6:45 AM in Portland, Oregon."),
    "what time is it in the netherlands": ("time", "It's 3:45 PM in the Netherlands."),
    "what is the time in texas": ("time", "It's 8:45 AM in most of Texas."),
    "what time is it in mumbai": ("time", "It's 8:15 PM in Mumbai."),
    "what time is it in georgia": (
        "time",
        "Georgia can mean several time zones. Which city: Atlanta or Tbilisi, for example?",
    ),
    "what time is it in blergistan": (
        "time",
        "I don't know the time zone of Blergistan. Try the nearest large city.",
    ),
    "what time is it in london when it is 3 pm in new york": (
        "time",
        "When it's 3:00 PM in New York, it's 8:00 PM in London.",
    ),
    "when it is 8 pm in new york what time is it in tokyo": (
        "time",
        "When it's 8:00 PM in New York, it's 10:00 AM the next day in Tokyo.",
    ),
    "what time is it in london when it is 3 in new york": (
        "time",
        "When it's 3:00 AM in New York, it's 8:00 AM in London. "
        "When it's 3:00 PM in New York, it's 8:00 PM in London.",
    ),
    "what time will it be in three hours": ("time", "In 3 hours it will be 6:45 PM."),
    "what time will it be in half an hour": ("time", "In 30 minutes it will be 4:15 PM."),
    "what time was it ten hours ago": ("time", "10 hours ago it was 5:45 AM."),
    "what time is it twelve hours from now": ("time", "In 12 hours it will be 3:45 AM on Saturday."),
    "what is the time and date": ("time", "It's 3:45 PM on Friday, November 21st, 2025."),
    "tell me the time in new york and in london": (
        "time",
        "It's 9:45 AM in New York. It's 2:45 PM in London.",
    ),
    "i said what time is it": ("time", "It's 3:45 PM."),
    "what's the time difference": ("difference", "The time difference between which places?"),
    "what's the time difference between tokyo and london": (
        "difference",
        "Tokyo is 9 hours ahead of London.",
    ),
    "time difference between london and mumbai": (
        "difference",
        "London is 5 hours and 30 minutes behind Mumbai.",
    ),
    "what's the time difference between paris and rome": (
        "difference",
        "It's the same time in Paris as in Rome.",
    ),
    "what's the time difference with new york": ("difference", "New York is 6 hours behind you."),
    "how many hours ahead is tokyo": ("difference", "Tokyo is 8 hours ahead of you."),
    "what time zone is paris in": ("difference", "Paris is 1 hour ahead of coordinated universal time."),
    "what time zone am i in": ("difference", "You are 1 hour ahead of coordinated universal time."),
}


@pytest.mark.parametrize("said", ANSWERS)
def test_times_are_answered(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert (reply.intent, reply.text) == ANSWERS[said]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("what time is it", "and in paris"), "It's 3:45 PM in Paris."),
        (("what time is it in paris", "and in tokyo", "what about new york"), "It's 9:45 AM in New York."),
        (("what time is it in australia", "perth"), "It's 10:45 PM in Perth, Australia."),
        (
            ("what is the date in paris", "and in sydney"),
            "In Sydney, Australia, it's Saturday, November 22nd, 2025.",
        ),
    ],
)
def test_times_elsewhere_go_on(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text


@pytest.mark.parametrize("said", ["what time does the store close", "what is the best time to visit paris"])
def test_other_times_are_not_the_clock(said: str, ask: Callable[..., Reply]) -> None:
    assert ask(said).intent == "fallback"


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [(0, 5, "12:05 AM"), (11, 59, "11:59 AM"), (12, 0, "12:00 PM"), (23, 1, "11:01 PM")],
)
def test_twelve_hour_clock(hour: int, minute: int, text: str, ask: Callable[..., Reply]) -> None:
    now = datetime(2026, 7, 1, hour, minute, tzinfo=ZoneInfo("America/New_York"))
    assert ask("what time is it", now=now).text == f"It's {text}."


def test_summer_time_is_kept(ask: Callable[..., Reply]) -> None:
    july = datetime(2026, 7, 1, 12, 0, tzinfo=ZoneInfo("UTC"))
    assert ask("what time is it in london", now=july).text == "It's 1:00 PM in London."
    assert ask("what time is it in phoenix", now=july).text == "It's 5:00 AM in Phoenix."


def test_every_zone_exists() -> None:
    assert all(ZoneInfo(place.zone) for place in places().values() if place.zone)


def test_examples_are_places() -> None:
    for place in places().values():
        assert place.zone or place.examples
        for example in place.examples:
            found = find(example.lower())
            assert found is not None
            assert found.zone


def test_famous_names_are_places() -> None:
    assert len(famous()) > 200
    assert set(famous()) <= set(places())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("paris", "Paris"),
        ("paris france", "Paris"),
        ("the netherlands", "the Netherlands"),
        ("netherlands", "the Netherlands"),
        ("toronto canada", "Toronto"),
        ("birmingham alabama", "Birmingham, Alabama"),
        ("usa", "the United States"),
        ("nyc", "New York"),
    ],
)
def test_names_are_found(text: str, name: str) -> None:
    place = find(text)
    assert place is not None
    assert place.name == name


@pytest.mark.parametrize("text", ["", "nowhere", "what is the best time to visit paris", "me"])
def test_other_words_are_no_places(text: str) -> None:
    assert find(text) is None
