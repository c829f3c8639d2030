"""Engines in several formats."""

import asyncio
from collections.abc import Sequence

from voicecli.audio.format import Codec
from voicecli.bench.measure.formats import InFormats, in_formats
from voicecli.providers.choose import choose_synthesizer
from voicecli.providers.openai.audio_speech import OpenAISynthesizer


def asked(engine: str, codecs: Sequence[Codec]) -> InFormats:
    options = {"openai": OpenAISynthesizer.Options(base_url="http://localhost:9/v1", voice="own")}

    async def made() -> InFormats:
        return await in_formats(await choose_synthesizer(engine, options), codecs)

    return asyncio.run(made())


def sent(found: InFormats) -> list[Codec]:
    return [choice.engine.format.codec for choice in found.choices]


def test_own_format_when_none_is_asked_for() -> None:
    found = asked("simulated", [])
    assert (sent(found), list(found.notes)) == ([Codec.PCM], [])


def test_one_engine_for_each_format() -> None:
    found = asked("openai", [Codec.MP3, Codec.OPUS])
    assert (sent(found), list(found.notes)) == ([Codec.MP3, Codec.OPUS], [])
    assert {choice.options.voice for choice in found.choices} == {"own"}


def test_engine_that_cannot_choose_says_so() -> None:
    found = asked("espeak", [Codec.MP3, Codec.OPUS])
    assert sent(found) == [Codec.PCM]
    assert list(found.notes) == ["espeak cannot choose its format: it is pcm"]
    assert list(asked("espeak", [Codec.PCM]).notes) == []


def test_format_that_is_not_sent() -> None:
    found = asked("openai", [Codec.WEBM, Codec.FLAC])
    assert sent(found) == [Codec.FLAC]
    assert list(found.notes) == ["openai does not send webm: it sends pcm, wav, mp3, opus, aac, flac"]
