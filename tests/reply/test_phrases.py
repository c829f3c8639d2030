"""Where a streamed reply is cut."""

from __future__ import annotations

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.reply.phrases import PhraseCutter, PhraseOptions


def cut(tokens: list[str], options: PhraseOptions | None = None) -> list[str]:
    cutter = PhraseCutter(options)
    phrases = [phrase for token in tokens for phrase in cutter.push(token)]
    return phrases + cutter.flush()


def split(text: str, places: set[int]) -> list[str]:
    edges = [0, *sorted(places), len(text)]
    return [text[start:end] for start, end in pairwise(edges) if start < end]


def stripped(phrases: list[str]) -> list[str]:
    return [phrase.strip() for phrase in phrases if phrase.strip()]


# A text, and what of it no phrase may end inside of.
WHOLE = [
    ("Well, that is $3.50 each. And it cost $1,000.25 before.", ["$3.50", "$1,000.25"]),
    ("The value of pi is 3.14, or 3.14159 if you like.", ["3.14", "3.14159"]),
    ("There were 1,000 people, or even 1,000,000. Then they left.", ["1,000", "1,000,000"]),
    ("I asked Dr. Smith and Mr. Jones. Mrs. Brown was there too.", ["Dr. Smith", "Mr. Jones", "Mrs. Brown"]),
    ("Some fruit, e.g. apples, i.e. the red ones, is good.", ["e.g.", "i.e."]),
    ("She lives in the U.S. now. The U.S. Senate is there too.", ["U.S. now", "U.S. Senate"]),
    ("We meet at 10:30 a.m. on Monday, and at 5 p.m. again.", ["10:30", "a.m. on", "p.m. again"]),
    ("I don't know, you can't say. It's not what they've done.", ["don't", "can't", "It's", "they've"]),
    ("Go to https://example.com/a,b;c:d?e=f.g!h and see. Bye.", ["https://example.com/a,b;c:d?e=f.g!h"]),
    (
        "Visit www.example.org, or example.com. Or docs.python.org.",
        ["www.example.org", "example.com", "docs.python.org"],
    ),
    ("Write to bob.smith@example.com. He will answer you soon.", ["bob.smith@example.com"]),
    ("Open the file main.py. Then run index.html and config.toml.", ["main.py", "index.html", "config.toml"]),
    ("You need version 2.0.1 of it. Python 3.12 is what it wants.", ["2.0.1", "3.12"]),
    ("Well... I do not know. Wait... maybe so... or not.", ["Well...", "Wait...", "so..."]),
    ("Use the call `print(a, b). Then: go` here. It works, I think.", ["`print(a, b). Then: go`"]),
    ("This is **really. Very: important, you see** to all of us.", ["**really. Very: important, you see**"]),
    (
        "See [the manual, chapter 3. All of it](https://e.org/a,b) now.",
        ["[the manual, chapter 3. All of it](https://e.org/a,b)"],
    ),
    ("It was J. R. R. Tolkien. He wrote a book, no. 5 in a list.", ["J. R. R. Tolkien", "no. 5"]),
    ("It takes 10–20 minutes, 5 - 3 is 2, and well-known to all.", ["10–20", "5 - 3", "well-known"]),
    ("Tom &amp; Jerry &#39;s show. The flag --help says so. Yes it does.", ["&amp;", "&#39;", "--help"]),
    ("1. First of all.\n2. Second of all.\n", ["1. First", "2. Second"]),
    (
        "Here it is now:\n```py\na = 1. b, c: d\n\n\ne = 2\n```\nThat was it.",
        ["```py\na = 1. b, c: d\n\n\ne = 2\n```"],
    ),
]


def ends(phrases: list[str]) -> set[int]:
    position, found = 0, set()
    for phrase in phrases:
        position += len(phrase)
        found.add(position)
    return found


def check_whole(text: str, protected: list[str], tokens: list[str], eager: bool = True) -> None:
    phrases = cut(tokens, PhraseOptions(eager=eager))
    assert "".join(phrases) == text
    for item in protected:
        for match in re.finditer(re.escape(item), text):
            inside = ends(phrases) & set(range(match.start() + 1, match.end()))
            assert not inside, (item, phrases, tokens)


@pytest.mark.parametrize(("text", "protected"), WHOLE)
def test_never_cut_inside(text: str, protected: list[str]) -> None:
    check_whole(text, protected, [text])
    check_whole(text, protected, list(text))
    check_whole(text, protected, re.findall(r"\s*\S+|\s+$", text))
    for place in range(1, len(text)):
        check_whole(text, protected, split(text, {place}))
    for length in range(2, 9):
        for start in range(length):
            check_whole(text, protected, split(text, set(range(start or length, len(text), length))))


