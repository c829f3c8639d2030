"""The charts of `bench tts`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import cdfs, counted, grouped, medians, over_label, over_runs, waterfall
from voicecli.bench.measure.first_audio import METRICS
from voicecli.bench.metric import Unit
from voicecli.bench.report import COLD, WARM, Sample
from voicecli.latency.budget import Limit

__all__ = ["tts_charts"]

_STAGES = ("opening", "first byte", "playout")
_WHO = ("engine", "format", "voice")
_TTFA, _OVERHEAD = METRICS[0], METRICS[3]


def tts_charts(samples: Sequence[Sample], limits: Sequence[Limit] = (), seed: int = 0) -> list[Chart]:
    """Those that have something to show."""
    budget = next((limit.seconds for limit in limits if limit.span == _TTFA.name), None)
    return [chart for chart in _charts(samples, budget, seed) if not chart.empty]


def _charts(samples: Sequence[Sample], budget: float | None, seed: int) -> Iterator[Chart]:
    warm = [sample for sample in samples if sample.case.get("temperature") == WARM]
    yield waterfall(
        _stages(samples),
        "From the text to the first sound (medians)",
        Axis("since the text"),
        budget,
        _STAGES,
    )
    yield cdfs(warm, _TTFA, _WHO, "Time to first audio: share of the runs within", budget)
    if _several(warm, "format"):
        yield medians(
            warm, _TTFA, ("format",), ("engine", "voice"), "Time to first audio by format (median, 95 % CI)",
            seed, budget,
        )  # fmt: skip
    if _several(warm, "words"):
        words = Axis("words in the text", Unit.COUNT)
        title = "Time to first audio by length of the text (median, 95 % CI)"
        yield over_label(warm, _TTFA, words, "words", _WHO, title, seed, budget)
    if _several(samples, "temperature"):
        title = "A new engine for every run (cold) against an open one (warm): median, 95 % CI"
        yield medians(samples, _TTFA, _WHO, ("temperature",), title, seed)
    yield cdfs(warm, _OVERHEAD, _WHO, "Overhead, what is not the engine's: share of the runs within")
    if _several_runs(warm):
        title = "Time to first audio from run to run (median of the texts)"
        yield over_runs(warm, _TTFA, _WHO, title, Axis("run", Unit.COUNT), budget)


def _several(samples: Sequence[Sample], label: str) -> bool:
    return len({sample.case.get(label) for sample in counted(samples)}) > 1


def _several_runs(samples: Sequence[Sample]) -> bool:
    return len({sample.number for sample in counted(samples)}) > 2


def _stages(samples: Sequence[Sample]) -> dict[str, dict[str, tuple[float, float]]]:
    """For each case the medians of opening, first byte and first sound, one after the other."""
    rows = {}
    for name, found in grouped(counted(samples), (*_WHO, "name", "temperature")).items():
        first_byte, first_sound = _middle(found, "ttfb"), _middle(found, "ttfa")
        if first_byte is None or first_sound is None:
            continue
        opened = _middle(found, "opened") if found[0].case.get("temperature") == COLD else None
        row = {} if opened is None else {"opening": (0.0, min(opened, first_byte))}
        row["first byte"] = (min(opened or 0.0, first_byte), first_byte)
        row["playout"] = (first_byte, max(first_byte, first_sound))
        rows[name] = row
    return rows


def _middle(samples: Sequence[Sample], name: str) -> float | None:
    values = [value for sample in samples if (value := sample.values.get(name)) is not None]
    return median(values) if values else None
