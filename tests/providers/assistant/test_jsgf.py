from random import Random

import pytest

from tests.providers.assistant.jsgf import Grammar

TEXT = """#JSGF V1.0;
// a comment
grammar small;
public <all> = /3/ <one> [two [three]] | /1/ (four | five) <NULL> six;
<one> = one | won;
"""


def test_drawn_sentences_follow_the_rules() -> None:
    random = Random(1)
    drawn = {" ".join(Grammar(TEXT).draw("all", random)[0]) for _ in range(400)}
    starts = ("one", "won")
    expected = {f"{start}{rest}" for start in starts for rest in ("", " two", " two three")}
    assert drawn == expected | {"four six", "five six"}


def test_weights_count() -> None:
    random = Random(1)
    grammar = Grammar("<a> = /9/ x | /1/ y;")
    drawn = [grammar.draw("a", random)[0][0] for _ in range(2000)]
    assert 0.85 < drawn.count("x") / 2000 < 0.95


def test_path_names_the_rules() -> None:
    _, path = Grammar("<a> = <b>; <b> = x;").draw("a", Random(1))
    assert path == ["a", "b"]


def test_words_are_gathered() -> None:
    assert Grammar(TEXT).words("all") == {"one", "won", "two", "three", "four", "five", "six"}


@pytest.mark.parametrize(
    "text",
    ["<a> = x; <a> = y;", "<a> = <b>;", "<a> = (x;", "<a> = x);", "<a> = x | ;", "<a> = [x;", "<a> = ;"],
)
def test_broken_grammars_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Grammar(text)
