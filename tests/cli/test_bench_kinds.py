"""`voicecli bench talk`, `turn` and `player`."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from voicecli.audio.recording import export_recording
from voicecli.bench.measure import conversations
from voicecli.cli.app import app
from voicecli.errors import BudgetBreached, ProviderError, UsageError
from voicecli.providers.recognizer import LISTENING_RATE

ENGINES = ("--asr", "simulated", "--llm", "simulated", "--tts", "simulated")
QUICK = tuple(
    word
    for setting in (
        "asr.simulated.delay=0.02",
        "llm.simulated.ttft=0.02",
        "llm.simulated.tokens_per_second=0",
        'llm.simulated.texts=["It is sunny."]',
        "tts.simulated.ttfb=0.02",
        "tts.simulated.speed=0",
    )
    for word in ("--set", setting)
)


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def record(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Something like speech: two bursts of a buzz with a pause of a second, in a noisy room."""
    folder = tmp_path / "speech"
    chance = np.random.default_rng(1)
    at = np.arange(6 * LISTENING_RATE) / LISTENING_RATE
    buzz = sum(np.sin(2 * np.pi * 120 * part * at) / part for part in range(1, 20))
    voiced = ((at > 1.0) & (at < 2.0)) | ((at > 3.0) & (at < 4.0))
    samples = 0.1 * buzz * voiced * (1 + 0.5 * np.sin(2 * np.pi * 4 * at)) + 0.001 * chance.standard_normal(
        len(at)
    )
    export_recording(folder / "buzz.wav", samples.astype(np.float32), LISTENING_RATE)
    row = {"file": "buzz.wav", "text": "set a timer for ten minutes please", "start": 1.0, "end": 4.0}
    (folder / "manifest.json").write_text(json.dumps([row]), encoding="utf-8")
    return folder


def test_talk_without_recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICECLI_SPEECH", str(tmp_path / "none"))
    found = record(run("talk", "--fast", "--turns", "2", *ENGINES, *QUICK, "--json", "-"))
    assert (found["kind"], found["facts"]["speech"]) == ("talk", "2 questions, spoken by espeak")
    [result] = found["results"]
    assert (result["pipeline"], result["runs"]) == ("voicecli", 2)
    assert found["excluded"][-1].startswith("nothing kept the pace of time")
    assert [one["details"]["question"] for one in found["runs"]][1:] == [
        "What time is it in Tokyo?",
        "How many kilometers is five miles?",
    ]


def test_talk_in_real_time_with_a_breach(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICECLI_SPEECH", str(tmp_path / "none"))
    path = tmp_path / "report.json"
    words = ["talk", "--turns", "1", *ENGINES, *QUICK, "--net", "lan", "--json", path]
    result = run(*words, "--strict", "--budget", "voice_to_voice.p50=0.001")
    assert isinstance(result.exception, BudgetBreached)
    found = json.loads(path.read_text())
    [turn] = [one for one in found["runs"] if not one["warmup"]]
    assert (turn["network"], turn["ok"]) == ("lan", True)
    assert turn["spans"]["voice_to_voice"] > 0.2
    assert turn["overhead"] is None  # the network's delays are not stated
    assert set(turn["details"]["stamps"]) >= {"audio_chunk_received", "asr_partial", "tts_complete"}
    assert found["charts"][0]["kind"] == "waterfall"
    assert found["facts"]["network"].startswith("lan: 0.5 ms each way")


def test_talk_in_two_formats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICECLI_SPEECH", str(tmp_path / "none"))
    words = ["talk", "--fast", "--turns", "1", *ENGINES, *QUICK, "--format", "pcm", "--format", "mp3"]
    found = record(run(*words, "--json", "-"))
    assert [(one["pipeline"], one["format"], one["runs"]) for one in found["results"]] == [
        ("voicecli", "pcm", 1),
        ("voicecli", "mp3", 1),
    ]
    assert [one["format"] for one in found["engines"] if one["stage"] == "tts"] == ["pcm", "mp3"]


def test_what_was_measured_outlives_an_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICECLI_SPEECH", str(tmp_path / "none"))
    whole = conversations.conversed

    async def stuck(*arguments: Any, **options: Any) -> AsyncIterator[conversations.Exchange]:
        async for asked in whole(*arguments, **options):
            yield asked
            if asked.number == 1:
                raise ProviderError("The second question was never over.")

    monkeypatch.setattr(conversations, "conversed", stuck)
    path = tmp_path / "report.json"
    result = run("talk", "--fast", "--turns", "3", *ENGINES, *QUICK, "--json", path)
    assert isinstance(result.exception, ProviderError)
    found = json.loads(path.read_text())
    assert (found["interrupted"], len(found["runs"])) == (True, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "ogg"], "no format 'ogg'"),
        (["--net", "moon"], "no network 'moon'"),
        (["--baseline", "best"], "no baseline 'best'"),
        (["--scenario", "comedy"], "no scenario 'comedy'"),
        (["--scenario", "tutorial", "--baseline", "naive"], "leave --baseline out"),
        (["--mic", "0"], "--mic and --mouth go together"),
        (["--mic", "0", "--mouth", "0", "--net", "lan", "--net", "4g"], "Only one pipeline"),
        (["--fast", "--baseline", "naive"], "measures no latencies"),
        (["--speech", "/nowhere"], "no folder /nowhere"),
    ],
)
def test_talk_refuses(words: list[str], said: str) -> None:
    result = run("talk", *words)
    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)


