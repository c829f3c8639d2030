import asyncio

import numpy as np
import pytest

from tests.audio.encoded import buzz, encoded, voice
from tests.providers.openai_server import Server, flow, gather, hang, say, serving
from voicecli.audio.decode import open_decoder
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.pcm import from_s16, s16_bytes
from voicecli.audio.resample import resample
from voicecli.errors import BadRequest, Dropped, ProviderError, TimedOut, Unavailable
from voicecli.providers.openai.audio_speech import OpenAISynthesizer, OpenAISynthesizerOptions
from voicecli.providers.synthesizer import HasVoices, Voice

SPEECH = s16_bytes(buzz(24_000))
PIECES = [SPEECH[:1], SPEECH[1:4], SPEECH[4:9004]]
SOUND = b"".join(PIECES)


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
    assert b"".join(chunks) == SOUND
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
    assert b"".join(heard) == SOUND


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

    assert asyncio.run(run()) == SOUND


def test_closing_early_closes_the_connection():
    async def run():
        async with (
            serving(speech=flow(PIECES, "audio/pcm", "stall")) as server,
            OpenAISynthesizer(options(server)) as synthesizer,
        ):
            speech = synthesizer.synthesize("Hello.")
            assert await anext(speech) == SOUND
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


def test_samples_pass_as_they_arrive():
    """What is judged is the beginning: all that follows is handed on piece by piece."""
    later = [SPEECH[9004:9009], SPEECH[9009:20_000]]
    chunks, _ = spoken(flow([SOUND, *later], "audio/pcm"))
    assert chunks == [SOUND, *later]


SAW = s16_bytes(((2 * (np.arange(24_000) * 220 / 24_000 % 1) - 1) * 0.56).astype(np.float32))
MP3 = encoded(StreamFormat(Codec.MP3, 24_000), 1.0)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (SAW, "audio/pcm", ["16-bit samples at 24000 Hz", "flat", "Nothing of it was played", "format ="]),
        (SAW, "application/octet-stream", ["flat"]),
        (SAW, "", ["flat", "no type"]),
        (MP3[700:], "audio/pcm", ["no speech"]),
        (np.frombuffer(SPEECH, "<i2").astype(">i2").tobytes(), "audio/pcm", ["no speech"]),
        ((buzz(24_000) * 1.0).tobytes(), "audio/pcm", ["no speech"]),  # floats
        (b"OggS" + SAW, "audio/ogg", ["Ogg Opus", "cannot be played"]),
        (b"RIFF\0\0\0\0WAVEjunk" + bytes(60), "audio/wav", ["WAV", "cannot be played"]),
        (b'{"audio": "aGVsbG8gaGVsbG8gaGVsbG8="}', "audio/pcm", ["audio/pcm instead of sound", "aGVs"]),
        (b'{"ok":true}', "application/octet-stream", ["instead of sound"]),
        (b"no voice today", "audio/mpeg", ["no voice today"]),
    ],
)
def test_what_is_no_speech_is_an_error(body, kind, words):
    async def run():
        heard = []
        async with (
            serving(speech=flow([body[at : at + 999] for at in range(0, len(body), 999)], kind)) as server,
            OpenAISynthesizer(options(server)) as synthesizer,
        ):
            with pytest.raises(Unavailable) as raised:
                await gather(synthesizer.synthesize("Hello."), heard)
        return str(raised.value), heard, len(server.posts())

    said, heard, asked = asyncio.run(run())
    assert heard == []
    assert asked == 1
    for word in words:
        assert word in said


def like(samples, rate, heard):
    """How alike `samples` at `rate` and what was heard at 24 kHz are, wherever it begins."""
    ideal = resample(samples, rate, 24_000)
    size = 4096
    window = heard[6000 : 6000 + size]
    ranks = np.correlate(ideal, window, "valid")
    at = int(np.argmax(ranks))
    part = ideal[at : at + size]
    return float(np.dot(part, window) / np.sqrt(np.dot(part, part) * np.dot(window, window)))


@pytest.mark.parametrize(
    ("body", "kind", "rate"),
    [
        (s16_bytes(buzz(16_000)), "audio/pcm;rate=16000", 16_000),
        (s16_bytes(buzz(16_000)), "audio/L16; rate=16000; channels=1", 16_000),
        (
            np.frombuffer(s16_bytes(buzz(16_000)), "<i2").astype(">i2").tobytes(),
            "audio/L16;rate=16000",
            16_000,
        ),
        (s16_bytes(buzz(48_000), 2), "audio/pcm; rate=48000; channels=2", 48_000),
        (encoded(StreamFormat(Codec.MP3, 24_000), 1.0), "audio/pcm", 24_000),
        (encoded(StreamFormat(Codec.AAC, 24_000), 1.0), "audio/pcm", 24_000),
        (encoded(StreamFormat(Codec.MP3, 22_050), 1.0), "audio/mpeg", 22_050),
        (encoded(StreamFormat(Codec.WAV, 16_000), 1.0), "audio/wav", 16_000),
        (encoded(StreamFormat(Codec.WAV, 8_000), 1.0), "", 8_000),
        (encoded(StreamFormat(Codec.FLAC, 44_100), 1.0), "application/octet-stream", 44_100),
        (encoded(StreamFormat(Codec.OPUS, 24_000), 1.0), "audio/ogg; codecs=opus", 24_000),
        (encoded(StreamFormat(Codec.WEBM, 24_000), 1.0), "audio/webm", 24_000),
    ],
)
def test_other_sound_is_made_what_was_asked_for(body, kind, rate):
    chunks, _ = spoken(flow([body[at : at + 701] for at in range(0, len(body), 701)], kind))
    heard = from_s16(b"".join(chunks))
    assert len(heard) == pytest.approx(24_000, abs=1800)
    raw = ("pcm" in kind and body[0] != 0xFF) or "L16" in kind
    assert like((buzz if raw else voice)(rate), rate, heard) > 0.98


def test_asked_for_mp3_and_given_samples():
    chunks, _ = spoken(flow([s16_bytes(buzz(16_000))], "audio/pcm;rate=16000"), format="mp3")
    decoder = open_decoder(StreamFormat(Codec.MP3))
    heard = np.concatenate([*(decoder.decode(chunk) for chunk in chunks), decoder.flush()])
    assert decoder.rate == 24_000
    assert like(buzz(16_000), 16_000, heard) > 0.98


def test_asked_for_and_given_mp3_is_not_touched():
    chunks, _ = spoken(flow([MP3[:5000], MP3[5000:]], "audio/mpeg"), format="mp3")
    assert chunks == [MP3[:5000], MP3[5000:]]
