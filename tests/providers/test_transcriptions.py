import asyncio
import io
import wave

import numpy as np
import pytest

from tests.providers.openai_server import Server, events, hang, say, serving
from voicecli.errors import BadRequest, Dropped, ProviderError, TimedOut, Unavailable
from voicecli.providers.openai.transcriptions import OpenAIRecognizer, OpenAIRecognizerOptions
from voicecli.providers.recognizer import Transcript

DELTAS = [{"type": "transcript.text.delta", "delta": word} for word in ("What", " time", " is it?")]
DONE = {"type": "transcript.text.done", "text": "What time is it?"}


async def utterance(seconds=1.0, piece=512):
    tone = np.sin(np.arange(int(seconds * 16_000)) / 20, dtype=np.float32) * 0.5
    for start in range(0, len(tone), piece):
        yield tone[start : start + piece]


def options(server: Server, **more) -> OpenAIRecognizerOptions:
    return OpenAIRecognizerOptions(base_url=server.url, **{"api_key_env": "", "timeout": 5.0, **more})


def heard(*replies, seconds=1.0, times=1, **more) -> tuple[list[Transcript], Server]:
    async def run():
        async with serving(transcriptions=replies) as server:
            async with OpenAIRecognizer(options(server, **more)) as recognizer:
                found = []
                for _ in range(times):
                    found += [transcript async for transcript in recognizer.transcribe(utterance(seconds))]
            return found, server

    return asyncio.run(run())


def failure(*replies, **more) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        heard(*replies, **more)
    return raised.value


def test_transcript_grows():
    found, server = heard(events(*DELTAS, DONE, b"data: [DONE]\n\n"))
    assert [transcript.text for transcript in found] == [
        "What",
        "What time",
        "What time is it?",
        "What time is it?",
    ]
    assert [transcript.final for transcript in found] == [False, False, False, True]
    assert len(server.posts()) == 1


def test_utterance_is_sent_as_wav():
    _, server = heard(say({"text": "Hello"}), model="whisper-1", language="de-AT", prompt="Graz")
    form = server.posts()[0].form
    with wave.open(io.BytesIO(form["file"])) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        samples = np.frombuffer(sound.readframes(16_000), "<i2")
    assert len(samples) == 16_000
    assert samples.max() == round(0.5 * 32767)
    assert (form["model"], form["language"], form["prompt"]) == (b"whisper-1", b"de", b"Graz")
    assert form["stream"] == b"true"


def test_language_of_the_newer_model():
    _, server = heard(say({"text": "Hello"}), language="en")
    assert server.posts()[0].form["languages[]"] == b"en"


def test_loud_samples_do_not_wrap():
    async def loud():
        yield np.full(16_000, 1.5, np.float32)

    async def run():
        async with serving(transcriptions=say({"text": ""})) as server:
            async with OpenAIRecognizer(options(server)) as recognizer:
                assert [item async for item in recognizer.transcribe(loud())] == [Transcript("", final=True)]
            return server.posts()[0].form["file"]

    assert np.frombuffer(asyncio.run(run())[44:], "<i2").min() == 32767


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_too_short_asks_nobody(seconds):
    found, server = heard(hang, seconds=seconds)
    assert found == [Transcript("", final=True)]
    assert server.posts() == []


def test_server_that_ignores_streaming():
    found, _ = heard(say({"text": " All at once. "}))
    assert found == [Transcript("All at once.", final=True)]


def test_server_that_refuses_streaming():
    refusal = say({"detail": [{"loc": ["body", "stream"], "msg": "not permitted"}]}, 422)
    found, server = heard(refusal, say({"text": "Hello"}), times=2)
    assert [transcript.text for transcript in found] == ["Hello", "Hello"]
    assert ["stream" in post.form for post in server.posts()] == [True, False, False]


def test_server_that_streams_segments():
    found, _ = heard(events({"text": " One."}, {"text": " Two. "}))
    assert [transcript.text for transcript in found] == ["One.", "One. Two.", "One. Two."]
    assert found[-1].final


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (say("<html>Log in</html>", kind="text/html"), Unavailable, "Log in"),
        (say(""), Unavailable, "nothing"),
        (events(), Unavailable, "empty answer"),
        (say({"error": "cannot decode"}), Unavailable, "cannot decode"),
        (say({"error": {"message": "too short"}}, 400), BadRequest, "too short"),
        (events(*DELTAS, end="drop"), Dropped, "in the middle"),
        (events(*DELTAS, end="stall"), TimedOut, "no progress"),
        (hang, TimedOut, "no progress"),
    ],
)
def test_failures_are_ours(reply, kind, words):
    error = failure(reply, timeout=0.3, retries=0)
    assert type(error) is kind
    assert words in str(error)


def test_slow_speaker_does_not_time_out():
    async def slow():
        async for piece in utterance(0.3, piece=1600):
            await asyncio.sleep(0.1)
            yield piece

    async def run():
        async with (
            serving(transcriptions=say({"text": "Well"})) as server,
            OpenAIRecognizer(options(server, timeout=0.2)) as recognizer,
        ):
            return [transcript.text async for transcript in recognizer.transcribe(slow())]

    assert asyncio.run(run()) == ["Well"]


def test_closing_early_closes_audio_and_connection():
    async def run():
        source = utterance()
        async with (
            serving(transcriptions=events(*DELTAS, end="stall")) as server,
            OpenAIRecognizer(options(server)) as recognizer,
        ):
            transcripts = recognizer.transcribe(source)
            assert (await anext(transcripts)).text == "What"
            await transcripts.aclose()
            await asyncio.wait_for(server.has_left.wait(), 2)
        assert source.ag_frame is None

    asyncio.run(run())
