"""Sources in their order, checked."""

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from voicecli.config import Flag, Loaded, Settings, load_settings, schema
from voicecli.errors import ExitStatus, SettingsError
from voicecli.latency.timeline import Span


def load(text: str, tmp_path: Path, **more: object) -> Loaded:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load_settings(user_file=file, **{"environ": {}, **more})  # type: ignore[arg-type]


def refusal(text: str, tmp_path: Path, **more: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(text, tmp_path, **more)
    return caught.value


def value(loaded: Loaded, name: str) -> object:
    return next(item.value for item in loaded.items() if item.key == name)


def test_defaults_without_sources() -> None:
    loaded = load_settings(user_file=None, environ={})
    assert loaded.settings == Settings()
    assert loaded.origin("tts.timeout") == "default"
    assert value(loaded, "tts.timeout") == 10.0
    assert loaded.settings.llm.timeout == 20.0


def test_later_sources_win(tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    names = [
        "tts.espeak.pitch",
        "tts.espeak.speed",
        "tts.espeak.volume",
        "tts.timeout",
        "llm.timeout",
        "asr.timeout",
    ]
    user = "[tts.espeak]\npitch = 1\nspeed = 0.6\nvolume = 0.1\n"
    user += "[tts]\ntimeout = 1\n[llm]\ntimeout = 1\n[asr]\ntimeout = 1"
    given.write_text(
        "[tts.espeak]\nspeed = 0.7\nvolume = 0.2\n"
        "[tts]\ntimeout = 2\n[llm]\ntimeout = 2\n[asr]\ntimeout = 2\n"
        "[profiles.home]\ntts = { espeak.volume = 0.3, timeout = 3 }\nllm.timeout = 3\nasr.timeout = 3\n"
    )
    loaded = load(
        user,
        tmp_path,
        config=given,
        profile="home",
        environ={"VOICECLI_TTS__TIMEOUT": "4", "VOICECLI_LLM__TIMEOUT": "4", "VOICECLI_ASR__TIMEOUT": "4"},
        overrides={"llm.timeout": "5", "asr.timeout": Flag("--patience", 6)},
    )
    assert [value(loaded, name) for name in names] == [1, 0.7, 0.3, 4.0, 5.0, 6.0]
    assert [loaded.origin(name) for name in names] == [
        f"{tmp_path / 'config.toml'}:2",
        f"{given}:2",
        f"{given}:11 (profile home)",
        "VOICECLI_TTS__TIMEOUT",
        "--set",
        "--patience",
    ]


def test_engines_get_their_tables(tmp_path: Path) -> None:
    settings = load('[tts.espeak]\nvoice = "de"\n[llm]\ntimeout = 7', tmp_path).settings
    assert settings.tts.engines["espeak"].voice == "de"
    assert settings.tts.engines["simulated"].ttfb == 0.15
    assert settings.llm.engines["openai"].timeout == 7.0
    assert "opnai" not in settings.llm.engines
    with pytest.raises(KeyError):
        settings.llm.engines["opnai"]


def test_sections_feed_their_rooms(tmp_path: Path) -> None:
    settings = load(
        '[conversation]\nlanguage = "de"\nbarge_in = false\nsystem = "Hm."\nphrases.eager = false\n'
        "[vad]\nstart = 0.6",
        tmp_path,
    ).settings
    assert settings.endpointer().language == "de"
    assert settings.utterer().language == "de"
    assert settings.utterer().timeout == settings.tts.timeout
    assert settings.reply().timeout == settings.llm.timeout
    assert not settings.reply().phrases.eager
    assert not settings.listening().barge_in
    assert settings.conversation.history.system == "Hm."
    assert settings.vad.start == 0.6


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[tts]\nengin = 'x'", ":2: There is no setting tts.engin.", "Did you mean tts.engine?"),
        (
            "[tts.espek]\nvoice = 'x'",
            ":2: There is no setting tts.espek.voice.",
            "Did you mean tts.espeak.voice?",
        ),
        ("[tts.opnai]", ":1: There is no setting tts.opnai.", "Did you mean tts.openai?"),
        ("[tss]\nengine = 'x'", ":2: There is no setting tss.engine.", "Did you mean tts.engine?"),
        (
            "voice_to_voice = 1",
            ":1: There is no setting voice_to_voice.",
            "Did you mean budgets.voice_to_voice?",
        ),
        (
            "\n[tts]\nengine = 'espek'",
            ":3: tts.engine: There is no tts engine 'espek'.",
            "Did you mean espeak?",
        ),
        ("tts = 1", ":1: tts is a table, not a value.", "It has engine, timeout"),
        ("[tts.engine]\nx = 1", ":2: tts.engine is a value, so there is no tts.engine.x.", ""),
        (
            "[tts]\ntimeout = 'fast'",
            ":2: tts.timeout must be a number of seconds from 0.1 to 3600, not 'fast'.",
            "without",
        ),
        ("[tts]\ntimeout = -1", ":2: tts.timeout must be a number of seconds from 0.1 to 3600, not -1.", ""),
        (
            "[endpoint]\nwait = nan",
            ":2: endpoint.wait must be a number of seconds of 0 or more, not nan.",
            "",
        ),
        ("[endpoint]\nwait = inf", "not inf.", ""),
        (
            "[player]\nprebuffer = -0.1",
            ":2: player.prebuffer must be a number of seconds of 0 or more, not -0.1.",
            "",
        ),
        (
            "[player]\n\nprebuffer = 3",
            ":3: player.prebuffer: 0 <= prebuffer <= max_prebuffer <= capacity must hold.",
            "",
        ),
        ("[tts.espeak]\nspeed = 9", ":2: tts.espeak.speed must be a number from 0.46 to 5, not 9.", ""),
        (
            "[log]\nlevel = 'warn'",
            ":2: log.level must be one of debug, info, warning, error, not 'warn'.",
            "warning",
        ),
        ("[save]\naudio = 'yes'", ":2: save.audio must be true or false, not 'yes'.", ""),
        ("[server]\nport = 1.5", ":2: server.port must be a whole number from 0 to 65535, not 1.5.", ""),
        ("[server]\nport = 99999", ":2: server.port must be", ""),
        ("[conversation]\nsystem = 3", ":2: conversation.system must be text, not 3.", ""),
        ("[llm.simulated]\ntexts = 'x'", ":2: llm.simulated.texts must be a list, not 'x'.", ""),
        ("[vad]\nwindow = 1", ":2: There is no setting vad.window.", ""),
        ("[tts.openai]\ntimeout = 1", ":2: There is no setting tts.openai.timeout.", ""),
        ("[tts]\nengine = espeak", ":2: this is not TOML: ", "in quotes"),
        ("[tts\nengine = 'x'", ":1: this is not TOML: ", ""),
        ("[tts]\nengine = 'x'\nengine = 'y'", ":3: this is not TOML: ", ""),
        ('x = """', ":1: this is not TOML: ", ""),
        ("profiles = 3", ":1: a profile is a table.", ""),
        ("[profiles]\nhome = 3", ":2: a profile is a table.", ""),
    ],
)
def test_errors_name_line_and_key(text: str, message: str, hint: str, tmp_path: Path) -> None:
    error = refusal(text, tmp_path, profile="home" if "profiles" in text else None)
    assert message in error.message
    assert error.message.startswith(str(tmp_path / "config.toml")) or "must hold" in message
    assert hint in error.hint
    assert error.status == ExitStatus.USAGE


