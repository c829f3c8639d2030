"""Bytes are cut and gathered, and nothing of them is lost."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.spring import run
from voicecli.flow.chunks import (
    chunk_bytes_step,
    collect_dict_step,
    map_str_to_json_step,
    min_size_bytes_step,
)
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source

PIECES = st.lists(st.binary(max_size=40))


def gathered(stream):
    return asyncio.run(array_sink(stream))


@given(pieces=PIECES, size=st.integers(1, 30))
def test_chunks_have_their_size(pieces, size):
    chunks = gathered(chunk_bytes_step(array_source(pieces), size))
    assert b"".join(chunks) == b"".join(pieces)
    assert all(0 < len(chunk) <= size for chunk in chunks)
    assert len(chunks) == sum(-(-len(piece) // size) for piece in pieces)


@given(pieces=PIECES, size=st.integers(0, 60))
def test_pieces_have_at_least_their_size(pieces, size):
    joined = gathered(min_size_bytes_step(array_source(pieces), size))
    assert b"".join(joined) == b"".join(pieces)
    assert all(len(piece) >= size for piece in joined[:-1])


def test_sizes_may_come_later():
    async def five():
        return 5

    pieces = [b"HelloWorld!", b"PythonAsyncIO"]
    assert gathered(chunk_bytes_step(array_source(pieces), five()))[-3:] == [b"Pytho", b"nAsyn", b"cIO"]
    assert gathered(min_size_bytes_step(array_source([b"abc"] * 5), five())) == [b"abcabc", b"abcabc", b"abc"]


def test_a_chunk_has_a_byte_at_least():
    with pytest.raises(ValueError, match="not 0"):
        gathered(chunk_bytes_step(array_source([b"a"]), 0))


def test_arrays_are_cut_too():
    chunks = gathered(chunk_bytes_step(array_source([np.arange(5)]), 2))
    assert [chunk.tolist() for chunk in chunks] == [[0, 1], [2, 3], [4]]


def test_json_is_read():
    assert gathered(map_str_to_json_step(array_source(['{"a": 1}', "[2]"]))) == [{"a": 1}, [2]]
    with pytest.raises(json.JSONDecodeError):
        gathered(map_str_to_json_step(array_source(["{"])))


def test_dictionaries_are_joined_until_an_empty_item():
    parts = [
        {"text": "Hello"},
        {"text": " World!", "confidence": 0.75},
        None,
        {},
        {"text": "more"},
        {"tokens": 2},
    ]
    assert gathered(collect_dict_step(array_source(parts))) == [
        {"text": "Hello World!", "confidence": 0.75},
        {},
        {"text": "more", "tokens": 2},
    ]


def test_values_that_cannot_be_added_are_replaced():
    parts = [{"a": None, "b": "x", "c": np.ones(2)}, {"a": "y", "b": 1, "c": np.ones(3)}]
    (collected,) = run(lambda: array_sink(collect_dict_step(array_source(parts))))
    assert (collected["a"], collected["b"], collected["c"].size) == ("y", 1, 3)


def test_parts_are_left_as_they_were():
    first = {"text": "a"}
    gathered(collect_dict_step(array_source([first, {"text": "b"}])))
    assert first == {"text": "a"}
