"""The stages of a voicebot as steps: utterances to texts, to tokens, and phrases to sound.

An empty text among tokens and phrases, and a block without samples, stand for the end of a reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.lengths import AnyFormat
from voicecli.audio.loudness import EvenSound, Loudness
from voicecli.conversation.context import History
from voicecli.flow.branches import merge_step, partition_step
from voicecli.flow.scope import scoped
from voicecli.flow.steps import map_step
from voicecli.providers.language_model import Action, Goodbye, LanguageModel
from voicecli.providers.recognizer import Recognizer
from voicecli.providers.synthesizer import Synthesizer
from voicecli.reply.speeches import speeches
from voicecli.speech.ears import Ears
from voicecli.speech.gate import SpeechStarted, SpeechStopped
from voicecli.speech.silero import SileroDetector
from voicecli.speech.speech_events import (
    SpeechEnd,
    SpeechEvent,
    SpeechPartialResult,
    SpeechStart,
    SpeechToTextResult,
)
from voicecli.speech.spoken import SpokenUtterance, Utterances
from voicecli.speech.vad import VoiceDetector

__all__ = [
    "AudioWithText",
    "TimedText",
    "language_model_step",
    "speech_recognition_step",
    "speech_to_text_step",
    "synthesis_step",
    "text_to_speech_step",
]

_UTTERANCES_WAITING: Final = 4  # that may wait to be recognised before the microphone has to


@dataclass(frozen=True, slots=True)
class AudioWithText:
    """A phrase as sound and as text."""

    audio: bytes  # a whole stream in `audio_format`
    text: str
    audio_format: AnyFormat


@dataclass(frozen=True, slots=True)
class TimedText:
    """Text and how long it takes to be heard."""

    text: str
    duration_in_seconds: float
    event_name: str = "timed_text"


async def speech_to_text_step(
    async_iter: AsyncIterator[SpokenUtterance] | AsyncIterator[AsyncIterator[Samples]], recognizer: Recognizer
) -> AsyncIterator[str]:
    """Utterances to what was said, one after the other; one in which nothing was understood gives nothing.

    An utterance is any iterator of mono samples at 16 kHz. Those of `utterance_step` are recognised while
    they are spoken, and are told what was understood so far. Raises ProviderError.
    """
    async with scoped(async_iter) as utterances:
        async for utterance in utterances:
            text = ""
            async with scoped(recognizer.transcribe(utterance)) as transcripts:
                async for transcript in transcripts:
                    if transcript.final:
                        text = transcript.text
                    elif isinstance(utterance, SpokenUtterance):
                        utterance.recognised(transcript.text)
            if text.strip():
                yield text


def speech_recognition_step(
    async_iter: AsyncIterator[Block], recognizer: Recognizer, detector: VoiceDetector | None = None
) -> tuple[AsyncIterator[str], AsyncIterator[SpeechEvent]]:
    """Blocks to what was said, and to the events of speech as they happen; both are to be read.

    It listens all the time, also while something is recognised or answered: what interruptions need. Raises
    ProviderError, LibraryMissing.
    """
    spoken: asyncio.Queue[SpokenUtterance | None] = asyncio.Queue(_UTTERANCES_WAITING)
    events = merge_step(_listening(async_iter, detector, spoken), _recognising(recognizer, spoken))
    results, others = partition_step(events, lambda event: isinstance(event, SpeechToTextResult))
    return map_step(results, lambda result: getattr(result, "text", "")), others


async def language_model_step(
    async_iter: AsyncIterator[str], model: LanguageModel, history: History | None = None
) -> AsyncIterator[str]:
    """What the user said to the tokens of the reply, and "" after each reply.

    `history` is what was said before, and grows; of a reply that is closed in the middle it keeps what was
    given out. When the model says goodbye, the stream ends after that reply. Raises ProviderError.
    """
    history = history or History()
    async with scoped(async_iter) as texts:
        async for text in texts:
            said, complete, goodbye = "", False, False
            messages = history.with_user(text)
            history.add_user(text)
            try:
                async with scoped(model.complete(messages)) as tokens:
                    async for token in tokens:
                        if isinstance(token, Goodbye):
                            goodbye = True
                        elif isinstance(token, Action):
                            token.run()
                        elif token:
                            said += token
                            yield token
                complete = True
            finally:
                history.add_assistant(said, interrupted=not complete)
            yield ""
            if goodbye:
                return


async def synthesis_step(
    async_iter: AsyncIterator[str], synthesizer: Synthesizer, language: str = "en"
) -> AsyncIterator[Block]:
    """Phrases to sound while it is being made, and a block without samples for each "".

    The next phrase is made while one is played. Numbers, symbols and markup are spelled out for the voice.
    Blocks are dated from the beginning. Nothing is more than 6 dB louder than what came before it. Raises
    ProviderError, DecodeError.
    """
    rate, position, voice = synthesizer.format.rate, 0.0, Loudness()
    async with scoped(speeches(async_iter, synthesizer, language)) as made:
        async for speech in made:
            if not speech.text:
                yield Block(np.zeros(0, np.float32), rate, position)
            sound = EvenSound(voice)
            async with scoped(speech.sounds()) as sounds:
                async for samples, rate in sounds:
                    yield Block(sound.push(samples, rate), rate, position)
                    position += len(samples) / rate


async def text_to_speech_step(
    async_iter: AsyncIterator[str], synthesizer: Synthesizer, language: str = "en"
) -> AsyncIterator[AudioWithText]:
    """Phrases to the whole encoded sound of each, with its text; no bytes where there is nothing to say.

    The next phrase is made while one is used. "" gives nothing. Raises ProviderError.
    """
    async with scoped(speeches(async_iter, synthesizer, language)) as made:
        async for speech in made:
            if speech.text:
                yield AudioWithText(await speech.whole(), speech.text, synthesizer.format)


async def _listening(
    source: AsyncIterator[Block],
    detector: VoiceDetector | None,
    spoken: asyncio.Queue[SpokenUtterance | None],
) -> AsyncIterator[SpeechEvent]:
    """Beginnings and ends of speech; the utterances go to `spoken`."""
    told: list[SpeechEvent] = []

    def tell(event: SpeechStarted | SpeechStopped) -> None:
        kind = SpeechStart if isinstance(event, SpeechStarted) else SpeechEnd
        told.append(kind(time_since_start=event.time))

    async with scoped(source) as blocks, AsyncExitStack() as stack:
        if detector is None:
            detector = await stack.enter_async_context(SileroDetector())
        utterances = Utterances(blocks, Ears(detector), tell)
        stack.callback(utterances.close)
        while True:
            going = await utterances.listen()
            for utterance in utterances.begun():
                await spoken.put(utterance)
            while told:
                yield told.pop(0)
            if not going:
                break
    await spoken.put(None)


async def _recognising(
    recognizer: Recognizer, spoken: asyncio.Queue[SpokenUtterance | None]
) -> AsyncIterator[SpeechEvent]:
    """What is understood of the utterances that come by `spoken`, until None."""
    while (utterance := await spoken.get()) is not None:
        async with scoped(recognizer.transcribe(utterance)) as transcripts:
            async for transcript in transcripts:
                if not transcript.final:
                    utterance.recognised(transcript.text)
                    yield SpeechPartialResult(text=transcript.text, time_since_start=utterance.now)
                elif transcript.text.strip():
                    yield SpeechToTextResult(text=transcript.text, time_since_start=utterance.now)
