"""What is measured of every sample: the name, the unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from voicecli.latency.timeline import Span

__all__ = ["Better", "Measure", "Metric", "known", "shown"]

_FINE = 0.01  # seconds below which tenths of a millisecond are shown
_FINEST = 0.0001  # seconds below which microseconds are


class Measure(StrEnum):
    """How a value is shown; times are in seconds everywhere else."""

    TIME = "time"  # seconds, shown in milliseconds: what somebody waits for
    LENGTH = "length"  # seconds, shown in seconds: how long something is
    COUNT = "count"
    BYTES = "bytes"
    RATIO = "ratio"
    SHARE = "share"  # from 0 to 1, shown in per cent


class Better(StrEnum):
    """Which way a value should go; `neither` is described and not judged."""

    LOWER = "lower"
    HIGHER = "higher"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One thing that a sample has a value of."""

    name: str
    title: str = ""  # as people read it; empty: the name with spaces
    unit: Measure = Measure.TIME
    better: Better = Better.LOWER
    total: bool = False  # the sum over all samples says more than a median: breaks, failures
    span: bool = False  # stands among the `spans` in the JSON

    @property
    def heading(self) -> str:
        """What a table calls it."""
        return self.title or self.name.replace("_", " ")


_KNOWN = (
    *(Metric(name=str(span), span=True) for span in Span),
    Metric(name="overhead"),
    Metric(name="opened", title="opening"),
    Metric(name="leading_silence", better=Better.NEITHER),
    Metric(name="rtf", unit=Measure.RATIO),
    Metric(name="audio", unit=Measure.LENGTH, better=Better.NEITHER),
    Metric(name="chunks", unit=Measure.COUNT, better=Better.NEITHER),
    Metric(name="bytes", unit=Measure.BYTES, better=Better.NEITHER),
    Metric(name="bytes_to_first_sample", unit=Measure.BYTES, better=Better.NEITHER),
    Metric(name="underruns", unit=Measure.COUNT, total=True),
    Metric(name="silence", title="silence in breaks", total=True),
)


def known(*names: str) -> tuple[Metric, ...]:
    """Those that more than one kind of bench has, in the order asked for. Raises KeyError."""
    by_name = {metric.name: metric for metric in _KNOWN}
    return tuple(by_name[name] for name in names)


def shown(value: float | None, unit: Measure) -> str:
    """As people read it."""
    if value is None:
        return "–"
    match unit:
        case Measure.TIME:
            return _time(value)
        case Measure.LENGTH:
            return f"{value:,.2f} s"
        case Measure.SHARE:
            return f"{value * 100:.1f} %"
        case Measure.RATIO:
            return f"{value:.3f}"
        case Measure.COUNT | Measure.BYTES:
            return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:,.1f}"


def _time(seconds: float) -> str:
    size = abs(seconds)
    if 0 < size < _FINEST:
        return f"{seconds * 1_000_000:.1f} µs"
    if size < _FINE:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds * 1000:,.0f} ms"
