"""However a reply is written, making phrases and words of it holds nobody else up."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watchdog import cpu_time, longest_step
from voicecli.audio.format import Codec, StreamFormat
from voicecli.conversation.voicebot import synthesis_step
from voicecli.flow.sources import array_source
from voicecli.reply.phrases import PhraseCutter, phrase_step
from voicecli.reply.speakable import SpeakableText

STEP = 0.005  # seconds
TOKENS = [1, 7, 100, 20_000]  # characters
LONG = 20_000  # characters
RATIO = 6  # of the times for four times the text; what costs its square takes 16
NOISE = 0.002  # seconds that are too short for a ratio

HARD = {
    "hosts": "www.",
    "address": "http://a",
    "path": "http://a/",
    "mail": "a@b.",
    "joined emoji": "\U0001f469\u200d",
    "stars": "*a ",
    "underscores": "_a ",
    "plus minus": "±",
    "halves": "½",
    "brackets": "(",
    "notes": "[^",
    "links": "[a](",
    "formulas": "\\(",
    "displays": "\\[",
    "quotes": "> ",
    "slashes": "/ ",
    "bars": " |",
    "dots": "a. ",
    "initials": "A. ",
    "commas": ", ",
    "wide commas": "，",
    "dashes": "- ",
    "hyphens": "-",
    "ticks": "``` ",
    "blanks": " ",
    "tabs": "\t",
    "lines": "  \n",
    "tags": "<a ",
    "digits": "1",
    "versions": "1.",
    "folders": "a/",
    "accents": "\u0301",
    "escapes": "\x1b]",
    "dates": "May 1, ",
    "German": "z. B. am 1. Mai ",
    "sentences": "Hello there, this is one more sentence. ",
}
OPENERS = {
    "path": "http://a/" + "½" * LONG,
    "quoted path": 'http://a/"' + "±" * LONG,
    "link": "[a](" + "a" * LONG,
    "link of blanks": "[a](" + " " * LONG,
    "brackets": "a" + "(" * LONG + "a",
    "blanks": "a" + " " * LONG + "a",
    "underscores": "a" + "_" * LONG + "a",
    "emoji": "a1 " + "\U0001f469\u200d" * (LONG // 2) + " ± a",
    "code": "`a" + " a" * LONG,
}


def repeated(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length]


TEXTS = {name: repeated(piece, LONG) for name, piece in HARD.items()} | {
    f"{name} opened": text for name, text in OPENERS.items()
}


def cut(text: str, size: int) -> tuple[list[str], float]:
    """Its phrases, and the seconds that the longest step took."""
    cutter = PhraseCutter()
    phrases: list[str] = []
    longest = 0.0
    tokens = [text[start : start + size] for start in range(0, len(text), size)]
    steps = chain.from_iterable(map(cutter.pieces, tokens))
    while True:
        began = time.thread_time()
        step = next(steps, None)
        made = cutter.flush() if step is None else step
        longest = max(longest, time.thread_time() - began)
        phrases += made
        if step is None:
            return phrases, longest


def least(text: str, size: int) -> float:
    """Seconds of the longest step, the least of some runs."""
    longest = STEP
    for _ in range(3):
        phrases, seconds = cut(text, size)
        assert "".join(phrases) == text
        longest = min(longest, seconds)
        if longest < STEP:
            break
    return longest


def spoken(phrases: list[str], language: str) -> float:
    """Seconds that the hardest phrase takes to be made speakable."""
    speakable = SpeakableText(language)
    longest = 0.0
    for phrase in phrases:
        seconds = cpu_time(lambda: speakable.push(phrase), 1)  # noqa: B023
        if seconds >= STEP:
            seconds = cpu_time(lambda: SpeakableText(language).push(phrase))  # noqa: B023
        longest = max(longest, seconds)
    return longest


@pytest.mark.parametrize("size", TOKENS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_token_is_soon_cut(text: str, size: int) -> None:
    assert least(text[: max(4000, size)], size) < STEP


@pytest.mark.parametrize("language", ["en", "de", "fr"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_phrase_is_soon_speakable(text: str, language: str) -> None:
    assert spoken(cut(text[:6000], 100)[0], language) < STEP


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_cutting_takes_as_long_as_the_text(text: str) -> None:
    short = cpu_time(lambda: PhraseCutter().push(text[: LONG // 4]))
    assert cpu_time(lambda: PhraseCutter().push(text[:LONG])) < max(short, NOISE) * RATIO


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_speaking_takes_as_long_as_the_text(text: str, language: str) -> None:
    short = cpu_time(lambda: SpeakableText(language).push(text[:2000]))
    assert cpu_time(lambda: SpeakableText(language).push(text[:8000])) < max(short, NOISE) * RATIO


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nobody_waits_for_a_reply_in_one_token(text: str) -> None:
    async def reply() -> AsyncIterator[str]:
        yield text

    async def scene() -> None:
        async for _ in phrase_step(reply()):
            pass

    assert longest_step(scene) < STEP


class Mute:
    """A voice without sound, which remembers what it was to say."""

    name = "mute"
    format = StreamFormat(Codec.PCM, 8000)

    def __init__(self) -> None:
        self.said: list[str] = []

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self.said.append(text)
        return
        yield b""


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_nobody_waits_for_a_long_text_to_be_said(text: str) -> None:
    async def scene() -> None:
        async for _ in synthesis_step(array_source([text[:6000]]), Mute()):
            pass

    assert longest_step(scene) < STEP


@pytest.mark.parametrize("name", ["plus minus", "stars", "dots", "dashes", "lines", "sentences"])
def test_nobody_waits_for_the_phrases_of_a_reply(name: str) -> None:
    async def scene() -> None:
        async for _ in synthesis_step(phrase_step(array_source([TEXTS[name][:8000]])), Mute()):
            pass

    assert longest_step(scene) < STEP


def test_a_long_text_is_said_as_one() -> None:
    text = HARD["sentences"] * 40
    mute = Mute()

    async def scene() -> None:
        async for _ in synthesis_step(array_source([text]), mute):
            pass

    asyncio.run(scene())
    assert mute.said == [text.strip()]


PIECES = st.sampled_from(
    [*HARD.values(), "a", "Dr. ", "**", "`", "“", '"', ")", "]", "\n", "$1", "é", "漢", "。"]
)


@given(st.lists(PIECES, min_size=1, max_size=5), st.integers(1, 400), st.sampled_from(TOKENS))
@settings(deadline=None, max_examples=80)
def test_any_reply_is_soon_cut_and_speakable(pieces: list[str], times: int, size: int) -> None:
    text = ("".join(pieces) * times)[:4000]
    assert least(text, size) < STEP
    assert spoken(cut(text, size)[0], "en") < STEP
