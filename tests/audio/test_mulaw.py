import numpy as np

from tests.audio.encoded import voice
from voicecli.audio.mulaw import from_mulaw, mulaw_bytes


def test_every_code_survives() -> None:
    codes = bytes(set(range(256)) - {0x7F})  # two zeros: the negative one comes back as the other
    assert mulaw_bytes(from_mulaw(codes)) == codes


def test_noise_is_36_decibels_below() -> None:
    sound = voice(8000)
    error = from_mulaw(mulaw_bytes(sound)) - sound
    assert 20 * np.log10(sound.std() / error.std()) > 35


def test_too_loud_is_clipped() -> None:
    assert mulaw_bytes(np.array([5.0, -5.0], np.float32)) == b"\x80\x00"