def test_turn_lists_and_writes_its_cuts(speech: Path, tmp_path: Path) -> None:
    clips = tmp_path / "clips"
    words = ["turn", "--speech", speech, "--vad", "energy", "--words-after", "9", "--clips", clips]
    found = record(run(*words, "--json", "-"))
    assert found["facts"]["cut off"] == "1 of 1, 100.0%"
    [cut] = found["cuts"]
    assert cut["file"] == "buzz.wav"
    assert 2.4 < cut["time"] < 3.0
    assert [path.suffix for path in clips.iterdir()] == [".wav"]
    assert [point["silence"] for point in found["curve"]] == [
        point["silence"] for point in found["silence_only"]
    ]
    assert found["silence_only"][0]["cut_off"] == 1
    assert found["silence_only"][-1]["cut_off"] == 0
    assert [table["title"] for table in found["tables"]] == ["the curve", "cut off"]


def test_turn_with_words_cuts_nobody_off(speech: Path) -> None:
    found = record(run("turn", "--speech", speech, "--vad", "energy", "--json", "-"))
    assert found["facts"]["cut off"] == "0 of 1, 0.0%"
    assert found["cuts"] == []


def test_budget_of_turn_holds(speech: Path) -> None:
    words = ["turn", "--speech", speech, "--vad", "energy", "--strict"]
    assert run(*words, "--budget", "delay.p50=60").exit_code == 0
    assert isinstance(run(*words, "--budget", "delay.p50=0.001").exception, BudgetBreached)


def test_turn_again_and_again(speech: Path) -> None:
    words = ["--vad", "energy", "--words-after", "9"]
    found = record(run("turn", "--speech", speech, "--runs", "2", "--json", "-", *words))
    assert found["facts"]["cut off"] == "2 of 2, 100.0%"
    assert found["facts"]["speech"] == "1 utterances in 1 recordings, 0 min, 2 times"
    assert len(found["cuts"]) == 1  # the second run cuts at the same place


def test_turn_plays_a_cut(speech: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard.wav"
    words = ["turn", "--speech", speech, "--vad", "energy", "--words-after", "9"]
    result = run(*words, "--play", "1", "--speaker", heard)
    assert result.exit_code == 0, result.exception
    assert heard.stat().st_size > 24_000 * 2 * 2  # more than two seconds
    assert isinstance(run(*words, "--play", "2", "--speaker", heard).exception, UsageError)


def test_turn_needs_labels(tmp_path: Path) -> None:
    export_recording(tmp_path / "speech" / "a.wav", np.zeros(LISTENING_RATE, np.float32), LISTENING_RATE)
    result = run("turn", "--speech", tmp_path / "speech")
    assert isinstance(result.exception, UsageError)
    assert "says where speech starts and ends" in str(result.exception)


def test_player_report(tmp_path: Path) -> None:
    page = tmp_path / "player.html"
    found = record(run("player", "--runs", "1", "--json", "-", "--html", page))
    assert found["callback"]["ratio"] > 20
    assert found["callback"]["same_sound"] is True
    assert len(found["cells"]) == 2 * 7 * 6
    assert found["references"] == [{"player": "queue of samples", "jitter": ""}]
    assert "breaks a minute" in page.read_text()
