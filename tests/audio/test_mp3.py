import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.audio.encoded import MP3, cut, decoded, encoded, tagged_mp3
from voicecli.audio.format import Codec, StreamFormat, is_message
from voicecli.audio.lengths import get_audio_length
from voicecli.audio.mp3 import Mp3Joiner, Mp3Pieces
from voicecli.errors import DecodeError

LENGTHS = (0.35, 1.2345, 0.777, 0.5, 0.611, 0.9, 0.313)
TAGGED = tagged_mp3(0.6, 24_000)


def joined(pieces: list[bytes]) -> bytes:
    joiner = Mp3Joiner()
    return b"".join([*(joiner.push(piece) for piece in pieces), joiner.flush()])


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
def test_joined_decodes_to_the_sum(rate: int, tagged: bool) -> None:
    format = StreamFormat(Codec.MP3, rate)
    parts = [tagged_mp3(x, rate, 32_000) if tagged else encoded(format, x) for x in LENGTHS]
    whole = sum(decoded(format, part) for part in parts)
    for out in (joined(parts), joined([b"".join(parts)])):
        assert decoded(format, out) == pytest.approx(whole, abs=0.037)
        assert get_audio_length(format, out) == pytest.approx(decoded(format, out), abs=0.001)


def test_joined_claims_no_length() -> None:
    """A player that believes the first stream's tag would stop at its end."""
    out = joined([TAGGED, TAGGED])
    at = out.index(b"Info")
    assert out[at + 4 : at + 8] == bytes(4)
    assert out.count(b"Info") + out.count(b"Xing") == 1
    assert b"ID3" not in out


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_join_does_not_depend_on_the_split(sizes: list[int]) -> None:
    assert joined(cut(TAGGED + TAGGED, sizes)) == joined([TAGGED, TAGGED])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20), st.binary(max_size=60))
def test_pieces_lose_no_byte(sizes: list[int], junk: bytes) -> None:
    assume(not is_message(junk, whole=True))
    data = TAGGED + junk + TAGGED + junk
    pieces = Mp3Pieces()
    found = [piece for chunk in cut(data, sizes) for piece, _ in pieces.push(chunk)]
    assert b"".join([*found, pieces.flush()]) == data


def test_unlike_rates_are_refused() -> None:
    with pytest.raises(DecodeError, match="rates"):
        joined([encoded(MP3, 0.2), encoded(StreamFormat(Codec.MP3, 48_000), 0.2)])


def test_nothing_joined_is_nothing() -> None:
    assert joined([]) == joined([b""]) == b""
