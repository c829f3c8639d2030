from dataclasses import fields

import pytest

from voicecli.speech.clause import Completeness, completeness
from voicecli.speech.lexicon import LEXICONS


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_answers_are_finished(language: str) -> None:
    for answer in LEXICONS[language].answers:
        assert completeness(answer, language) is Completeness.FINISHED, answer
        assert completeness(f"{answer.capitalize()}.", language) is Completeness.FINISHED, answer


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_entries_are_normal(language: str) -> None:
    lexicon = LEXICONS[language]
    for field in fields(lexicon):
        entries = getattr(lexicon, field.name)
        for entry in entries if isinstance(entries, frozenset) else ():
            assert entry, field.name
            assert entry == " ".join(entry.lower().split()), entry
            assert "’" not in entry


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_lists_do_not_contradict(language: str) -> None:
    lexicon = LEXICONS[language]
    assert not lexicon.never_last & lexicon.closed_endings
    assert not lexicon.open_endings & lexicon.closed_endings
    assert not lexicon.answers & lexicon.open_endings
    assert len(lexicon.digits) >= 10
