import asyncio

import pytest

from tests.providers.openai_server import Server, flow, gather, hang, say, serving
from voicecli.audio.format import Codec, StreamFormat
from voicecli.errors import BadRequest, Dropped, ProviderError, TimedOut, Unavailable
from voicecli.providers.openai import OpenAISynthesizer, OpenAISynthesizerOptions
from voicecli.providers.synthesizer import HasVoices, Voice

PIECES = [b"\x01", b"\x02\x03\x04", b"\x05" * 5000]


def options(server: Server, **more) -> OpenAISynthesizerOptions:
    return OpenAISynthesizerOptions(base_url=server.url, **{"api_key_env": "", "timeout": 5.0, **more})


def spoken(*replies, text="Hello.", **more) -> tuple[list[bytes], Server]:
    async def run():
        async with (
            serving(speech=replies) as server,
            OpenAISynthesizer(options(server, **more)) as synthesizer,
        ):
            return [chunk async for chunk in synthesizer.synthesize(text)], server

    return asyncio.run(run())


def listed(reply, **more) -> list[Voice]:
    async def run():
        async with (
            serving(voices=reply) as server,
            OpenAISynthesizer(options(server, **more)) as synthesizer,
        ):
            assert isinstance(synthesizer, HasVoices)
            return list(await synthesizer.voices())

    return asyncio.run(run())


def test_bytes_pass_as_they_arrive():
    chunks, server = spoken(flow(PIECES, "audio/pcm"), voice="nova", speed=1.25, instructions="Whisper.")
    assert chunks == PIECES
    assert server.posts()[0].json == {
        "model": "gpt-4o-mini-tts",
        "voice": "nova",
        "input": "Hello.",
        "response_format": "pcm",
        "speed": 1.25,
        "instructions": "Whisper.",
    }


def test_format_follows_the_options():
    assert OpenAISynthesizer().format == StreamFormat(Codec.PCM, 24_000)
    assert OpenAISynthesizer(OpenAISynthesizerOptions(format="opus")).format.codec is Codec.OPUS


@pytest.mark.parametrize("text", ["", "  ", "…!"])
def test_nothing_to_say_asks_nobody(text):
    chunks, server = spoken(hang, text=text)
    assert (chunks, server.posts()) == ([], [])


def test_language_reaches_kokoro():
    _, server = spoken(flow(PIECES, "audio/pcm"), voice="bf_emma", language="en-GB")
    assert server.posts()[0].json["lang_code"] == "b"


@pytest.mark.parametrize(
    ("reply", "kind", "words", "requests"),
    [
        (say({"error": {"message": "quota"}}), Unavailable, "quota", 1),
        (say("<!DOCTYPE html><title>Portal</title>", kind="text/html"), Unavailable, "Portal", 1),
        (say("<html><body>Portal", kind="audio/mpeg"), Unavailable, "Portal", 1),
        (say(b'{"detail": "no voice"}', kind="application/octet-stream"), Unavailable, "no voice", 1),
        (say(b"", kind="audio/pcm"), Unavailable, "without sound", 1),
        (
            say({"detail": {"error": "validation_error", "message": "Voice x not found"}}, 400),
            BadRequest,
            "Voice x",
            1,
        ),
        (flow([], "audio/pcm", end="drop"), Dropped, "in the middle", 3),
        (hang, TimedOut, "no progress", 1),
    ],
)
def test_failures_are_ours(reply, kind, words, requests):
    async def run():
        async with serving(speech=reply) as server:
            async with OpenAISynthesizer(
                options(server, timeout=2.0 if requests > 1 else 0.3)
            ) as synthesizer:
                with pytest.raises(ProviderError) as raised:
                    async for _ in synthesizer.synthesize("Hello."):
                        pass
            return raised.value, len(server.posts())

    error, asked = asyncio.run(run())
    assert type(error) is kind
    assert words in str(error)
    assert asked == requests


@pytest.mark.parametrize(("end", "kind"), [("drop", Dropped), ("stall", TimedOut)])
def test_no_sound_is_repeated(end, kind):
    heard = []

    async def run():
        async with serving(speech=flow(PIECES, "audio/pcm", end)) as server:
            async with OpenAISynthesizer(options(server, timeout=0.3)) as synthesizer:
                with pytest.raises(kind):
                    await gather(synthesizer.synthesize("Hello."), heard)
            return len(server.posts())

    assert asyncio.run(run()) == 1
    assert heard == PIECES


def test_slow_listener_does_not_time_out():
    async def run():
        async with (
            serving(speech=flow(PIECES, "audio/pcm")) as server,
            OpenAISynthesizer(options(server, timeout=0.2)) as synthesizer,
        ):
            heard = b""
            async for chunk in synthesizer.synthesize("Hello."):
                heard += chunk
                await asyncio.sleep(0.3)
            return heard

    assert asyncio.run(run()) == b"".join(PIECES)


def test_closing_early_closes_the_connection():
    async def run():
        async with (
            serving(speech=flow(PIECES, "audio/pcm", "stall")) as server,
            OpenAISynthesizer(options(server)) as synthesizer,
        ):
            speech = synthesizer.synthesize("Hello.")
            assert await anext(speech) == PIECES[0]
            await speech.aclose()
            await asyncio.wait_for(server.has_left.wait(), 2)

    asyncio.run(run())


def test_voices_that_a_server_lists():
    assert listed(say({"voices": ["bf_emma", "af_heart"]})) == [
        Voice("bf_emma", "en-GB"),
        Voice("af_heart", "en-US"),
    ]
    entries = [{"id": "amy", "name": "Amy", "language": "en"}, {"name": "bob"}, {}, None]
    assert listed(say(entries)) == [Voice("bob"), Voice("amy", "en", "Amy")]


def test_voices_of_a_server_without_list():
    [voice] = listed(say({"detail": "Not Found"}, 404), voice="mine")
    assert voice.name == "mine"
