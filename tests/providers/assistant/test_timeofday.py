from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.assistant.timeofday import TimeOfDay, moment, parse, spoken
from voicecli.providers.assistant.wording import hear


@pytest.mark.parametrize(
    ("text", "hour", "minute", "certain"),
    [
        ("seven thirty a m", 7, 30, True),
        ("7:30 p.m.", 19, 30, True),
        ("seven", 7, 0, False),
        ("seven oh five pm", 19, 5, True),
        ("seven o'clock in the morning", 7, 0, True),
        ("half past six in the evening", 18, 30, True),
        ("quarter to eight in the morning", 7, 45, True),
        ("ten past nine pm", 21, 10, True),
        ("quarter past seven", 7, 15, False),
        ("noon", 12, 0, True),
        ("twelve noon", 12, 0, True),
        ("midnight", 0, 0, True),
        ("twelve am", 0, 0, True),
        ("twelve pm", 12, 0, True),
        ("eleven at night", 23, 0, True),
        ("one at night", 1, 0, True),
        ("19:30", 19, 30, True),
        ("quarter to one am", 0, 45, True),
        ("quarter to one pm", 12, 45, True),
    ],
)
def test_times_are_read(text: str, hour: int, minute: int, certain: bool) -> None:
    assert parse(hear(text).text) == TimeOfDay(hour, minute, certain)


@pytest.mark.parametrize("text", ["", "25", "7 75", "half to 7", "soon", "61 past 7", "13 30 30"])
def test_other_words_are_no_times(text: str) -> None:
    assert parse(text) is None


@given(st.times())
def test_spoken_times_are_read_again(when: time) -> None:
    assert parse(hear(spoken(when)).text) == TimeOfDay(when.hour, when.minute)


def test_clock_change_is_allowed_for() -> None:
    evening = datetime(2026, 3, 28, 23, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert (
        moment(evening, TimeOfDay(7), 1).astimezone(ZoneInfo("UTC")) - evening
    ).total_seconds() == 7 * 3600
