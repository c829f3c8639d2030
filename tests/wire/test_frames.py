"""Framed objects: their bytes, every split of them, and what is refused."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.errors import WireError
from voicecli.wire.frames import AudioFrame, FrameDecoder, FrameLimits, FrameSequence, ObjectFrame, encode
from voicecli.wire.riff import WavLayout, riff_header

# By hand: 4 + 4 bytes of lengths, 162 of header, 4 of sound.
GOLDEN_HEADER = (
    b'{"audioType": "int16", "bitDepth": 16, "sampleRate": 16000, "channels": 1, "audioFormat": "wav", '
    b'"question": "q", "answer": "a", "url": "", "sign": 1, "order": 1}'
)
GOLDEN = b"\xae\x00\x00\x00" + b"\xa2\x00\x00\x00" + GOLDEN_HEADER + b"\x01\x00\xff\x7f"
# By hand: 4 + 4 bytes of lengths, 13 of header, 29 of payload.
GOLDEN_OBJECT = (
    b"\x32\x00\x00\x00" + b"\x0d\x00\x00\x00" + b'{"kind": "x"}' + b'{"text": "caf\\u00e9", "n": 1}'
)

texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def audio_frames(draw: st.DrawFn) -> AudioFrame:
    depth, channels = draw(st.sampled_from((16, 32))), draw(st.integers(1, 3))
    frame = depth // 8 * channels
    return AudioFrame(
        audio_type=f"int{depth}",
        bit_depth=depth,
        sample_rate=draw(st.integers(1, 768_000)),
        channels=channels,
        question=draw(texts),
        answer=draw(texts),
        url=draw(texts),
        sign=draw(st.integers(1, 3)),
        order=draw(st.integers(1, 1 << 20)),
        payload=draw(st.integers(0, 8).flatmap(lambda n: st.binary(min_size=n * frame, max_size=n * frame))),
        extra=draw(st.dictionaries(st.just("error") | st.just("mood"), values, max_size=2)),
    )


object_frames = st.builds(
    ObjectFrame, st.dictionaries(texts.filter(lambda key: key != "audioType"), values, max_size=3), values
)
frames_of_both = st.lists(audio_frames() | object_frames, max_size=4)


def decoded(data: bytes, limits: FrameLimits | None = None) -> list[AudioFrame | ObjectFrame]:
    decoder = FrameDecoder(limits)
    frames = decoder.decode(data)
    decoder.close()
    return frames


def in_pieces(decoder: FrameDecoder, pieces: list[bytes]) -> list[AudioFrame | ObjectFrame]:
    frames = [frame for piece in pieces for frame in decoder.decode(piece)]
    decoder.close()
    return frames


def framed(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<II", 8 + len(header) + len(payload), len(header)) + header + payload


# The bytes


def test_golden_audio_frame() -> None:
    frame = AudioFrame(question="q", answer="a", payload=b"\x01\x00\xff\x7f")
    assert len(GOLDEN) == 174
    assert encode(frame) == GOLDEN
    assert decoded(GOLDEN) == [frame]
    assert frame.samples.tolist() == [[1], [32767]]


def test_golden_object_frame() -> None:
    frame = ObjectFrame({"kind": "x"}, {"text": "café", "n": 1})
    assert len(GOLDEN_OBJECT) == 0x32
    assert encode(frame) == GOLDEN_OBJECT
    assert decoded(GOLDEN_OBJECT) == [frame]


def test_header_is_what_json_dumps_makes() -> None:
    frame = AudioFrame(question="ähm “\u2028”", answer='"\\', url="\U0001f600", extra={"error": [1.5, None]})
    data = encode(frame)
    size = int.from_bytes(data[4:8], "little")
    assert data[8 : 8 + size].decode("ascii") == json.dumps(frame.header)
    assert list(frame.header)[:3] == ["audioType", "bitDepth", "sampleRate"]
    assert list(frame.header)[-1] == "error"


@given(frames_of_both)
def test_frames_come_back(frames: list[AudioFrame | ObjectFrame]) -> None:
    data = b"".join(map(encode, frames))
    assert decoded(data) == frames
    assert b"".join(map(encode, decoded(data))) == data


@given(frames_of_both, st.data())
def test_any_split_gives_the_same(frames: list[AudioFrame | ObjectFrame], data: st.DataObject) -> None:
    whole = b"".join(map(encode, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    decoder = FrameDecoder()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += decoder.decode(memoryview(whole)[start:end])
    decoder.close()
    assert found == frames


def test_every_single_split_of_two_frames() -> None:
    whole = GOLDEN + GOLDEN_OBJECT
    for cut in range(len(whole) + 1):
        decoder = FrameDecoder()
        found = decoder.decode(whole[:cut]) + decoder.decode(whole[cut:])
        decoder.close()
        assert [encode(frame) for frame in found] == [GOLDEN, GOLDEN_OBJECT]


def test_single_bytes_are_decoded_in_linear_time() -> None:
    """Looking at all of it again for each byte would take minutes."""
    frame = AudioFrame(payload=bytes(400_000))
    decoder = FrameDecoder()
    found = [frame for byte in encode(frame) for frame in decoder.decode(bytes((byte,)))]
    assert found == [frame]


# The sound


@pytest.mark.parametrize("depth", [16, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_exact(depth: int, channels: int) -> None:
    kind = f"<i{depth // 8}"
    limits = np.iinfo(kind)
    values = np.array([limits.min, -1, 0, 1, 77, limits.max], kind)
    frame = AudioFrame(f"int{depth}", depth, 44_100, channels, payload=values.tobytes())
    (back,) = decoded(encode(frame))
    assert isinstance(back, AudioFrame)
    assert back.samples.shape == (6 // channels, channels)
    assert np.array_equal(back.samples.ravel(), values)
    assert back.rate == 44_100


def test_whole_wav_file_is_known_by_its_mark() -> None:
    values = np.array([1, -2, 3, -4], "<i2")
    file = (
        riff_header(WavLayout("integer", 16, 2, 22_050), 8)
        + values.tobytes()
        + b"LIST\x03\x00\x00\x00abc\x00"
    )
    frame = AudioFrame(payload=file)  # what the frame says of rate and channels is not that of the file
    assert frame.is_file
    assert frame.samples.tolist() == [[1, -2], [3, -4]]
    assert frame.rate == 22_050
    assert decoded(encode(frame)) == [frame]


def test_wav_file_of_other_coding_is_refused_for_its_samples() -> None:
    layout = struct.pack("<HHIIHH", 3, 1, 16_000, 64_000, 4, 32)
    file = b"RIFF\x2c\x00\x00\x00WAVEfmt \x10\x00\x00\x00" + layout + b"data\x04\x00\x00\x00" + bytes(4)
    with pytest.raises(WireError, match="32-bit float"):
        _ = AudioFrame(payload=file).samples


def test_wav_file_without_sound_is_refused_for_its_samples() -> None:
    with pytest.raises(WireError, match="before its sound"):
        _ = AudioFrame(payload=riff_header(WavLayout("integer", 16, 1, 16_000))[:40]).samples


# What is refused


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x00\x00\x00\x00", "cannot be 0 bytes"),
        (b"\x07\x00\x00\x00", "cannot be 7 bytes"),
        (b"\xff\xff\xff\xff", "says that it is 4294967295"),
        (b"\x0a\x00\x00\x00\x03\x00\x00\x00", "3 bytes does not fit"),
        (b"\x0a\x00\x00\x00\xff\xff\xff\xff", "does not fit"),
        (b"\x08\x00\x00\x00\x00\x00\x00\x00", "not JSON"),
        (framed(b"{'a': 1}", b"1"), "not JSON"),
        (framed(b"\xff\xfe", b"1"), "not JSON"),
        (framed(b"{}\x00", b"1"), "not JSON"),
        (framed('{"a": 1}'.encode("utf-16"), b"1"), "not JSON"),
        (framed(b"[1]", b"1"), "not a JSON object"),
        (framed(b'"text"', b"1"), "not a JSON object"),
        (framed(b"null", b"1"), "not a JSON object"),
        (framed(b"{}", b""), "object is not JSON"),
        (framed(b"{}", b"{"), "object is not JSON"),
        (framed(b'{"a": ' + b"9" * 5000 + b"}", b"1"), "not JSON"),
        (framed(b"{}", b"[" * 100_000), "nested too deeply|not JSON"),
        (framed(b'{"audioType": "int24"}'), "audioType is int24"),
        (framed(b'{"audioType": []}'), "audioType is a list"),
        (framed(b'{"audioType": "int16", "bitDepth": 32}'), "bitDepth is 32"),
        (framed(b'{"audioType": "int32"}'), "bitDepth is 16"),
        (framed(b'{"audioType": "int16", "bitDepth": "16"}'), "bitDepth is 16"),
        (framed(b'{"audioType": "int16", "sampleRate": 0}'), "sampleRate is 0"),
        (framed(b'{"audioType": "int16", "sampleRate": 1e4}'), "sampleRate is 10000.0"),
        (framed(b'{"audioType": "int16", "sampleRate": NaN}'), "sampleRate is nan"),
        (framed(b'{"audioType": "int16", "sampleRate": ' + b"9" * 4000 + b"}"), "far out of range"),
        (framed(b'{"audioType": "int16", "channels": 0}'), "channels is 0"),
        (framed(b'{"audioType": "int16", "channels": true}'), "channels is True"),
        (framed(b'{"audioType": "int16", "audioFormat": "mp3"}'), "audioFormat is mp3"),
        (framed(b'{"audioType": "int16", "question": 1}'), "question is 1"),
        (framed(b'{"audioType": "int16", "answer": null}'), "answer is None"),
        (framed(b'{"audioType": "int16", "url": {}}'), "url is an object"),
        (framed(b'{"audioType": "int16", "sign": 0}'), "sign is 0"),
        (framed(b'{"audioType": "int16", "sign": 4}'), "sign is 4"),
        (framed(b'{"audioType": "int16", "order": 0}'), "order is 0"),
        (framed(b'{"audioType": "int16"}', b"odd"), "not whole samples"),
        (framed(b'{"audioType": "int16", "channels": 2}', b"123456"), "not whole samples"),
    ],
)
def test_wrong_frames_are_refused(data: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason) as caught:
        FrameDecoder().decode(data)
    assert len(str(caught.value)) < 400
    for size in (1, 3):
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        with pytest.raises(WireError, match=reason):
            in_pieces(FrameDecoder(), pieces)


def test_missing_fields_have_their_defaults() -> None:
    (frame,) = decoded(framed(b'{"audioType": "int16", "mood": "good"}', b"\x01\x00"))
    assert frame == AudioFrame(payload=b"\x01\x00", extra={"mood": "good"})


def test_frames_before_a_broken_one_are_not_lost() -> None:
    decoder = FrameDecoder()
    assert len(decoder.decode(GOLDEN + bytes(4) + GOLDEN)) == 1
    for _ in range(2):
        with pytest.raises(WireError, match="Frame 2 is broken"):
            decoder.decode(GOLDEN)
    with pytest.raises(WireError, match="Frame 2 is broken"):
        decoder.close()


@pytest.mark.parametrize("cut", [1, 3, 4, 7, 8, 9, 100, 170, 173])
def test_truncated_frame_is_told(cut: int) -> None:
    decoder = FrameDecoder()
    assert len(decoder.decode(GOLDEN + GOLDEN[:cut])) == 1
    place = f"{cut} of the 4 bytes" if cut < 4 else f"{cut} of 174 bytes"
    with pytest.raises(WireError, match=f"Frame 2 breaks off after {place}"):
        decoder.close()


def test_nothing_is_no_truncated_frame() -> None:
    assert decoded(b"") == []


def test_limits_are_exact() -> None:
    exact = FrameLimits(frame=174, text=162)
    assert len(decoded(GOLDEN, exact)) == 1
    with pytest.raises(WireError, match="At most 173"):
        decoded(GOLDEN, FrameLimits(frame=173))
    with pytest.raises(WireError, match="At most 161"):
        decoded(GOLDEN, FrameLimits(text=161))
    with pytest.raises(WireError, match="At most 20"):
        decoded(GOLDEN_OBJECT, FrameLimits(text=20))


def test_values_that_json_has_not_are_refused() -> None:
    with pytest.raises(WireError, match="JSON"):
        encode(ObjectFrame({}, object()))
    knot: list[object] = []
    knot.append(knot)
    with pytest.raises(WireError, match="JSON"):
        encode(ObjectFrame({}, knot))
    with pytest.raises(WireError, match="audioType"):
        ObjectFrame({"audioType": "int16"})


def holds(pieces: list[bytes], limits: FrameLimits) -> None:
    """Whatever comes, there are frames or an error of ours, whose words are short."""
    try:
        in_pieces(FrameDecoder(limits), pieces)
    except WireError as error:
        too_long = len(str(error)) >= 400
    else:
        too_long = False
    assert not too_long


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_garbage_gives_frames_or_wire_errors(pieces: list[bytes]) -> None:
    holds(pieces, FrameLimits(frame=1000))


@settings(max_examples=200)
@given(frames_of_both, st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=3))
def test_damage_gives_frames_or_wire_errors(
    frames: list[AudioFrame | ObjectFrame], damage: list[tuple[int, int]]
) -> None:
    whole = bytearray(b"".join(map(encode, frames)))
    for at, value in damage:
        if whole:
            whole[at % len(whole)] = value
    holds([bytes(whole)], FrameLimits(frame=100_000))


def test_memory_stays_within_the_cap() -> None:
    """A frame that lies about its length, and then sends more than that."""
    limits = FrameLimits(frame=1 << 20)
    header = b'{"audioType": "int16"}'
    liar = struct.pack("<II", 1 << 20, len(header)) + header
    pieces = [bytes(4096)] * 10_000
    tracemalloc.start()
    try:
        decoder = FrameDecoder(limits)
        decoder.decode(liar)
        assert tracemalloc.get_traced_memory()[1] < 100_000  # nothing is kept ready for what may not come
        with pytest.raises(WireError):
            in_pieces(decoder, pieces)
        assert tracemalloc.get_traced_memory()[1] < 3.5 * limits.frame
    finally:
        tracemalloc.stop()


# The answer


@pytest.mark.parametrize("count", range(5))
def test_sequence_always_ends(count: int) -> None:
    sequence = FrameSequence()
    frames = [sequence.push(AudioFrame(payload=bytes((at, 0)))) for at in range(count)]
    frames += sequence.finish()
    assert [frame.order for frame in frames] == list(range(1, count + 2))
    assert [frame.sign for frame in frames] == [1, *[2] * (count - 1), 3][-count - 1 :]
    assert [frame.payload[0] for frame in frames[:-1]] == list(range(count))
    assert frames[-1].payload == b""


def test_last_piece_may_end_the_sequence() -> None:
    sequence = FrameSequence()
    frames = [sequence.push(AudioFrame(payload=b"a ")), sequence.push(AudioFrame(payload=b"b "))]
    frames += sequence.finish(AudioFrame(payload=b"c ", answer="c"))
    assert [(frame.sign, frame.order, frame.payload) for frame in frames] == [
        (1, 1, b"a "), (2, 2, b"b "), (3, 3, b"c "),
    ]  # fmt: skip


def test_only_piece_still_begins_and_ends() -> None:
    frames = FrameSequence().finish(AudioFrame(question="q", answer="a", payload=b"a ", extra={"error": "x"}))
    assert [(frame.sign, frame.answer, frame.payload) for frame in frames] == [(1, "a", b"a "), (3, "", b"")]
    assert [frame.question for frame in frames] == ["q", "q"]
    assert [dict(frame.extra) for frame in frames] == [{}, {"error": "x"}]


def test_nothing_follows_the_end() -> None:
    sequence = FrameSequence()
    sequence.finish()
    with pytest.raises(WireError, match="ended"):
        sequence.push(AudioFrame())
    with pytest.raises(WireError, match="ended"):
        sequence.finish()
