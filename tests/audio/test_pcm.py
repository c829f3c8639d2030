"""Samples of any size become sound within full scale, without a warning (which would be an error here)."""

from pathlib import Path

import numpy as np
import pytest

from tests.audio.encoded import voice
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import from_mulaw, from_s16, limited, mulaw_bytes, s16_bytes
from voicecli.audio.recording import load_recording
from voicecli.audio.soundfile import WavWriter

WILD = np.array([0.5, -0.5, 1e30, -1e30, 3e38, np.inf, -np.inf, np.nan, 1.0, -1.0], np.float32)
TAME = np.array([0.5, -0.5, 1, -1, 1, 1, -1, 0, 1, -1], np.float32)


def test_wild_samples_are_limited() -> None:
    assert np.array_equal(limited(WILD), TAME)
    assert np.isnan(WILD[7])  # what was given is not touched


def test_wild_samples_become_integers(tmp_path: Path) -> None:
    assert from_s16(s16_bytes(WILD)) == pytest.approx(TAME, abs=1 / 32_768)
    assert from_mulaw(mulaw_bytes(WILD)) == pytest.approx(TAME, abs=0.03)
    with WavWriter(tmp_path / "a.wav", 16_000) as writer:
        writer.write(WILD)
    assert load_recording(tmp_path / "a.wav")[0] == pytest.approx(TAME, abs=1 / 32_768)


@pytest.mark.parametrize("codec", Codec)
def test_wild_samples_are_encoded(codec: Codec) -> None:
    format = StreamFormat(codec, 16_000)
    encoder, decoder = open_encoder(format), open_decoder(format)
    heard = decoder.decode(encoder.encode(np.tile(WILD, 800)) + encoder.flush())
    heard = np.concatenate([heard, decoder.flush()])
    assert len(heard) / (decoder.rate or 1) == pytest.approx(0.5, abs=0.06)
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() < 4  # what a lossy codec makes of full scale


def test_every_code_survives() -> None:
    codes = bytes(set(range(256)) - {0x7F})  # two zeros: the negative one comes back as the other
    assert mulaw_bytes(from_mulaw(codes)) == codes


def test_noise_is_36_decibels_below() -> None:
    sound = voice(8000)
    error = from_mulaw(mulaw_bytes(sound)) - sound
    assert 20 * np.log10(sound.std() / error.std()) > 35


def test_too_loud_is_clipped() -> None:
    assert mulaw_bytes(np.array([5.0, -5.0], np.float32)) == b"\x80\x00"
