"""`voicecli bench`."""

import csv
import io
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from voicecli.bench.measure import first_audio
from voicecli.bench.report import Sample
from voicecli.cli.app import app
from voicecli.errors import BudgetBreached, SaveError, UsageError, VoiceError

QUICK = ("--set", "tts.simulated.ttfb=0.01", "--set", "tts.simulated.speed=0")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


def simulated(*arguments: str) -> Result:
    return run("--tts", "simulated", "--runs", "2", "--cold", "0", *QUICK, *arguments)


def record(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_on_standard_output() -> None:
    result = simulated("--format", "pcm", "--format", "mp3", "--text", "Hello there.", "--json", "-")
    found = record(result)
    assert (found["event"], found["kind"]) == ("bench", "tts")
    assert [(case["engine"], case["format"], case["runs"]) for case in found["results"]] == [
        ("simulated", "pcm", 2),
        ("simulated", "mp3", 2),
    ]
    assert len(found["runs"]) == 6
    assert all(case["spans"]["ttfa"]["n"] == 2 for case in found["results"])
    assert (found["speaker"]["kind"], found["settings"]["player"]["capacity"]) == ("null", 60.0)
    assert "ttfa" in result.stderr
    assert result.exit_code == 0


def test_table_on_standard_output() -> None:
    result = run("tts", "--tts", "espeak", "--runs", "1", "--cold", "1", "--format", "mp3")
    assert result.exit_code == 0, result.exception
    for expected in (
        "espeak pcm short warm",
        "espeak pcm long cold",
        "ttfa",
        "overhead",
        "95 % CI",
        "bytes to first sample",
        "not in it",
    ):
        assert expected in result.stdout
    assert "espeak cannot choose its format: it is pcm" in result.stdout


def test_files_are_written(tmp_path: Path) -> None:
    named, rows = tmp_path / "bench.json", tmp_path / "bench.csv"
    result = simulated("--text", "Hello there.", "--json", str(named), "--csv", str(rows))
    assert result.exit_code == 0
    assert json.loads(named.read_text())["event"] == "bench"
    assert [row["run"] for row in csv.DictReader(io.StringIO(rows.read_text()))] == ["0", "1", "2"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("option", ["--csv", "--html", "--markdown"])
def test_file_that_cannot_be_written_spoils_no_other(option: str, tmp_path: Path) -> None:
    named = tmp_path / "bench.json"
    result = simulated("--text", "Hi.", option, "/dev/full", "--json", str(named))
    assert isinstance(result.exception, SaveError)
    assert result.exception.message == "/dev/full cannot be written: No space left on device."
    assert json.loads(named.read_text())["event"] == "bench"


def test_sound_goes_to_a_file(tmp_path: Path) -> None:
    sound = tmp_path / "heard.wav"
    found = record(simulated("--text", "Hi.", "--speaker", str(sound), "--json", "-"))
    assert (found["speaker"]["kind"], found["speaker"]["whole"]) == ("file", True)
    assert found["runs"][0]["marks"]["playback_finished"] > 0
    assert sound.stat().st_size > 3 * 0.19 * 48_000


def test_strict_breach_names_itself() -> None:
    result = simulated("--text", "Hi.", "--budget", "ttfa.p95=0.001", "--strict")
    assert isinstance(result.exception, BudgetBreached)
    assert "simulated pcm Hi. warm: ttfa.p95" in result.exception.message
    assert "ttfa.p95 over 1.0 ms" in result.stdout


def test_breach_is_shown_without_strict() -> None:
    result = simulated("--text", "Hi.", "--budget", "ttfa.p95=0.001")
    assert result.exit_code == 0
    assert "ttfa.p95 over 1.0 ms" in result.stdout


def test_configured_budgets_hold() -> None:
    settings = ("--set", "budgets.ttfb=0.001", "--set", "budgets.ttfa=0")
    found = record(simulated("--text", "Hi.", "--json", "-", *settings))
    budget = found["results"][0]["budget"]
    assert budget["ttfb.p95"]["ok"] is False
    assert "ttfa.p95" not in budget


def test_failed_runs_are_counted() -> None:
    failing = ("--set", "tts.simulated.fail=drop", "--set", "tts.simulated.fail_on=[2]")
    result = simulated("--text", "Hi.", *failing)
    assert result.exit_code == 0
    assert "1 run failed. Dropped: The simulated voice broke the connection" in result.stdout


def test_failed_run_is_no_pass() -> None:
    failing = ("--set", "tts.simulated.fail=drop", "--set", "tts.simulated.fail_on=[2]")
    result = simulated("--text", "Hi.", *failing, "--strict")
    assert isinstance(result.exception, BudgetBreached)
    assert "simulated pcm Hi. warm: 1 of 2 failed" in str(result.exception)


def test_all_runs_failed() -> None:
    result = simulated("--text", "Hi.", "--set", "tts.simulated.fail=refuse")
    assert result.exit_code == 4
    assert "3 runs failed. Refused" in result.stdout


def interrupt_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C when the first run of this number is over."""
    whole = first_audio.measured

    async def interrupted(*arguments: Any) -> AsyncIterator[Sample]:
        async for run in whole(*arguments):
            yield run
            if run.number == number:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(first_audio, "measured", interrupted)


def test_interruption_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(2, monkeypatch)
    result = simulated("--runs", "1000", "--text", "Hi.", "--json", "-")
    assert result.exit_code == 130
    found = record(result)
    assert found["interrupted"] is True
    assert [case["runs"] for case in found["results"]] == [2]


def test_interrupted_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bench.json"
    words = ("--runs", "4", "--cold", "2", "--text", "Hi.", "--text", "Hello.", "--seed", "7")
    with monkeypatch.context() as patched:
        interrupt_at(2, patched)
        assert simulated(*words, "--json", str(file)).exit_code == 130
    before = json.loads(file.read_text())
    result = simulated(*words, "--resume", str(file))
    assert result.exit_code == 0, result.exception
    after = json.loads(file.read_text())
    assert after["interrupted"] is False
    assert after["started"] > "2"
    assert after["runs"][: len(before["runs"])] == before["runs"]
    assert sorted(case["runs"] for case in after["results"]) == [2, 2, 4, 4]
    assert len(after["runs"]) == 14
    assert f"{len(before['runs'])} runs are of" in result.stdout


def test_resume_of_something_else(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    assert simulated("--text", "Hi.", "--json", str(file)).exit_code == 0
    error = simulated("--text", "Hello.", "--resume", str(file)).exception
    assert isinstance(error, UsageError)
    assert "texts was" in error.message


def test_cold_runs_stand_apart() -> None:
    found = record(simulated("--text", "Hi.", "--cold", "3", "--json", "-"))
    warm, cold = found["results"]
    assert (warm["temperature"], warm["runs"], warm["opened"]) == ("warm", 2, None)
    assert (cold["temperature"], cold["runs"], cold["opened"]["n"]) == ("cold", 3, 3)
    assert warm["budget"]
    assert cold["budget"] == {}


def test_words_and_voices_are_cases() -> None:
    words = ("--words", "2", "--words", "4", "--voice", "en-gb", "--voice", "en-us")
    found = record(run("--tts", "espeak", "--runs", "1", "--cold", "0", *words, "--json", "-"))
    assert [(case["voice"], case["words"]) for case in found["results"]] == [
        ("en-gb", 2), ("en-us", 2), ("en-gb", 4), ("en-us", 4),
    ]  # fmt: skip
    assert found["results"][0]["text"] == "The ferry."


def test_every_form_of_the_report(tmp_path: Path) -> None:
    page, notes, rows = tmp_path / "bench.html", tmp_path / "bench.md", tmp_path / "bench.csv"
    result = simulated(
        "--text", "Hi.", "--html", str(page), "--markdown", str(notes), "--csv", str(rows), "--charts"
    )
    assert result.exit_code == 0, result.exception
    assert "<svg" in page.read_text()
    assert notes.read_text().startswith("# Time to first audio")
    assert rows.read_text().count("\n") == 4
    assert "share of the runs within" in result.stdout
    assert "█" in result.stdout


def test_show_draws_a_report_again(tmp_path: Path) -> None:
    file, picture = tmp_path / "bench.json", tmp_path / "bench.svg"
    assert simulated("--text", "Hi.", "--json", str(file)).exit_code == 0
    words = ("--plot", str(picture), "--budget", "ttfa.p50=0.0001", "--json", "-")
    result = run("show", str(file), *words)
    assert result.exit_code == 0, result.exception
    assert picture.read_text().startswith("<svg")
    assert record(result)["runs"] == json.loads(file.read_text())["runs"]
    assert "ttfa.p50 over" in result.stderr
    breached = run("show", str(file), "--budget", "ttfa.p50=0.0001", "--strict").exception
    assert isinstance(breached, BudgetBreached)


def test_regression_fails_the_gate(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    words = ("--runs", "8", "--text", "Hi.")
    assert simulated(*words, "--json", str(base)).exit_code == 0
    slower = ("--set", "tts.simulated.ttfb=0.2")
    found = simulated(*words, *slower, "--compare", str(base), "--strict")
    assert isinstance(found.exception, BudgetBreached)
    assert "Worse than before: simulated pcm Hi. warm: ttfa" in found.exception.message
    assert "against" in found.stdout
    same = simulated(*words, "--compare", str(base), "--strict", "--tolerance", "3")
    assert same.exit_code == 0, same.exception


def test_gate_that_compares_nothing_is_no_gate(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    assert simulated("--text", "Hello.", "--json", str(base)).exit_code == 0
    error = simulated("--text", "Hi.", "--compare", str(base), "--strict").exception
    assert isinstance(error, BudgetBreached)
    assert "Nothing was compared" in error.message


def test_report_of_another_kind_is_no_base(tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    assert simulated("--text", "Hi.", "--json", str(base)).exit_code == 0
    base.write_text(base.read_text().replace('"kind": "tts"', '"kind": "talk"'))
    error = simulated("--text", "Hi.", "--compare", str(base)).exception
    assert isinstance(error, UsageError)
    assert "bench talk" in error.message


def test_budgets_of_the_project_are_settings() -> None:
    budgets = Path(__file__).parents[2] / "config" / "budgets.toml"
    found = record(simulated("--text", "Hi.", "--config", str(budgets), "--strict", "--json", "-"))
    assert {name: one["limit"] for name, one in found["results"][0]["budget"].items()} == {
        "ttfa.p95": 0.3, "ttfb.p95": 0.2, "playout.p95": 0.1,
    }  # fmt: skip
    slow = ("--set", "tts.simulated.ttfb=0.31")
    breached = simulated("--text", "Hi.", "--config", str(budgets), "--strict", *slow).exception
    assert isinstance(breached, BudgetBreached)
    for part in ("ttfa.p95 is 0.3", "budget 0.3 s", "ttfb.p95 is 0.3", "budget 0.2 s"):
        assert part in breached.message


def test_word_may_be_left_out_and_help_lists_all() -> None:
    assert "tts" in run("--help").stdout
    assert "--voice" in run("tts", "--help").stdout


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["--runs", "1", "talk"], "talk"),
        (["--strict", "player", "--json=x"], "player"),
        (["--json", "-", "--text", "turn", "--charts"], "tts"),
    ],
)
def test_kind_behind_its_options(words: list[str], kind: str) -> None:
    result = run(*words, "--help")
    assert (
        result.stdout.startswith(f"Usage: root bench {kind} [OPTIONS]") or f"bench {kind} " in result.stdout
    )
    assert result.exit_code == 0


def test_no_such_kind_behind_options() -> None:
    result = run("--runs", "1", "dance")
    assert isinstance(result.exception, UsageError)
    assert "no bench 'dance'" in str(result.exception)


def test_voice_that_cannot_be_chosen() -> None:
    found = record(simulated("--text", "Hi.", "--voice", "anna", "--json", "-"))
    assert "simulated has no voices to choose from" in found["notes"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("talks",),
        ("--tts", "espek"),
        ("--format", "mp4"),
        ("--text", " "),
        ("--budget", "asr.p95=1"),
        ("--budget", "ttfa"),
        ("--json", "-", "--csv", "-"),
        ("--json", "-", "--speaker", "-"),
        ("--json", "/no/such/folder/bench.json"),
        ("--csv", "/"),
        ("--markdown", "-", "--csv", "-"),
        ("--html", "-"),
        ("--plot", "charts.jpg"),
        ("--compare", "/no/such/base.json"),
        ("--resume", "/no/such/base.json"),
        ("--set", "tts"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...]) -> None:
    error = run(*arguments).exception
    assert isinstance(error, UsageError), error


def test_no_format_is_left() -> None:
    where = ("--set", "tts.openai.base_url=http://127.0.0.1:9/v1")
    error = run("--tts", "openai", "--format", "webm", *where).exception
    assert isinstance(error, VoiceError)
    assert "openai does not send webm" in error.hint
