"""The settings as a text."""

import itertools
import stat
import tomllib
from pathlib import Path

import pytest

from voicecli.config import Settings, load_settings
from voicecli.config.document import changes, default_text, first_text, write
from voicecli.config.key import toml
from voicecli.config.origins import bundled, bundled_names, read_file
from voicecli.errors import SaveError, SettingsError


def test_default_file_is_generated() -> None:
    made = default_text()
    assert bundled("default").read_text(encoding="utf-8") == made, (
        "python -m voicecli.config.document > config/default.toml"
    )


def test_default_file_equals_defaults() -> None:
    loaded = load_settings(config=bundled("default"), user_file=None, environ={})
    assert loaded.settings == Settings()
    assert all(item.origin != "default" for item in loaded.items())


def test_every_default_has_a_comment() -> None:
    lines = default_text().splitlines()
    bare = [
        line
        for before, line in itertools.pairwise(lines)
        if " = " in line and line[0] not in "#[" and "  # " not in line and not before.startswith("# ")
    ]
    plain = {"model", "voice", "texts"}  # their names and values say it
    assert [line for line in bare if line.split(" ")[0] not in plain] == []


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_files_load(name: str) -> None:
    assert load_settings(profile=name, user_file=None, environ={}).settings != Settings()


def test_first_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(first_text(), encoding="utf-8")
    assert load_settings(user_file=file, environ={}).settings == Settings()
    assert '#engine = "auto"' in first_text()
    assert "[tts.espeak]" in first_text()


def test_change_uncomments_the_line(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(first_text(), encoding="utf-8")
    text, values = changes(file, {"tts.espeak.speed": "1.5", "tts.engine": "espeak"})
    before, after = first_text().splitlines(), text.splitlines()
    assert values == {"tts.espeak.speed": 1.5, "tts.engine": "espeak"}
    different = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [line.partition("  #")[0] for line in different] == ['engine = "espeak"', "speed = 1.5"]
    assert all("  # " in line for line in different)
    assert file.read_text(encoding="utf-8") == first_text()


def test_change_keeps_comments(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("# mine\n[tts]  # voice\ntimeout = 5  # patient\n\n[log]\nlevel = 'info'\n")
    text, _ = changes(
        file, {"tts.timeout": "7", "tts.espeak.voice": "de", "mic.device": "3", "tts.engine": "espeak"}
    )
    assert text.startswith("# mine\n[tts]  # voice\ntimeout = 7.0  # patient\n")
    assert tomllib.loads(text) == {
        "tts": {"timeout": 7.0, "engine": "espeak", "espeak": {"voice": "de"}},
        "log": {"level": "info"},
        "mic": {"device": 3},
    }


def test_change_of_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    text, _ = changes(file, {"profiles.home.tts.engine": "espeak"})
    assert tomllib.loads(text) == {"profiles": {"home": {"tts": {"engine": "espeak"}}}}
    file.write_text(text)
    with pytest.raises(SettingsError, match="espek"):
        changes(file, {"profiles.home.tts.engine": "espek"})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("tts.engin", "x", "There is no setting tts.engin"),
        ("tts", "x", "tts is a table"),
        ("profiles.home", "x", "a table"),
        ("profiles", "x", "a table"),
        ("tts.timeout", "soon", "tts.timeout must be a number of seconds"),
        ("player.prebuffer", "3", "must hold"),
        ("tts.openai.api_key", "sk-abcdefgh12345678", "holds a secret"),
        ("tts.openai.model", "sk-abcdefgh12345678", "holds a secret"),
        ("", "x", "There is no setting"),
        ("tts..engine", "x", "There is no setting"),
    ],
)
def test_wrong_changes_are_refused(key: str, value: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        changes(tmp_path / "config.toml", {key: value})
    assert message in caught.value.message
    assert "sk-" not in str(caught.value)


def test_change_repairs_a_bad_value(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[tts]\ntimeout = -1\n")
    text, _ = changes(file, {"tts.timeout": "5"})
    assert text == "[tts]\ntimeout = 5.0\n"


def test_write_keeps_link_and_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    real.write_text("")
    real.chmod(0o600)
    link.symlink_to(real)
    write(link, "[tts]\n")
    assert link.is_symlink()
    assert real.read_text() == "[tts]\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "dotfiles.toml"]


def test_write_where_nothing_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot be written"):
        write(tmp_path / "file" / "config.toml", "")


@pytest.mark.parametrize(
    "value",
    [True, 3, -2.5, 1e-9, "", 'a "b" \\ \n\t\r\x00\x7f é 🎙', ["a", 1], {"a b": 1, "c": {"d": []}}, []],
)
def test_toml_reads_back(value: object) -> None:
    assert tomllib.loads(f"x = {toml(value)}") == {"x": value}


def test_text_instead_of_file(tmp_path: Path) -> None:
    assert read_file(tmp_path / "none", "[tts]").document == {"tts": {}}


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write(path, "[llm]\n")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    write(path, "[asr]\n")
    assert path.stat().st_mode & 0o777 == 0o640
