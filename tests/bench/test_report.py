"""What runs come to."""

import csv
import io
import json
from types import MappingProxyType
from typing import Any

import pytest

from voicecli.bench.machine import Machine
from voicecli.bench.report import Heard, Report, breaches, report_record, summed_up, write_csv
from voicecli.bench.tts import Case, Contender, Line, Run
from voicecli.errors import Dropped
from voicecli.latency.budget import parse_limit
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.providers.openai import OpenAISynthesizer
from voicecli.providers.simulated import SimulatedSynthesizer, SimulatedSynthesizerOptions

OPTIONS = SimulatedSynthesizerOptions()
CASE = Case(
    Contender("simulated", "asked for", SimulatedSynthesizer(OPTIONS), OPTIONS), Line("a", "Hello, “you”")
)
HEARD = Heard("nowhere", "null", 24_000, 0.01, whole=False)


def run_of(number: int, ttfa: float | None, **more: Any) -> Run:
    marks = {Mark.FIRST_PHRASE: 10.0}
    if ttfa is not None:
        marks |= {Mark.FIRST_CHUNK: 10.0 + ttfa / 2, Mark.FIRST_SOUND: 10.0 + ttfa}
    return Run(
        case=CASE, number=number, timeline=Timeline(MappingProxyType(marks)), audio=2.0, making=0.5, **more
    )


RUNS = [
    run_of(0, 0.9),
    run_of(1, 0.1, bytes=100, bytes_to_first_sample=10, underruns=2, silence=0.5),
    run_of(2, 0.3, bytes=300, bytes_to_first_sample=30),
    run_of(3, 0.7, error=Dropped("The connection broke.")),
    run_of(4, None, error=Dropped("The connection broke.")),
]


def report_of(runs: list[Run]) -> Report:
    results = summed_up([CASE], runs, [parse_limit("ttfa.p95=0.2")])
    return Report(
        started="2025-01-01T00:00:00+00:00",
        machine=Machine("a CPU", 2, "a system", "1.0", None),
        versions={"voicecli": "1", "python": "CPython 3", "simulated": "voicecli 1"},
        settings={"runs": 4},
        contenders=[CASE.contender],
        heard=HEARD,
        runs=runs,
        results=results,
    )


def test_warm_up_and_failures_do_not_count() -> None:
    [result] = summed_up([CASE], RUNS)
    found = result.spans[Span.TTFA]
    assert found is not None
    assert (found.n, found.min, found.max, found.p50) == pytest.approx((2, 0.1, 0.3, 0.2))
    assert (result.ok, result.failed) == (2, 2)
    assert result.errors == {"Dropped: The connection broke.": 2}
    assert result.cold == pytest.approx(0.9)
    assert (result.underruns, result.silence) == (2, 0.5)
    assert result.rtf is not None
    assert result.rtf.p50 == 0.25
    assert result.bytes_to_first_sample is not None
    assert result.bytes_to_first_sample.max == 30


def test_only_warm_up_has_no_numbers() -> None:
    [result] = summed_up([CASE], RUNS[:1])
    assert set(result.spans.values()) == {None}
    assert result.cold == pytest.approx(0.9)
    assert summed_up([CASE], []) == []


def test_breach_names_case_and_value() -> None:
    limits = [parse_limit(text) for text in ("ttfa.max=0.2", "ttfa.min=0.2")]
    [breach] = breaches(summed_up([CASE], RUNS, limits))
    assert str(breach) == "simulated pcm a: ttfa.max is 0.300 s, budget 0.2 s"


def test_unmeasured_budget_is_a_breach() -> None:
    [breach] = breaches(summed_up([CASE], RUNS[3:], [parse_limit("ttfa.p95=1")]))
    assert "was not measured" in str(breach)


def test_record_is_json() -> None:
    record = json.loads(json.dumps(report_record(report_of(RUNS)), allow_nan=False))
    assert record["event"] == "bench"
    assert record["machine"]["cores"] == 2
    assert [run["run"] for run in record["runs"]] == [0, 1, 2, 3, 4]
    assert [run["warmup"] for run in record["runs"]] == [True, False, False, False, False]
    assert record["runs"][1]["spans"]["ttfa"] == 0.1
    assert record["runs"][1]["marks"]["first_phrase"] == 0.0
    assert record["runs"][4]["marks"]["first_sound"] is None
    assert record["runs"][4]["error"] == {"kind": "Dropped", "message": "The connection broke."}
    [result] = record["results"]
    assert (result["engine"], result["format"], result["text"]) == ("simulated", "pcm", "Hello, “you”")
    assert set(result["spans"]) == {"ttfa", "ttfb", "playout"}
    assert result["spans"]["ttfa"]["p50"] == 0.2
    assert result["budget"]["ttfa.p95"]["ok"] is False


def test_passwords_stay_out() -> None:
    options = OpenAISynthesizer.Options(base_url="http://me:secret@host.test/v1")
    secret = Contender("openai", "asked for", OpenAISynthesizer(options), options)
    report = report_of(RUNS)
    text = json.dumps(report_record(Report(**{**_fields(report), "contenders": [secret]})))
    assert "secret" not in text
    assert "http://host.test/v1" in text


def _fields(report: Report) -> dict[str, Any]:
    return {name: getattr(report, name) for name in Report.__dataclass_fields__}


def test_csv_has_a_row_for_each_run() -> None:
    file = io.StringIO()
    write_csv(file, RUNS)
    rows = list(csv.DictReader(io.StringIO(file.getvalue())))
    assert [row["run"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert rows[1]["ttfa"] == "0.1"
    assert rows[1]["text"] == "Hello, “you”"
    assert rows[4]["ttfa"] == ""
    assert rows[4]["error"] == "The connection broke."


def test_excluded_depends_on_the_speaker() -> None:
    null, device = HEARD.excluded(), Heard("Speakers", "device", 48_000, 0.02, whole=True).excluded()
    assert any("nobody hears" in sentence for sentence in null)
    assert not any("nobody hears" in sentence for sentence in device)
    assert len(null) == len(device) + 1
