"""Engines as the settings say."""

from pathlib import Path

import pytest

from tests.flow.spring import run
from voicecli.config.assembly import open_engines
from voicecli.errors import SettingsError, UsageError
from voicecli.providers.language_model import Message
from voicecli.providers.pocketsphinx import PocketsphinxRecognizer
from voicecli.providers.simulated import SimulatedLanguageModel, SimulatedRecognizer, SimulatedSynthesizer

USER = """
[asr]
engine = "simulated"
[llm]
engine = "simulated"
[tts]
engine = "simulated"
[llm.simulated]
texts = ["The user's."]
ttft = 0
tokens_per_second = 0
[profiles.work.llm.simulated]
texts = ["The profile's."]
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's settings file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "voicecli" / "config.toml"
    path.parent.mkdir()
    path.write_text(USER)
    return path


def answer(*names, **options):
    """What the simulated model says that is opened."""

    async def main():
        async with open_engines(*names, **options) as (recognizer, model, synthesizer):
            assert isinstance(recognizer, SimulatedRecognizer)
            assert isinstance(model, SimulatedLanguageModel)
            assert isinstance(synthesizer, SimulatedSynthesizer)
            return "".join(
                [
                    token
                    async for token in model.complete([Message("user", "Hello?")])
                    if isinstance(token, str)
                ]
            )

    return run(main)


def test_engines_are_those_of_talk(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer() == "The user's."
    assert answer(profile="work") == "The profile's."
    other = tmp_path / "other.toml"
    other.write_text('[llm.simulated]\ntexts = ["The file\'s."]\n')
    assert answer(settings=other) == "The file's."
    assert answer(overrides={"llm.simulated.texts": ["The caller's."]}, profile="work") == "The caller's."
    monkeypatch.setenv("VOICECLI_LLM__SIMULATED__TEXTS", '["The environment\'s."]')
    assert answer("simulated", settings=other) == "The environment's."


def test_a_name_goes_before_the_settings(settings: Path) -> None:
    async def main():
        async with open_engines("pocketsphinx", overrides={"asr.engine": "nobody"}) as (recognizer, _, _):
            return recognizer

    assert isinstance(run(main), PocketsphinxRecognizer)


def test_wrong_settings_are_told(settings: Path) -> None:
    for error, options in (
        (SettingsError, {"overrides": {"llm.enginee": "simulated"}}),
        (SettingsError, {"profile": "nowhere"}),
        (UsageError, {"settings": settings.parent / "none.toml"}),
    ):
        with pytest.raises(error):
            answer(**options)
