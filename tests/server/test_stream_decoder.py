"""Bytes of any format to sound at 16 kHz."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.talking import recording
from voicecli.audio.resample import Quality, resample
from voicecli.server.stream_decoder import StreamDecoder
from voicecli.wire.recognition import Format


def decoded(format, parts):
    """The rows of all parts, and what was complained about."""
    told = []
    decoder = StreamDecoder(format, lambda message, channel: told.append((message, channel)))
    pieces = [rows for part in parts for rows in decoder.decode(part)]
    rest = decoder.rest
    pieces.append(decoder.flush())
    rows = [np.concatenate(row) for row in zip(*pieces, strict=True)]
    return rows, told, rest


def test_s16_is_exact():
    values = np.array([0, 1, -1, 32767, -32768], "<i2")
    (row,), told, rest = decoded(Format(), [values.tobytes()])
    assert row.dtype == np.float32
    assert np.array_equal(row * 32768, values)
    assert (told, rest) == ([], 0)


def test_s32_and_f32_agree_with_s16():
    values = np.random.default_rng(1).integers(-32768, 32767, 4000).astype("<i2")
    (expected,), _, _ = decoded(Format(), [values.tobytes()])
    whole = (values.astype("<i4") << 16).tobytes()
    (wide,), _, _ = decoded(Format(1, 16_000, 32, False), [whole])
    (floating,), _, _ = decoded(Format(1, 16_000, 32, True), [expected.astype("<f4").tobytes()])
    assert np.array_equal(wide, expected)
    assert np.array_equal(floating, expected)


def test_channels_are_taken_apart():
    frames = np.arange(3000, dtype="<i2").reshape(-1, 3)
    rows, _, _ = decoded(Format(3), [frames.tobytes()])
    for channel, row in enumerate(rows):
        assert np.array_equal(row * 32768, frames[:, channel])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([(16, False), (32, False), (32, True)]),
    st.integers(1, 4),
    st.lists(st.integers(0, 60), max_size=30),
    st.sampled_from([16_000, 8_000, 44_100]),
)
def test_any_split_gives_the_same(shape, channels, cuts, rate):
    format = Format(channels, rate, *shape)
    rng = np.random.default_rng(7)
    frames = rng.uniform(-0.9, 0.9, (400, channels))
    data = frames.astype("<f4").tobytes() if shape[1] else rng.bytes(400 * format.frame_bytes)
    parts, begin = [], 0
    for cut in cuts:
        parts.append(data[begin : begin + cut])
        begin += cut
    rows, told, rest = decoded(format, [*parts, data[begin:]])
    expected, _, _ = decoded(format, [data])
    assert (told, rest) == ([], 0)
    for row, right in zip(rows, expected, strict=True):
        assert len(row) == round(400 * 16_000 / rate)
        assert np.allclose(row, right, atol=1e-6)


@given(st.binary(max_size=4000), st.integers(1, 3))
def test_any_bits_are_sound(data, channels):
    format = Format(channels, 16_000, 32, True)
    rows, told, rest = decoded(format, [data])
    assert rest == len(data) % format.frame_bytes
    for row in rows:
        assert np.isfinite(row).all()
        assert np.abs(row).max(initial=0.0) <= 1.0
    assert len(told) <= channels + 1


@pytest.mark.parametrize(
    "rate", [1000, 7350, 8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000]
)
def test_length_and_likeness(rate):
    """As the protocol asks: equal length, and correlated with the ideal by more than 0.95."""
    sound = recording("assistant-en-16kHz1chan")[:48_000]
    sent = resample(sound, 16_000, rate, Quality.VHQ)
    ideal = resample(sent, rate, 16_000, Quality.VHQ)
    data = np.repeat(sent, 2).astype("<f4").tobytes()
    parts = [data[begin : begin + 1111] for begin in range(0, len(data), 1111)]
    rows, told, rest = decoded(Format(2, rate, 32, True), parts)
    for row in rows:
        assert len(row) == round(len(sent) * 16_000 / rate) == len(ideal)
        assert np.corrcoef(row, ideal)[0, 1] > 0.99
    assert (told, rest) == ([], 0)


def test_rates_with_little_in_common():
    sound = recording("assistant-en-16kHz1chan")[:32_000]
    for rate in (15_991, 47_999, 44_101):
        data = resample(sound, 16_000, rate, Quality.VHQ).astype("<f4").tobytes()
        ((row,), _, _) = decoded(Format(1, rate, 32, True), [data])
        assert len(row) == round(len(data) // 4 * 16_000 / rate)
        assert np.corrcoef(row[:31_000], sound[:31_000])[0, 1] > 0.99


def test_pieces_are_small():
    decoder = StreamDecoder(Format(32, 48_000), lambda message, channel: None)
    data = bytes(32 * 2 * 48_000)
    rows = list(decoder.decode(data))
    assert len(rows) > 4
    assert max(len(row) for piece in rows for row in piece) <= 4096


def test_nothing_at_all():
    rows, told, rest = decoded(Format(2, 8000), [b"", b""])
    assert [len(row) for row in rows] == [0, 0]
    assert (told, rest) == ([], 0)
