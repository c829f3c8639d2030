import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.encoded import Counted, encoded
from tests.audio.virtual import script, simulate, timed
from tests.flow.spring import Spring, run
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.lengths import AudioFormat, get_audio_length
from voicecli.conversation.pacing import (
    buffer_tts_text_step,
    min_tokens_step,
    phrase_step,
    timed_text_rate_limit_step,
    tts_rate_limit_step,
    tts_with_buffer_and_rate_limit_step,
    wait_for_punctuation_step,
)
from voicecli.conversation.voicebot import AudioWithText, TimedText
from voicecli.errors import DecodeError, Dropped
from voicecli.flow.sinks import array_sink, empty_sink
from voicecli.flow.sources import array_source

PROSE = (
    "It costs $3.50, says Dr. Smith, e.g. at the corner. Don't go! See https://example.com/a.b?c=1, "
    "version 3.14 ... or so… and U.S. prices: 1,000.5 today. “Really?” Yes."
)
WHOLE = (
    "$3.50",
    "Dr. Smith",
    "e.g. at",
    "Don't",
    "https://example.com/a.b?c=1",
    "3.14",
    "...",
    "1,000.5",
    "U.S.",
)
TOKENS = ["Dr", ".", " ", "3", ".5", "e.g.", "…", ",", "a", "don't", "!", "\n", "```", "$", ""]


def collected(step, tokens):
    return run(lambda: array_sink(step(Spring(tokens)())))


def split(text, size):
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40, 500])
@pytest.mark.parametrize("step", [wait_for_punctuation_step, phrase_step, buffer_tts_text_step])
def test_nothing_is_cut_inside(step, size):
    phrases = collected(step, split(PROSE, size))
    assert "".join(phrases) == PROSE
    for words in WHOLE:
        assert any(words in phrase for phrase in phrases), (words, phrases)


def test_phrases_end_at_punctuation():
    tokens = ["Hello", " world!", " How", " are", " you,", " today", ""]
    assert collected(wait_for_punctuation_step, tokens) == ["Hello world!", " How are you,", " today"]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(TOKENS)))
def test_joined_phrases_are_the_text(tokens):
    for step in (wait_for_punctuation_step, phrase_step, buffer_tts_text_step):
        assert "".join(collected(step, tokens)) == "".join(tokens)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12)), st.integers(1, 5))
def test_min_tokens_loses_nothing(tokens, least):
    out = collected(lambda source: min_tokens_step(source, least), tokens)
    assert "".join(out) == "".join(tokens)
    assert "" not in out


def test_min_tokens_counts_anew_after_an_end():
    tokens = ["a", "b", "", "c", "d", "e", "f"]
    assert collected(lambda source: min_tokens_step(source, 3), tokens) == ["ab", "cde", "f"]


def test_phrase_step_passes_the_end_on():
    assert collected(phrase_step, ["Yes", "", "No", ".", "", ""]) == ["Yes", "", "No.", "", ""]


def test_tokens_collect_while_the_voice_is_busy():
    async def main():
        tokens = script("Hello", " world!", " How", " are", " you?", " All fine.", 5, " Bye.")
        heard = []
        async for phrase in buffer_tts_text_step(tokens):
            heard.append(phrase)
            await asyncio.sleep(1)
        return heard

    heard = simulate(main)
    assert heard[-1] == " Bye."
    assert len(heard) <= 3
    assert "".join(heard) == "Hello world! How are you? All fine. Bye."


@pytest.mark.parametrize(
    ("tokens", "replies"),
    [
        (["Hi.", "", "Bye.", ""], ["Hi.", "Bye."]),
        (["Hi", "", "", "Bye"], ["Hi", "Bye"]),
        (["", "One.", " Two.", "", "Three"], ["One. Two.", "Three"]),
        (["", ""], []),
    ],
)
def test_replies_stay_apart(tokens, replies):
    """Wherever their tokens wait: all of them here, because they are prompt."""
    assert collected(buffer_tts_text_step, tokens) == replies


def test_first_phrase_leaves_before_the_rest_has_come():
    tokens = ["Hello", " world!", " How", " are", " you", " today", ""]
    assert run(lambda: array_sink(buffer_tts_text_step(array_source(tokens)))) == [
        "Hello world!",
        " How are you today",
    ]


def paced(items, seconds=0.5):
    clock = Counted()

    async def main():
        step = timed_text_rate_limit_step(Spring(items)(), seconds, clock=clock)
        return [(round(clock.now, 3), word) async for word in step]

    return run(main)


def test_words_come_with_their_sound():
    out = paced([TimedText("one two three four", 2.0), TimedText(" five", 1.0)])
    assert out == [(0.0, "one"), (0.0, " two"), (0.5, " three"), (1.0, " four"), (1.5, " five")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(st.sampled_from("ab \n\t…"), max_size=12), st.floats(0, 3))))
