"""`voicecli bench`."""

import csv
import io
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench import tts
from voicecli.cli.app import app
from voicecli.errors import BudgetBreached, UsageError, VoiceError

QUICK = ("--set", "tts.simulated.ttfb=0.01", "--set", "tts.simulated.speed=0")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


def simulated(*arguments: str) -> Result:
    return run("--tts", "simulated", "--runs", "2", *QUICK, *arguments)


def record(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json_on_standard_output() -> None:
    result = simulated("--format", "pcm", "--format", "mp3", "--text", "Hello there.", "--json", "-")
    found = record(result)
    assert found["event"] == "bench"
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
    result = run("tts", "--tts", "espeak", "--runs", "1", "--format", "mp3")
    assert result.exit_code == 0, result.exception
    for expected in ("espeak pcm short", "espeak pcm long", "ttfa", "bytes to first sample", "not in it"):
        assert expected in result.stdout
    assert "espeak cannot choose its format: it is pcm" in result.stdout


def test_files_are_written(tmp_path: Path) -> None:
    named, rows = tmp_path / "bench.json", tmp_path / "bench.csv"
    result = simulated("--text", "Hello there.", "--json", str(named), "--csv", str(rows))
    assert result.exit_code == 0
    assert json.loads(named.read_text())["event"] == "bench"
    assert [row["run"] for row in csv.DictReader(io.StringIO(rows.read_text()))] == ["0", "1", "2"]


def test_sound_goes_to_a_file(tmp_path: Path) -> None:
    sound = tmp_path / "heard.wav"
    found = record(simulated("--text", "Hi.", "--speaker", str(sound), "--json", "-"))
    assert (found["speaker"]["kind"], found["speaker"]["whole"]) == ("file", True)
    assert found["runs"][0]["marks"]["playback_finished"] > 0
    assert sound.stat().st_size > 3 * 0.19 * 48_000


def test_strict_breach_names_itself() -> None:
    result = simulated("--text", "Hi.", "--budget", "ttfa.p95=0.001", "--strict")
    assert isinstance(result.exception, BudgetBreached)
    assert "simulated pcm Hi.: ttfa.p95" in result.exception.message
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


def test_all_runs_failed() -> None:
    result = simulated("--text", "Hi.", "--set", "tts.simulated.fail=refuse")
    assert result.exit_code == 4
    assert "3 runs failed. Refused" in result.stdout


def test_interruption_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tts.measured

    async def interrupted(
        cases: Sequence[tts.Case], player: AudioStreamPlayer, options: tts.BenchOptions
    ) -> AsyncIterator[tts.Run]:
        async for run in whole(cases, player, options):
            yield run
            if run.number == 2:
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(tts, "measured", interrupted)
    result = simulated("--runs", "1000", "--text", "Hi.", "--json", "-")
    assert result.exit_code == 130
    found = record(result)
    assert found["interrupted"] is True
    assert [case["runs"] for case in found["results"]] == [2]


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
