import functools
import io
import itertools

import av
import numpy as np
import pytest

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.encode import open_encoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import DecodeError

RATE = 48_000
SOUND = (0.3 * np.sin(2 * np.pi * 300 * np.arange(RATE // 2) / RATE)).astype(np.float32)
UNKNOWN = b"\x01\xff\xff\xff\xff\xff\xff\xff"
EBML, SEGMENT, CLUSTER, TRACKS = "1a45dfa3", "18538067", "1f43b675", "1654ae6b"


@functools.cache
def stream() -> bytes:
    encoder = open_encoder(StreamFormat(Codec.WEBM, RATE))
    return encoder.encode(SOUND) + encoder.flush()


@functools.cache
def packets() -> tuple[bytes, ...]:
    with av.open(io.BytesIO(stream())) as file:
        return tuple(bytes(packet) for packet in file.demux(audio=0) if packet.size)


def element(name: str, body: bytes, size: bytes | None = None) -> bytes:
    return bytes.fromhex(name) + (size or (0x10000000 | len(body)).to_bytes(4, "big")) + body


def tracks(codec: bytes = b"A_OPUS", kind: int = 2) -> bytes:
    head = b"OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0"
    entry = (
        element("d7", b"\x01") + element("83", bytes([kind])) + element("86", codec) + element("63a2", head)
    )
    video = element("ae", element("d7", b"\x02") + element("83", b"\x01") + element("86", b"V_VP8"))
    return element(TRACKS, video + element("ae", entry))


def file_of(*clusters: bytes, size: bytes | None = None, track: bytes | None = None) -> bytes:
    void = element("ec", bytes(3000))
    header = element(EBML, element("4282", b"webm"))
    return header + element(SEGMENT, void + (track or tracks()) + b"".join(clusters), size)


def simple(packet: bytes, number: int = 1, flags: int = 0x80) -> bytes:
    return element("a3", bytes([0x80 | number, 0, 0, flags]) + packet)


def cluster(*blocks: bytes, size: bytes | None = None) -> bytes:
    return element(CLUSTER, element("e7", b"\0") + b"".join(blocks), size)


def decoded(data: bytes, step: int = 1 << 20) -> Samples:
    decoder = open_decoder(StreamFormat(Codec.WEBM))
    pieces = [decoder.decode(data[at : at + step]) for at in range(0, len(data), step)]
    return np.concatenate([*pieces, decoder.flush()])


@functools.cache
def plain() -> Samples:
    return decoded(file_of(cluster(*(simple(packet) for packet in packets()[:6]))))


def test_length_is_exact() -> None:
    samples = decoded(stream(), 100)
    assert len(samples) == len(SOUND)
    assert np.corrcoef(samples, SOUND)[0, 1] > 0.99
    assert len(plain()) == 6 * 960 - 312


def test_whole_file_from_a_muxer_that_rewinds() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="webm") as output:
        track = output.add_stream("libopus", rate=RATE)
        track.codec_context.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(np.repeat(SOUND, 2)[None, :], "flt", "stereo")
        frame.sample_rate = RATE
        output.mux(track.encode(frame))
        output.mux(track.encode(None))
    assert len(decoded(file.getvalue(), 1000)) == len(SOUND)


@pytest.mark.parametrize("step", [1, 50, 1 << 20])
def test_sizes_may_be_unknown(step: int) -> None:
    blocks = [simple(packet) for packet in packets()[:6]]
    data = file_of(cluster(*blocks[:3], size=UNKNOWN), cluster(*blocks[3:], size=b"\xff"), size=UNKNOWN)
    np.testing.assert_array_equal(decoded(data, step), plain())


def xiph(sizes: list[int]) -> bytes:
    return b"".join(b"\xff" * (size // 255) + bytes([size % 255]) for size in sizes[:-1])


def ebml(sizes: list[int]) -> bytes:
    steps = [(0x4000 | sizes[0]).to_bytes(2, "big")]
    for before, size in itertools.pairwise(sizes[:-1]):
        steps.append((0x4000 | size - before + 0x1FFF).to_bytes(2, "big"))
    return b"".join(steps)


@pytest.mark.parametrize(("flags", "lengths"), [(0x82, xiph), (0x86, ebml)])
def test_laced_blocks(flags: int, lengths: object) -> None:
    assert callable(lengths)
    frames = list(packets()[:6])
    body = bytes([5]) + lengths([len(frame) for frame in frames]) + b"".join(frames)
    np.testing.assert_array_equal(decoded(file_of(cluster(simple(body, flags=flags)))), plain())


def test_laced_frames_of_one_size() -> None:
    frame = packets()[3]
    laced = decoded(file_of(cluster(simple(b"\x02" + frame * 3, flags=0x84))))
    np.testing.assert_array_equal(laced, decoded(file_of(cluster(*[simple(frame)] * 3))))


def test_block_groups_are_trimmed() -> None:
    def group(packet: bytes, discard: int = 0) -> bytes:
        padding = element("75a2", discard.to_bytes(4, "big", signed=True)) if discard else b""
        return element("a0", element("a1", b"\x81\0\0\0" + packet) + padding)

    groups = [group(packet) for packet in packets()[:5]]
    last = group(packets()[5], 10_000_000)
    samples = decoded(file_of(cluster(*groups, last)), 99)
    np.testing.assert_array_equal(samples, plain()[:-480])


def test_other_tracks_are_ignored() -> None:
    blocks = [part for packet in packets()[:6] for part in (simple(b"\xff" * 50, 2), simple(packet))]
    np.testing.assert_array_equal(decoded(file_of(cluster(*blocks)), 77), plain())


def test_damage_costs_a_cluster() -> None:
    blocks = [simple(packet) for packet in packets()[:6]]
    data = file_of(cluster(*blocks), bytes(500), cluster(*blocks), size=UNKNOWN)
    assert len(decoded(data, 200)) == 2 * 6 * 960 - 312


def test_a_lying_size_is_not_believed() -> None:
    huge = bytes.fromhex("a3") + b"\x01\x00\x00\xff\xff\xff\xff\xff"
    data = file_of(cluster(simple(packets()[0]), huge), size=UNKNOWN)
    decoder = open_decoder(StreamFormat(Codec.WEBM))
    assert len(decoder.decode(data)) == 960 - 312
    for _ in range(50):
        assert len(decoder.decode(bytes(100_000))) == 0


@pytest.mark.parametrize(
    ("track", "reason"),
    [
        (tracks(b"A_AAC"), "WebM with A_AAC"),
        (tracks(kind=1), "without sound"),
        (simple(b"x"), "before its tracks"),
    ],
)
def test_what_is_no_opus_says_so(track: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decoded(file_of(track=track))
