"""Reports on disk."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.bench.reports import failed, report, sample, samples
from voicecli.bench.report import BenchReport
from voicecli.bench.report_file import (
    participant,
    public_options,
    read_report,
    report_csv,
    report_json,
    report_record,
)
from voicecli.errors import UsageError
from voicecli.providers.choose import Choice
from voicecli.providers.openai.audio_speech import OpenAISynthesizer
from voicecli.providers.simulated import SimulatedSynthesizer, SimulatedSynthesizerOptions

HERE = {"engine": "simulated", "format": "pcm", "text": "Hello, “you”"}
SAMPLES = [
    sample(HERE, 0, 0.9, counted=False),
    sample(HERE, 1, 0.1, marks={"first_phrase": 0.0, "first_sound": None}, details={"blame": "asr"}),
    failed(HERE, 2),
]
WHOLE = report_record(report(SAMPLES))


def test_record_is_json() -> None:
    record = json.loads(report_json(report(SAMPLES), lines=False))
    assert (record["event"], record["kind"], record["seed"]) == ("bench", "talk", 3)
    assert record["machine"]["cores"] == 2
    assert record["labels"] == ["engine", "format", "text"]
    assert record["speaker"] == {"name": "nowhere"}
    assert [run["run"] for run in record["runs"]] == [0, 1, 2]
    assert [run["warmup"] for run in record["runs"]] == [True, False, False]
    assert record["runs"][1]["spans"] == {"ttfa": 0.1, "ttfb": 0.05}
    assert record["runs"][1]["marks"] == {"first_phrase": 0.0, "first_sound": None}
    assert record["runs"][1]["details"] == {"blame": "asr"}
    assert record["runs"][2]["error"] == {"kind": "Dropped", "message": "The connection broke."}
    [result] = record["results"]
    assert (result["engine"], result["text"], result["runs"]) == ("simulated", "Hello, “you”", 1)
    assert result["spans"]["ttfa"]["p50"] == 0.1
    assert result["spans"]["ttfa"]["ci"] == {}
    assert result["underruns"] == 0
    assert result["budget"]["ttfb.p50"] == {"limit": 0.01, "value": 0.05, "ok": False}


def test_record_reads_back(tmp_path: Path) -> None:
    given = report(
        interrupted=True, cases=[{"net": "lan", "words": 80}], references=[{"net": "lan"}], limits=[]
    )
    once = read_report(written(given, tmp_path))
    again = report_record(read_report(written(once, tmp_path)))
    assert again == report_record(once)
    assert again | {"results": []} == report_record(given) | {"results": []}
    assert [result["runs"] for result in again["results"]] == [12] * 4


def written(given: BenchReport, folder: Path) -> Path:
    path = folder / "report.json"
    path.write_text(report_json(given, lines=True), encoding="utf-8")
    return path


def test_file_keeps_short_lists_on_one_line() -> None:
    text = report_json(report(), lines=True)
    assert '"rates": [1, 2]' in text
    assert json.loads(text) == report_record(report())
    assert "\n" not in report_json(report(), lines=False)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"event": "turn"}', '{"event": "bench"}', json.dumps(WHOLE | {"runs": [{}]}),
     json.dumps(WHOLE | {"machine": 3}), json.dumps(WHOLE | {"charts": [{"kind": "pie"}]})],
)  # fmt: skip
def test_what_is_no_report(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"other\.json"):
        read_report(path)


def test_missing_report() -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_report(Path("/no/such/report.json"))


def test_passwords_stay_out() -> None:
    options = OpenAISynthesizer.Options(base_url="http://me:secret@host.test/v1")
    assert public_options(options)["base_url"] == "http://host.test/v1"
    assert public_options("none") == {}


def test_participant_of_a_choice() -> None:
    options = SimulatedSynthesizerOptions()
    choice = Choice(SimulatedSynthesizer(options), "simulated", "asked for", options)
    found = participant("tts", choice, opened=0.5)
    assert (found.stage, found.engine, found.more) == ("tts", "simulated", {"opened": 0.5})
    assert found.options["ttfb"] == 0.15


def test_csv_has_a_row_for_each_sample() -> None:
    rows = list(csv.DictReader(io.StringIO(report_csv(report(SAMPLES)))))
    assert [row["run"] for row in rows] == ["0", "1", "2"]
    assert (rows[1]["ttfa"], rows[1]["text"]) == ("0.1", "Hello, “you”")
    assert (rows[2]["ttfa"], rows[2]["error"]) == ("", "The connection broke.")
    assert len(samples()) + 1 == len(_lines(samples()))


def _lines(taken: list[Any]) -> list[str]:
    return report_csv(report(taken)).splitlines()
