"""Phrases into sound, as steps: the next one is made while one is used."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.decode import Decoder, open_decoder
from voicecli.audio.loudness import Limiter, Loudness
from voicecli.conversation.phrases import phrase_step
from voicecli.conversation.speakable import SpeakableText
from voicecli.conversation.timed import AudioWithText
from voicecli.flow.feeds import ReadAhead
from voicecli.flow.scope import close, scoped
from voicecli.flow.sources import array_source
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["synthesis_step", "text_to_speech_step"]

_AHEAD: Final = 1  # phrases that are made while one is used
_PHRASE: Final = 400  # characters of a text that is made speakable at once
_CHUNKS_WAITING: Final = 256  # encoded chunks of a phrase that may wait to be used
_AT_ONCE: Final = 8192  # bytes decoded without letting the event loop breathe


async def synthesis_step(
    async_iter: AsyncIterator[str], synthesizer: Synthesizer, language: str = "en"
) -> AsyncIterator[Block]:
    """Phrases to sound while it is being made, and a block without samples for each "".

    The next phrase is made while one is played. Numbers, symbols and markup are spelled out for the voice.
    Blocks are dated from the beginning. Nothing is more than 6 dB louder than what came before it. Raises
    ProviderError, DecodeError.
    """
    rate, position, voice = synthesizer.format.rate, 0.0, Loudness()
    async with scoped(_begun(async_iter, synthesizer, language)) as speeches:
        async for speech in speeches:
            if not speech.text:
                yield Block(np.zeros(0, np.float32), rate, position)
                continue
            decoder = open_decoder(synthesizer.format)
            limiter = None
            async for samples in speech.samples(decoder):
                rate = decoder.rate or rate
                limiter = limiter or Limiter(voice, rate)
                yield Block(limiter.push(samples), rate, position)
                position += len(samples) / rate


async def text_to_speech_step(
    async_iter: AsyncIterator[str], synthesizer: Synthesizer, language: str = "en"
) -> AsyncIterator[AudioWithText]:
    """Phrases to the whole encoded sound of each, with its text; no bytes where there is nothing to say.

    The next phrase is made while one is used. "" gives nothing. Raises ProviderError.
    """
    async with scoped(_begun(async_iter, synthesizer, language)) as speeches:
        async for speech in speeches:
            if speech.text:
                yield AudioWithText(await speech.whole(), speech.text, synthesizer.format)


class _Speech:
    """One phrase that is being made."""

    def __init__(self, text: str, chunks: AsyncIterator[bytes] | None) -> None:
        self.text = text
        self._chunks = chunks  # None when there is nothing to say

    async def samples(self, decoder: Decoder) -> AsyncIterator[Samples]:
        """Its samples as they come."""
        if self._chunks is None:
            return
        async with scoped(self._chunks) as chunks:
            async for chunk in chunks:
                for start in range(0, len(chunk), _AT_ONCE):
                    if len(samples := decoder.decode(chunk[start : start + _AT_ONCE])):
                        yield samples
                    if start:
                        await asyncio.sleep(0)  # a burst must not hold up the rest
        if len(samples := decoder.flush()):
            yield samples

    async def whole(self) -> bytes:
        """All its bytes."""
        if self._chunks is None:
            return b""
        async with scoped(self._chunks) as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def aclose(self) -> None:
        await close(self._chunks)


async def _spoken(speakable: SpeakableText, text: str) -> str:
    """`text` as the engine is given it; others run between the phrases of a long one."""
    if len(text) <= _PHRASE:
        return speakable.push(text)
    said: list[str] = []
    async with scoped(phrase_step(array_source([text]))) as phrases:
        async for phrase in phrases:
            said.append(speakable.push(phrase))
            await asyncio.sleep(0)
    return " ".join(filter(None, said))


async def _begun(
    phrases: AsyncIterator[str], synthesizer: Synthesizer, language: str
) -> AsyncIterator[_Speech]:
    """Speeches, so many of them under way before they are asked for; all are closed when this is."""
    begun: list[_Speech] = []

    async def begin() -> AsyncIterator[_Speech]:
        speakable = SpeakableText(language)
        async with scoped(phrases) as texts:
            async for text in texts:
                spoken = await _spoken(speakable, text)
                if not text:
                    speakable = SpeakableText(language)  # a new reply begins
                chunks = ReadAhead(synthesizer.synthesize(spoken), _CHUNKS_WAITING) if spoken else None
                begun.append(_Speech(text, chunks))
                yield begun[-1]
                await asyncio.sleep(0)  # phrases without a word would follow each other at once

    try:
        async with scoped(ReadAhead(begin(), _AHEAD)) as ahead:
            async for speech in ahead:
                yield speech
                await speech.aclose()
                begun.remove(speech)
    finally:
        await close(*begun)
