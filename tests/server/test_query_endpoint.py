"""A question over HTTP and its answer in frames, with a real server and a real client."""

import asyncio
import contextlib
import itertools
import json
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from tests.server.listening import listening
from voicecli.audio.block import Samples
from voicecli.config.serving import SessionSettings
from voicecli.latency.timeline import Mark, Timeline
from voicecli.providers.language_model import Action, Goodbye, Message, Token
from voicecli.providers.recognizer import Transcript
from voicecli.providers.simulated import (
    SimulatedLanguageModel,
    SimulatedLanguageModelOptions,
    SimulatedRecognizer,
    SimulatedRecognizerOptions,
    SimulatedSynthesizer,
    SimulatedSynthesizerOptions,
)
from voicecli.server.guard import HOLDER
from voicecli.server.query_body import QuestionLimits
from voicecli.server.query_endpoint import PATH, Engines, Responder, ResponderOptions, query_router
from voicecli.wire.frames import AudioFrame, FrameDecoder, FrameLimits, ObjectFrame, encode
from voicecli.wire.riff import WavLayout, riff_header

REPLY = "This is the first sentence. And this, somewhat longer, is the second one."
FRAMES = "application/octet-stream"
SPOKEN = AudioFrame(payload=bytes(16_000))  # half a second


def engines(**options: Any) -> Engines:
    """The simulated ones at full speed; options are those of the voice unless they are prefixed."""
    asr = {"delay": 0.0, "texts": ("what is new",)}
    llm = {"ttft": 0.0, "tokens_per_second": 0.0, "texts": (REPLY,)}
    tts = {"ttfb": 0.0, "speed": 0.0}
    for name, value in options.items():
        stage, _, option = name.partition("_")
        {"asr": asr, "llm": llm, "tts": tts}[stage][option] = value
    return Engines(
        SimulatedRecognizer(SimulatedRecognizerOptions(**asr)),
        SimulatedLanguageModel(SimulatedLanguageModelOptions(**llm)),
        SimulatedSynthesizer(SimulatedSynthesizerOptions(**tts)),
    )


class Watched:
    """What the server tells of its answers."""

    def __init__(self) -> None:
        self.seen: list[tuple[Timeline, bool]] = []

    def __call__(self, timeline: Timeline, failed: bool) -> None:
        self.seen.append((timeline, failed))