@given(st.sampled_from(WHOLE), st.randoms(use_true_random=False))
def test_never_cut_inside_at_any_split(case: tuple[str, list[str]], chance: random.Random) -> None:
    text, protected = case
    eager = chance.random() < 0.5
    places = {chance.randrange(1, len(text)) for _ in range(chance.randrange(len(text)))}
    check_whole(text, protected, split(text, places), eager)


@pytest.mark.parametrize("word", ["thinking", "lamp", "talked", "Smithson", "data"])
def test_careful_cutter_waits_for_ellipsis(word: str) -> None:
    text = f"I was there {word}... and then {word}.tar came."
    for places in ({n} for n in range(1, len(text))):
        phrases = cut(split(text, places), PhraseOptions(eager=False))
        assert not {text.index("...") + n for n in (0, 1, 2)} & ends(phrases)
        assert text.index(".tar") + 1 not in ends(phrases)


@given(st.lists(st.text(max_size=30), max_size=30))
@example(["\n" * 300])
@example(["a" * 500, "\u0301" * 300])
@example(["```\n", "a\n" * 300, "```"])
@example(["\r\n", "\x00", "\ud7ff", "…", "."])
def test_joined_equals_input(tokens: list[str]) -> None:
    assert "".join(cut(tokens)) == "".join(tokens)


marks = st.text(alphabet=st.sampled_from(" \n.,;:!?-—–…`*_[]()\"'。，「」ab1A$#/@|>"), max_size=400)


@given(marks, st.sets(st.integers(1, 399)), st.booleans())
def test_marks_alone_never_lose_text(text: str, places: set[int], eager: bool) -> None:
    options = PhraseOptions(eager=eager, max_length=60)
    phrases = cut(split(text, {place for place in places if place < len(text)}), options)
    assert "".join(phrases) == text
    assert all(phrases)
    assert all(len(phrase) <= 62 for phrase in phrases if "@" not in phrase and "/" not in phrase)


def test_first_phrase_leaves_at_clause() -> None:
    cutter = PhraseCutter()
    assert cutter.push("Certainly,") == ["Certainly,"]
    assert cutter.push(" I can do that for you") == []


@pytest.mark.parametrize("mark", [".", "!", "?", ",", ";", ":", " —", "。", "，", "！", "？", "।", "…"])
def test_mark_is_decided_at_once(mark: str) -> None:
    cutter = PhraseCutter()
    assert cutter.push(" I have turned on the lamp") == []
    assert cutter.push(mark) == [f" I have turned on the lamp{mark}"]


def test_short_opening_waits() -> None:
    assert stripped(cut(["Yes,", " it", " is", " so,", " I", " think."])) == ["Yes, it is so,", "I think."]


@pytest.mark.parametrize(
    "text", ["It was Dr.", "I paid $3.", "in the U.S.", "some things, e.g.", "to the J.", "over 1,", "at 10:"]
)
def test_ambiguous_mark_waits(text: str) -> None:
    assert "".join(PhraseCutter(PhraseOptions(clause_after=(30,))).push(f"Hear what I say {text}")) == ""


def test_quotation_keeps_its_end() -> None:
    cutter = PhraseCutter()
    assert cutter.push('He said "come in.') == []
    assert cutter.push('" Then he left the house again.')[0] == 'He said "come in." '


def test_long_opening_leaves_before_connective() -> None:
    tokens = re.findall(
        r"\s*\S+", "the thing you should know about this matter is that nobody has an idea where it is"
    )
    assert cut(tokens)[0] == "the thing you should know about this matter is "


def test_long_opening_without_connective() -> None:
    assert len(cut(["word "] * 50)[0]) <= 90


def test_later_phrases_are_sentences() -> None:
    text = "Of course. The lamp in the hall is on, and it is warm. Outside it rains, which is good. Bye."
    assert stripped(cut(re.findall(r"\s*\S+", text))) == [
        "Of course.",
        "The lamp in the hall is on, and it is warm.",
        "Outside it rains, which is good.",
        "Bye.",
    ]


def test_short_sentences_travel_together() -> None:
    text = "Here we go again. Now this is it. Yes. It is. I know. It was a long way to go."
    assert "Yes. It is. I know. It was a long way to go." in stripped(cut([text]))


