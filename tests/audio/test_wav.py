import io
import struct
import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.wav import find_sound, remove_wav_header
from voicecli.errors import DecodeError
from voicecli.wire.riff import WavLayout, riff_header

UNKNOWN = 0xFFFFFFFF

RAMP = np.linspace(-0.9, 0.9, 500).astype(np.float32)
EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, data: bytes, size: int | None = None) -> bytes:
    stated = len(data) if size is None else size
    return name + struct.pack("<I", stated) + data + b"\0" * (len(data) % 2)


def layout(tag: int, channels: int, rate: int, bits: int) -> bytes:
    width = (bits + 7) // 8 * channels
    return struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)


def riff(*chunks: bytes, size: int | None = None, name: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


def plain(data: bytes, size: int | None = None) -> bytes:
    return riff(chunk(b"fmt ", layout(1, 1, 16_000, 16)), chunk(b"data", data, size))


def s16(samples: Samples) -> bytes:
    return np.rint(samples * 32768).astype("<i2").tobytes()


def decoded(data: bytes, step: int = 1 << 20) -> tuple[Samples, int | None]:
    decoder = open_decoder(StreamFormat(Codec.WAV))
    pieces = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return np.concatenate([*pieces, decoder.flush()]), decoder.rate


def as_int24(samples: Samples) -> bytes:
    wide = np.rint(samples * 2**23).astype("<i4")
    return wide.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


CODINGS = {
    "u8": (1, 8, lambda x: (np.rint(x * 128) + 128).astype(np.uint8).tobytes(), 5e-3),
    "s16": (1, 16, s16, 2e-5),
    "s24": (1, 24, as_int24, 1e-6),
    "s32": (1, 32, lambda x: np.rint(x * np.float64(2**31)).astype("<i4").tobytes(), 1e-6),
    "f32": (3, 32, lambda x: x.astype("<f4").tobytes(), 0.0),
    "f64": (3, 64, lambda x: x.astype("<f8").tobytes(), 0.0),
}


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("coding", CODINGS)
def test_every_sample_format(coding: str, step: int, extensible: bool) -> None:
    tag, bits, encode, tolerance = CODINGS[coding]
    fmt = layout(tag, 1, 22_050, bits)
    if extensible:
        fmt = layout(0xFFFE, 1, 22_050, bits) + struct.pack("<HHIH", 22, bits, 4, tag) + EXTENSIBLE_TAIL
    samples, rate = decoded(riff(chunk(b"fmt ", fmt), chunk(b"data", encode(RAMP))), step)
    assert rate == 22_050
    np.testing.assert_allclose(samples, RAMP, atol=tolerance)


@pytest.mark.parametrize(
    ("tag", "code", "value"),
    [
        (7, 0xFF, 0),
        (7, 0x7F, 0),
        (7, 0x80, 32124),
        (7, 0x00, -32124),
        (7, 0xF0, 120),
        (6, 0xD5, 8),
        (6, 0x55, -8),
        (6, 0xAA, 32256),
        (6, 0x2A, -32256),
        (6, 0xC5, 264),
    ],
)
def test_telephone_companding(tag: int, code: int, value: int) -> None:
    """Values of ITU-T G.711, scaled to 16 bits."""
    samples, _ = decoded(riff(chunk(b"fmt ", layout(tag, 1, 8000, 8)), chunk(b"data", bytes([code] * 4))))
    np.testing.assert_allclose(samples * 32768, value)


def test_companding_is_monotonic() -> None:
    for tag, order in ((7, 0xFF), (6, 0xD5)):
        codes = bytes(code ^ order for code in range(128))
        samples, _ = decoded(riff(chunk(b"fmt ", layout(tag, 1, 8000, 8)), chunk(b"data", codes)))
        assert (np.diff(samples) > 0).all()


def test_stereo_is_the_mean() -> None:
    both = np.stack([RAMP, np.full_like(RAMP, 0.5)], axis=1)
    fmt = chunk(b"fmt ", layout(1, 2, 16_000, 16))
    samples, _ = decoded(riff(fmt, chunk(b"data", s16(both))), 3)
    np.testing.assert_allclose(samples, (RAMP + 0.5) / 2, atol=4e-5)


def test_standard_library_agrees() -> None:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", "NONE"))
        file.writeframes(s16(np.repeat(RAMP, 2)))
    samples, rate = decoded(buffer.getvalue())
    assert rate == 44_100
    np.testing.assert_allclose(samples, RAMP, atol=4e-5)


@pytest.mark.parametrize("size", [0, UNKNOWN, 0x7FFFFFFF, 100_000])
def test_untrue_size_reads_to_the_end(size: int) -> None:
    samples, _ = decoded(plain(s16(RAMP), size), 33)
    assert len(samples) == len(RAMP)


def test_size_too_small_reads_to_the_end() -> None:
    samples, _ = decoded(plain(s16(RAMP), 200), 33)
    np.testing.assert_allclose(samples, RAMP, atol=2e-5)


def test_chunks_before_and_after() -> None:
    before = [chunk(b"JUNK", b"x" * 27), chunk(b"fmt ", layout(1, 1, 8000, 16)), chunk(b"LIST", b"y" * 300)]
    after = chunk(b"LIST", b"INFOIART" + b"\x40\x41" * 99)
    for step in (1, 50, 10_000):
        samples, rate = decoded(riff(*before, chunk(b"data", s16(RAMP)), after), step)
        assert rate == 8000
        assert len(samples) == len(RAMP)


def test_odd_data_is_padded() -> None:
    fmt = chunk(b"fmt ", layout(1, 1, 8000, 8))
    samples, _ = decoded(riff(fmt, chunk(b"data", b"\x90" * 101), chunk(b"LIST", b"\x33" * 40)), 9)
    assert len(samples) == 101


def test_rf64_is_wav() -> None:
    head = chunk(b"ds64", bytes(28))
    fmt = chunk(b"fmt ", layout(1, 1, 16_000, 16))
    samples, _ = decoded(riff(head, fmt, chunk(b"data", s16(RAMP), UNKNOWN), size=UNKNOWN, name=b"RF64"))
    assert len(samples) == len(RAMP)


def test_one_file_after_another() -> None:
    samples, _ = decoded(plain(s16(RAMP)) * 3, 61)
    np.testing.assert_allclose(samples, np.tile(RAMP, 3), atol=2e-5)


def test_another_rate_is_brought_to_the_first() -> None:
    other = riff(chunk(b"fmt ", layout(1, 1, 8000, 16)), chunk(b"data", s16(RAMP)))
    samples, rate = decoded(plain(s16(RAMP)) + other, 61)
    assert rate == 16_000
    assert len(samples) == 3 * len(RAMP)


def test_not_a_number_is_silence() -> None:
    values = np.array([0.5, np.nan, np.inf, -np.inf], "<f4")
    samples, _ = decoded(riff(chunk(b"fmt ", layout(3, 1, 8000, 32)), chunk(b"data", values.tobytes())))
    np.testing.assert_array_equal(samples, [0.5, 0.0, 1.0, -1.0])


def test_header_without_sound_is_silent() -> None:
    samples, rate = decoded(plain(b""))
    assert len(samples) == 0
    assert rate == 16_000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (riff(chunk(b"fmt ", layout(17, 1, 8000, 4)), chunk(b"data", b"abcd")), "IMA ADPCM"),
        (riff(chunk(b"data", b"abcd")), "before its sound"),
        (riff(chunk(b"fmt ", layout(1, 0, 8000, 16)), chunk(b"data", b"abcd")), "0 channels"),
        (riff(chunk(b"fmt ", layout(1, 1, 0, 16)), chunk(b"data", b"abcd")), "at 0 Hz"),
        (riff(chunk(b"fmt ", layout(1, 1, 8000, 40)), chunk(b"data", b"abcd")), "40 bits"),
        (riff(b"fmt " + struct.pack("<I", 1 << 30)), "broken fmt"),
        (riff(b"JUNK" + struct.pack("<I", 1 << 30)), "no sound"),
        (riff(b"\x01\x02\x03\x04" * 3), "broken chunks"),
    ],
)
def test_broken_header_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decoded(data, 10)