@asynccontextmanager
async def serving(
    made: Engines,
    answering: ResponderOptions | None = None,
    settings: SessionSettings | None = None,
    limits: QuestionLimits | None = None,
    watched: Watched | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these engines."""
    app = FastAPI()
    app.include_router(query_router(Responder(made, answering), settings, watched, limits))

    async def named(scope: Scope, receive: Receive, send: Send) -> None:
        """The guard says whose token it is; here a header does."""
        scope[HOLDER] = dict(scope.get("headers", ())).get(b"x-holder", b"").decode() or None
        await app(scope, receive, send)

    async with (
        listening(named) as address,
        httpx.AsyncClient(base_url=address.replace("ws", "http", 1), trust_env=False, timeout=10) as client,
    ):
        yield client


def asked(
    content: bytes,
    kind: str = FRAMES,
    made: Engines | None = None,
    answering: ResponderOptions | None = None,
    settings: SessionSettings | None = None,
    limits: QuestionLimits | None = None,
    watched: Watched | None = None,
) -> httpx.Response:
    """One question and what comes back."""

    async def run() -> httpx.Response:
        async with serving(made or engines(), answering, settings, limits, watched) as client:
            return await client.post(PATH, content=content, headers={"content-type": kind})

    return asyncio.run(run())


def frames_of(response: httpx.Response) -> list[AudioFrame]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == FRAMES
    decoder = FrameDecoder()
    frames = decoder.decode(response.content)
    decoder.close()
    assert all(isinstance(frame, AudioFrame) for frame in frames)
    return frames  # type: ignore[return-value]


def refused(response: httpx.Response, status: int, said: str) -> None:
    assert response.status_code == status, response.text
    assert said in response.json()["error"]["message"]


def complete(frames: Sequence[AudioFrame]) -> None:
    """The signs and numbers of a whole answer."""
    assert [frame.order for frame in frames] == list(range(1, len(frames) + 1))
    assert [frame.sign for frame in frames] == ([1, *[2] * (len(frames) - 2), 3] if len(frames) > 1 else [3])


# Answers


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b'{"question": "what is new"}', "application/json"),
        (b'{"text": " what is new\\n"}', "application/json; charset=utf-8"),
        (encode(ObjectFrame({}, {"question": "what is new"})), FRAMES),
        (encode(ObjectFrame({"text": "what is new"}, None)), FRAMES),
        (encode(ObjectFrame({"kind": "x"}, "what is new")), FRAMES),
        (encode(AudioFrame(question="what is new")), FRAMES),
        (encode(SPOKEN), FRAMES),
        (encode(SPOKEN) + encode(AudioFrame(sign=3, order=2, payload=bytes(64))), FRAMES),
        (encode(AudioFrame("int32", 32, 44_100, 2, payload=bytes(8 * 44_100))), FRAMES),
        (
            encode(AudioFrame(payload=riff_header(WavLayout("integer", 16, 2, 22_050)) + bytes(88_200))),
            FRAMES,
        ),
    ],
)
def test_every_kind_of_question_is_answered(content: bytes, kind: str) -> None:
    frames = frames_of(asked(content, kind))
    complete(frames)
    assert {frame.question for frame in frames} == {"what is new"}
    assert "".join(frame.answer for frame in frames) == REPLY
    assert [frame.answer.strip() for frame in frames if frame.answer] == [
        "This is the first sentence.", "And this, somewhat longer, is the second one.",
    ]  # fmt: skip
    assert {(frame.rate, frame.channels, frame.bit_depth) for frame in frames} == {(24_000, 1, 16)}
    assert not frames[-1].payload
    assert all(len(frame.samples) <= 12_000 for frame in frames)
    seconds = sum(len(frame.samples) for frame in frames) / 24_000
    assert seconds == pytest.approx(len(REPLY) / 15, rel=0.3)


@pytest.mark.parametrize("format", ["wav", "mp3", "flac"])
def test_encoded_speech_is_decoded(format: str) -> None:
    frames = frames_of(asked(b'{"question": "x"}', "application/json", engines(tts_format=format)))
    complete(frames)
    assert sum(len(frame.samples) for frame in frames) > 24_000


def test_answer_without_sound_still_ends() -> None:
    (frame,) = frames_of(asked(b'{"question": "x"}', "application/json", engines(llm_texts=("",))))
    assert (frame.sign, frame.order, frame.question, frame.answer, frame.payload) == (3, 1, "x", "", b"")


def test_phrase_without_sound_keeps_its_text() -> None:
    frames = frames_of(asked(b'{"question": "x"}', "application/json", engines(llm_texts=("***",))))
    complete(frames)
    assert [(frame.answer, frame.payload) for frame in frames] == [("***", b""), ("", b"")]


class Doing(SimulatedLanguageModel):
    """Sets a timer and says goodbye."""

    done: list[str]

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        yield Action("timer", lambda: self.done.append("timer"))
        yield f"{messages[0].role} {messages[-1].content}"
        yield Goodbye()


def test_question_stands_alone_and_does_nothing() -> None:
    base = engines()
    model = Doing()
    model.done = []
    frames = frames_of(asked(b'{"question": "x"}', "application/json", Engines(base.asr, model, base.tts)))
    assert "".join(frame.answer for frame in frames) == "system x"
    assert model.done == []


def test_first_frame_comes_while_the_rest_is_made() -> None:
    """The second phrase is never said, and the first is heard all the same."""

    async def run() -> AudioFrame:
        made = engines(tts_fail="hang", tts_fail_on=(2,))
        decoder = FrameDecoder()
        async with serving(made) as client, client.stream("POST", PATH, json={"question": "x"}) as response:
            async for data in response.aiter_raw():
                for frame in decoder.decode(data):
                    assert isinstance(frame, AudioFrame)
                    return frame
        raise AssertionError

    frame = asyncio.run(run())
    assert frame.answer.startswith("This is the first")
    assert len(frame.samples)


class Listening(SimulatedRecognizer):
    """Tells when it is given sound."""

    def __init__(self) -> None:
        super().__init__(SimulatedRecognizerOptions(delay=0.0, texts=("x",)))
        self.heard = asyncio.Event()
        self.samples = 0
        self.loudest = 0.0

    async def transcribe(self, audio: AsyncIterator[Samples]) -> AsyncIterator[Transcript]:
        async for samples in audio:
            self.samples += len(samples)
            self.loudest = max(self.loudest, float(np.abs(samples).max(initial=0.0)))
            if len(samples):
                self.heard.set()
        yield Transcript("x", final=True)


def test_half_a_question_takes_no_place() -> None:
    """Sixteen trickle in, and one that is whole is answered at once, though there are eight places."""

    async def run() -> list[int]:
        ear = Listening()
        made = Engines(ear, engines().llm, engines().tts)
        more = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield encode(SPOKEN)
            await more.wait()
            yield encode(SPOKEN)

        headers = {"content-type": FRAMES}
        async with serving(made, settings=SessionSettings(questions=8)) as client:
            slow = [
                asyncio.create_task(client.post(PATH, content=body(), headers=headers)) for _ in range(16)
            ]
            await asyncio.sleep(0.1)
            response = await client.post(PATH, content=encode(SPOKEN), headers=headers)
            assert response.status_code == 200
            assert ear.samples == 8000
            more.set()
            return [response.status_code for response in await asyncio.gather(*slow)]

    statuses = asyncio.run(run())
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 8


@pytest.mark.parametrize(
    ("settings", "limits", "most"),
    [(SessionSettings(questions=1), None, 4), (None, QuestionLimits(kept=5 * 32_000), 5)],
)
def test_too_many_halves_give_up_the_oldest(
    settings: SessionSettings | None, limits: QuestionLimits | None, most: int
) -> None:
    piece = encode(SPOKEN)
    half = (
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {FRAMES}\r\nTransfer-Encoding: chunked\r\n\r\n"
        f"{len(piece):x}\r\n"
    ).encode()

    async def run() -> None:
        async with serving(engines(), settings=settings, limits=limits) as client:
            asking = []
            for _ in range(6):
                reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
                writer.write(half + piece + b"\r\n")
                asking.append((asyncio.create_task(reader.read()), writer))
                await asyncio.sleep(0.1)
            for answer, _ in asking[: 6 - most]:
                said = await answer
                assert said.startswith(b"HTTP/1.1 503")
                assert b"on their way" in said
                assert b"retry-after: 1" in said
            assert not any(answer.done() for answer, _ in asking[6 - most :])
            whole = await client.post(PATH, json={"question": "x"})
            assert whole.status_code == 200
            for answer, writer in asking:
                writer.close()
                await asyncio.gather(answer, return_exceptions=True)

    asyncio.run(run())


def test_a_token_has_its_share_of_places() -> None:
    async def run() -> None:
        model = Hanging()
        made = Engines(engines().asr, model, engines().tts)
        async with serving(made, settings=SessionSettings(questions=4)) as client:

            def ask(who: str) -> asyncio.Task[httpx.Response]:
                headers = {"x-holder": who}
                return asyncio.create_task(client.post(PATH, json={"question": "x"}, headers=headers))

            eve = [ask("eve") for _ in range(8)]
            for turned_away in itertools.islice(asyncio.as_completed(eve), 6):
                refused(await turned_away, 503, "This token's places")
            bob = [ask("bob"), ask("bob")]
            refused(await ask("bob"), 503, "places are taken")
            assert not any(task.done() for task in bob)
            for task in (*eve, *bob):
                task.cancel()
            await asyncio.gather(*eve, *bob, return_exceptions=True)

    asyncio.run(run())


@pytest.mark.parametrize(("depth", "full"), [(16, 2**15), (32, 2**31)])
def test_loudness_is_kept(depth: int, full: int) -> None:
    ear = Listening()
    half = np.full(1000, full // 2, f"<i{depth // 8}").tobytes()
    frame = AudioFrame(f"int{depth}", depth, payload=half)
    asked(encode(frame), made=Engines(ear, engines().llm, engines().tts))
    assert ear.loudest == pytest.approx(0.5, abs=0.001)


def test_marks_are_told() -> None:
    watched = Watched()
    asked(encode(SPOKEN), watched=watched)
    ((timeline, failed),) = watched.seen
    assert not failed
    reached = [Mark.TURN_ENDED, Mark.TRANSCRIPT, Mark.FIRST_TOKEN, Mark.FIRST_PHRASE, Mark.FIRST_CHUNK]
    times = [timeline.marks[mark] for mark in [*reached, Mark.REPLY_ENDED]]
    assert times == sorted(times)


def test_frames_need_no_type() -> None:
    async def run() -> httpx.Response:
        async with serving(engines()) as client:
            return await client.post(PATH, content=encode(ObjectFrame({}, "What time is it?")))

    answer = asyncio.run(run())
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


# What goes wrong


NO_QUESTIONS = [
    (b"", "application/json", 400, "not JSON"),
    (b"\xff", "application/json", 400, "not JSON"),
    (b"[" * 20_000, "application/json", 400, "JSON"),
    (b"[]", "application/json", 400, "no object"),
    (b"{}", "application/json", 400, "no question"),
    (b'{"question": 1}', "application/json", 400, "must be a text"),
    (b'{"question": " \\n"}', "application/json", 400, "is empty"),
    (json.dumps({"question": "x" * 10_001}).encode(), "application/json", 413, "10000 characters"),
    (b"x" * 200_000, "application/json", 413, "10000 characters"),
    (b"hello", "text/plain", 415, "not text/plain"),
    (b"hello", "", 400, "Frame 1 is broken"),
    (b"", FRAMES, 400, "no frame"),
    (b"\0\0\0\0", FRAMES, 400, "cannot be 0"),
    (encode(SPOKEN)[:-1], FRAMES, 400, "breaks off"),
    (encode(ObjectFrame({}, {})), FRAMES, 400, "no question"),
    (encode(ObjectFrame({}, "x")) * 2, FRAMES, 400, "one frame"),
    (encode(SPOKEN) + encode(ObjectFrame({}, "x")), FRAMES, 400, "sound only"),
    (encode(AudioFrame()), FRAMES, 400, "neither sound nor text"),
    (encode(AudioFrame(sample_rate=1, payload=bytes(2))), FRAMES, 400, "1000 or more"),
    (encode(AudioFrame(sample_rate=1000, payload=bytes(700_000))), FRAMES, 413, "300 seconds"),
    (encode(AudioFrame(payload=riff_header(WavLayout("integer", 16, 1, 16_000))[:30])), FRAMES, 400, "WAV"),
]


def test_what_is_no_question_is_refused() -> None:
    watched = Watched()

    async def run() -> None:
        async with serving(engines(), watched=watched) as client:
            for content, kind, status, said in NO_QUESTIONS:
                refused(
                    await client.post(PATH, content=content, headers={"content-type": kind}), status, said
                )

    asyncio.run(run())
    assert watched.seen == []


def test_half_a_surrogate_pair_is_no_defect() -> None:
    frames = frames_of(asked(b'{"question": "a\\ud800\\u0000b"}', "application/json"))
    assert frames[0].question == "a\ufffd b"


def test_caps_are_exact() -> None:
    limits = QuestionLimits(text=10, frames=FrameLimits(frame=50))
    exact = b'{"question": "0123456789"}'
    assert asked(exact, "application/json", limits=limits).status_code == 200
    refused(asked(exact.replace(b"9", b"90"), "application/json", limits=limits), 413, "10 characters")
    refused(asked(struct.pack("<I", 51), limits=limits), 400, "At most 50")


def test_endless_body_is_cut_off() -> None:
    async def run() -> httpx.Response:
        async def body() -> AsyncIterator[bytes]:
            while True:
                yield encode(SPOKEN)

        async with serving(engines(), limits=QuestionLimits(spoken=3.0)) as client:
            return await client.post(PATH, content=body(), headers={"content-type": FRAMES})

    # Either the answer is read, or it was lost because the client never stopped sending.
    with contextlib.suppress(httpx.TransportError):
        refused(asyncio.run(run()), 413, "3 seconds")


@pytest.mark.parametrize(
    ("options", "status", "kind"),
    [
        ({"asr_fail": "down"}, 502, "Unavailable"),
        ({"asr_fail": "limit"}, 503, "RateLimited"),
        ({"asr_fail": "hang"}, 504, "TimedOut"),
        ({"llm_fail": "refuse"}, 502, "Refused"),
        ({"llm_fail": "hang"}, 504, "TimedOut"),
        ({"tts_fail": "down"}, 502, "Unavailable"),
        ({"tts_fail": "hang"}, 504, "TimedOut"),
    ],
)
def test_engine_that_fails_at_once_has_its_status(options: dict[str, Any], status: int, kind: str) -> None:
    watched = Watched()
    brief = ResponderOptions(asr_timeout=0.1, llm_timeout=0.1, tts_timeout=0.1)
    response = asked(encode(SPOKEN), made=engines(**options), answering=brief, watched=watched)
    assert response.status_code == status
    assert response.json()["error"]["type"] == kind
    assert ("retry-after" in response.headers) is (status == 503)
    assert [failed for _, failed in watched.seen] == [True]


def test_nothing_understood_is_told() -> None:
    refused(asked(encode(SPOKEN), made=engines(asr_texts=("",))), 422, "Nothing was understood")


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"tts_fail": "drop", "tts_fail_on": (2,)}, "Dropped"),
        ({"tts_fail": "hang", "tts_fail_on": (2,)}, "TimedOut"),
    ],
)
def test_engine_that_fails_later_ends_the_answer(options: dict[str, Any], kind: str) -> None:
    watched = Watched()
    brief = ResponderOptions(tts_timeout=0.1)
    response = asked(b'{"question": "x"}', "application/json", engines(**options), brief, watched=watched)
    frames = frames_of(response)
    complete(frames)
    assert frames[0].answer.startswith("This is the first")
    assert frames[-1].extra["error"]["kind"] == kind
    assert frames[-1].extra["error"]["message"]
    assert [failed for _, failed in watched.seen] == [True]


class Hanging(SimulatedLanguageModel):
    """Thinks for ever, and tells when it may stop."""

    def __init__(self, first: str = "") -> None:
        super().__init__()
        self.thinking = asyncio.Event()
        self.stopped = asyncio.Event()
        self.first = first

    async def complete(self, messages: Sequence[Message]) -> AsyncIterator[Token]:
        try:
            if self.first:
                yield self.first
            self.thinking.set()
            await asyncio.get_running_loop().create_future()
        finally:
            self.stopped.set()


@pytest.mark.parametrize("first", ["", "This much comes at once. And then"])
def test_client_that_goes_stops_everything(first: str) -> None:
    async def run() -> None:
        model = Hanging(first)
        base = engines()
        async with serving(Engines(base.asr, model, base.tts)) as client:
            asking = asyncio.create_task(client.post(PATH, json={"question": "x"}))
            await model.thinking.wait()
            asking.cancel()
            async with asyncio.timeout(5):
                await model.stopped.wait()
            assert isinstance(
                (await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError
            )

    asyncio.run(run())


def test_only_so_many_at_once() -> None:
    async def run() -> tuple[httpx.Response, httpx.Response]:
        model = Hanging()
        base = engines()
        settings = SessionSettings(questions=1)
        async with serving(Engines(base.asr, model, base.tts), settings=settings) as client:
            asking = asyncio.create_task(client.post(PATH, json={"question": "x"}))
            await model.thinking.wait()
            second = await client.post(PATH, json={"question": "x"})
            asking.cancel()
            await model.stopped.wait()
            await asyncio.gather(asking, return_exceptions=True)
            third = await client.post(PATH, content=b"")
            return second, third

    second, third = asyncio.run(run())
    refused(second, 503, "All places are taken")
    assert second.headers["retry-after"] == "1"
    assert third.status_code == 400


def test_slow_reader_holds_the_voice_back() -> None:
    """What nobody reads is not made: the voice waits when the buffers on the way are full."""

    class Endless(SimulatedSynthesizer):
        made = 0

        async def synthesize(self, text: str) -> AsyncIterator[bytes]:
            while True:
                self.made += 8192
                yield bytes(8192)
                await asyncio.sleep(0)

    async def run() -> int:
        voice = Endless()
        made = Engines(engines().asr, engines().llm, voice)
        async with serving(made) as client, client.stream("POST", PATH, json={"question": "x"}) as response:
            assert response.status_code == 200
            before = -1
            while voice.made != before:
                before = voice.made
                await asyncio.sleep(0.3)
        return before

    assert asyncio.run(run()) < 40 * 1024 * 1024
