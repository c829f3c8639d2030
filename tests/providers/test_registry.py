"""Engines of our own and those plugged in."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voicecli.errors import LibraryMissing, ProviderError, UsageError
from voicecli.providers import registry
from voicecli.providers.registry import BUILT_IN, STAGES, Stage, engine_class, engines, is_engine, package_of

PLUGIN = """
from dataclasses import dataclass

@dataclass(frozen=True, slots=True, kw_only=True)
class BeepOptions:
    pitch: float = 440.0  # hertz

class Beep:
    name = "beep"
    Options = BeepOptions

    def __init__(self, options=BeepOptions()):
        self.options = options

    @staticmethod
    def missing(options):
        return None

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc):
        pass

class Half:
    name = "half"
"""


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package that plugs engines in."""
    (tmp_path / "beeping_plugin.py").write_text(PLUGIN)
    info = tmp_path / "beeping-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: beeping\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[voicecli.tts]\nbeep = beeping_plugin:Beep\nespeak = beeping_plugin:Beep\n"
        "half = beeping_plugin:Half\ngone = beeping_plugin:Gone\nlost = beeping_nowhere:Lost\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()
    sys.modules.pop("beeping_plugin", None)


@pytest.mark.parametrize(("stage", "name"), [(stage, name) for stage in STAGES for name in BUILT_IN[stage]])
def test_built_in_engines_are_engines(stage: Stage, name: str) -> None:
    cls = engine_class(stage, name)
    assert cls.name == name  # type: ignore[attr-defined]
    options = cls.Options()
    assert cls.missing(options) is None or isinstance(cls.missing(options), str)


def test_unknown_engine_names_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        engine_class("tts", "espek")
    assert caught.value.message == "There is no tts engine 'espek'."
    assert "Did you mean espeak?" in caught.value.hint
    assert "auto" in caught.value.hint


@pytest.mark.usefixtures("plugged")
def test_plugin_is_found() -> None:
    assert is_engine("tts", "beep")
    assert not is_engine("asr", "beep")
    assert engine_class("tts", "beep").Options().pitch == 440.0
    assert (package_of("tts", "beep"), package_of("tts", "espeak")) == ("beeping", "")
    assert engines("tts") == [*BUILT_IN["tts"], "beep", *engines("tts")[len(BUILT_IN["tts"]) + 1 :]]


@pytest.mark.usefixtures("plugged")
def test_plugin_does_not_replace_ours() -> None:
    assert engine_class("tts", "espeak").__module__ == "voicecli.providers.espeak"


@pytest.mark.usefixtures("plugged")
def test_broken_plugins_say_so() -> None:
    with pytest.raises(LibraryMissing, match=r"lost of beeping cannot be imported: No module"):
        engine_class("tts", "lost")
    with pytest.raises(ProviderError, match=r"beeping_plugin:Gone does not exist"):
        engine_class("tts", "gone")
    with pytest.raises(ProviderError, match=r"it has no Options and no missing and no __aenter__"):
        engine_class("tts", "half")


@pytest.mark.usefixtures("plugged")
def test_plugin_has_a_table() -> None:
    from voicecli.config import load_settings
    from voicecli.errors import SettingsError

    loaded = load_settings(
        user_file=None, environ={"VOICECLI_TTS__BEEP__PITCH": "220", "VOICECLI_TTS__ENGINE": "beep"}
    )
    assert loaded.settings.tts.engines["beep"].pitch == 220.0
    assert "tts.beep.pitch" in [item.key for item in loaded.items()]
    with pytest.raises(SettingsError, match=r"Did you mean tts\.beep\.pitch"):
        load_settings(user_file=None, environ={}, overrides={"tts.beep.pich": 1})
