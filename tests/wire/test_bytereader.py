"""Bytes asked for by their number, whatever they came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.wire.bytereader import ByteReader, Parser, Parsing


def words(reader: ByteReader) -> Parser[bytes]:
    """`<` a length, so many bytes; `#` a length, so many to pass over; anything else is junk."""
    while True:
        if (yield from reader.begins(b"<", b"#")):
            mark, size = yield from reader.take(2)
            if mark == ord("<"):
                yield (yield from reader.take(size))
            else:
                yield from reader.skip(size)
        elif not (yield from reader.search(b"<", 8)):
            raise ValueError("too much junk")


DATA = b"<\x03one#\x04lost..<\x00<\x05<#<#<......<\x01x"


@given(st.lists(st.integers(0, len(DATA)), max_size=6))
def test_any_split_finds_the_same(cuts: list[int]) -> None:
    parsing = Parsing(words)
    found: list[bytes] = []
    begin = 0
    for end in [*sorted(cuts), len(DATA)]:
        found += parsing.push(DATA[begin:end])
        begin = end
    assert found == [b"one", b"", b"<#<#<", b"x"]
    assert parsing.started
    assert not parsing.rest


def test_what_is_not_taken_is_the_rest() -> None:
    parsing = Parsing(words)
    assert parsing.push(b"<\x04on") == []
    assert not parsing.started
    assert parsing.rest == b"on"


def test_junk_has_an_end() -> None:
    parsing = Parsing(words)
    parsing.push(b"." * 8)
    with pytest.raises(ValueError, match="too much junk"):
        parsing.push(b".")


def test_only_a_flush_ends_it() -> None:
    def last(reader: ByteReader) -> Parser[bytes]:
        while not reader.ended:
            yield None
        yield bytes(reader.buffer)

    parsing = Parsing(last)
    assert parsing.push(b"a") == parsing.push(b"b") == []
    assert parsing.flush() == [b"ab"]
