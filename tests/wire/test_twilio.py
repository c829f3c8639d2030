"""Messages of Twilio Media Streams, written as its documentation shows them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicecli.errors import WireError
from voicecli.wire.twilio import (
    Connected,
    Digit,
    Mark,
    Media,
    MediaStream,
    Other,
    Start,
    Stop,
    decode_message,
    encode_clear,
    encode_mark,
    encode_media,
)

CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = """{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC01","streamSid":"MZ18",
 "callSid":"CA42","tracks":["inbound"],"customParameters":{"Name":"Jane","RemoteParty":"Bob"},
 "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"streamSid":"MZ18"}"""
MEDIA = """{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"20",
 "payload":"f/9/AA=="},"streamSid":"MZ18"}"""
DIGIT = """{"event":"dtmf","streamSid":"MZ18","sequenceNumber":"5",
 "dtmf":{"track":"inbound_track","digit":"1"}}"""
MARK = '{"event":"mark","sequenceNumber":"7","streamSid":"MZ18","mark":{"name":"my label"}}'
STOP = """{"event":"stop","sequenceNumber":"9","stop":{"accountSid":"AC01","callSid":"CA42"},
 "streamSid":"MZ18"}"""
RECORDED = {
    CONNECTED: Connected("Call", "1.0.0"),
    START: Start("MZ18", "CA42", "AC01", ("inbound",), {"Name": "Jane", "RemoteParty": "Bob"}, 1),
    MEDIA: Media(b"\x7f\xff\x7f\x00", "inbound", 0.02, "MZ18", 3),
    DIGIT: Digit("1", "MZ18", 5),
    MARK: Mark("my label", "MZ18", 7),
    STOP: Stop("CA42", "MZ18", 9),
}


def changed(text: str, *path: str, to: Any) -> str:
    """The message with one value replaced, or removed where `to` is ..."""
    message: Any = json.loads(text)
    at = message
    for name in path[:-1]:
        at = at[name]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return json.dumps(message)


@pytest.mark.parametrize("text", RECORDED)
def test_every_message_is_decoded(text: str):
    assert decode_message(text) == RECORDED[text]
    assert decode_message(text.encode()) == RECORDED[text]


def test_a_call_is_decoded():
    stream = MediaStream()
    assert [stream.push(text) for text in RECORDED] == list(RECORDED.values())


def test_what_is_new_is_skipped():
    assert decode_message('{"event":"transcript","streamSid":"MZ18"}') == Other("transcript", "MZ18")
    assert decode_message(changed(DIGIT, "dtmf", "length", to=3)) == RECORDED[DIGIT]
    stream = MediaStream()
    stream.push(CONNECTED)
    assert stream.push('{"event":"weather"}') == Other("weather")
    stream.push(START)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 60_000, "no JSON"),
        ("7", "not an object"),
        ("null", "A message is missing"),
        ("{}", "event is missing"),
        ('{"event":3}', "event is 3"),
        ('{"event":""}', "event is empty"),
        (changed(START, "start", to=...), "start is missing"),
        (changed(START, "start", to=[]), "start is \\[\\], not an object"),
        (changed(START, "start", "callSid", to=...), "callSid is missing"),
        (changed(START, "start", "tracks", to="inbound"), "tracks"),
        (changed(START, "start", "customParameters", to=[1]), "customParameters"),
        (changed(START, "start", "customParameters", "Name", to=1), "Name is 1"),
        (changed(START, "start", "mediaFormat", "encoding", to="audio/x-l16"), "should be audio/x-mulaw"),
        (changed(START, "start", "mediaFormat", "sampleRate", to=16_000), "should be 8000"),
        (changed(START, "start", "mediaFormat", "channels", to=2), "should be 1"),
        (changed(START, "sequenceNumber", to="-1"), "no whole number"),
        (changed(START, "sequenceNumber", to=True), "no whole number"),
        (changed(START, "sequenceNumber", to="9" * 5000), "no whole number"),
        (changed(START, "sequenceNumber", to="٣"), "no whole number"),
        (changed(MEDIA, "streamSid", to=...), "streamSid is missing"),
        (changed(MEDIA, "media", to=...), "media is missing"),
        (changed(MEDIA, "media", "payload", to=...), "payload is missing"),
        (changed(MEDIA, "media", "payload", to=["f/9/"]), "no text"),
        (changed(MEDIA, "media", "payload", to="f/9/A"), "no base64"),
        (changed(MEDIA, "media", "payload", to="f/9/\n"), "no base64"),
        (changed(MEDIA, "media", "payload", to="¿¡ÆÐ"), "no base64"),
        (changed(MEDIA, "media", "timestamp", to="soon"), "no whole number"),
        (changed(DIGIT, "dtmf", to=None), "dtmf is missing"),
        (changed(DIGIT, "dtmf", "digit", to=1), "digit is 1"),
        (changed(MARK, "mark", "name", to=...), "name is missing"),
        (changed(STOP, "stop", to="now"), "not an object"),
        (b'{"event":"\xff"}', "no JSON"),
    ],
)
def test_wrong_message_is_a_typed_error(text: str | bytes, said: str):
    with pytest.raises(WireError, match=said):
        decode_message(text)


