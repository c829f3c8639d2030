"""What samples come to."""

import pytest

from tests.bench.reports import failed, report, sample
from voicecli.bench.report import Trouble, case_key, case_name, in_order
from voicecli.errors import Dropped, ExitStatus
from voicecli.latency.budget import parse_limit

HERE = {"engine": "simulated", "format": "pcm", "voice": "", "name": "a", "words": 2, "text": "Hello, you"}
SAMPLES = [
    sample(HERE, 0, 0.9, counted=False),
    sample(HERE, 1, 0.1, values={"underruns": 2.0}),
    sample(HERE, 2, 0.3),
    failed(HERE, 3),
    failed(HERE, 4),
]


def test_warm_up_and_failures_do_not_count() -> None:
    [result] = report(SAMPLES).results
    found = result.metrics["ttfa"]
    assert found is not None
    statistics = found.statistics
    assert (statistics.n, statistics.min, statistics.max, statistics.p50) == pytest.approx((2, 0.1, 0.3, 0.2))
    assert (result.ok, result.failed) == (2, 2)
    assert result.errors == {"Dropped: The connection broke.": 2}
    assert result.totals == {"underruns": 2.0}


def test_only_warm_up_has_no_numbers() -> None:
    [result] = report(SAMPLES[:1]).results
    assert set(result.metrics.values()) == {None}
    assert result.totals == {"underruns": 0}
    assert report([]).results == []


def test_percentiles_have_intervals() -> None:
    [result] = report(SAMPLES, seed=1).results
    found = result.metrics["ttfa"]
    assert found is not None
    assert found.intervals["p50"] == (0.1, 0.3)


def test_breach_names_case_and_value() -> None:
    limits = [parse_limit(text) for text in ("ttfa.max=0.2", "ttfa.min=0.2")]
    [breach] = report(SAMPLES, limits=limits).breaches
    assert breach == "simulated pcm a: ttfa.max is 0.300 s, budget 0.2 s"


def test_breach_of_a_share_has_no_seconds() -> None:
    limits = [parse_limit("wer.p95=0.05", ["wer"])]
    [breach] = report(SAMPLES, limits=limits).breaches
    assert breach == "simulated pcm a: wer.p95 is 0.100, budget 0.05"


def test_unmeasured_budget_is_a_breach() -> None:
    [breach] = report(SAMPLES[3:], limits=[parse_limit("ttfa.p95=1")]).breaches
    assert "was not measured" in breach


def test_cold_runs_and_references_have_no_budget() -> None:
    cold, warm = {"temperature": "cold"}, {"temperature": "warm"}
    naive = {"temperature": "warm", "pipeline": "naive"}
    taken = [sample(case, 1, 0.5) for case in (cold, warm, naive)]
    found = report(taken, limits=[parse_limit("ttfa.p95=0.1")], references=[naive])
    assert len(found.breaches) == 1
    assert found.breaches[0].startswith("warm: ")


def test_cases_keep_their_order() -> None:
    first, second = {"net": "lan"}, {"net": "4g"}
    taken = [sample(second, 1, 0.2), sample(first, 1, 0.1), sample(second, 2, 0.3)]
    assert [result.case for result in report(taken).results] == [second, first]
    assert [result.case for result in report(taken, cases=[first]).results] == [first, second]
    assert [one.number for one in in_order(taken, [first, second])] == [1, 1, 2]


def test_labels_that_tell_nothing_apart_stay_out() -> None:
    one, other = {**HERE, "format": "mp3"}, HERE
    assert report([sample(one, 1, 0.1), sample(other, 1, 0.1)]).shown_labels() == ["format"]
    assert report([sample(one, 1, 0.1)]).shown_labels() == ["engine", "format", "voice", "name"]
    assert case_name(HERE) == "simulated pcm a"


def test_key_knows_no_order() -> None:
    assert case_key({"a": 1, "b": "x"}) == case_key({"b": "x", "a": 1})


def test_failure_knows_its_status() -> None:
    assert Trouble.of(Dropped("It broke.", "Try again.")) == Trouble("Dropped", "It broke. Try again.")
    assert Trouble("Dropped", "").status is ExitStatus.PROVIDER
    assert Trouble("Unheard", "").status is ExitStatus.FAILED
    assert Trouble("ExitStatus", "").status is ExitStatus.FAILED


def test_unknown_metric() -> None:
    with pytest.raises(KeyError):
        report().metric("speed")
