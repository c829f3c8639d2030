"""Reports for the tests of what is made of them."""

import random
from typing import Any

from voicecli.bench.chart import Axis, Chart, Series
from voicecli.bench.charts import cdfs, medians, over, waterfall
from voicecli.bench.host import Machine
from voicecli.bench.metric import Measure, Metric, known
from voicecli.bench.report import BenchReport, Participant, Sample, Trouble
from voicecli.bench.table import Grid
from voicecli.latency.budget import parse_limit

METRICS = (
    *known("ttfa", "ttfb", "bytes", "underruns"),
    Metric(name="wer", title="word error rate", unit=Measure.SHARE),
)
NASTY = '<b>"4g" & co</b>'  # what a label may be, and a page must not take for markup


def sample(case: dict[str, Any], number: int, ttfa: float | None, **more: Any) -> Sample:
    values = {"ttfa": ttfa, "ttfb": None if ttfa is None else ttfa / 2, "bytes": 4800.0, "underruns": 0.0}
    return Sample(case=case, number=number, values=values | {"wer": 0.1} | more.pop("values", {}), **more)


def samples(shift: float = 0.0, runs: int = 12, seed: int = 1) -> list[Sample]:
    """Of two networks and two lengths, some milliseconds apart, in an order that changes."""
    chance = random.Random(seed)
    cases = [{"net": net, "words": words} for net in ("lan", NASTY) for words in (20, 80)]
    found = [sample(case, 0, 0.9, counted=False) for case in cases]
    for number in range(1, runs + 1):
        chance.shuffle(cases)
        found += [sample(case, number, chance.gauss(0.2 + shift, 0.01)) for case in cases]
    return found


def report(taken: list[Sample] | None = None, **more: Any) -> BenchReport:
    taken = samples() if taken is None else taken
    given: dict[str, Any] = {
        "kind": "talk",
        "started": "2025-01-02T03:04:05+00:00",
        "machine": Machine("a CPU", 2, "a system", "1.0", 0.5),
        "versions": {"voicecli": "1", "python": "CPython 3", "simulated": "voicecli 1"},
        "metrics": METRICS,
        "samples": taken,
        "engines": [
            Participant(
                stage="tts", engine="simulated", reason="asked for", options={"ttfb": 0.15, "rates": [1, 2]},
                more={"format": "pcm", "opened": 0.0123456},
            )
        ],
        "settings": {"runs": 12, "player": {"prebuffer": 0.06}},
        "seed": 3,
        "excluded": ["starting the process"],
        "notes": ["simulated cannot choose its format: it is pcm"],
        "facts": {"network": "two of them"},
        "details": {"speaker": {"name": "nowhere"}},
        "tables": [Grid(title="Who was late", headings=["span", "turns"], rows=[["asr | llm", "3"]])],
        "charts": every_chart(taken),
        "limits": [parse_limit("ttfa.p95=0.3"), parse_limit("ttfb.p50=0.01")],
    }  # fmt: skip
    return BenchReport(**given | more)


def every_chart(taken: list[Sample]) -> list[Chart]:
    """One of each kind."""
    metric = METRICS[0]
    turns = {f"turn {number}": {"endpoint": (0.0, 0.1), "tts": (0.1, 0.1 * number)} for number in (2, 3, 4)}
    return [
        waterfall(turns, "Every turn", Axis("since the end of speech"), 0.35),
        cdfs(taken, metric, ("net",), "Spread", 0.21),
        medians(taken, metric, ("words",), ("net",), "By length", 3, 0.3),
        over(taken, metric, Axis("words", Measure.COUNT), ("net",), "Along the length", label="words"),
        over(taken, metric, Axis("turn", Measure.COUNT), ("net",), "By turn", limit=0.22),
        Chart(
            kind="line",
            title="Jitter against underruns",
            series=[Series(name="60 ms", x=[0.0, 0.1, 0.2], y=[0.0, 1.0, None])],
            x=Axis("jitter"),
            y=Axis("underruns a minute", Measure.COUNT),
        ),
    ]


def failed(case: dict[str, Any], number: int, kind: str = "Dropped") -> Sample:
    return sample(case, number, None, error=Trouble(kind, "The connection broke."))
