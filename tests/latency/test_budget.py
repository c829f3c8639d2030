"""Limits, and what is held against them."""

import pytest

from voicecli.errors import UsageError
from voicecli.latency.budget import judge, judge_statistics, parse_limit
from voicecli.latency.statistics import summarize
from voicecli.latency.timeline import Mark, Span, Timeline


def test_within_and_over():
    timeline = Timeline({Mark.FIRST_PHRASE: 1.0, Mark.FIRST_SOUND: 1.25})
    verdicts = judge(timeline, {Span.TTFA: 0.2, Span.TTFT: 1.0})
    assert verdicts[Span.TTFA].ok is False
    assert verdicts[Span.TTFT].ok is None


def test_limit_reads_back():
    limit = parse_limit("ttfa.p95=0.3")
    assert (limit.span, limit.statistic, limit.seconds) == (Span.TTFA, "p95", 0.3)
    assert str(limit) == "ttfa.p95=0.3"


@pytest.mark.parametrize(
    "text", ["ttfa", "ttfa.p95", "tffa.p95=1", "ttfa.p42=1", "ttfa.p95=fast", "ttfa.p95=nan"]
)
def test_wrong_limit_is_named(text):
    with pytest.raises(UsageError):
        parse_limit(text)


def test_statistics_are_judged():
    statistics = {Span.TTFA: summarize([0.1, 0.2, 0.3])}
    verdicts = judge_statistics(statistics, [parse_limit("ttfa.max=0.3"), parse_limit("ttfa.p50=0.1")])
    assert [verdict.ok for verdict in verdicts.values()] == [True, False]
