"""Steps of a conversation: text collected for a voice, sound and text no faster than they are heard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from itertools import groupby
from typing import Final, Literal, TypeAlias, overload

from voicecli.audio.lengths import AnyFormat, get_audio_length
from voicecli.audio.pace import Clock, LoopClock, Pace
from voicecli.audio.ratelimit import audio_rate_limit_step
from voicecli.conversation.voicebot import AudioWithText, TimedText
from voicecli.flow.awaitables import AwaitableOrObj, resolve_awaitable_or_obj
from voicecli.flow.branches import fork_step
from voicecli.flow.feeds import buffer_step
from voicecli.flow.scope import scoped
from voicecli.flow.steps import map_step
from voicecli.flow.values import extract_value_step
from voicecli.reply.phrases import PhraseOptions, phrase_step

__all__ = [
    "TextToSpeechStep",
    "buffer_tts_text_step",
    "min_tokens_step",
    "timed_text_rate_limit_step",
    "tts_rate_limit_step",
    "tts_with_buffer_and_rate_limit_step",
    "wait_for_punctuation_step",
]

TextToSpeechStep: TypeAlias = Callable[[AsyncIterator[str]], AsyncIterator[AudioWithText]]
"""A voice: phrases in, their sound out."""

# Every phrase leaves at its punctuation, however short it is, and waits for it, however long.
_AT_PUNCTUATION: Final = PhraseOptions(
    clause_after=(1,), sentence_after=(1,), word_after=2000, max_length=2000
)
_QUICK: Final = 1 << 15  # bytes whose length is found without leaving the event loop
_WORD: Final = re.compile(r"\s*\S+(?:\s+\Z)?|\s+\Z")


async def buffer_tts_text_step(async_iter: AsyncIterator[str]) -> AsyncIterator[str]:
    """Tokens to phrases for a voice: whole ones, and together those that came while the voice was busy.

    "" among the tokens ends a reply: what is waiting leaves as it is, and never together with the next one.
    """
    ahead = buffer_step(phrase_step(async_iter, _AT_PUNCTUATION))
    async with scoped(ahead):
        while waiting := await ahead.take():
            for spoken, phrases in groupby(waiting, bool):
                if spoken:
                    yield "".join(phrases)


async def wait_for_punctuation_step(
    async_iter: AsyncIterator[str], options: PhraseOptions = _AT_PUNCTUATION
) -> AsyncIterator[str]:
    """Tokens to phrases that end at punctuation; joined, they are the same text.

    A mark inside "$3.50", "Dr.", "e.g.", "don't", an address or an ellipsis ends no phrase. "" ends a reply.
    """
    async with scoped(phrase_step(async_iter, options)) as phrases:
        async for phrase in phrases:
            if phrase:
                yield phrase


async def min_tokens_step(async_iter: AsyncIterator[str], min_tokens: int) -> AsyncIterator[str]:
    """At least `min_tokens` tokens an item; "" ends a reply: what is waiting leaves as it is."""
    waiting: list[str] = []
    async with scoped(async_iter) as tokens:
        async for token in tokens:
            if token:
                waiting.append(token)
            if waiting and (not token or len(waiting) >= min_tokens):
                yield "".join(waiting)
                waiting.clear()
    if waiting:
        yield "".join(waiting)


@overload
def tts_rate_limit_step(
    async_iter: AsyncIterator[AudioWithText],
    audio_format: AwaitableOrObj[AnyFormat],
    buffer_seconds: float = 0.5,
    include_text_output: Literal[True] = True,
    *,
    clock: Clock | None = None,
) -> tuple[AsyncIterator[bytes], AsyncIterator[str]]: ...
@overload
def tts_rate_limit_step(
    async_iter: AsyncIterator[AudioWithText],
    audio_format: AwaitableOrObj[AnyFormat],
    buffer_seconds: float = 0.5,
    *,
    include_text_output: Literal[False],
    clock: Clock | None = None,
) -> AsyncIterator[bytes]: ...
def tts_rate_limit_step(
    async_iter: AsyncIterator[AudioWithText],
    audio_format: AwaitableOrObj[AnyFormat],
    buffer_seconds: float = 0.5,
    include_text_output: bool = True,
    *,
    clock: Clock | None = None,
) -> AsyncIterator[bytes] | tuple[AsyncIterator[bytes], AsyncIterator[str]]:
    """Phrases to their sound no faster than it is heard, and to their words in step with it.

    At most `buffer_seconds` are ahead, so that the rest can be dropped when somebody interrupts. The words
    follow the sound, which is to be read too. Raises DecodeError for sound that is not in `audio_format`.
    """
    if not include_text_output:
        return _sound(async_iter, audio_format, buffer_seconds, clock)

    async def timed(phrase: AudioWithText) -> TimedText:
        return TimedText(
            phrase.text, await _length(await resolve_awaitable_or_obj(audio_format), phrase.audio)
        )

    audio, text = fork_step(async_iter)
    words = timed_text_rate_limit_step(map_step(text, timed), buffer_seconds, clock=clock)
    return _sound(audio, audio_format, buffer_seconds, clock), words


def tts_with_buffer_and_rate_limit_step(
    async_iter: AsyncIterator[str],
    tts_step: TextToSpeechStep,
    buffer_seconds: float = 0.5,
    *,
    clock: Clock | None = None,
) -> tuple[AsyncIterator[bytes], AsyncIterator[str]]:
    """Tokens to the sound and the words of a voice: phrases collected before it, a rate limit behind it."""
    spoken, audio_format = extract_value_step(
        tts_step(buffer_tts_text_step(async_iter)), lambda phrase: phrase.audio_format
    )
    return tts_rate_limit_step(spoken, audio_format, buffer_seconds, clock=clock)


async def timed_text_rate_limit_step(
    async_iter: AsyncIterator[TimedText], buffer_seconds: float = 0.5, *, clock: Clock | None = None
) -> AsyncIterator[str]:
    """Word by word, no faster than the text is heard: at most `buffer_seconds` and one word are ahead.

    A word carries the space before it; joined, they are the same text.
    """
    pace, clock = Pace(buffer_seconds), clock or LoopClock()
    async with scoped(async_iter) as items:
        async for timed in items:
            words = _WORD.findall(timed.text) or [""]
            for word in words:
                await pace.keep(clock, timed.duration_in_seconds / len(words))
                if word:
                    yield word


def _sound(
    source: AsyncIterator[AudioWithText],
    audio_format: AwaitableOrObj[AnyFormat],
    buffer_seconds: float,
    clock: Clock | None,
) -> AsyncIterator[bytes]:
    audio = map_step(source, lambda phrase: phrase.audio)
    return audio_rate_limit_step(audio, audio_format, buffer_seconds, whole=True, clock=clock)


async def _length(audio_format: AnyFormat, audio: bytes) -> float:
    if len(audio) > _QUICK:
        return await asyncio.to_thread(get_audio_length, audio_format, audio)
    return get_audio_length(audio_format, audio)
