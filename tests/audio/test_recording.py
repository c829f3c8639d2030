import asyncio
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import av
import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.recording import (
    EXPORTS,
    Recording,
    export_recording,
    import_recording,
    load_recording,
    open_recording,
)
from voicecli.audio.resample import Quality, resample
from voicecli.audio.soundfile import WavWriter
from voicecli.errors import DecodeError, SaveError, UsageError

RATE = 24_000
SOUND = (0.4 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) * np.hanning(RATE)).astype(np.float32)
SPEECH = Path(os.environ.get("VOICECLI_SPEECH", Path(__file__).parents[2] / "../shared/speech")).resolve()
ORIGINALS = sorted((SPEECH / "originals").glob("*")) if SPEECH.is_dir() else []
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001"
    "0005fe02fea75c8f0000000049454e44ae426082"
)


def alike(one: Samples, other: Samples) -> float:
    size = min(len(one), len(other))
    return float(np.corrcoef(one[:size], other[:size])[0, 1])


@pytest.mark.parametrize("ending", sorted(set(EXPORTS) - {".raw", ".pcm"}))
def test_export_and_import(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "new" / f"a{ending}"
    export_recording(path, SOUND, RATE)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    samples, rate = import_recording(path)
    assert samples.dtype == np.float32
    again = resample(samples, rate, RATE)
    assert len(again) == pytest.approx(RATE, abs=1200)
    assert alike(again, SOUND) > 0.99


def test_raw_export_is_bare_samples(tmp_path: Path) -> None:
    export_recording(tmp_path / "a.raw", SOUND, RATE)
    values = np.fromfile(tmp_path / "a.raw", "<i2")
    np.testing.assert_allclose(values / 32768, SOUND, atol=2e-5)


def test_export_wants_a_known_ending(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Cannot tell") as caught:
        export_recording(tmp_path / "a.xyz", SOUND, RATE)
    assert ".mp3" in caught.value.hint


def test_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"old")
    (tmp_path / "a.wav.part").mkdir()
    with pytest.raises(SaveError, match="Cannot save"):
        export_recording(path, SOUND, RATE)
    assert path.read_bytes() == b"old"


def test_no_program_and_no_warning(tmp_path: Path) -> None:
    """Import and export with an empty PATH, every warning an error, and pydub compiled anew."""
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from voicecli.audio.recording import export_recording, import_recording\n"
        "for ending in ('wav', 'mp3', 'flac'):\n"
        "    path = Path(sys.argv[1]) / f'a.{ending}'\n"
        "    export_recording(path, np.zeros(9000, np.float32), 16000)\n"
        "    samples, rate = import_recording(path)\n"
        "    assert rate == 16000 and len(samples) >= 9000\n"
    )
    command = [sys.executable, "-W", "error", "-B", "-X", "pycache_prefix=/nonexistent", "-c", code]
    environment = {**os.environ, "PATH": str(tmp_path)}
    subprocess.run([*command, str(tmp_path)], env=environment, check=True)


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda path: path.name)
def test_recorded_speech(original: Path) -> None:
    samples, rate = load_recording(original)
    with original.with_name("manifest.jsonl").parent.parent.joinpath("manifest.jsonl").open() as lines:
        stem = original.name.split(".")[0]
        entry = next(entry for entry in map(json.loads, lines) if entry["id"] == stem)
    assert len(samples) / rate == pytest.approx(entry["duration_s"], abs=0.06)
    converted, converted_rate = load_recording(SPEECH / entry["file"])
    # The one stereo original was converted from its left channel alone.
    least = 0.5 if "stereo" in stem else 0.99
    assert alike(resample(samples, rate, converted_rate, Quality.LIVE), converted) > least


@pytest.mark.parametrize(
    ("container", "codec"), [("mov", "aac"), ("aiff", "pcm_s16be"), ("wav", "adpcm_ima_wav")]
)
def test_what_is_no_stream(tmp_path: Path, container: str, codec: str) -> None:
    path = tmp_path / "a"
    with av.open(str(path), "w", format=container) as output:
        track = output.add_stream(codec, rate=RATE)
        track.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray((SOUND * 32767).astype(np.int16)[None, :], "s16", "mono")
        frame.sample_rate = RATE
        frame.pts = 0
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    samples, rate = load_recording(path)
    assert rate == RATE
    assert len(samples) == pytest.approx(RATE, abs=1024)
    assert alike(samples, SOUND) > 0.99


def test_an_hour_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavWriter(path, 8000) as writer:
        for _ in range(360):
            writer.write(np.full(80_000, 0.1, np.float32))
    load_recording(path)  # what is imported for the first time is not counted
    tracemalloc.start()
    with Recording(path) as recording:
        total = sum(len(piece) for piece in recording)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 3600 * 8000
    assert peak < 2_000_000


def test_asynchronous_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    export_recording(path, SOUND, RATE)

    async def read() -> Samples:
        return np.concatenate([piece async for piece in await open_recording(path)])

    np.testing.assert_array_equal(asyncio.run(read()), load_recording(path)[0])


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    export_recording(path, SOUND, RATE)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cp", str(path), str(pipe)]) as process:
        samples, rate = load_recording(pipe)
        process.wait()
    assert (len(samples), rate) == (RATE, RATE)


@pytest.mark.parametrize(
    "data",
    [
        b"hello world\n" * 20,
        b"#EXTM3U\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        PICTURE,
        bytes(5000),
    ],
    ids=["text", "playlist", "script", "picture", "zeros"],
)
def test_what_is_not_audio(tmp_path: Path, data: bytes) -> None:
    for ending in ("wav", "txt", "mp3", "m3u8"):
        path = tmp_path / f"a.{ending}"
        path.write_bytes(data)
        for read in (load_recording, Recording, import_recording):
            with pytest.raises(DecodeError, match="is not audio"):
                read(path)


def test_noise_is_not_audio(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(np.random.default_rng(3).integers(0, 256, 100_000, np.uint8).tobytes())
    with pytest.raises(DecodeError, match="is not audio"):
        load_recording(path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(DecodeError, match=r"a\.wav is empty"):
        load_recording(tmp_path / "a.wav")


def test_wav_without_sound(tmp_path: Path) -> None:
    WavWriter(tmp_path / "a.wav", RATE).close()
    samples, rate = load_recording(tmp_path / "a.wav")
    assert (len(samples), rate) == (0, RATE)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        load_recording(tmp_path / "a.wav")


def test_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        load_recording(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_forbidden_file(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch(0)
    with pytest.raises(UsageError, match="may not be read"):
        load_recording(tmp_path / "a.wav")


def test_truncated_file_plays(tmp_path: Path) -> None:
    export_recording(tmp_path / "a.flac", SOUND, RATE)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(data[: len(data) // 2])
    samples, _ = load_recording(tmp_path / "b.flac")
    assert 4000 < len(samples) < RATE


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="there is no file that opens and fails")
def test_a_file_that_cannot_be_read() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Recording(Path("/proc/self/mem"))