def test_long_sentence_leaves_at_clause() -> None:
    clause = "it goes on and on without any end in sight"
    phrases = cut([", ".join([clause] * 12) + "."])
    assert all(phrase.rstrip().endswith((",", ".")) for phrase in phrases)
    assert max(map(len, phrases)) <= 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "今天天气很好，我们去公园吧。你觉得怎么样？",
            ["今天天气很好，", "我们去公园吧。", "你觉得怎么样？"],
        ),
        (
            "¿Cómo estás hoy? ¡Muy bien, gracias! Adiós.",
            ["¿Cómo estás hoy?", "¡Muy bien, gracias!", "Adiós."],
        ),
        ("मैं ठीक हूँ। आप कैसे हैं।", ["मैं ठीक हूँ।", "आप कैसे हैं।"]),
        ("مرحبا بكم جميعا، كيف حالكم اليوم؟ شكرا", ["مرحبا بكم جميعا،", "كيف حالكم اليوم؟", "شكرا"]),
        (
            "Vraiment bien ? Oui, très bien ! Alors allons-y.",
            ["Vraiment bien ?", "Oui, très bien !", "Alors allons-y."],
        ),
    ],
)
def test_other_languages(text: str, expected: list[str]) -> None:
    assert stripped(cut([text])) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I live in the U.S. It is a big country.", ["I live in the U.S.", "It is a big country."]),
        ("Come at five p.m. Bring some cake with you.", ["Come at five p.m.", "Bring some cake with you."]),
        ("We need apples, etc. Then we can go.", ["We need apples,", "etc. Then we can go."]),
        ("I was born in 1999. It was a good year.", ["I was born in 1999.", "It was a good year."]),
        ("It ended well... She was glad of it.", ["It ended well...", "She was glad of it."]),
        ("What is that?! I cannot believe it.", ["What is that?!", "I cannot believe it."]),
        (
            "First we have milk\n- eggs for the two of us\n- bread",
            ["First we have milk", "- eggs for the two of us", "- bread"],
        ),
        ("# Shopping list\n\nMilk and bread.", ["# Shopping list", "Milk and bread."]),
        (
            "This is a line that an editor has broken at some width\nand that goes on. Yes.",
            ["This is a line that an editor has broken at some width\nand that goes on.", "Yes."],
        ),
    ],
)
def test_ends_of_sentences(text: str, expected: list[str]) -> None:
    assert stripped(cut([text])) == [line.strip() for line in expected]


def test_code_block_is_one_phrase() -> None:
    text = "Here is how:\n\n```python\nprint('a. b')\n```\n\nThat prints it."
    assert "```python\nprint('a. b')\n```\n" in cut([text])
    text = "Here is all of it now. " * 3 + "So:\n\n```py\na = 1\n```\nThat was it."
    for tokens in ([text], list(text), re.findall(r"\s?\w+|\n+|\W", text)):
        assert "```py\na = 1\n```" in {phrase.strip() for phrase in cut(tokens)}


def test_long_code_block_is_cut_at_lines() -> None:
    phrases = cut(["So it is:\n```\n" + "x = 1. # a, b\n" * 100 + "```\nDone with that."])
    assert all(phrase.endswith("\n") for phrase in phrases[:-1])
    assert phrases[-1] == "Done with that."


def test_bold_label_keeps_its_marks() -> None:
    assert cut(list("**Important note:** do it now. Please."))[0] in (
        "**Important note:**",
        "**Important note:** ",
    )


def test_flush_begins_anew() -> None:
    cutter = PhraseCutter()
    for _ in range(2):
        assert cutter.push("Certainly, I will") == ["Certainly, "]
        assert cutter.flush() == ["I will"]
    assert cutter.flush() == []


def test_accents_stay_on_their_letters() -> None:
    text = "e\u0301" * 500
    assert all(not phrase.startswith("\u0301") for phrase in cut([text]))


@pytest.mark.parametrize(
    "piece", ["a", ".", ",", " ", "\n", "`", "**a ", "[", "https://a.b/", "e.g. ", "今天，", '"']
)
def test_time_is_linear(piece: str) -> None:
    """Four times the text takes about four times as long, not sixteen; a ratio, for a busy machine."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        began = time.process_time()
        phrases = cut([text[start : start + 7] for start in range(0, len(text), 7)])
        assert max(map(len, phrases)) <= 2048
        return time.process_time() - began

    seconds(2000)
    assert seconds(80_000) < 10 * max(seconds(20_000), 0.005)


def test_wrong_options_are_refused() -> None:
    with pytest.raises(ValueError, match="clause_after"):
        PhraseOptions(clause_after=())
    with pytest.raises(ValueError, match="max_length"):
        PhraseOptions(max_length=3)
