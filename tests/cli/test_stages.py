"""Which step of the way to a server is the slow one."""

import pytest

from voicecli.cli.stages import journey_text, slow_part
from voicecli.providers.journey import Journey

FAST = {"dns": 0.001, "connect": 0.01, "tls": 0.02, "first_byte": 0.1}


def test_fast_server() -> None:
    journey = Journey(**FAST)
    assert slow_part(journey) == ""
    steps = "DNS 1 ms, connect 10 ms, TLS 20 ms, first byte 100 ms"
    assert journey_text(journey) == f"{steps} (most of it the server itself)"
    assert "most" not in journey_text(Journey(dns=0.001, connect=0.002, first_byte=0.003))


@pytest.mark.parametrize(
    ("step", "word"),
    [
        ("dns", "name"),
        ("connect", "the way to it"),
        ("tls", "encryption"),
        ("first_byte", "the server itself"),
    ],
)
def test_slow_step_is_named(step: str, word: str) -> None:
    assert word in slow_part(Journey(**FAST | {step: 1.5}))


def test_slowest_by_its_own_measure() -> None:
    assert "name" in slow_part(Journey(**FAST | {"dns": 0.8, "first_byte": 1.2}))


def test_local_server_that_is_slow() -> None:
    assert "this machine" in slow_part(Journey(dns=0.0, connect=0.0, first_byte=2.0), local=True)
