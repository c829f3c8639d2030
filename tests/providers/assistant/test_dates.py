from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.assistant.dates import MONTHS, day
from voicecli.providers.assistant.dialogue import Excuse
from voicecli.providers.assistant.numbers import suffixed

TODAY = date(2025, 11, 21)  # a Friday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("today", date(2025, 11, 21)),
        ("the day after tomorrow", date(2025, 11, 23)),
        ("friday", date(2025, 11, 21)),
        ("on monday", date(2025, 11, 24)),
        ("last monday", date(2025, 11, 17)),
        ("in 2 weeks", date(2025, 12, 5)),
        ("3 days ago", date(2025, 11, 18)),
        ("a week from monday", date(2025, 12, 1)),
        ("in 3 months", date(2026, 2, 21)),
        ("in a year", date(2026, 11, 21)),
        ("4th of july", date(2026, 7, 4)),
        ("fourth of july", date(2026, 7, 4)),
        ("july 4 2030", date(2030, 7, 4)),
        ("july 4th 20 30", date(2030, 7, 4)),
        ("dec 25", date(2025, 12, 25)),
        ("february 29th", date(2028, 2, 29)),
        ("new years eve", date(2025, 12, 31)),
        ("new years eve 1999", date(1999, 12, 31)),
        ("good friday", date(2026, 4, 3)),
        ("labor day", date(2026, 9, 7)),
        ("memorial day", date(2026, 5, 25)),
        ("black friday", date(2025, 11, 28)),
        ("christmas next year", date(2026, 12, 25)),
        ("the 31st", date(2025, 12, 31)),
    ],
)
def test_days_are_found(text: str, expected: date) -> None:
    found = day(text, TODAY)
    assert found is not None
    assert found.when == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "25", "the", "of", "may", "100th", "december", "monday tuesday", "99"]
)
def test_other_words_are_no_days(text: str) -> None:
    assert day(text, TODAY) is None


@pytest.mark.parametrize("text", ["february 30th", "june 31st", "in 99999999 days", "in 99999 years"])
def test_impossible_days_say_so(text: str) -> None:
    with pytest.raises(Excuse):
        day(text, TODAY)


@given(st.dates(date(1583, 1, 1), date(9999, 12, 31)))
def test_every_written_day_is_found(when: date) -> None:
    found = day(f"{MONTHS[when.month - 1]} {suffixed(when.day)} {when.year}", TODAY)
    assert found is not None
    assert found.when == when


@given(st.dates(date(1583, 1, 1), date(9990, 12, 31)), st.dates(date(1600, 1, 1), date(2400, 12, 31)))
def test_yearless_days_come_next(today: date, when: date) -> None:
    found = day(f"{MONTHS[when.month - 1]} {when.day}", today)
    assert found is not None
    assert found.when >= today
    assert (found.when.month, found.when.day) == (when.month, when.day)


@pytest.mark.parametrize(
    ("year", "month", "number"),
    [(1961, 4, 2), (2000, 4, 23), (2024, 3, 31), (2025, 4, 20), (2038, 4, 25), (2285, 3, 22)],
)
def test_easter_falls_right(year: int, month: int, number: int) -> None:
    found = day(f"easter {year}", TODAY)
    assert found is not None
    assert found.when == date(year, month, number)
