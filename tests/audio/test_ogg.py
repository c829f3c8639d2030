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
from voicecli.audio.track import opus_length
from voicecli.errors import DecodeError

RATE = 48_000
SOUND = (0.3 * np.sin(2 * np.pi * 300 * np.arange(RATE // 2) / RATE)).astype(np.float32)
_POLYNOMIAL = 0x04C11DB7


def checksum(page: bytes) -> int:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ _POLYNOMIAL if value & 1 << 31 else value << 1) & 0xFFFFFFFF
    return value


def page(packets: list[bytes], flags: int, position: int, serial: int, number: int) -> bytes:
    """One page; the last packet goes on to the next page when it is a multiple of 255 bytes."""
    table = b""
    for index, packet in enumerate(packets):
        table += b"\xff" * (len(packet) // 255)
        if len(packet) % 255 or index < len(packets) - 1:
            table += bytes([len(packet) % 255])
    assert len(table) < 256
    head = struct.pack("<4sBBQIII", b"OggS", 0, flags, position, serial, number, 0)
    whole = head + bytes([len(table)]) + table + b"".join(packets)
    return whole[:22] + struct.pack("<I", checksum(whole)) + whole[26:]


@functools.cache
def stream() -> bytes:
    encoder = open_encoder(StreamFormat(Codec.OPUS, RATE))
    return encoder.encode(SOUND) + encoder.flush()


@functools.cache
def packets() -> tuple[bytes, ...]:
    with av.open(io.BytesIO(stream())) as file:
        return tuple(bytes(packet) for packet in file.demux(audio=0) if packet.size)


def head(skip: int = 312, gain: int = 0) -> bytes:
    return struct.pack("<8sBBHIhB", b"OpusHead", 1, 1, skip, RATE, gain, 0)


def file_of(sound: list[bytes], serial: int = 1, tags: bytes = b"OpusTags" + bytes(8)) -> bytes:
    no_position = (1 << 64) - 1
    first = page([head()], 2, 0, serial, 0)
    pages = [
        page([tags[at : at + 255 * 200]], 1 if at else 0, no_position, serial, 1)
        for at in range(0, len(tags), 51_000)
    ]
    return first + b"".join(pages) + b"".join(sound)


def decoded(data: bytes, step: int = 1 << 20) -> tuple[Samples, int | None]:
    decoder = open_decoder(StreamFormat(Codec.OPUS))
    pieces = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return np.concatenate([*pieces, decoder.flush()]), decoder.rate


def test_length_is_exact() -> None:
    samples, rate = decoded(stream(), 100)
    assert rate == RATE
    assert len(samples) == len(SOUND)
    assert np.corrcoef(samples, SOUND)[0, 1] > 0.99


def test_packets_come_before_their_page_is_whole() -> None:
    sound = list(packets()[:20])
    data = file_of([page(sound, 4, 20 * 960, 1, 2)])
    decoder = open_decoder(StreamFormat(Codec.OPUS))
    start = data.rindex(b"OggS") + 27 + 20 + sum(len(packet) // 255 for packet in sound) + len(sound[0])
    assert len(decoder.decode(data[: start - 1])) == 0
    assert len(decoder.decode(data[start - 1 : start])) == 960 - 312


@pytest.mark.parametrize("step", [1, 77, 1 << 20])
def test_position_trims_the_end(step: int) -> None:
    sound = list(packets()[:10])
    full, _ = decoded(file_of([page(sound, 0, 9600, 1, 2)]), step)
    trimmed, _ = decoded(file_of([page(sound, 4, 9600 - 1500, 1, 2)]), step)
    assert len(full) == 9600 - 312
    assert len(trimmed) == 9600 - 312 - 1500
    np.testing.assert_array_equal(trimmed, full[: len(trimmed)])


def test_cut_out_of_a_longer_stream() -> None:
    """A stream joined in the middle begins at a position that is not zero."""
    first = page(list(packets()[:10]), 0, 1_000_000, 1, 2)
    last = page(list(packets()[10:15]), 4, 1_000_000 + 5 * 960 - 100, 1, 3)
    samples, _ = decoded(file_of([first, last]))
    assert len(samples) == 15 * 960 - 312 - 100


def test_packets_span_pages() -> None:
    long = max(packets(), key=len)
    full, _ = decoded(file_of([page([long, long], 0, 1920, 1, 2)]))
    part = packets()[0]
    padded = padded_packet(part, 600)
    pieces = [page([padded[:510]], 0, (1 << 64) - 1, 1, 2), page([padded[510:], part], 1 | 4, 1920, 1, 3)]
    samples, _ = decoded(file_of(pieces), 50)
    assert len(samples) == len(full) == 1920 - 312


def padded_packet(packet: bytes, size: int) -> bytes:
    """A code 3 packet with padding (RFC 6716, section 3.2.5)."""
    assert packet[0] & 3 == 0
    padding = size - len(packet) - 3
    counts = b"\xff" * (padding // 255) + bytes([padding % 255])
    body = bytes([packet[0] | 3, 0x41]) + counts + packet[1:]
    return body + bytes(padding - padding // 255)


def test_large_tags_are_passed_over() -> None:
    tags = b"OpusTags" + bytes(100_000)
    samples, _ = decoded(file_of([page(list(packets()[:10]), 4, 9600, 1, 4)], tags=tags), 1000)
    assert len(samples) == 9600 - 312


def test_other_tracks_are_ignored() -> None:
    other = page([b"fishead\0" + bytes(56)], 2, 0, 99, 0)
    data = stream()
    second = data.index(b"OggS", 4)
    mixed, _ = decoded(other + data[:second] + page([b"\xff" * 300], 0, 5, 99, 1) + data[second:], 64)
    np.testing.assert_array_equal(mixed, decoded(data)[0])


def test_chained_streams() -> None:
    other = file_of([page(list(packets()[:10]), 4, 9600, 7, 2)], serial=7)
    samples, _ = decoded(stream() + other, 333)
    assert len(samples) == len(SOUND) + 9600 - 312


def test_lost_page_is_skipped() -> None:
    data = bytearray(stream())
    at = data.index(b"OggS", len(data) // 2)
    data[at : at + 4] = b"Oops"
    samples, _ = decoded(bytes(data), 100)
    assert len(SOUND) - 3000 < len(samples) < len(SOUND)


def test_gain_is_applied() -> None:
    sound = page(list(packets()[:10]), 4, 9600, 1, 2)
    tags = page([b"OpusTags" + bytes(8)], 0, 0, 1, 1)
    plain, _ = decoded(page([head()], 2, 0, 1, 0) + tags + sound)
    quiet, _ = decoded(page([head(gain=-6 * 256)], 2, 0, 1, 0) + tags + sound)
    assert quiet.std() == pytest.approx(plain.std() * 10 ** (-6 / 20), rel=0.01)


def test_speex_is_named() -> None:
    first = page([b"Speex   1.2".ljust(80, b"\0")], 2, 0, 1, 0)
    with pytest.raises(DecodeError, match="Ogg with Speex"):
        decoded(first + page([b"tags"], 0, 0, 1, 1))


def muxed(codec: str, container: str, layout: str, sample_format: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        track = output.add_stream(codec, rate=RATE, options={"strict": "experimental"})
        track.codec_context.layout = layout
        track.codec_context.format = sample_format
        both = np.stack([SOUND] * (2 if layout == "stereo" else 1))
        if sample_format == "s16":
            both = np.rint(both * 32768).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(both, sample_format, layout)
        frame.sample_rate = RATE
        frame.pts = 0
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("step", [1, 200, 1 << 20])
def test_vorbis(step: int) -> None:
    samples, rate = decoded(muxed("vorbis", "ogg", "stereo", "fltp"), step)
    assert rate == RATE
    assert len(samples) == pytest.approx(len(SOUND), abs=2048)
    size = min(len(samples), len(SOUND))
    assert np.corrcoef(samples[:size], SOUND[:size])[0, 1] > 0.9


def test_flac_in_ogg() -> None:
    samples, rate = decoded(muxed("flac", "ogg", "mono", "s16"), 500)
    assert rate == RATE
    np.testing.assert_allclose(samples, SOUND, atol=4e-5)


@pytest.mark.parametrize(
    ("packet", "samples"),
    [
        (b"\x08", 960),
        (b"\x18", 2880),
        (b"\x60", 480),
        (b"\x80", 120),
        (b"\xfc", 960),
        (b"\xfd", 1920),
        (b"\xfb\x03", 2880),
    ],
)
def test_opus_packet_lengths(packet: bytes, samples: int) -> None:
    assert opus_length(packet) == samples


@pytest.mark.parametrize("packet", [b"", b"\xfb", b"\xfb\x3f"])
def test_broken_packets_have_no_length(packet: bytes) -> None:
    assert opus_length(packet) == 0
