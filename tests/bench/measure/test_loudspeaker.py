"""The loudspeaker of a bench."""

from voicecli.bench.measure.loudspeaker import Heard

NOWHERE = Heard("nowhere", "null", 24_000, 0.01, whole=False)


def test_excluded_depends_on_the_speaker() -> None:
    null, device = NOWHERE.excluded(), Heard("Speakers", "device", 48_000, 0.02, whole=True).excluded()
    assert any("nobody hears" in sentence for sentence in null)
    assert not any("nobody hears" in sentence for sentence in device)
    assert len(null) == len(device) + 1


def test_latency_is_named() -> None:
    assert str(NOWHERE) == "nowhere (null) · 24000 Hz · 10 ms of latency are in the numbers"