def test_words_are_the_text(items):
    out = paced([TimedText(text, seconds) for text, seconds in items])
    assert "".join(word for _, word in out) == "".join(text for text, _ in items)
    assert all(word for _, word in out)
    if out:
        assert out[-1][0] <= sum(seconds for _, seconds in items) + 1e-6


def phrases(format, texts=("Hello there.", " How are you?", " Fine.")):
    return [AudioWithText(encoded(format, len(text) / 12), text, format) for text in texts]


FORMATS = [
    StreamFormat(codec, 24_000) for codec in (Codec.OPUS, Codec.MP3, Codec.WEBM, Codec.FLAC, Codec.PCM)
]


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_sound_and_words_in_step(format):
    spoken = phrases(format)
    clock = Counted()
    length = sum(get_audio_length(format, phrase.audio) for phrase in spoken)

    async def main():
        audio, text = tts_rate_limit_step(Spring(spoken)(), format, 0.5, clock=clock)
        return await asyncio.gather(array_sink(audio), array_sink(text))

    audio, text = run(main)
    assert b"".join(audio) == b"".join(phrase.audio for phrase in spoken)
    assert "".join(text) == "Hello there. How are you? Fine."
    assert clock.now >= length - 0.5 - 0.2  # two of them sleep on one clock that only counts


def test_words_follow_the_sound():
    """In virtual time: each word no later than its sound, and no earlier than the buffer."""
    spoken = [AudioWithText(b"\xff" * 8000, "one two", AudioFormat.WAV_MULAW_8KHZ)] * 3

    async def main():
        audio, text = tts_rate_limit_step(Spring(spoken)(), AudioFormat.WAV_MULAW_8KHZ)
        return await asyncio.gather(timed(audio), timed(text))

    audio, text = simulate(main)
    assert [word for _, word in text] == ["one", " two"] * 3
    assert [moment for moment, _ in text] == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.5, 2.0], abs=0.05)
    assert audio[-1][0] == pytest.approx(2.5, abs=0.05)


def test_sound_alone():
    async def main():
        step = tts_rate_limit_step(Spring(spoken)(), FORMATS[0], include_text_output=False, clock=Counted())
        return await array_sink(step)

    spoken = phrases(FORMATS[0])
    assert b"".join(run(main)) == b"".join(phrase.audio for phrase in spoken)


async def voice(texts):
    async for text in texts:
        yield AudioWithText(b"\xff" * 800 * len(text), text, AudioFormat.WAV_MULAW_8KHZ)


def test_whole_chain_in_virtual_time():
    async def main():
        tokens = script("Hel", "lo!", 0.2, " This is", " it", "!", "")
        audio, text = tts_with_buffer_and_rate_limit_step(tokens, voice)
        return await asyncio.gather(timed(audio), timed(text))

    audio, text = simulate(main)
    assert "".join(word for _, word in text) == "Hello! This is it!"
    assert sum(len(piece) for _, piece in audio) == 800 * len("Hello! This is it!")
    assert audio[-1][0] == pytest.approx(1.8 - 0.5, abs=0.05)
    assert len(audio) == 90


def test_empty_chain_ends():
    async def main():
        audio, text = tts_with_buffer_and_rate_limit_step(script(), voice)
        return await asyncio.gather(array_sink(audio), array_sink(text))

    assert run(main) == [[], []]


def test_failure_reaches_both():
    async def main():
        tokens = script("Hello.", Dropped("The line broke."))
        audio, text = tts_with_buffer_and_rate_limit_step(tokens, voice, 100.0)
        return await asyncio.gather(array_sink(audio), array_sink(text), return_exceptions=True)

    assert [type(error) for error in run(main)] == [Dropped, Dropped]

    async def wrong():
        audio, text = tts_rate_limit_step(
            Spring([AudioWithText(b"<html>" * 20, "a", AudioFormat.MP3)])(), AudioFormat.MP3
        )
        return await asyncio.gather(array_sink(audio), array_sink(text), return_exceptions=True)

    assert DecodeError in map(type, run(wrong))


def test_closing_one_ends_the_other():
    spring = Spring(["Hello there. "] * 50, pause=True)

    async def main():
        audio, text = tts_with_buffer_and_rate_limit_step(spring(), voice, 100.0)
        words = asyncio.create_task(empty_sink(text))
        async for _ in audio:
            break
        await audio.aclose()
        await words

    run(main)
    assert spring.closed


def test_nothing_runs_beforehand():
    spring = Spring(["a"])

    async def main():
        audio, text = tts_with_buffer_and_rate_limit_step(spring(), voice)
        await asyncio.sleep(0)
        assert not spring.started
        await asyncio.gather(empty_sink(audio), empty_sink(text))

    run(main)
    assert spring.closed


def test_timed_text_as_voicestream_makes_it():
    assert TimedText(text="a", duration_in_seconds=1.0).event_name == "timed_text"
    made = AudioWithText(audio=b"", text="", audio_format=AudioFormat.MP3)
    assert made == AudioWithText(b"", "", AudioFormat.MP3)
