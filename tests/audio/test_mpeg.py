import functools
import io
import struct

import av
import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.mpeg import adts_header, info_frame, mp3_header

RATE = 24_000
NOISE = (np.random.default_rng(1).standard_normal(RATE) * 0.05).astype(np.float32)
SOUND = np.convolve(NOISE, np.hanning(20) / 3, "same").astype(np.float32)


@functools.cache
def stream(codec: Codec) -> bytes:
    encoder = open_encoder(StreamFormat(codec, RATE))
    return encoder.encode(SOUND) + encoder.flush()


def decoded(data: bytes, codec: Codec, step: int = 1 << 20) -> Samples:
    decoder = open_decoder(StreamFormat(codec))
    pieces = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return np.concatenate([*pieces, decoder.flush()])


def alike(one: Samples, other: Samples) -> float:
    size = min(len(one), len(other))
    return float(np.corrcoef(one[:size], other[:size])[0, 1])


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.AAC])
def test_no_delay_is_left(codec: Codec) -> None:
    samples = decoded(stream(codec), codec)
    assert alike(samples, SOUND) > 0.98
    assert alike(samples, SOUND) > alike(samples[1:], SOUND)
    assert alike(samples, SOUND) > alike(samples, SOUND[1:])


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_file_with_a_lame_tag_has_its_exact_length(rate: int) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as output:
        track = output.add_stream("libmp3lame", rate=rate)
        track.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(SOUND[None, :], "fltp", "mono")
        frame.sample_rate = rate
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    once = decoded(file.getvalue(), Codec.MP3, 500)
    assert len(once) == len(SOUND)
    assert alike(once, SOUND) > 0.98
    twice = decoded(file.getvalue() * 2, Codec.MP3)
    assert len(twice) == 2 * len(SOUND)


def test_stream_without_a_tag_is_heard_from_its_first_frame() -> None:
    data = stream(Codec.MP3)
    header = mp3_header(data, 0)
    assert header is not None
    bare = data[header.size :]
    samples = decoded(bare, Codec.MP3)
    assert len(samples) == len(decoded(data, Codec.MP3)) + 1105
    first = mp3_header(bare, 0)
    assert first is not None
    decoder = open_decoder(StreamFormat(Codec.MP3))
    assert len(decoder.decode(bare[: first.size - 1])) == 0
    assert len(decoder.decode(bare[first.size - 1 : first.size])) == first.samples


@pytest.mark.parametrize("codec", [Codec.MP3, Codec.AAC])
@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_tags_and_junk_are_passed_over(codec: Codec, step: int) -> None:
    data = stream(codec)
    plain = decoded(data, codec)
    before = b"ID3\x04\0\0\0\0\x02\x10" + b"\xff\xfb" * 136
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 80, 1, 0xA0000000) + bytes(8) + b"\xff" * 80
    after = ape + b"TAG" + b"title".ljust(125)
    np.testing.assert_array_equal(decoded(before + data + after, codec, step), plain)
    np.testing.assert_array_equal(decoded(bytes(700) + b"\xff" + data, codec, step), plain)


def test_sample_rate_may_change() -> None:
    encoder = open_encoder(StreamFormat(Codec.MP3, 16_000))
    other = encoder.encode(SOUND[:16_000]) + encoder.flush()
    decoder = open_decoder(StreamFormat(Codec.MP3))
    samples = np.concatenate([decoder.decode(stream(Codec.MP3) + other), decoder.flush()])
    assert decoder.rate == RATE
    assert len(samples) == pytest.approx(2 * RATE, abs=2500)


@pytest.mark.parametrize(
    ("header", "size", "samples"),
    [
        ("fffb9064", 417, 1152),  # MPEG-1, 128 kbit/s, 44.1 kHz
        ("fffb9264", 418, 1152),  # the same, padded
        ("fffb5464", 192, 1152),  # 64 kbit/s, 48 kHz
        ("fff384c4", 192, 576),  # MPEG-2, 64 kbit/s, 24 kHz
        ("ffe318c4", 72, 576),  # MPEG-2.5, 8 kbit/s, 8 kHz
    ],
)
def test_mp3_frame_sizes(header: str, size: int, samples: int) -> None:
    found = mp3_header(bytes.fromhex(header), 0)
    assert found is not None
    assert (found.size, found.samples) == (size, samples)


@pytest.mark.parametrize("header", ["fffd9064", "fffbf064", "fffb0064", "fffb9c64", "ffeb9064", "00fb9064"])
def test_what_is_no_mp3_header(header: str) -> None:
    assert mp3_header(bytes.fromhex(header), 0) is None


def test_adts_frame_size() -> None:
    found = adts_header(bytes.fromhex("fff158403dfffc"), 0)
    assert found is not None
    assert (found.size, found.samples) == (495, 1024)
    assert adts_header(bytes.fromhex("fff958403dfffc"), 0) is not None
    assert adts_header(bytes.fromhex("fffb58403dfffc"), 0) is None


def test_info_frame_is_a_silent_frame() -> None:
    for first in ("fffb9064", "fff384c4", "ffe318c4"):
        frame = info_frame(bytes.fromhex(first), 576)
        header = mp3_header(frame, 0)
        assert header is not None
        assert header.size == len(frame)
    assert info_frame(b"none", 576) == b""


def test_ffmpeg_reads_our_delay() -> None:
    """It skips what the tag says, though it plays the tag's own frame, as silence."""
    with av.open(io.BytesIO(stream(Codec.MP3))) as file:
        theirs = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    ours = decoded(stream(Codec.MP3), Codec.MP3)
    np.testing.assert_allclose(theirs[-len(ours) :], ours, atol=1e-6)
    assert len(theirs) - len(ours) <= 576
