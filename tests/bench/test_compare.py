"""Before and after."""

import random
from dataclasses import replace

from tests.bench.reports import METRICS, report, sample, samples
from voicecli.bench.compare import Comparison, Trend, compared, p_value, signed
from voicecli.bench.host import Machine
from voicecli.bench.metric import Better, Measure, Metric
from voicecli.bench.report import BenchReport


def verdicts(comparison: Comparison, metric: str) -> set[Trend]:
    return {change.verdict for change in comparison.changes if change.metric.name == metric}


def test_slower_is_worse_and_faster_is_better() -> None:
    fast, slow = report(), report(samples(shift=0.03, seed=2))
    found = compared(fast, slow, 0.05)
    assert verdicts(found, "ttfa") == {Trend.WORSE}
    assert len(found.regressions) == 8  # ttfa and ttfb of four cases
    assert verdicts(compared(slow, fast, 0.05), "ttfa") == {Trend.BETTER}
    assert not compared(slow, fast, 0.05).regressions


def test_the_same_again_is_the_same() -> None:
    found = compared(report(), report(samples(seed=2)), 0.05)
    assert verdicts(found, "ttfa") == {Trend.SAME}
    assert not found.notes


def test_tolerance_forgives() -> None:
    slower = report(samples(shift=0.03, seed=2))
    assert verdicts(compared(report(), slower, 0.3), "ttfa") == {Trend.SAME}


def test_a_tenth_of_a_millisecond_is_nothing() -> None:
    case = {"net": "lan"}
    before = report([sample(case, number, 0.0005 + number * 1e-7) for number in range(1, 21)])
    after = report([sample(case, number, 0.0009 + number * 1e-7) for number in range(1, 21)])
    assert verdicts(compared(before, after, 0.05), "ttfa") == {Trend.SAME}


def test_too_few_runs_are_not_judged() -> None:
    found = compared(report(samples(runs=2)), report(samples(shift=0.1, runs=2)), 0.05)
    assert verdicts(found, "ttfa") == {Trend.UNSURE}


def test_more_may_be_better() -> None:
    metric = Metric(name="ttfa", title="streams", unit=Measure.COUNT, better=Better.HIGHER)
    few, many = (
        report([sample({}, number, base + number) for number in range(12)], metrics=[metric])
        for base in (10.0, 40.0)
    )
    assert verdicts(compared(few, many, 0.05), "ttfa") == {Trend.BETTER}
    assert verdicts(compared(many, few, 0.05), "ttfa") == {Trend.WORSE}


def test_what_is_only_described_is_not_judged() -> None:
    more = [replace(one, values={**one.values, "bytes": 9000.0}) for one in samples()]
    assert not verdicts(compared(report(), report(more), 0.05), "bytes")


def test_what_is_the_same_is_told_once() -> None:
    same = compared(report(), report(samples(seed=2)), 0.05)
    assert [change.metric.name for change in same.telling] == ["ttfa"] * 4
    assert len(same.changes) > 4
    worse = compared(report(), report(samples(shift=0.03, seed=2)), 0.05)
    assert len(worse.telling) == 8


def test_change_says_all_of_it() -> None:
    [change, *_] = compared(report(), report(samples(shift=0.03, seed=2)), 0.05).regressions
    said = str(change)
    for part in ("lan: ttfa", "→", "+", "95 % CI", "p < 0.0001" if change.p < 0.0001 else "p 0.00"):
        assert part in said


def test_differences_are_noted() -> None:
    base = report(
        samples()[:8],
        machine=Machine("another CPU", 4, "a system", "1", None),
        versions={"voicecli": "0", "python": "CPython 3"},
        interrupted=True,
    )
    new = report([*samples(), sample({"net": "dsl", "words": 20}, 1, 0.2)])
    notes = " ".join(compared(base, new, 0.05).notes)
    for part in (
        "another machine: another CPU, 4 cores", "simulated was not there, voicecli was 0", "interrupted",
        "not in the base: dsl",
    ):  # fmt: skip
        assert part in notes
    assert "only in the base: dsl" in " ".join(compared(new, base, 0.05).notes)


def without(found: BenchReport, label: str) -> BenchReport:
    taken = [
        replace(one, case={name: value for name, value in one.case.items() if name != label})
        for one in found.samples
    ]
    return report(taken)


def test_common_labels_are_enough() -> None:
    found = compared(without(report(), "words"), report(samples(shift=0.03, seed=2)), 0.05)
    assert verdicts(found, "ttfa") == {Trend.WORSE}
    assert any("apart by words" in note for note in found.notes)


def test_nothing_in_common() -> None:
    found = compared(report([sample({"net": "a"}, 1, 0.1)]), report([sample({"net": "b"}, 1, 0.1)]), 0.05)
    assert not found.changes


def test_signs_and_p_values() -> None:
    assert (signed(-0.03, Measure.TIME), signed(0.5, Measure.LENGTH)) == ("−30 ms", "+0.50 s")
    assert [p_value(p) for p in (0.00001, 0.0012, 0.4)] == ["< 0.0001", "0.0012", "0.40"]
    assert METRICS[0].heading == "ttfa"


def test_many_equal_cases_are_equal() -> None:
    chance = random.Random(5)

    def noise() -> BenchReport:
        taken = [
            sample({"turn": turn}, number, chance.gauss(0.2, 0.02))
            for turn in range(60)
            for number in range(10)
        ]
        return report(taken, charts=[])

    found = compared(noise(), noise(), 0.0)
    assert any(change.difference.p < 0.05 for change in found.changes)  # one in twenty, by chance
    assert {change.verdict for change in found.changes} == {Trend.SAME}
