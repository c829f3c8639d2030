import functools
import io

import av
import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import DecodeError

SOUND = (np.random.default_rng(1).standard_normal(30_000) * 0.1).astype(np.float32)


@functools.cache
def stream() -> bytes:
    encoder = open_encoder(StreamFormat(Codec.FLAC, 16_000))
    return encoder.encode(SOUND) + encoder.flush()


def decoded(data: bytes, step: int = 1 << 20) -> Samples:
    decoder = open_decoder(StreamFormat(Codec.FLAC))
    pieces = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return np.concatenate([*pieces, decoder.flush()])


def test_lossless() -> None:
    np.testing.assert_allclose(decoded(stream()), SOUND, atol=2e-5)


@pytest.mark.parametrize("step", [13, 1000, 1 << 20])
def test_whole_file_with_24_bits_in_stereo(step: int) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as output:
        track = output.add_stream("flac", rate=44_100)
        track.codec_context.format = "s32"
        track.codec_context.layout = "stereo"
        wide = np.stack([SOUND, SOUND / 2], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray((wide * 2**31).astype(np.int32), "s32", "stereo")
        frame.sample_rate = 44_100
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    np.testing.assert_allclose(decoded(file.getvalue(), step), SOUND * 0.75, atol=1e-6)


@pytest.mark.parametrize("step", [1, 999, 1 << 20])
def test_tags_around_it(step: int) -> None:
    data = stream()
    picture = bytes([6]) + (50_000).to_bytes(3, "big") + bytes(50_000)
    info = data[4:42]
    assert info[0] & 0x7F == 0
    tagged = b"ID3\x04\0\0\0\0\0\x05hello" + b"fLaC" + bytes([0]) + info[1:] + picture + data[42:]
    tagged += b"TAG" + b"title".ljust(125)
    np.testing.assert_array_equal(decoded(tagged, step), decoded(data))


def test_last_frame_needs_no_follower() -> None:
    """A server that speaks in real time sends whole frames: each is heard when it comes."""
    encoder = open_encoder(StreamFormat(Codec.FLAC, 16_000))
    decoder = open_decoder(StreamFormat(Codec.FLAC))
    heard = sum(len(decoder.decode(encoder.encode(part))) for part in np.array_split(SOUND, 30))
    assert heard >= len(SOUND) - 2 * 4608
    heard += len(decoder.decode(encoder.flush()))
    assert heard == len(SOUND)


def test_a_header_inside_a_frame_is_none() -> None:
    """Sound that happens to look like a header, checksum and all, is told by its number."""
    encoder = open_encoder(StreamFormat(Codec.FLAC, 16_000))
    noise = np.random.default_rng(4).uniform(-1, 1, 30_000).astype(np.float32)
    data = encoder.encode(noise) + encoder.flush()
    second = data.index(data[data.index(b"\xff\xf8") :][:4] + b"\x01")
    header = np.frombuffer(data[second : second + 6], ">i2")
    noise[9000:9003] = header / np.float32(32768)
    noise[20_000:20_003] = header / np.float32(32768)
    encoder = open_encoder(StreamFormat(Codec.FLAC, 16_000))
    data = encoder.encode(noise) + encoder.flush()
    assert data.count(header.tobytes()) == 3
    np.testing.assert_allclose(decoded(data, 500), noise, atol=4e-5)
    np.testing.assert_allclose(decoded(data), noise, atol=4e-5)


def test_a_lost_frame_is_skipped() -> None:
    data = bytearray(stream())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    samples = decoded(bytes(data), 700)
    assert len(SOUND) - 3 * 4608 <= len(samples) <= len(SOUND)
    np.testing.assert_allclose(samples[:4000], SOUND[:4000], atol=2e-5)


def test_memory_is_bounded() -> None:
    noise = np.random.default_rng(2).integers(0, 256, 1 << 17, np.uint8).tobytes()
    with pytest.raises(DecodeError, match=r"no frame within 1024 kB|broken"):
        decoded(stream()[:3000] + noise * 20, len(noise))
