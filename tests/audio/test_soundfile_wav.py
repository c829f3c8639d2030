import os
import resource
import signal
import stat
import struct
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.audio.encoded import voice
from voicecli.audio.pcm import from_mulaw, mulaw_bytes
from voicecli.audio.recording import load_recording
from voicecli.audio.soundfile import INTERVAL, WavWriter, mulaw_file
from voicecli.errors import SaveError

RATE = 16_000
SOUND = (np.arange(RATE) % 1000 / 1000 - 0.5).astype(np.float32)

needs_user = pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")


def frames(path: Path) -> int:
    with wave.open(str(path), "rb") as file:
        stated = file.getnframes()
        assert len(file.readframes(stated)) == stated * file.getsampwidth() * file.getnchannels()
        return stated


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.wav"
    with WavWriter(path, RATE) as writer:
        for part in np.array_split(SOUND, 13):
            writer.write(part)
    assert frames(path) == RATE
    samples, rate = load_recording(path)
    assert rate == RATE
    np.testing.assert_allclose(samples, SOUND, atol=2e-5)


def test_header_follows_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = WavWriter(path, RATE)
    assert frames(path) == 0
    for count in range(1, 50):
        writer.write(SOUND[:320])
        assert count * 320 - INTERVAL * RATE <= frames(path) <= count * 320
    writer.sync()
    assert frames(path) == 49 * 320
    writer.close()


def test_killed_process_leaves_its_recording(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from voicecli.audio.soundfile import WavWriter\n"
        "writer = WavWriter(Path(sys.argv[1]), 16000)\n"
        "for count in range(200):\n"
        "    writer.write(np.full(320, 0.25, np.float32))\n"
        "print('written', flush=True)\n"
        "while True: pass\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert 200 * 320 - INTERVAL * RATE <= frames(path) <= 200 * 320
    samples, _ = load_recording(path)
    np.testing.assert_allclose(samples, 0.25, atol=1e-4)


def test_a_pipe_gets_a_streamed_header(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()))
    reader.start()
    with WavWriter(path, RATE) as writer:
        writer.write(SOUND)
    reader.join()
    assert len(got[0]) == 44 + 2 * RATE
    assert got[0][40:44] == b"\xff\xff\xff\xff"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_full_disk(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="the disk is full"):
        WavWriter(Path("/dev/full"), RATE)
    assert stat.S_ISCHR(Path("/dev/full").stat().st_mode)


def test_disk_that_fills_up_keeps_what_fits(tmp_path: Path) -> None:
    """A limit on file size stands in for a full disk: the system refuses in the same way."""
    path = tmp_path / "a.wav"
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from voicecli.audio.soundfile import WavWriter\n"
        "from voicecli.errors import SaveError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))\n"
        "writer = WavWriter(Path(sys.argv[1]), 16000)\n"
        "try:\n"
        "    for count in range(100):\n"
        "        writer.write(np.zeros(320, np.float32))\n"
        "except SaveError as error:\n"
        "    print(error)\n"
        "    writer.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert "Cannot save" in done.stdout
    assert not done.stderr
    assert frames(path) > 20_000


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="it is a folder"):
        WavWriter(tmp_path, RATE)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SaveError, match="part of that path is a file"):
        WavWriter(tmp_path / "file" / "a.wav", RATE)


@needs_user
def test_forbidden_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SaveError, match="not allowed"):
        WavWriter(tmp_path / "a.wav", RATE)


def test_closed_is_closed(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", RATE)
    writer.close()
    writer.close()
    with pytest.raises(SaveError, match="is closed"):
        writer.write(SOUND)


@pytest.mark.parametrize("size", [0, 1, 8000, 8001])
def test_telephone_sizes_are_true(tmp_path: Path, size: int) -> None:
    path = tmp_path / "folder" / "call.wav"
    data = mulaw_bytes(voice(8000, 2))[:size]
    with mulaw_file(path) as writer:
        writer.append(data)
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


def test_closed_telephone_file_is_closed(tmp_path: Path) -> None:
    writer = mulaw_file(tmp_path / "call.wav")
    writer.close()
    writer.close()
    with pytest.raises(SaveError, match="closed"):
        writer.append(b"\xff")
    with pytest.raises(SaveError, match="folder"):
        mulaw_file(tmp_path)


def test_telephone_header_follows_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    writer = mulaw_file(path)
    writer.append(bytes(4001))
    samples, _ = load_recording(path)
    assert len(samples) == 4001
    writer.close()


def test_odd_telephone_sound_on_a_full_disk(tmp_path: Path) -> None:
    """There is no room for the byte that makes it even: the last sample goes."""
    path = tmp_path / "call.wav"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    writer = mulaw_file(path)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (58 + 101, hard))
        writer.append(bytes(101))
        with pytest.raises(SaveError, match="may not grow"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert struct.unpack_from("<I", path.read_bytes(), 54) == (100,)
