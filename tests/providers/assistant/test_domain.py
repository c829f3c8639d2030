from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.providers.assistant.domain import INTENTS, covered, jsgf, labelled, sentences, vocabulary
from tests.providers.assistant.jsgf import Grammar
from voicecli.providers.assistant.dialogue import Context
from voicecli.providers.assistant.intents import UNCOVERED, understand


def test_every_sentence_is_understood() -> None:
    wrong: list[tuple[str, str, str]] = []
    for intent, sentence in sorted(set(labelled(seed=11, count=6000))):
        found = understand(sentence, Context()).intent
        if found in UNCOVERED or (intent != "followup" and found != intent):
            wrong.append((sentence, intent, found))
    assert wrong == []


def test_every_word_is_in_the_dictionary() -> None:
    spec = find_spec("pocketsphinx")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("pocketsphinx is not installed")
    path = Path(spec.submodule_search_locations[0], "model", "en-us", "cmudict-en-us.dict")
    with path.open(encoding="utf-8") as lines:
        known = {line.split(maxsplit=1)[0] for line in lines if line.strip()}
    assert vocabulary() - known == set()


def test_sentences_repeat_with_their_seed() -> None:
    assert list(sentences(3, 50)) == list(sentences(3, 50)) != list(sentences(4, 50))


def test_intents_are_about_as_frequent() -> None:
    counts = Counter(intent for intent, _ in labelled(seed=1, count=20_000))
    assert set(counts) == INTENTS | {"followup"}
    assert max(counts.values()) < 10 * min(counts.values())


def test_intents_are_rules() -> None:
    assert set(Grammar(jsgf()).rules) >= INTENTS


@pytest.mark.parametrize(
    "said", ["what time is it", "launch firefox", "and in paris", "times two", "weather"]
)
def test_covered(said: str) -> None:
    assert covered(said)


@pytest.mark.parametrize(
    "said", ["", "the quick brown fox jumped over the lazy dog", "ten of clubs", "wine glass"]
)
def test_not_covered(said: str) -> None:
    assert not covered(said)


def test_pocketsphinx_reads_the_grammar(tmp_path: Path) -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    path = tmp_path / "commands.gram"
    path.write_text(jsgf(), encoding="utf-8")
    grammar = pocketsphinx.Jsgf(str(path))
    assert grammar.get_name() == "assistant"
    assert grammar.get_rule("assistant.command").is_public()
