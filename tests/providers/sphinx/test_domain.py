"""A grammar made ready for the search."""

from pathlib import Path

import pytest

from voicecli.providers.sphinx.domain import prepare

DICTIONARY = ";;; a comment\ngo G OW\nthe DH AH\nthe(2) DH IY\nhome HH OW M\nstop S T AA P"


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "words.dict"
    path.write_text(DICTIONARY)
    return path


def test_every_pronunciation_of_the_words(dictionary: Path, tmp_path: Path) -> None:
    grammar, known = prepare("public <a> = GO [the] home | stop;", dictionary, tmp_path / "cache")
    assert known.read_text() == DICTIONARY.partition("\n")[2] + "\n"
    assert " home\n" in grammar.read_text()


def test_unknown_words_are_left_out(dictionary: Path, tmp_path: Path) -> None:
    grammar, known = prepare("public <a> = go home | beam me up;", dictionary, tmp_path)
    assert known.read_text() == "go G OW\nhome HH OW M\n"
    assert "beam" not in grammar.read_text()


def test_nothing_to_say(dictionary: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks words"):
        prepare("public <a> = beam me up;", dictionary, tmp_path)


def test_files_are_made_once(dictionary: Path, tmp_path: Path) -> None:
    first = prepare("public <a> = go;", dictionary, tmp_path / "cache")
    first[0].write_text("kept")
    assert prepare("public <a> = go;", dictionary, tmp_path / "cache") == first
    assert first[0].read_text() == "kept"
    assert prepare("public <a> = stop;", dictionary, tmp_path / "cache") != first


def test_another_dictionary_is_another_domain(dictionary: Path, tmp_path: Path) -> None:
    first = prepare("public <a> = go;", dictionary, tmp_path / "cache")
    dictionary.write_text("go G AO AO\n")
    assert prepare("public <a> = go;", dictionary, tmp_path / "cache")[1] != first[1]
