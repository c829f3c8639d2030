import subprocess
import sys

import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.opus import FRAME, OpusDecoder, OpusEncoder, missing
from voicecli.errors import DecodeError, UsageError

if missing() is not None:
    pytest.skip("libopus is not installed", allow_module_level=True)


def voice(rate: int) -> Samples:
    time = np.arange(rate) / rate
    phase = 2 * np.pi * np.cumsum(140 + 30 * np.sin(8 * time)) / rate
    return (0.2 * sum(np.sin(order * phase) / order for order in range(1, 9))).astype(np.float32)


def likeness(one: Samples, other: Samples) -> float:
    size = min(len(one), len(other))
    size = 1 << size.bit_length()
    product = np.fft.irfft(np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size)))
    return float(product.max() / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_round_trip(rate: int) -> None:
    sound = voice(rate)
    encoder, decoder = OpusEncoder(rate), OpusDecoder(rate)
    packets = [packet for part in np.array_split(sound, 33) for packet in encoder.encode(part)]
    packets += encoder.flush()
    assert len(packets) == 50
    assert max(map(len, packets)) < 400
    heard = [decoder.decode(packet) for packet in packets]
    assert {len(samples) for samples in heard} == {round(FRAME * rate)}
    assert heard[0].dtype == np.float32
    assert likeness(np.concatenate(heard), sound) > 0.8


def test_last_frame_is_filled_up() -> None:
    encoder = OpusEncoder(24_000)
    assert len(encoder.encode(voice(24_000)[:500])) == 1
    assert len(encoder.flush()) == 1
    assert encoder.flush() == []


def test_lost_packet_is_bridged() -> None:
    encoder, decoder = OpusEncoder(24_000), OpusDecoder(24_000)
    packets = encoder.encode(voice(24_000))
    for packet in packets[:20]:
        before = decoder.decode(packet)
    bridge = decoder.conceal()
    assert len(bridge) == 480
    assert bridge.std() > before.std() / 4


@pytest.mark.parametrize("packet", [b"", b"\xff", b"\xff\xff\xff", b"\xfb\x3f" + bytes(9)])
def test_what_is_no_packet(packet: bytes) -> None:
    decoder = OpusDecoder(24_000)
    with pytest.raises(DecodeError, match="Opus packet"):
        decoder.decode(packet)
    good = OpusEncoder(24_000).encode(voice(24_000)[:480])[0]
    assert len(decoder.decode(good)) == 480


@pytest.mark.parametrize("kind", [OpusEncoder, OpusDecoder])
def test_unknown_rate(kind: type[OpusEncoder] | type[OpusDecoder]) -> None:
    with pytest.raises(UsageError, match="44100 Hz"):
        kind(44_100)


def test_library_missing() -> None:
    """A process in which the system finds no libopus."""
    code = (
        "import ctypes.util\n"
        "find = ctypes.util.find_library\n"
        "ctypes.util.find_library = lambda name: None if name == 'opus' else find(name)\n"
        "from voicecli.audio.opus import OpusDecoder, missing\n"
        "from voicecli.errors import LibraryMissing\n"
        "assert 'libopus0' in missing()\n"
        "try:\n"
        "    OpusDecoder()\n"
        "except LibraryMissing as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "apt install libopus0" in done.stdout
    assert "brew install opus" in done.stdout


def test_import_warns_of_nothing() -> None:
    """opuslib draws a SyntaxWarning wherever it is compiled anew."""
    code = "from voicecli.audio.opus import OpusDecoder; OpusDecoder()"
    command = [sys.executable, "-W", "error", "-B", "-X", "pycache_prefix=/nonexistent", "-c", code]
    subprocess.run(command, check=True)
