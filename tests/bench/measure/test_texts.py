"""Texts of any length."""

import pytest

from voicecli.bench.measure.texts import TEXTS, line_of


@pytest.mark.parametrize("words", [1, 5, 20, 80, 500])
def test_as_many_words_as_asked_for(words: int) -> None:
    line = line_of(words)
    assert line.words == words == len(line.text.split())
    assert line.text.endswith(".")
    assert not line.text.endswith("..")


def test_longer_texts_begin_alike() -> None:
    assert line_of(80).text.startswith(line_of(20).text.rstrip("."))
    assert line_of(20).name == "20 words"
    assert line_of(1).name == "1 word"


def test_no_words() -> None:
    with pytest.raises(ValueError, match="at least one"):
        line_of(0)


def test_bundled_texts_grow() -> None:
    lengths = [line.words for line in TEXTS]
    assert lengths == sorted(lengths)
