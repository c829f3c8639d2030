"""Who said it: the user, or the loudspeaker."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.watchdog import cpu_time
from voicecli.bench.measure.recordings import read_folder, speech_folder
from voicecli.conversation.echo import EchoGuard, Said, Verdict, likeness
from voicecli.reply.heard import SpokenPhrase

# What the bundled voice said, and what the bundled recogniser made of it.
REPLIES = [
    ("two and two is four.", "two and two is laura"),
    ("it's saturday, the twenty first of november.", "it's saturday that twenty third of the limit"),
    ("i cannot know what the weather is like without a model.", "i cannot do with whether we like we looked"),
    ("okay, your timer for five minutes is set.", "okay could you timer for five minutes and two seconds"),
]
PACE = 15.0  # letters a second


def said(text="it's five oh five p m.", began=10.0, ended=12.0):
    """As if all of the sound had been made."""
    return Said([SpokenPhrase(text, len(text) / PACE, text)], began, ended)


def guard(*replies, whole=False):
    ears = EchoGuard()
    for reply in replies:
        ears.said(reply, whole=whole)
    return ears


@pytest.mark.parametrize(("text", "heard"), REPLIES)
def test_echo_is_known_by_its_words(text, heard):
    ended = 10.0 + len(text) / PACE
    assert guard(said(text, ended=ended)).judge(heard, 10.02, ended + 0.05) is Verdict.ECHO


@pytest.mark.parametrize("heard", ["it's not", "it's five", "its"])
def test_echo_of_an_interrupted_reply_is_known_by_its_words(heard):
    assert guard(said(ended=10.5)).judge(heard, 10.02, 10.55) is Verdict.ECHO


def test_misheard_echo_is_doubted_once():
    ears = guard(said(ended=10.3))
    assert ears.judge("exit", 10.02, 10.34) is Verdict.DOUBTFUL
    ears.said(said(began=20.0, ended=20.3), whole=False)
    assert ears.judge("", 20.02, 20.33) is Verdict.ECHO


def test_reply_that_nothing_interrupts_ends_the_doubt():
    ears = guard(said(ended=10.3))
    assert ears.judge("please", 10.02, 10.34) is Verdict.DOUBTFUL
    ears.said(said(began=15.0, ended=17.0), whole=True)
    ears.said(said(began=20.0, ended=20.3), whole=False)
    assert ears.judge("please", 20.02, 20.33) is Verdict.DOUBTFUL


def test_user_who_speaks_over_a_reply_goes_on_after_it():
    assert guard(said(ended=10.5)).judge("no i meant tomorrow", 10.2, 11.4) is Verdict.USER


def test_short_word_into_a_long_reply_is_the_users():
    ears = guard(said(REPLIES[2][0], ended=13.3))
    for _ in range(3):
        assert ears.judge("stop", 13.0, 13.4) is Verdict.USER


def test_user_who_was_speaking_before_the_reply_is_no_echo():
    assert guard(said(ended=10.3)).judge("in tokyo", 9.85, 10.4) is Verdict.USER


def test_word_that_was_said_long_before_is_the_users():
    assert guard(said(REPLIES[3][0], ended=12.5)).judge("okay", 12.2, 12.6) is Verdict.USER


def test_nothing_was_said():
    assert guard().judge("what time is it", 1.0, 2.0) is Verdict.USER


def test_likeness_counts_letters_in_order():
    assert likeness("", "anything") == (0.0, 0)
    assert likeness("two three", "one two three") == (1.0, 2)
    assert likeness("three two", "two three") == (5 / 8, 2)
    assert likeness("minute", "Minutes!") == (1.0, 1)


words = st.text(st.characters(categories=["L", "N", "Z", "P"]), max_size=60)
moments = st.floats(0.0, 100.0)


@given(words, words)
def test_likeness_is_a_share(heard, text):
    share, _ = likeness(heard, text)
    assert 0.0 <= share <= 1.0
    if likeness(heard, heard)[1]:
        assert likeness(heard, heard)[0] == 1.0


@given(words, words, moments, moments, moments, moments)
def test_what_is_not_in_the_time_of_a_reply_is_the_users(heard, text, began, lasted, quiet, spoken):
    reply = said(text, began, began + lasted)
    after = began + lasted + 0.5 + quiet
    assert guard(reply).judge(heard, after, after + spoken) is Verdict.USER
    assert guard(reply).judge(heard, began - 0.5 - quiet, began + spoken) is Verdict.USER


@pytest.mark.skipif(speech_folder() is None, reason="the recordings are not here")
def test_people_who_speak_over_a_reply_are_not_taken_for_it():
    folder = speech_folder()
    assert folder is not None
    people = [(one.text.lower(), one.utterances) for one in read_folder(folder) if one.text]
    lengths = [utterances[-1].end - utterances[0].start for _, utterances in people if utterances]
    assert len(lengths) > 20
    for text, utterances in people:
        for reply, _ in REPLIES:
            length = max(0.7, utterances[-1].end - utterances[0].start) if utterances else 1.0
            ears = guard(said(reply, ended=10.6))  # it falls silent 0.3 s after they have begun
            assert ears.judge(text, 10.3, 10.3 + length) is Verdict.USER, (text, reply)


def test_long_utterances_hold_nobody_up() -> None:
    heard, said = (" ".join(f"{letter}word{number}" for number in range(400)) for letter in "ab")
    likeness("once", "once")  # the library loads
    assert cpu_time(lambda: likeness(heard, said)) < 0.005
