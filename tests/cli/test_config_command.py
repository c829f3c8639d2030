"""`voicecli config`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from voicecli.cli.config import app
from voicecli.cli.options import assignments
from voicecli.config import default_user_file
from voicecli.errors import SettingsError, UsageError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def lines(result: Result) -> list[str]:
    assert result.exception is None, result.exception
    return result.stdout.splitlines()


def test_path_is_the_users(home: Path) -> None:
    assert lines(run("path")) == [str(default_user_file())]
    assert str(home) in lines(run("path"))[0]
    assert json.loads(lines(run("path", "--json"))[0])["exists"] is False


def test_show_is_plain_and_whole() -> None:
    shown = lines(run("show"))
    assert "tts.timeout = 10.0  # default" in shown
    assert any(line.startswith("conversation.system = ") and len(line) > 100 for line in shown)
    assert not any("\x1b" in line or "…" in line for line in shown if "word_after" not in line)


def test_show_names_origins(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default_user_file().parent.mkdir(parents=True, exist_ok=True)
    default_user_file().write_text("[tts]\n\ntimeout = 4\n")
    monkeypatch.setenv("VOICECLI_TTS__ESPEAK__VOICE", "de")
    shown = lines(run("show", "--changed", "--profile", "simulated", "--set", "llm.timeout=3"))
    assert f"tts.timeout = 4.0  # {default_user_file()}:3" in shown
    assert 'tts.espeak.voice = "de"  # VOICECLI_TTS__ESPEAK__VOICE' in shown
    assert "llm.timeout = 3.0  # --set" in shown
    assert any(
        line.startswith('asr.engine = "simulated"  # ') and "profile simulated" in line for line in shown
    )
    assert not any(line.endswith("# default") for line in shown)


def test_show_some_keys() -> None:
    assert lines(run("show", "tts.timeout")) == ["tts.timeout = 10.0  # default"]
    assert {line.split(".")[0] for line in lines(run("show", "tts", "log"))} == {"tts", "log"}
    assert isinstance(run("show", "tsts").exception, SettingsError)


def test_show_json() -> None:
    events = [json.loads(line) for line in lines(run("show", "--json", "tts"))]
    assert {"event": "setting", "key": "tts.timeout", "value": 10.0, "origin": "default"} in events
    assert all(event["event"] == "setting" for event in events)


def test_init_writes_once() -> None:
    assert lines(run("init")) == [f"Wrote {default_user_file()}"]
    assert isinstance(run("init").exception, UsageError)
    default_user_file().write_text("broken [")
    assert run("init", "--force").exception is None
    assert "changed" not in run("show", "--changed").stdout
    assert lines(run("show", "--changed")) == []


def test_init_elsewhere(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "own.toml"
    assert json.loads(lines(run("init", "--config", str(target), "--json"))[0]) == {
        "event": "written",
        "path": str(target),
    }
    assert target.exists()


def test_set_then_show() -> None:
    assert lines(run("init"))
    assert lines(run("set", "tts.espeak.speed=1.5", "mic.device = USB Audio")) == [
        f"tts.espeak.speed = 1.5  # {default_user_file()}",
        f'mic.device = "USB Audio"  # {default_user_file()}',
    ]
    shown = lines(run("show", "--changed"))
    assert [line.partition("  #")[0] for line in shown] == [
        'mic.device = "USB Audio"',
        "tts.espeak.speed = 1.5",
    ]


def test_set_without_a_file() -> None:
    assert json.loads(lines(run("set", "--json", "tts.engine=espeak"))[0])["value"] == "espeak"
    assert default_user_file().read_text() == '[tts]\nengine = "espeak"\n'


def test_refused_set_changes_nothing() -> None:
    run("set", "tts.engine=espeak")
    before = default_user_file().read_text()
    for wrong in ("tts.engine=espek", "tts.speed=1", "tts.openai.api_key=x", "tts.engine"):
        assert isinstance(run("set", "tts.timeout=3", wrong).exception, UsageError)
        assert default_user_file().read_text() == before


def test_overrides_need_an_equals_sign() -> None:
    assert assignments(["a.b=c=d", "e="]) == {"a.b": "c=d", "e": ""}
    for wrong in ("a.b", "=c"):
        with pytest.raises(UsageError):
            assignments([wrong])
