"""The header of a WAV file, in any pieces, and its sound bit for bit."""

import io
import struct
import wave

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.errors import WireError
from voicecli.wire.bytereader import ByteReader, Parser, Parsing
from voicecli.wire.riff import RiffHeader, RiffReader, WavLayout, read_riff, riff_header

SOUND = bytes(range(48))


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def layout(tag: int = 1, channels: int = 2, rate: int = 48_000, bits: int = 32, more: bytes = b"") -> bytes:
    frame = channels * ((bits + 7) // 8)
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits) + more)


def wav(*chunks: bytes, mark: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return mark + struct.pack("<I", len(body)) + body


def read(data: bytes, size: int = 0) -> tuple[WavLayout | None, bytes]:
    reader = RiffReader()
    size = size or len(data) or 1
    sound = b"".join(reader.push(data[start : start + size]) for start in range(0, len(data), size))
    reader.close()
    return reader.layout, sound


PLAIN = wav(layout(), chunk(b"LIST", b"odd"), chunk(b"data", SOUND), chunk(b"id3 ", b"tags"))


@given(st.integers(1, len(PLAIN)))
def test_any_pieces_give_the_sound(size: int) -> None:
    assert read(PLAIN, size) == (WavLayout("integer", 32, 2, 48_000), SOUND)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 1000])
def test_unknown_size_means_to_the_end(size: int) -> None:
    data = wav(layout()) + b"data" + struct.pack("<I", size) + SOUND
    assert read(data, 7)[1] == SOUND


def test_size_of_rf64_is_honoured() -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, len(SOUND), 0, 0))
    data = wav(sizes, layout(), mark=b"RF64") + b"data\xff\xff\xff\xff" + SOUND + chunk(b"LIST", b"what")
    assert read(data)[1] == SOUND


@pytest.mark.parametrize(
    ("tag", "bits", "coding"),
    [(1, 24, "integer"), (3, 64, "float"), (7, 8, "mu-law"), (2, 4, "MS ADPCM"), (999, 16, "format 999")],
)
def test_every_coding_is_named(tag: int, bits: int, coding: str) -> None:
    found, _ = read(wav(layout(tag, bits=bits), chunk(b"data", SOUND)))
    assert found == WavLayout(coding, bits, 2, 48_000)


def test_extensible_names_its_coding() -> None:
    guid = struct.pack("<HHIH", 22, 32, 3, 3) + bytes(14)
    assert read(wav(layout(0xFFFE, more=guid), chunk(b"data", SOUND)))[0] == WavLayout("float", 32, 2, 48_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "before its sound"),
        (b"RIFF", "before its sound"),
        (b"OggS", "not a WAV"),
        (b"RIFFxxxxAVI ", "not a WAV"),
        (PLAIN[:50], "before its sound"),
        (wav(chunk(b"data", SOUND)), "before its format"),
        (wav(chunk(b"fmt ", bytes(4))), "4 bytes long"),
        (wav(b"fmt \xff\xff\xff\xff"), "4294967295 bytes long"),
        (wav(b"LIST\xff\xff\xff\xff"), "no sound"),
        (wav(layout(channels=0)), "0 channels"),
        (wav(layout(rate=0)), "0 Hz"),
        (wav(b"\x01\x02\x03\x04" * 3), "chunks are broken"),
    ],
)
def test_broken_files_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        read(data)
    if data:
        with pytest.raises(WireError, match=reason):
            read(data, 1)


def header_only(reader: ByteReader) -> Parser[RiffHeader]:
    yield (yield from read_riff(reader, lambda layout: None))


def test_header_knows_where_the_sound_begins() -> None:
    for size in range(1, len(PLAIN)):
        parsing = Parsing(header_only)
        found = [(header.start, header.size) for header in parsing.push(PLAIN[:size])]
        assert found == [(PLAIN.index(SOUND), len(SOUND))][: size >= PLAIN.index(SOUND)]
        assert not found or parsing.rest == PLAIN[PLAIN.index(SOUND) : size]


@given(size=st.integers(0, (1 << 32) - 45), rate=st.integers(1, 192_000), channels=st.integers(1, 2))
@settings(max_examples=30, deadline=None)
def test_header_is_standard(size: int, rate: int, channels: int) -> None:
    header = riff_header(WavLayout("integer", 16, channels, rate), size)
    assert len(header) == 44
    with wave.open(io.BytesIO(header), "rb") as file:
        assert file.getframerate() == rate
        assert file.getnchannels() == channels
        assert file.getnframes() == size // (2 * channels)
