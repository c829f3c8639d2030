"""Grammars as networks and as the smallest automaton."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.assistant.domain import jsgf, sentences
from voicecli.providers.sphinx.automaton import END, Automaton, determinise
from voicecli.providers.sphinx.word_network import network

LIGHTS = """#JSGF V1.0;
grammar lights; // switches
public <command> = [please] <verb> the (lamp | /3/ light) {tag};
<verb> = turn on | switch "On";
"""


def _automaton(text: str) -> Automaton:
    return determinise(network(text))


def _accepts(automaton: Automaton, sentence: str) -> bool:
    """Whether it is one whole sentence of the grammar."""
    state = 0
    for word in sentence.split():
        if word not in automaton.steps[state]:
            return False
        state, _ = automaton.steps[state][word]
    return END in automaton.steps[state]


def test_sentences_of_a_grammar() -> None:
    lights = _automaton(LIGHTS)
    assert _accepts(lights, "please turn on the lamp")
    assert _accepts(lights, "switch on the light")
    for sentence in ("", "turn on", "please the lamp", "turn on the lamp light", "turn on the lamp please"):
        assert not _accepts(lights, sentence)


def test_repetition() -> None:
    digits = _automaton("public <d> = call (one | two)+ now*;")
    assert _accepts(digits, "call one")
    assert _accepts(digits, "call two two one now now")
    assert not _accepts(digits, "call now")


def test_nothing_is_silent() -> None:
    assert _accepts(_automaton("public <a> = yes (<NULL> | sir);"), "yes")


def test_weights_are_probabilities() -> None:
    step = _automaton("public <a> = /1/ one | /3/ two;").steps[0]
    assert step["two"][1] == pytest.approx(0.75)


def test_weights_follow_the_words() -> None:
    flipped = _automaton("public <a> = /3/ (what is one) | /1/ (what is two) | /4/ go;")
    state = 0
    for word in ("what", "is"):
        state = flipped.steps[state][word][0]
    assert flipped.steps[0]["what"][1] == pytest.approx(0.5)
    assert flipped.steps[state]["one"][1] == pytest.approx(0.75)


def test_common_endings_are_shared() -> None:
    shared = _automaton("public <a> = (one | two | three) of many words;")
    assert len(shared.steps) == 5


def test_words_that_cannot_be_said_go() -> None:
    rest = _automaton("public <a> = one two | three xyzzy four | five;").restrict(
        {"one", "two", "three", "five"}
    )
    assert _accepts(rest, "one two")
    assert _accepts(rest, "five")
    assert rest.words == {"one", "two", "five"}


def test_nothing_left_to_say() -> None:
    with pytest.raises(ValueError, match="every sentence"):
        _automaton("public <a> = xyzzy;").restrict({"one"})


def test_format_of_sphinx() -> None:
    assert _automaton("public <a> = go;").fsg().splitlines() == [
        "FSG_BEGIN commands",
        "NUM_STATES 3",
        "START_STATE 0",
        "FINAL_STATE 2",
        "TRANSITION 0 1 1 go",
        "TRANSITION 1 2 1",
        "FSG_END",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no public rule"),
        ("<a> = one;", "no public rule"),
        ("public <a> = <b>;", "<b> is used"),
        ("public <a> = one <a>;", "contains itself"),
        ("public <a> = (one;", "not closed"),
        ("public <a> = [one);", "not closed"),
        ("public <a> = one);", "closes nothing"),
        ("public <a> = * one;", "unexpected"),
        ("public <a> = /0/ one;", "add up to nothing"),
        ("public <a> = /1.2.3/ one;", "not a number"),
        ("public <a> = one > two;", "cannot read"),
        ("public <a> = one <VOID>;", "<VOID> is used"),
    ],
)
def test_what_is_no_grammar(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _automaton(text)


@given(
    st.sets(st.lists(st.sampled_from("abcd"), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=12)
)
@settings(deadline=None)
def test_exactly_the_listed_sentences(listed: set[str]) -> None:
    automaton = _automaton(f"public <a> = {' | '.join(sorted(listed))};")
    assert set(_spoken(automaton)) == listed
    for steps in automaton.steps:
        assert math.fsum(probability for _, probability in steps.values()) == pytest.approx(1)


def test_what_the_assistant_understands() -> None:
    automaton = _automaton(jsgf())
    assert all(_accepts(automaton, sentence) for sentence in sentences(1, 1000))
    assert not _accepts(automaton, "what time is it it")
    assert len(automaton.steps) < 3000  # as written, the grammar has a hundred times as many


def _spoken(automaton: Automaton, state: int = 0, so_far: tuple[str, ...] = ()) -> list[str]:
    found = []
    for word, (target, _) in automaton.steps[state].items():
        found += _spoken(automaton, target, (*so_far, word)) if word else [" ".join(so_far)]
    return found
