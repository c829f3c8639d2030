import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.speech.clause import Completeness, completeness
from voicecli.speech.lexicon import LEXICONS

FINISHED = """
what time is it | What time is it? | what's the weather like | turn it on | Turn off the kitchen lights.
set a timer for ten minutes | launch firefox | would you please turn on the living room lamp | can you help me
is it raining | who are you | yes | No. | stop | Okay! | thank you | never mind
what is the capital of France | What is five times twenty?
What are you waiting for? | how are you | log in | volume up | and what time is it | who am i | i think so
remind me to buy milk tomorrow | hey computer what time is it | “What time is it?” | tell me a joke
"""
LIKELY = "My name is John. | I like the blue one. | That is 3.5 metres."
UNKNOWN = """
| my voice is my passport verify me | ten of clubs | tell me what it is | what is five times twenty
what is the capital | who is she talking to | wake me at seven | the quick brown fox
yes it is | i know where the key is | not that i am
what's the nearest | what is fifteen percent of eighty | what is the square root of ninety
"""
UNFINISHED = """
what is | what is the | set a timer for | Set a timer for. | how many | i want to | um | so I said uh | but
four hundred and | twenty | one two three | 1 2 3 4 | one zero zero zero one | set a timer for five | what's
what is three point | what's five plus | six times | remind me to | can you | the | my | in | Let’s
I would like | turn on | my name is | this one montreal is | the answer was | the blue one can
what is the capital of | what is… | yes, | add milk and | Wait for - | call | if | he | because | tell me
"""
OTHERS = {
    "es": (
        "¿qué hora es? | sí | gracias | pon música por favor",
        "el | quiero | y | una mesa para | pon la luz de",
    ),
    "fr": (
        "quelle heure est-il | oui | d'accord | merci",
        "mets un minuteur pour | et | la | je voudrais | le chat de",
    ),
    "de": (
        "wie spät ist es? | ja | nein | wie wird das wetter morgen",
        "was ist | und | stell einen Timer für | der",
    ),
}


def cases() -> list[tuple[str, str, Completeness]]:
    english = {
        Completeness.FINISHED: FINISHED,
        Completeness.LIKELY: LIKELY,
        Completeness.UNKNOWN: UNKNOWN,
        Completeness.UNFINISHED: UNFINISHED,
    }
    rows = [("en", text.strip(), wanted) for wanted, texts in english.items() for text in split(texts)]
    for language, (finished, unfinished) in OTHERS.items():
        rows += [(language, text, Completeness.FINISHED) for text in split(finished)]
        rows += [(language, text, Completeness.UNFINISHED) for text in split(unfinished)]
    return rows


def split(texts: str) -> list[str]:
    return [text.strip() for line in texts.splitlines() for text in line.split("|") if text.strip()]


@pytest.mark.parametrize(("language", "text", "wanted"), cases())
def test_clause_is_judged(language: str, text: str, wanted: Completeness) -> None:
    assert completeness(text, language) is wanted


def test_nothing_is_unknown() -> None:
    assert {completeness(text) for text in ("", "  ", "...", "?!", "—")} == {Completeness.UNKNOWN}


def test_tags_name_the_language() -> None:
    assert completeness("mach das Licht und", "de-AT") is Completeness.UNFINISHED
    assert completeness("mach das Licht und", "DE_ch") is Completeness.UNFINISHED


def test_unknown_language_knows_marks() -> None:
    assert completeness("set a timer for", "xx") is Completeness.UNKNOWN
    assert completeness("今何時ですか？", "ja") is Completeness.FINISHED
    assert completeness("それで、", "ja") is Completeness.UNFINISHED
    assert completeness("はい。", "ja") is Completeness.UNKNOWN


@given(st.text(max_size=60), st.sampled_from(["en", "es", "fr", "de", "xx", ""]))
def test_any_text_is_judged(text: str, language: str) -> None:
    assert completeness(text, language) in Completeness


@pytest.mark.parametrize("language", sorted(LEXICONS))
def test_dangling_words_want_more(language: str) -> None:
    for word in LEXICONS[language].never_last:
        assert completeness(f"xylophone {word}", language) is Completeness.UNFINISHED, word
