"""Files as other programs read them."""

import hashlib
import os
import threading
from contextlib import closing, suppress
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.audio.encoded import voice
from tests.audio.limited_disk import limited_disk
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.outfile import OutFile
from voicecli.audio.pcm import mulaw_bytes, s16_bytes
from voicecli.audio.recording import load_recording
from voicecli.audio.soundfile import SoundFile, WavWriter, mulaw_file
from voicecli.errors import SaveError

RATE = 24_000
SOUND = voice(RATE, 2.4)
TOLD = [codec for codec in Codec if codec not in (Codec.PCM, Codec.AAC)]  # ADTS has no place for a length
LIBSNDFILE = (Codec.WAV, Codec.FLAC, Codec.MP3, Codec.OPUS)


def opened(path: Path, codec: Codec) -> WavWriter | SoundFile:
    if codec is Codec.WAV:
        return WavWriter(path, RATE)
    return SoundFile(OutFile(path), StreamFormat(codec, RATE))


def written(path: Path, codec: Codec) -> None:
    with closing(opened(path, codec)) as file:
        for piece in np.array_split(SOUND, 31):
            file.write(piece)


def stated(path: Path) -> float:
    """Seconds that the file says it has."""
    with av.open(str(path)) as container:
        assert container.duration is not None
        return container.duration / av.time_base


@pytest.mark.parametrize("codec", TOLD)
def test_length_is_told(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / f"a.{codec}"
    written(path, codec)
    assert stated(path) == pytest.approx(2.4, abs=0.01)
    samples, rate = load_recording(path)
    assert len(samples) / rate == pytest.approx(2.4, abs=0.01)
    if codec in LIBSNDFILE:
        assert soundfile.info(path).duration == pytest.approx(2.4, abs=0.001)
        heard, rate = soundfile.read(path)
        assert len(heard) / rate == pytest.approx(2.4, abs=0.001)


def test_aac_is_as_long_as_its_frames(tmp_path: Path) -> None:
    written(tmp_path / "a.aac", Codec.AAC)
    with av.open(str(tmp_path / "a.aac")) as container:
        frames = [frame.samples / frame.sample_rate for frame in container.decode(audio=0)]
    assert sum(frames) == pytest.approx(2.4, abs=3 * 1024 / RATE)


def test_flac_is_signed(tmp_path: Path) -> None:
    written(tmp_path / "a.flac", Codec.FLAC)
    data = (tmp_path / "a.flac").read_bytes()
    assert int.from_bytes(data[18:26], "big") & (1 << 36) - 1 == len(SOUND)
    assert data[26:42] == hashlib.md5(s16_bytes(SOUND)).digest()


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec is not Codec.PCM])
def test_full_disk_keeps_a_true_file(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / f"a.{codec}"
    with limited_disk(8000), pytest.raises(SaveError, match=f"Cannot save .*a.{codec}"):
        written(path, codec)
    assert 4000 < path.stat().st_size <= 8000
    assert sorted(tmp_path.iterdir()) == [path]
    samples, rate = load_recording(path)
    assert len(samples) / rate > 0.08
    if codec in (Codec.WAV, Codec.FLAC):
        assert soundfile.info(path).frames == len(soundfile.read(path)[0]) == len(samples)
        assert np.abs(samples - SOUND[: len(samples)]).max() < 1e-4
        assert stated(path) == pytest.approx(len(samples) / rate, abs=1e-5)
    if codec is Codec.WAV:
        assert int.from_bytes(path.read_bytes()[40:44], "little") == path.stat().st_size - 44


@pytest.mark.parametrize("codec", [Codec.WAV, Codec.FLAC])
def test_full_disk_stays_the_reason(tmp_path: Path, codec: Codec) -> None:
    """Whoever writes on, and closes, is told the same."""
    file = opened(tmp_path / f"a.{codec}", codec)
    with limited_disk(8000):
        for _ in range(2):
            with pytest.raises(SaveError, match="larger"):
                file.write(SOUND)
    with pytest.raises(SaveError, match="larger"):
        file.write(SOUND)
    file.close()


@pytest.mark.parametrize("limit", [4000, 4001, 4057, 4058])
def test_full_disk_keeps_a_true_telephone_call(tmp_path: Path, limit: int) -> None:
    path, data = tmp_path / "a.wav", mulaw_bytes(SOUND)

    def call() -> None:
        with closing(mulaw_file(path)) as file:
            for begin in range(0, len(data), 333):
                file.append(data[begin : begin + 333])

    with limited_disk(limit), pytest.raises(SaveError):
        call()
    raw = path.read_bytes()
    count = int.from_bytes(raw[54:58], "little")
    assert len(raw) - 58 - count in (0, 1)
    assert count > 3000
    assert soundfile.info(path).frames == count


@pytest.mark.parametrize("codec", [codec for codec in Codec if codec is not Codec.PCM])
def test_disk_without_room_leaves_nothing(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / f"a.{codec}"
    with limited_disk(20), pytest.raises(SaveError):
        written(path, codec)
    assert not path.exists()


@pytest.mark.parametrize("codec", [Codec.FLAC, Codec.MP3, Codec.OPUS, Codec.WEBM])
def test_unfinished_file_is_read(tmp_path: Path, codec: Codec) -> None:
    """As after SIGKILL: what had come is there, and a length is true or unknown."""
    path = tmp_path / f"a.{codec}"
    file = opened(path, codec)
    for piece in np.array_split(SOUND, 31):
        file.write(piece)
    copy = tmp_path / f"b.{codec}"
    copy.write_bytes(path.read_bytes())
    file.close()
    samples, rate = load_recording(copy)
    assert 1.5 < len(samples) / rate <= 2.45
    if codec is Codec.FLAC:
        assert soundfile.info(copy).frames == len(samples)


def test_pipe_gets_a_stream(tmp_path: Path) -> None:
    path, got = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    with suppress(BrokenPipeError):
        written(path, Codec.FLAC)
    reader.join()
    (tmp_path / "a.flac").write_bytes(got[0])
    assert len(load_recording(tmp_path / "a.flac")[0]) == len(SOUND)
