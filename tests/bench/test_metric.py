"""Values as people read them."""

import pytest

from voicecli.bench.metric import KNOWN, Metric, Unit, known, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.TIME, "–"),
        (1.2345, Unit.TIME, "1,234 ms"),
        (0.0099, Unit.TIME, "9.9 ms"),
        (0.00005, Unit.TIME, "50.0 µs"),
        (-0.02, Unit.TIME, "-20 ms"),
        (0.0, Unit.TIME, "0.0 ms"),
        (1.5, Unit.LENGTH, "1.50 s"),
        (0.123, Unit.SHARE, "12.3 %"),
        (0.3333, Unit.RATIO, "0.333"),
        (12345.0, Unit.BYTES, "12,345"),
        (9.6, Unit.COUNT, "9.6"),
    ],
)
def test_shown(value: float | None, unit: Unit, text: str) -> None:
    assert shown(value, unit) == text


def test_names_are_headings() -> None:
    assert Metric(name="bytes_to_first_sample").heading == "bytes to first sample"
    assert Metric(name="wer", title="word error rate").heading == "word error rate"


def test_known_metrics_by_name() -> None:
    assert [metric.name for metric in known("rtf", "ttfa")] == ["rtf", "ttfa"]
    assert len({metric.name for metric in KNOWN}) == len(KNOWN)
    with pytest.raises(KeyError):
        known("speed")
