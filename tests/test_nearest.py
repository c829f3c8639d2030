import pytest

from voicecli.nearest import nearest

ENGINES = ("openai", "moonshine", "whisper", "pocketsphinx", "simulated", "espeak", "kokoro", "piper")
VOICES = ("en-us", "en-gb", "en-gb-scotland", "de", "fr", "es", "af_heart", "af_bella", "en_US-joe-medium")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("wisper", "whisper"),
        ("opanai", "openai"),
        ("Espaek", "espeak"),
        ("moonshin", "moonshine"),
        ("sphinx", "pocketsphinx"),
        ("af_hart", "af_heart"),
        ("joe", "en_US-joe-medium"),
        ("en_us", "en-us"),
    ],
)
def test_slips_are_understood(word: str, meant: str) -> None:
    assert nearest(word, ENGINES + VOICES)[0] == meant


@pytest.mark.parametrize(
    "word", ["xyzzy", "asdfgh", "banana", "klingon", "", "q", "no such thing", "tone", "paper2000"]
)
def test_nonsense_means_nothing(word: str) -> None:
    assert nearest(word, ENGINES + VOICES, 5) == []
