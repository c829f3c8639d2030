"""Sound on its way to a recognition server: exact, whole, and at its pace."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.recording import export_recording
from voicecli.errors import DecodeError, UsageError
from voicecli.server.upload import cut, paced, upload_file
from voicecli.wire.recognition import Format


def wav(tag: int, bits: int, data: bytes, channels: int = 1, rate: int = 8000) -> bytes:
    width = channels * bits // 8
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)
    body = b"WAVEfmt \x10\x00\x00\x00" + layout + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def uploaded(path: Path) -> tuple[Format, bytes]:
    async def run() -> tuple[Format, bytes]:
        upload = await upload_file(path)
        return upload.format, b"".join([piece async for piece in upload.pieces])

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("tag", "bits", "data", "expected"),
    [
        (1, 8, bytes([0, 128, 255]), np.array([-32768, 0, 32512], "<i2")),
        (1, 16, np.array([-32768, 5], "<i2").tobytes(), np.array([-32768, 5], "<i2")),
        (1, 24, b"\x00\x00\x80\x01\x00\x00", np.array([-1.0, 2**-23], "<f4")),
        (1, 32, np.array([-(2**31), 2**30], "<i4").tobytes(), np.array([-1.0, 0.5], "<f4")),
        (3, 32, np.array([0.25, np.nan, np.inf], "<f4").tobytes(), np.array([0.25, 0.0, 1.0], "<f4")),
        (3, 64, np.array([0.25, -1e300], "<f8").tobytes(), np.array([0.25, -1.0], "<f4")),
    ],
)
def test_every_depth_is_exact(tmp_path: Path, tag: int, bits: int, data: bytes, expected: np.ndarray) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav(tag, bits, data))
    format, sound = uploaded(path)
    is_float = expected.dtype == np.float32
    assert format == Format(1, 8000, 32 if is_float else 16, is_float)
    assert sound == expected.tobytes()


def test_channels_stay_apart(tmp_path: Path) -> None:
    data = np.arange(100_000, dtype="<i2").tobytes()
    (tmp_path / "in.wav").write_bytes(wav(1, 16, data, channels=4, rate=44_100))
    assert uploaded(tmp_path / "in.wav") == (Format(4, 44_100, 16), data)


def test_half_a_sample_at_the_end_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(1, 16, b"abcdefg", channels=2))
    assert uploaded(tmp_path / "in.wav")[1] == b"abcd"


@pytest.mark.parametrize("name", ["in.flac", "in.mp3", "in.opus"])
def test_other_formats_are_decoded(tmp_path: Path, name: str) -> None:
    tone = np.sin(np.arange(16_000) * 0.1).astype(np.float32) / 2
    export_recording(tmp_path / name, tone, 16_000)
    format, sound = uploaded(tmp_path / name)
    assert (format.channels, format.bit_depth, format.is_float) == (1, 16, False)
    assert len(sound) / format.byte_rate == pytest.approx(1.0, abs=0.1)
    assert np.abs(np.frombuffer(sound, "<i2")).max() > 10_000


def test_compressed_wav_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(7, 8, bytes(8000)))  # mu-law
    format, sound = uploaded(tmp_path / "in.wav")
    assert (format, len(sound)) == (Format(1, 8000, 16), 16_000)


def test_what_cannot_be_sent_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("This is only a text, and not sound at all.")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DecodeError, match=r"text\.wav is not audio"):
        uploaded(tmp_path / "text.wav")
    with pytest.raises(UsageError, match="no file"):
        uploaded(tmp_path / "none.wav")
    with pytest.raises(UsageError, match="is a folder"):
        uploaded(tmp_path)
    with pytest.raises(UsageError, match="is a pipe"):
        uploaded(tmp_path / "pipe")


async def given_pieces(pieces: list[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@given(st.lists(st.binary(max_size=50), max_size=10), st.integers(1, 40), st.integers(1, 12))
def test_cutting_loses_nothing_and_parts_no_frame(pieces: list[bytes], size: int, frame: int) -> None:
    async def run() -> list[bytes]:
        return [message async for message in cut(given_pieces(pieces), size, frame)]

    messages, whole = asyncio.run(run()), b"".join(pieces)
    assert b"".join(messages) == whole[: len(whole) // frame * frame]
    assert all(len(message) % frame == 0 and message for message in messages)
    assert all(len(message) == max(frame, size // frame * frame) for message in messages[:-1])


@pytest.mark.parametrize("channels", [1, 2])
def test_pace_is_that_of_the_sound(channels: int) -> None:
    """Half a second of sound takes half a second, however many channels it has."""

    async def run() -> tuple[list[float], float]:
        loop = asyncio.get_running_loop()
        rate = Format(channels, 16_000).byte_rate
        messages = given_pieces([bytes(rate // 10)] * 5)
        began = loop.time()
        times = [loop.time() - began async for _ in paced(messages, rate)]
        return times, rate

    times, _ = asyncio.run(run())
    for number, time in enumerate(times, 1):
        assert time >= number / 10 - 0.001


def test_late_messages_shift_nothing() -> None:
    async def run() -> list[float]:
        at = [0.0]
        due = []
        async for _ in paced(given_pieces([bytes(10)] * 3), 1_000_000, now=lambda: at[0]):
            due.append(at[0])
            at[0] += 5.0
        return due

    assert asyncio.run(run()) == [0.0, 5.0, 10.0]
