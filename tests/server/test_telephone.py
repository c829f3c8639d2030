"""Telephone calls over a real socket: a caller that speaks as Twilio's documentation shows."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI, WebSocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.server.listening import listening
from voicecli.audio.block import Block
from voicecli.audio.lengths import AudioFormat
from voicecli.audio.pcm import from_mulaw, mulaw_bytes
from voicecli.audio.sound_steps import Hush, decode_step
from voicecli.errors import UsageError, VoiceError, WireError
from voicecli.flow.sinks import array_sink
from voicecli.flow.sources import array_source
from voicecli.flow.steps import map_str_to_json_step
from voicecli.server.telephone import (
    TwilioCall,
    TwilioOptions,
    audio_bytes_to_twilio_media_step,
    twilio_check_sequence_step,
    twilio_close_on_stop_step,
    twilio_format_events_step,
    twilio_media_to_audio_bytes_step,
    twilio_split_media_step,
)
from voicecli.server.websocket_streams import (
    fastapi_websocket_json_sink,
    fastapi_websocket_text_source,
)
from voicecli.speech.speech_events import CallEnded, CallStarted
from voicecli.wire.twilio import Digit, Mark

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": "AC0000000000000000000000000000000a",
        "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
        "callSid": "CA0000000000000000000000000000000b",
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"caller": "Jane"},
    },
    "streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0",
}
SID: Any = START["streamSid"]
STARTED = CallStarted(call_id="CA0000000000000000000000000000000b", stream_id=SID)
PIECES = [bytes([n]) * 160 for n in range(20)]


class Caller:
    """Twilio's side of a call: counts its messages, and takes what it is sent."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.number = 1
        self.heard = b""

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def event(self, event: str, **fields: Any) -> None:
        self.number += 1
        await self.send({"event": event, "sequenceNumber": str(self.number), **fields, "streamSid": SID})

    async def begin(self) -> None:
        await self.send(CONNECTED)
        await self.send(START)

    async def say(self, *pieces: bytes, track: str = "inbound") -> None:
        for piece in pieces:
            payload = base64.b64encode(piece).decode()
            media = {"track": track, "chunk": "1", "timestamp": "20", "payload": payload}
            await self.event("media", media=media)

    async def press(self, digit: str) -> None:
        await self.event("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def stop(self) -> None:
        await self.event("stop", stop={"accountSid": "AC0a", "callSid": "CA0b"})

    async def hear(self) -> dict[str, Any]:
        """The next message that is sent; a mark comes back at once, as if played."""
        message: dict[str, Any] = json.loads(await asyncio.wait_for(self.connection.recv(), 5))
        assert message["streamSid"] == SID
        if message["event"] == "media":
            self.heard += base64.b64decode(message["media"]["payload"])
        if message["event"] == "mark":
            await self.event("mark", mark=message["mark"])
        return message

    async def hung_up(self) -> int | None:
        """Wait for the end; the code of the close."""
        try:
            while True:
                await asyncio.wait_for(self.connection.recv(), 5)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None


Answer = Callable[[WebSocket], Awaitable[None]]
Dial = Callable[[Caller], Awaitable[None]]


async def hold(answer: Answer, *calls: Dial) -> list[BaseException | None]:
    """Let each caller talk to `answer`; how each of its ends came."""
    app = FastAPI()
    ends: list[BaseException | None] = []
    over = asyncio.Event()

    @app.websocket("/call")
    async def serve(websocket: WebSocket) -> None:
        try:
            await answer(websocket)
        except (VoiceError, KeyError) as error:
            ends.append(error)
        else:
            ends.append(None)
        finally:
            over.set()

    async with listening(app) as address:
        for dial in calls:
            over.clear()
            async with connect(f"{address}/call", ping_interval=None) as connection:
                await dial(Caller(connection))
            await asyncio.wait_for(over.wait(), 5)
    return ends


def call(answer: Answer, dial: Dial) -> BaseException | None:
    (end,) = asyncio.run(hold(answer, dial))
    return end


def answering(talk: Callable[[TwilioCall], Awaitable[None]]) -> Answer:
    async def answer(websocket: WebSocket) -> None:
        async with TwilioCall(websocket) as call:
            await talk(call)

    return answer


def test_sound_goes_both_ways():
    async def echo(call: TwilioCall) -> None:
        assert call.started == STARTED
        assert call.parameters == {"caller": "Jane"}
        await call.play(call.audio())

    async def dial(caller: Caller) -> None:
        await caller.begin()
        for piece in PIECES:
            await caller.say(piece)
            await caller.hear()
        await caller.stop()
        assert await caller.hung_up() == 1000
        assert caller.heard == b"".join(PIECES)

    assert call(answering(echo), dial) is None


def test_events_are_told_in_order():
    audio: list[bytes] = []
    events: list[Any] = []

    async def listen(call: TwilioCall) -> None:
        sound, happening = call.audio_and_events()
        audio_sink, event_sink = array_sink(sound), array_sink(happening)
        said = call.play(array_source([Mark("halfway")]))
        _, *both = await asyncio.gather(said, audio_sink, event_sink)
        audio.extend(both[0])
        events.extend(both[1])

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.say(PIECES[0])
        await caller.hear()
        await caller.press("4")
        await caller.event("transcript", transcript={})  # of the future
        await caller.say(PIECES[1])
        await caller.press("#")
        await caller.stop()
        await caller.hung_up()

    assert call(answering(listen), dial) is None
    assert audio == PIECES[:2]
    digits = [event.digit for event in events if isinstance(event, Digit)]
    marks = [event.name for event in events if isinstance(event, Mark)]
    assert (events[0], digits, marks, events[-1]) == (STARTED, ["4", "#"], ["halfway"], CallEnded())


def test_caller_that_breaks_off_ends_the_call():
    events: list[Any] = []

    async def listen(call: TwilioCall) -> None:
        sound, happening = call.audio_and_events()
        heard, told = await asyncio.gather(array_sink(sound), array_sink(happening))
        events.extend([*heard, *told])

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.say(b"a")
        caller.connection.transport.abort()

    assert call(answering(listen), dial) is None
    assert events == [b"a", STARTED, CallEnded()]


def test_only_the_caller_is_heard():
    heard: list[bytes] = []

    async def listen(call: TwilioCall) -> None:
        heard.extend(await array_sink(call.audio()))

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.say(b"me")
        await caller.say(b"you", track="outbound")
        await caller.stop()
        await caller.hung_up()

    assert call(answering(listen), dial) is None
    assert heard == [b"me"]


def test_blocks_are_played_at_the_telephone_rate():
    time = np.arange(24_000) / 24_000
    tone = (0.5 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    blocks = [Block(tone[start : start + 500], 24_000, start / 24_000) for start in range(0, 24_000, 500)]
    sent: list[dict[str, Any]] = []

    async def talk(call: TwilioCall) -> None:
        await call.play(array_source([*blocks, Block(tone[:0], 24_000, 1.0), blocks[0]]))
        await array_sink(call.audio())

    async def dial(caller: Caller) -> None:
        await caller.begin()
        while not sent or sent[-1]["event"] != "mark":
            sent.append(await caller.hear())
        heard = from_mulaw(caller.heard)
        assert len(heard) == pytest.approx(8000, abs=1)
        expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 8000)
        assert np.corrcoef(heard, expected)[0, 1] > 0.99
        await caller.stop()
        await caller.hung_up()

    assert call(answering(talk), dial) is None
    assert sent[-1]["mark"] == {"name": "reply-1"}
    assert max(len(message["media"]["payload"]) for message in sent[:-1]) < 6000


def test_caller_is_understood():
    tone = (0.5 * np.sin(np.arange(1600) * 0.3)).astype(np.float32)
    heard: list[Block] = []

    async def listen(call: TwilioCall) -> None:
        heard.extend(await array_sink(decode_step(call.audio(), AudioFormat.WAV_MULAW_8KHZ)))

    async def dial(caller: Caller) -> None:
        await caller.begin()
        data = mulaw_bytes(tone)
        await caller.say(*[data[start : start + 160] for start in range(0, 1600, 160)])
        await caller.stop()
        await caller.hung_up()

    assert call(answering(listen), dial) is None
    assert {block.rate for block in heard} == {8000}
    assert np.concatenate([block.samples for block in heard]) == pytest.approx(tone, abs=0.02)


def test_barge_in_clears_what_waits():
    """The caller speaks while the answer is played: it is cut, and the rest is dropped at Twilio's side."""
    closed: list[bool] = []

    async def answer() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(160)
                await asyncio.sleep(0.001)
        finally:
            closed.append(True)

    async def talk(call: TwilioCall) -> None:
        playing = asyncio.create_task(call.play(answer()))
        async for _ in call.audio():
            playing.cancel()
            await asyncio.wait([playing])
            assert playing.cancelled()
        assert closed == [True]

    async def dial(caller: Caller) -> None:
        await caller.begin()
        assert (await caller.hear())["event"] == "media"
        await caller.say(b"stop!")
        while (message := await caller.hear())["event"] == "media":
            pass
        assert message == {"event": "clear", "streamSid": SID}
        await caller.stop()
        await caller.hung_up()

    assert call(answering(talk), dial) is None


def test_hush_clears_within_a_stream():
    async def talk(call: TwilioCall) -> None:
        await call.play(array_source([b"first", Hush(), b"second"]))

    async def dial(caller: Caller) -> None:
        await caller.begin()
        assert [(await caller.hear())["event"] for _ in range(3)] == ["media", "clear", "media"]
        await caller.hung_up()

    assert call(answering(talk), dial) is None


def test_stream_that_fails_is_cleared_and_raised():
    async def broken() -> AsyncIterator[bytes]:
        yield b"before"
        raise KeyError("voice")

    async def dial(caller: Caller) -> None:
        await caller.begin()
        assert [(await caller.hear())["event"] for _ in range(2)] == ["media", "clear"]
        await caller.hung_up()

    end = call(answering(lambda call: call.play(broken())), dial)
    assert isinstance(end, KeyError)


def test_playing_ends_with_the_call():
    closed: list[bool] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(160)
                await asyncio.sleep(0.001)
        finally:
            closed.append(True)

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.hear()

    assert call(answering(lambda call: call.play(endless())), dial) is None
    assert closed == [True]


def test_what_is_no_sound_is_refused():
    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.hung_up()

    end = call(answering(lambda call: call.play(array_source(["text"]))), dial)
    assert isinstance(end, UsageError)


def test_listening_can_be_interrupted():
    async def listen(call: TwilioCall) -> None:
        waiting = asyncio.ensure_future(anext(call.audio()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait([waiting])
        await call.play(array_source([b"your turn"]))
        assert await array_sink(call.audio()) == [b"mine"]

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.hear()
        await caller.say(b"mine")
        await caller.stop()
        await caller.hung_up()

    assert call(answering(listen), dial) is None


GARBAGE = [
    "",
    "hello",
    "[]",
    b"\x00\xff",
    {"event": "media"},
    {"event": "media", "streamSid": SID},
    {"event": "media", "media": {"payload": "AAAA"}},
    {"event": "media", "streamSid": "MZ-of-another", "media": {"payload": "AAAA"}},
    {"event": "media", "streamSid": SID, "media": {"payload": "no base64!"}},
    {"event": "media", "streamSid": SID, "media": {"payload": "AAA"}},
    {"event": "dtmf", "streamSid": SID},
    {"event": "start", "sequenceNumber": "2", "start": {"callSid": "CA"}, "streamSid": SID},
    {"event": "x" * 100_000, "streamSid": SID},
    START,
]


def test_garbage_is_a_typed_error_everywhere():
    """Both branches raise it, the socket is closed with its code, and the server takes the next call."""
    raised: list[list[Any]] = []

    async def listen(call: TwilioCall) -> None:
        sound, happening = call.audio_and_events()
        both = await asyncio.gather(array_sink(sound), array_sink(happening), return_exceptions=True)
        raised.append(both)
        raise both[0] if isinstance(both[0], BaseException) else KeyError(both)

    def dial(garbage: Any) -> Dial:
        async def wrong(caller: Caller) -> None:
            await caller.begin()
            await caller.say(b"fine")
            await caller.send(garbage)
            assert await caller.hung_up() == 1002

        return wrong

    ends = asyncio.run(hold(answering(listen), *map(dial, GARBAGE)))
    assert [type(end) for end in ends] == [WireError] * len(GARBAGE)
    assert all(isinstance(error, WireError) for both in raised for error in both)


def test_calls_that_never_start():
    async def never(call: TwilioCall) -> None:
        raise KeyError("started")

    async def answer(websocket: WebSocket) -> None:
        async with TwilioCall(websocket, TwilioOptions(start_timeout=0.05)) as call:
            await never(call)

    async def silent(caller: Caller) -> None:
        assert await caller.hung_up() == 1002

    async def early(caller: Caller) -> None:
        await caller.say(b"no start")
        assert await caller.hung_up() == 1002

    async def leaves(caller: Caller) -> None:
        await caller.send(CONNECTED)

    ends = asyncio.run(hold(answer, silent, early, leaves))
    assert [type(end) for end in ends] == [WireError] * 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=8), part, max_size=2),
    max_leaves=4,
)
EVENTS = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "other"])
FIELDS = st.dictionaries(st.sampled_from(["start", "media", "dtmf", "mark", "stop", "streamSid"]), JSON)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(EVENTS, FIELDS), max_size=6))
def test_any_messages_end_in_an_error_or_a_call(messages: list[tuple[str, dict[str, Any]]]):
    async def listen(call: TwilioCall) -> None:
        await array_sink(call.audio())

    async def dial(caller: Caller) -> None:
        await caller.begin()
        try:
            for event, fields in messages:
                await caller.send({"event": event, **fields})
        except ConnectionClosed:
            pass

    end = call(answering(listen), dial)
    assert end is None or isinstance(end, WireError)


