"""How much of a head start an uneven supply needs."""

from voicecli.audio.player import Arrivals


def test_burst_needs_no_head_start():
    arrivals = Arrivals()
    for _ in range(10):
        arrivals.push(1.0, 0.1)
    assert arrivals.head_start == 0


def test_stall_shows_at_once():
    arrivals = Arrivals()
    arrivals.push(0.0, 0.1)
    arrivals.push(0.5, 0.1)
    assert abs(arrivals.head_start - 0.4) < 1e-9


def test_calm_replies_forget():
    arrivals = Arrivals()
    arrivals.push(0.0, 0.1)
    arrivals.push(0.5, 0.1)
    arrivals.begin()
    arrivals.push(10.0, 1.0)
    assert abs(arrivals.head_start - 0.4) < 1e-9
    arrivals.begin()
    assert abs(arrivals.head_start - 0.28) < 1e-9