@pytest.mark.parametrize(
    "text",
    [
        "[tts.openai]\napi_key = 'x'",
        "[llm.openai]\nAPI-KEY = 'x'",
        "[llm.openai]\napi_key_env = 'sk-proj-abcdefgh12345678'",
        "[profiles.work.llm.openai]\nmodel = 'sk-abcdefgh12345678'",
        "[asr.openai]\nbase_url = 'https://me:hunter2@example.com/v1'",
        "[asr.simulated]\ntexts = ['sk-abcdefgh12345678']",
    ],
)
def test_secrets_are_refused(text: str, tmp_path: Path) -> None:
    error = refusal(text, tmp_path)
    assert ":2: " in error.message
    assert "secret" in error.message
    assert "api_key_env" in error.hint
    assert "hunter2" not in str(error)
    assert "abcdefgh" not in str(error)


def test_secret_in_environment_setting(tmp_path: Path) -> None:
    error = refusal("", tmp_path, environ={"VOICECLI_TTS__OPENAI__API_KEY": "sk-abcdefgh12345678"})
    assert error.message.startswith("VOICECLI_TTS__OPENAI__API_KEY: ")
    assert "sk-" not in str(error)


def test_environment_reads_types() -> None:
    environ = {
        "VOICECLI_TTS__ESPEAK__SPEED": "2",
        "VOICECLI_TTS__ESPEAK__VOICE": "3",
        "VOICECLI_TTS__ESPEAK__PAUSE": "false",
        "VOICECLI_VAD__SILERO_TORCH__THREADS": "2",
        "VOICECLI_CONVERSATION__PHRASES__CLAUSE_AFTER": "[20, 30]",
        "VOICECLI_MIC__DEVICE": "",
        "VOICECLI_LLM__OPENAI__MODEL": "gpt-4o # mini",
        "VOICECLI_LLM__OPENAI__TEMPERATURE": "",
        "VOICECLI_SPEECH": "/somewhere",
        "HOME": "/",
    }
    loaded = load_settings(user_file=None, environ=environ)
    espeak = loaded.settings.tts.engines["espeak"]
    assert (espeak.speed, espeak.voice, espeak.pause) == (2.0, "3", False)
    assert loaded.settings.vad.engines["silero-torch"].threads == 2
    assert loaded.origin("vad.silero-torch.threads") == "VOICECLI_VAD__SILERO_TORCH__THREADS"
    assert loaded.settings.conversation.phrases.clause_after == (20, 30)
    assert loaded.settings.mic.device == ""
    assert loaded.settings.llm.engines["openai"].model == "gpt-4o # mini"
    assert loaded.settings.llm.engines["openai"].temperature is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("VOICECLI_TTS", "VOICECLI_TTS__"),
        ("VOICECLI_TTS_ENGINE", "VOICECLI_TTS__ENGINE"),
        ("VOICECLI_TTS_ESPEAK_VOICE", "VOICECLI_TTS__ESPEAK__VOICE"),
        ("VOICECLI_TTS__ENGIN", "tts.engine"),
    ],
)
def test_wrong_variables(name: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(user_file=None, environ={name: "x"})
    assert name in caught.value.message
    assert hint in caught.value.hint


def test_flags_name_themselves() -> None:
    with pytest.raises(SettingsError, match=r"^--speed: tts\.espeak\.speed must be a number from"):
        load_settings(user_file=None, environ={}, overrides={"tts.espeak.speed": Flag("--speed", "quick")})
    with pytest.raises(SettingsError, match=r"^--set: There is no setting tts\.speed"):
        load_settings(user_file=None, environ={}, overrides={"tts.speed": 1})


def test_bundled_profile() -> None:
    loaded = load_settings(user_file=None, environ={}, profile="simulated")
    settings = loaded.settings
    assert [settings.asr.engine, settings.llm.engine, settings.tts.engine] == ["simulated"] * 3
    assert loaded.origin("asr.simulated.delay").endswith("simulated.toml:7 (profile simulated)")


def test_own_profile_replaces_bundled(tmp_path: Path) -> None:
    loaded = load('[profiles.simulated.tts]\nengine = "espeak"', tmp_path, profile="simulated")
    assert (loaded.settings.tts.engine, loaded.settings.llm.engine) == ("espeak", "auto")


def test_unknown_profile_names_nearest(tmp_path: Path) -> None:
    error = refusal("[profiles.home.tts]\nengine = 'espeak'", tmp_path, profile="hom")
    assert "Did you mean home?" in error.hint
    assert "simulated" in error.hint
    assert "default" not in error.hint


def test_unread_profile_is_not_checked(tmp_path: Path) -> None:
    assert load("[profiles.other]\nnonsense = 1", tmp_path).settings == Settings()


def test_missing_files(tmp_path: Path) -> None:
    assert load_settings(user_file=tmp_path / "none.toml", environ={}).settings == Settings()
    with pytest.raises(SettingsError, match="no settings file"):
        load_settings(user_file=None, environ={}, config=tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(user_file=None, environ={}, config=tmp_path)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes(b"[tts]\nvoice = '\xe9'\n")
    with pytest.raises(SettingsError, match=r"latin\.toml:2: this is not UTF-8"):
        load_settings(user_file=file, environ={})


def test_windows_lines_and_mark(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf[tts]\r\n\r\ntimeout = 4\r\n")
    loaded = load_settings(user_file=file, environ={})
    assert (loaded.settings.tts.timeout, loaded.origin("tts.timeout")) == (4.0, f"{file}:3")


def test_origin_of_no_key() -> None:
    with pytest.raises(SettingsError, match=r"tts\.voise"):
        load_settings(user_file=None, environ={}).origin("tts.voise")


def test_every_item_is_a_key() -> None:
    loaded = load_settings(user_file=None, environ={})
    names = [item.key for item in loaded.items()]
    assert len(names) == len(set(names)) > 80
    assert "conversation.barge_in" in names
    assert "vad.silero-torch.threads" in names


def test_every_span_has_a_budget() -> None:
    budgets = Settings().budgets
    assert {field.name for field in fields(budgets)} == set(Span)
    limits = load_settings(
        user_file=None, environ={}, overrides={"budgets.ttft": 0}
    ).settings.budgets.limits()
    assert Span.TTFT not in limits
    assert limits[Span.VOICE_TO_VOICE] == 1.0


def test_every_default_is_valid() -> None:
    for key in schema.every_key():
        given = "" if key.default is None else key.default
        given = str(given) if not isinstance(given, (int, float, tuple, list, dict)) else given
        overrides = {key.name: list(given) if isinstance(given, tuple) else given}
        loaded = load_settings(user_file=None, environ={}, overrides=overrides)
        assert value(loaded, key.name) == key.default, key.name


def test_options_are_frozen() -> None:
    for key in schema.every_key():
        assert is_dataclass(key.owner)
        assert key.owner.__dataclass_params__.frozen, key.owner  # type: ignore[attr-defined]


def test_reading_imports_nothing_heavy(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('[tts]\nengine = "espeak"\n[tts.espeak]\nvoice = "de"\n[asr.openai]\n')
    heavy = ["openai", "rich", "typer", "tomlkit", "sounddevice", "av", "onnxruntime", "importlib.metadata"]
    code = (
        "import sys; from pathlib import Path; from voicecli.config import load_settings;"
        f"load_settings(user_file=Path({str(file)!r}), environ={{}});"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
