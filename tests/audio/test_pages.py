import itertools

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.audio.encoded import OPUS, cut, decoded, encoded
from voicecli.audio.format import Codec, StreamFormat, is_message
from voicecli.audio.pages import OggJoiner, Page, Pages
from voicecli.errors import DecodeError

PARTS = [encoded(OPUS, seconds) for seconds in (0.35, 0.9, 0.5, 0.0, 0.611, 0.02, 0.313, 1.0)]


def joined(pieces: list[bytes]) -> bytes:
    joiner = OggJoiner()
    return b"".join([*(joiner.push(piece) for piece in pieces), joiner.flush()])


def pages(data: bytes) -> list[Page]:
    return [page for _, page in Pages().push(data) if page is not None]


def test_checksum_of_an_encoder_comes_out() -> None:
    """FFmpeg wrote these pages; written again they are the same."""
    splitter = Pages()
    for data, page in splitter.push(PARTS[1]):
        assert page is not None
        assert page.encode() == data
    assert splitter.close() == b""


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=20), st.binary(max_size=40))
def test_pages_lose_no_byte(sizes: list[int], junk: bytes) -> None:
    assume(not is_message(junk, whole=True))
    data = PARTS[0] + junk + PARTS[2] + junk
    splitter = Pages()
    found = [taken for piece in cut(data, sizes) for taken in splitter.push(piece)]
    assert b"".join([*(taken for taken, _ in found), splitter.close()]) == data
    if b"O" not in junk:
        assert len([page for _, page in found if page]) == len(pages(PARTS[0])) + len(pages(PARTS[2]))


@pytest.mark.parametrize("count", range(1, len(PARTS) + 1))
def test_joined_decodes_to_the_sum(count: int) -> None:
    parts = PARTS[:count]
    out = joined(parts)
    assert decoded(OPUS, out) == pytest.approx(sum(decoded(OPUS, part) for part in parts if part), abs=0.0105)


def test_many_joined_do_not_drift() -> None:
    parts = [encoded(OPUS, 0.1 + 0.007 * index) for index in range(40)]
    assert decoded(OPUS, joined(parts)) == pytest.approx(
        sum(decoded(OPUS, part) for part in parts), abs=0.0105
    )


def test_joined_is_one_stream() -> None:
    found = pages(joined(PARTS))
    assert [page.number for page in found] == list(range(len(found)))
    assert len({page.serial for page in found}) == 1
    assert [bool(page.flags & 2) for page in found] == [True, *[False] * (len(found) - 1)]
    assert [bool(page.flags & 4) for page in found] == [*[False] * (len(found) - 1), True]
    assert all(before.position <= after.position for before, after in itertools.pairwise(found))
    assert sum(page.body[:8] == b"OpusTags" for page in found) == 1


def test_one_alone_stays_as_long() -> None:
    assert decoded(OPUS, joined([PARTS[1]])) == decoded(OPUS, PARTS[1])


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20))
def test_join_does_not_depend_on_the_split(sizes: list[int]) -> None:
    data = b"".join(PARTS[:4])
    assert joined(cut(data, sizes)) == joined([data])


def test_sound_goes_on_while_it_comes() -> None:
    """Only the last packet of a stream waits for the next one."""
    joiner = OggJoiner()
    first = joiner.push(PARTS[1])
    assert decoded(OPUS, first) > 0.9 - 0.041


def test_nothing_joined_is_nothing() -> None:
    assert joined([]) == joined([b""]) == b""


def test_only_like_opus_is_joined() -> None:
    stereo = encoded(StreamFormat(Codec.OPUS, 24_000, 2), 0.2)
    with pytest.raises(DecodeError, match="channels"):
        joined([PARTS[0], stereo])
    with pytest.raises(DecodeError, match="vorbis"):
        joined([Page(2, 0, 7, 0, bytes([30]), b"\x01vorbis" + bytes(23)).encode()])
    with pytest.raises(DecodeError, match="not Ogg"):
        joined([b"<html>" * 60_000])
