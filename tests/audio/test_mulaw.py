import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.audio.encoded import voice
from voicecli.audio.mulaw import MulawDecoder, MulawWriter, from_mulaw, mulaw_bytes, mulaw_header
from voicecli.audio.recording import load_recording
from voicecli.errors import SaveError


def test_every_code_survives() -> None:
    codes = bytes(set(range(256)) - {0x7F})  # two zeros: the negative one comes back as the other
    assert mulaw_bytes(from_mulaw(codes)) == codes


def test_noise_is_36_decibels_below() -> None:
    sound = voice(8000)
    error = from_mulaw(mulaw_bytes(sound)) - sound
    assert 20 * np.log10(sound.std() / error.std()) > 35


def test_too_loud_is_clipped() -> None:
    assert mulaw_bytes(np.array([5.0, -5.0], np.float32)) == b"\x80\x00"


@pytest.mark.parametrize("size", [0, 1, 8000, 8001])
def test_written_sizes_are_true(tmp_path: Path, size: int) -> None:
    path = tmp_path / "folder" / "call.wav"
    data = mulaw_bytes(voice(8000, 2))[:size]
    with MulawWriter(path) as writer:
        writer.write(data)
    written = path.read_bytes()
    assert struct.unpack_from("<I", written, 4)[0] == len(written) - 8
    assert struct.unpack_from("<I", written, 46)[0] == size  # fact: samples
    assert struct.unpack_from("<I", written, 54)[0] == size
    assert written[58 : 58 + size] == data
    if size:
        samples, rate = load_recording(path)
        assert rate == 8000
        assert np.array_equal(samples, from_mulaw(data))
    with pytest.raises(wave.Error, match="7"):  # Python's own reader gets as far as the coding
        wave.Wave_read(str(path))


def test_decoder_takes_files_too() -> None:
    data = mulaw_bytes(voice(8000, 0.1))
    raw, file = MulawDecoder(), MulawDecoder()
    assert np.array_equal(raw.decode(data), file.decode(mulaw_header() + data))
    assert len(raw.flush()) == len(file.flush()) == 0


def test_written_after_the_end(tmp_path: Path) -> None:
    writer = MulawWriter(tmp_path / "call.wav")
    writer.close()
    writer.close()
    with pytest.raises(SaveError, match="closed"):
        writer.write(b"\xff")
    with pytest.raises(SaveError, match="folder"):
        MulawWriter(tmp_path)
