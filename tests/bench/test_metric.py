"""Values as people read them."""

import pytest

from voicecli.bench.metric import Measure, Metric, known, shown


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Measure.TIME, "–"),
        (1.2345, Measure.TIME, "1,234 ms"),
        (0.0099, Measure.TIME, "9.9 ms"),
        (0.00005, Measure.TIME, "50.0 µs"),
        (-0.02, Measure.TIME, "-20 ms"),
        (0.0, Measure.TIME, "0.0 ms"),
        (1.5, Measure.LENGTH, "1.50 s"),
        (0.123, Measure.SHARE, "12.3 %"),
        (0.3333, Measure.RATIO, "0.333"),
        (12345.0, Measure.BYTES, "12,345"),
        (9.6, Measure.COUNT, "9.6"),
    ],
)
def test_shown(value: float | None, unit: Measure, text: str) -> None:
    assert shown(value, unit) == text


def test_names_are_headings() -> None:
    assert Metric(name="bytes_to_first_sample").heading == "bytes to first sample"
    assert Metric(name="wer", title="word error rate").heading == "word error rate"


def test_known_metrics_by_name() -> None:
    assert [metric.name for metric in known("rtf", "ttfa")] == ["rtf", "ttfa"]
    with pytest.raises(KeyError):
        known("speed")