def test_stated_size_of_rf64_is_honoured() -> None:
    """What follows the sound of a long file is not heard as sound."""
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 2 * len(RAMP), 0, 0))
    fmt = chunk(b"fmt ", layout(1, 1, 16_000, 16))
    sound = chunk(b"data", s16(RAMP), UNKNOWN)
    data = riff(sizes, fmt, sound, chunk(b"LIST", b"INFOIART" + bytes(40)), size=UNKNOWN, name=b"RF64")
    for step in (1, 50, 10_000):
        assert len(decoded(data, step)[0]) == len(RAMP)


@given(st.binary(max_size=100))
def test_header_is_removed(data: bytes) -> None:
    for of in (WavLayout("integer", 16, 1, 8000), WavLayout("mu-law", 8, 1, 8000)):
        assert remove_wav_header(riff_header(of, len(data)) + data) == data
        assert remove_wav_header(riff_header(of) + data) == data


def test_other_chunks_are_not_the_sound() -> None:
    odd = chunk(b"LIST", b"abc")
    fmt = chunk(b"fmt ", layout(1, 1, 16_000, 16))
    assert remove_wav_header(riff(fmt, odd, chunk(b"data", b"1234"), odd)) == b"1234"


def test_no_wav_has_no_header_to_remove() -> None:
    for data, reason in (
        (b"OggS" + bytes(60), "RIFF"),
        (riff_header(WavLayout("integer", 16, 1, 16_000))[:36], "no sound"),
        (b"RIFF\xff\xff\xff\xffWAVEdata\0\0\0\0", "format is not stated"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt \x02\0\0\0ab", "fmt"),
    ):
        with pytest.raises(DecodeError, match=reason):
            remove_wav_header(data)


def test_file_stands_where_its_sound_begins() -> None:
    file = io.BytesIO(
        riff(chunk(b"JUNK", bytes(70_000)), chunk(b"fmt ", layout(7, 1, 8000, 8)), chunk(b"data", b"ab"))
    )
    found = find_sound(file)
    assert (found.layout, found.size) == (WavLayout("mu-law", 8, 1, 8000), 2)
    assert file.read() == b"ab"
