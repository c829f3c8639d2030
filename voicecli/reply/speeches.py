"""The way of a reply: phrases made speakable, handed to synthesis ahead of use, and decoded as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from voicecli.audio.block import Samples
from voicecli.audio.decode import open_decoder
from voicecli.audio.format import StreamFormat
from voicecli.errors import TimedOut
from voicecli.flow.feeds import ReadAhead
from voicecli.flow.scope import close, scoped
from voicecli.flow.sources import array_source
from voicecli.flow.steps import idle_timeout_step
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.synthesizer import Synthesizer, spoken_language
from voicecli.reply.phrases import phrase_step
from voicecli.reply.speakable import SpeakableText

__all__ = ["Speech", "speeches"]

_PHRASE: Final = 400  # characters of a text that is made speakable at once
_CHUNKS_WAITING: Final = 256  # encoded chunks of a phrase that may wait to be used
_AT_ONCE: Final = 8192  # bytes decoded without letting the event loop breathe


class Speech:
    """One phrase on its way to be heard. Its sound can be had once."""

    def __init__(self, text: str, spoken: str, chunks: ReadAhead[bytes] | None, format: StreamFormat) -> None:
        self.text = text  # as it was written
        self.spoken = spoken  # as the engine is given it; empty when there is nothing to say
        self.chunks = 0  # taken so far
        self.bytes = 0  # of them, decoded so far
        self._chunks = chunks
        self._format = format

    async def sounds(self) -> AsyncIterator[tuple[Samples, int]]:
        """Its samples as they come, and how many of them are a second. Raises ProviderError, DecodeError."""
        if self._chunks is None:
            return
        decoder = open_decoder(self._format)
        async for chunk in self._chunks:
            self.chunks += 1
            for start in range(0, len(chunk), _AT_ONCE):
                piece = chunk[start : start + _AT_ONCE]
                self.bytes += len(piece)
                if len(samples := decoder.decode(piece)) and decoder.rate is not None:
                    yield samples, decoder.rate
                await asyncio.sleep(0)  # a burst must not hold up the rest
        if len(samples := decoder.flush()) and decoder.rate is not None:
            yield samples, decoder.rate

    async def whole(self) -> bytes:
        """All its bytes, as the engine sent them. Raises ProviderError."""
        return b"" if self._chunks is None else b"".join([chunk async for chunk in self._chunks])

    async def aclose(self) -> None:
        """Nothing more of its sound is wanted; only the words are kept."""
        chunks, self._chunks = self._chunks, None
        await close(chunks)


async def speeches(
    phrases: AsyncIterator[str],
    synthesizer: Synthesizer,
    language: str = "",
    *,
    ahead: int = 1,
    timeout: float = 0.0,
    stopwatch: Stopwatch | None = None,
) -> AsyncIterator[Speech]:
    """Speeches, `ahead` of which are under way while one is used; one is closed when the next is asked for.

    Numbers and symbols are spelled out in `language` (BCP 47), or in the voice's own. "" among the phrases
    ends a reply, and is a speech without text. A speech fails when nothing of it comes for `timeout` seconds,
    unless that is 0. Closing the iterator cancels everything. Raises what `phrases` raises.
    """
    language = language or spoken_language(synthesizer)
    stopwatch = stopwatch or Stopwatch()
    begun: list[Speech] = []

    async def begin() -> AsyncIterator[Speech]:
        speakable = SpeakableText(language)
        async with scoped(phrases) as texts:
            async for text in texts:
                spoken = await _spoken(speakable, text)
                if not text:
                    speakable = SpeakableText(language)
                source = _synthesized(spoken, synthesizer, timeout, stopwatch) if spoken else None
                chunks = ReadAhead(source, _CHUNKS_WAITING) if source else None
                begun.append(Speech(text, spoken, chunks, synthesizer.format))
                yield begun[-1]
                await asyncio.sleep(0)  # phrases without a word would follow each other at once

    try:
        async with scoped(ReadAhead(begin(), ahead) if ahead else begin()) as made:
            async for speech in made:
                yield speech
                await speech.aclose()
                begun.remove(speech)
    finally:
        await close(*begun)


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


async def _synthesized(
    spoken: str, synthesizer: Synthesizer, timeout: float, stopwatch: Stopwatch
) -> AsyncIterator[bytes]:
    def silent(seconds: float) -> TimedOut:
        return TimedOut(
            f"{synthesizer.name} sent no speech for {seconds:g} seconds.",
            "Raise [tts] timeout if it is slow.",
        )

    stopwatch.mark(Mark.FIRST_PHRASE, time.monotonic())
    source = synthesizer.synthesize(spoken)
    async with scoped(idle_timeout_step(source, timeout, silent) if timeout else source) as chunks:
        async for chunk in chunks:
            if chunk:
                stopwatch.mark(Mark.FIRST_CHUNK, time.monotonic())
                yield chunk
