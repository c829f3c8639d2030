import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.mulaw import mulaw_header
from voicecli.audio.wav import wav_header
from voicecli.audio.wavdata import find_wav_data, remove_wav_header
from voicecli.errors import DecodeError


@given(st.binary(max_size=100))
def test_header_is_removed(data: bytes) -> None:
    for header in (wav_header(8000, 1, len(data)), wav_header(8000), mulaw_header(len(data)), mulaw_header()):
        assert remove_wav_header(header + data) == data


def test_other_chunks_are_passed_over() -> None:
    header = wav_header(16_000, 1, 4)
    odd = struct.pack("<4sI", b"LIST", 3) + b"abc\0"
    assert remove_wav_header(header[:36] + odd + header[36:] + b"1234" + odd) == b"1234"


@given(st.integers(0, 43))
def test_half_a_header_asks_for_more(size: int) -> None:
    assert find_wav_data(wav_header(16_000)[:size]) is None


def test_no_wav_is_refused() -> None:
    with pytest.raises(DecodeError, match="RIFF"):
        remove_wav_header(b"OggS" + bytes(60))
    with pytest.raises(DecodeError, match="no sound"):
        remove_wav_header(wav_header(16_000)[:36])
    with pytest.raises(DecodeError, match="format is not stated"):
        remove_wav_header(b"RIFF\xff\xff\xff\xffWAVEdata\0\0\0\0")
    with pytest.raises(DecodeError, match="fmt"):
        remove_wav_header(b"RIFF\xff\xff\xff\xffWAVEfmt \x02\0\0\0ab")


def test_extensible_tells_its_coding() -> None:
    fmt = struct.pack("<HHIIHHHHIH14x", 0xFFFE, 1, 8000, 8000, 1, 8, 22, 8, 4, 7)
    found = find_wav_data(
        b"RIFF\0\0\0\0WAVE" + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + b"data\0\0\0\0"
    )
    assert found is not None
    assert (found.tag, found.rate, found.size) == (7, 8000, None)
