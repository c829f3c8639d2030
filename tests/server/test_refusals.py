"""What is written down about those who were sent away."""

from __future__ import annotations

import logging

import pytest

from tests.server.served import numbers
from voicecli.server.refusals import Reason, Refusals
from voicecli.telemetry.prometheus import Exposition


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_flood_of_refusals_is_counted_and_sampled(caplog: pytest.LogCaptureFixture):
    exposition, clock = Exposition(), Clock()
    refusals = Refusals(exposition, clock)
    caplog.set_level(logging.INFO)
    for _ in range(18_905):
        refusals.note(Reason.TOKEN, "203.0.113.7")
    refusals.note(Reason.SHARE, "203.0.113.7", "alice")
    clock.now += 10
    refusals.note(Reason.TOKEN, "203.0.113.7")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "203.0.113.7 was refused (token)."),
        ("WARNING", "203.0.113.7 was refused (share), with the token of alice."),
        (
            "WARNING",
            "203.0.113.7 was refused (token). So were 18904 more from there since the last line.",
        ),
    ]
    found = numbers(exposition.text().decode())
    assert found['voicecli_refused_total{reason="token"}'] == 18_906
    assert found['voicecli_refused_tokens_total{reason="share",token="alice"}'] == 1


def test_many_places_fill_no_disk_and_no_memory(caplog: pytest.LogCaptureFixture):
    refusals = Refusals(Exposition(), Clock())
    for number in range(5000):
        refusals.note(Reason.TOKEN, f"2001:db8:{number:x}::1")
    assert len(caplog.records) <= 50
    assert len(refusals._said) <= 1000


def test_peers_cannot_forge_lines(caplog: pytest.LogCaptureFixture):
    Refusals(Exposition(), Clock()).note(Reason.TOKEN, "evil\n\x1b[2Jok")
    assert caplog.records[0].getMessage() == r"evil\n\x1b[2Jok was refused (token)."