# The steps on decoded JSON


def recorded(*events: str) -> AsyncIterator[Any]:
    messages = []
    for number, event in enumerate(events, 1):
        message: dict[str, Any] = {"event": event, "sequenceNumber": str(number), "streamSid": SID}
        if event == "start":
            message["start"] = START["start"]
        if event == "media":
            message["media"] = {"track": "inbound", "payload": base64.b64encode(bytes([number])).decode()}
        messages.append(message)
    return array_source(messages)


def test_flow_of_steps_over_a_socket():
    """As VoiceStream's users build it: text to JSON, split, and back."""
    closed: list[bool] = []
    events: list[Any] = []

    async def answer(websocket: WebSocket) -> None:
        async def close() -> None:
            closed.append(True)

        stream = map_str_to_json_step(fastapi_websocket_text_source(websocket))
        media, others = twilio_split_media_step(stream)
        echo = audio_bytes_to_twilio_media_step(twilio_media_to_audio_bytes_step(media), SID)
        others = twilio_close_on_stop_step(others, close)
        _, told = await asyncio.gather(
            fastapi_websocket_json_sink(echo, websocket), array_sink(twilio_format_events_step(others))
        )
        events.extend(told)

    async def dial(caller: Caller) -> None:
        await caller.begin()
        await caller.say(*PIECES)
        while len(caller.heard) < 160 * len(PIECES):
            await caller.hear()
        await caller.stop()
        assert caller.heard == b"".join(PIECES)

    assert call(answer, dial) is None
    assert events == [STARTED, CallEnded()]
    assert closed == [True]


def test_sequence_is_checked():
    whole = ["start", "media", "stop"]
    assert len(asyncio.run(array_sink(twilio_check_sequence_step(recorded(*whole))))) == 3

    async def gap() -> AsyncIterator[Any]:
        async for message in recorded(*whole):
            if message["event"] != "media":
                yield message

    for stream, said in ((gap(), "'3' where number 2"), (array_source([{}]), "without a number")):
        with pytest.raises(WireError, match=said):
            asyncio.run(array_sink(twilio_check_sequence_step(stream)))


def test_message_without_sound_is_an_error():
    broken = array_source([{"event": "media", "streamSid": SID, "media": {}}])
    for stream, said in ((recorded("start"), "start"), (broken, "payload")):
        with pytest.raises(WireError, match=said):
            asyncio.run(array_sink(twilio_media_to_audio_bytes_step(stream)))


def test_stream_sid_may_be_awaited():
    async def run() -> list[Any]:
        sid: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.01, sid.set_result, "MZ1")
        return await array_sink(audio_bytes_to_twilio_media_step(array_source([b"a", b"b"]), sid))

    assert [message["streamSid"] for message in asyncio.run(run())] == ["MZ1", "MZ1"]