def test_giant_message_is_refused():
    with pytest.raises(WireError, match="more than 100"):
        decode_message(MEDIA + " " * 100, limit=100)


def test_stream_sid_beside_the_start_is_enough():
    assert decode_message(changed(START, "start", "streamSid", to=...)) == RECORDED[START]
    with pytest.raises(WireError, match="streamSid"):
        decode_message(changed(changed(START, "streamSid", to=...), "start", "streamSid", to=...))


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ([], MEDIA),
        ([], STOP),
        ([CONNECTED], CONNECTED),
        ([CONNECTED], DIGIT),
        ([CONNECTED, START], START),
        ([CONNECTED, START], CONNECTED),
        ([CONNECTED, START, STOP], MEDIA),
        ([CONNECTED, START], changed(MEDIA, "streamSid", to="MZ19")),
        ([CONNECTED, START, MARK], MEDIA),
        ([CONNECTED, START, MEDIA], MEDIA),
    ],
)
def test_wrong_order_changes_nothing(before: list[str], text: str):
    stream = MediaStream()
    for message in before:
        stream.push(message)
    with pytest.raises(WireError):
        stream.push(text)
    for message in [message for message in RECORDED if message not in before]:
        if before[-1:] not in ([MARK], [STOP]):
            stream.push(message)


def test_numbers_may_be_missing():
    stream = MediaStream()
    stream.push(CONNECTED)
    stream.push(changed(START, "sequenceNumber", to=...))
    stream.push(changed(MEDIA, "sequenceNumber", to=...))
    stream.push(changed(MEDIA, "sequenceNumber", to=12))


def test_messages_to_twilio():
    assert encode_media("MZ18", b"\x7f\xff\x7f\x00") == (
        '{"event":"media","streamSid":"MZ18","media":{"payload":"f/9/AA=="}}'
    )
    assert encode_mark("MZ18", 'a "b"') == '{"event":"mark","streamSid":"MZ18","mark":{"name":"a \\"b\\""}}'
    assert encode_clear("MZ18") == '{"event":"clear","streamSid":"MZ18"}'


@given(st.binary(max_size=2000))
def test_sound_survives(audio: bytes):
    assert decode_message(encode_media("MZ18", audio)) == Media(audio, stream_sid="MZ18")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=10), part, max_size=3),
    max_leaves=8,
)
NAMES = ("start", "media", "dtmf", "mark", "stop", "streamSid", "sequenceNumber", "protocol")


@settings(max_examples=150)
@given(
    st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "x"]),
    st.dictionaries(st.sampled_from(NAMES), JSON),
    st.lists(st.sampled_from([CONNECTED, START]), max_size=2),
)
def test_garbage_is_a_typed_error(event: str, fields: dict[str, Any], before: list[str]):
    stream = MediaStream()
    for text in [*before, json.dumps({"event": event, **fields})]:
        with contextlib.suppress(WireError):
            stream.push(text)


@given(st.text(max_size=100) | st.binary(max_size=100))
def test_noise_is_a_typed_error(noise: str | bytes):
    try:
        decode_message(noise)
    except WireError:
        return
    assert json.loads(noise)["event"]
