"""Which part of a reply was heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.reply.heard import SpokenPhrase, heard_text
from voicecli.reply.speakable import speakable

REPLY = [
    SpokenPhrase("Certainly, ", 0.8, "Certainly,"),
    SpokenPhrase(
        "it costs $3.50 at **the** station. ", 2.6, "it costs 3 dollars and 50 cents at the station."
    ),
    SpokenPhrase("😀 ", None, ""),
    SpokenPhrase("Shall I buy it?", 1.1, "Shall I buy it?"),
]
WHOLE = "".join(phrase.text for phrase in REPLY)

phrases = st.lists(
    st.builds(
        lambda text, duration: SpokenPhrase(text, duration, speakable(text)),
        st.text(alphabet=st.sampled_from("ab 1$.,\n*好😀é-"), min_size=1, max_size=40),
        st.one_of(st.none(), st.floats(0.01, 20)),
    ),
    max_size=6,
)


def test_nothing_is_heard_at_zero() -> None:
    assert heard_text(REPLY, 0) == ""
    assert heard_text(REPLY, -1) == ""
    assert heard_text([], 3) == ""
    assert heard_text([SpokenPhrase("---\n", None, ""), *REPLY], 0) == ""


def test_everything_is_heard_at_the_end() -> None:
    assert heard_text(REPLY, 4.5) == WHOLE
    assert heard_text(REPLY, 400) == WHOLE


def test_cut_at_a_word() -> None:
    assert heard_text(REPLY, 0.8) == "Certainly, "
    assert heard_text(REPLY, 1.2) == "Certainly, it costs"
    assert heard_text(REPLY, 3.39) == "Certainly, it costs $3.50 at **the** station. 😀 "


def test_a_price_takes_its_time() -> None:
    """Four characters on the screen, five words in the air."""
    assert heard_text(REPLY, 2.2) == "Certainly, it costs"
    assert heard_text(REPLY, 2.6).startswith("Certainly, it costs $3.50")


def test_silent_phrase_follows_the_last() -> None:
    assert heard_text(REPLY, 3.4).endswith("😀 ")


def test_unfinished_phrase_keeps_the_pace() -> None:
    told = SpokenPhrase("one two three four five six seven", 2.0, "one two three four five six seven")
    going = SpokenPhrase(" one two three four five six seven", None, "one two three four five six seven")
    later = SpokenPhrase(" and more", None, "and more")
    assert heard_text([told, going, later], 3.0) == told.text + " one two three"
    assert heard_text([told, going, later], 99.0) == told.text + going.text


def test_unfinished_first_phrase_is_estimated() -> None:
    going = SpokenPhrase("one two three four five six seven", None, "one two three four five six seven")
    assert heard_text([going], 1.0) == "one two three"


def test_chinese_is_cut_at_a_character() -> None:
    phrase = SpokenPhrase("今天天气很好。", 2.0, "今天天气很好。")
    assert heard_text([phrase], 1.0) == "今天天"


@pytest.mark.parametrize("text", ["word " * 3000, "a" * 20000])
def test_huge_phrase(text: str) -> None:
    assert text.startswith(heard_text([SpokenPhrase(text, 100.0, text.strip())], 50.0))


@given(phrases, st.floats(0, 60), st.floats(0, 60))
def test_more_seconds_never_less_text(reply: list[SpokenPhrase], one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert heard_text(reply, more).startswith(heard_text(reply, less))


@given(phrases, st.floats(0, 60))
def test_heard_ends_with_a_word(reply: list[SpokenPhrase], seconds: float) -> None:
    whole = "".join(phrase.text for phrase in reply)
    heard = heard_text(reply, seconds)
    assert whole.startswith(heard)
    phrase_ends = {sum(len(phrase.text) for phrase in reply[:count]) for count in range(len(reply) + 1)}
    around = whole[len(heard) - 1 : len(heard) + 1]
    assert len(heard) in phrase_ends or " " in around or "\n" in around or "好" in heard + around


@given(phrases)
def test_whole_duration_gives_whole_text(reply: list[SpokenPhrase]) -> None:
    finished = [SpokenPhrase(p.text, p.duration or 1.0, p.spoken) for p in reply]
    total = sum(p.duration or 0.0 for p in finished if p.spoken)
    assert heard_text(finished, total or 0.1) == "".join(p.text for p in finished)
