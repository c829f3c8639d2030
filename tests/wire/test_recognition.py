import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import WireError
from voicecli.wire.recognition import (
    Active,
    Failure,
    Format,
    Inactive,
    Other,
    Segment,
    Start,
    Stop,
    WireLimits,
    decode_event,
    decode_request,
    encode_event,
    encode_request,
)

FORMAT = {"channels": 1, "sample_rate": 16000, "bit_depth": 16, "is_float": False}


def start(**changes):
    return json.dumps({"request": "start", "format": {**FORMAT, **changes}})


def test_a_start_is_read():
    text = (
        '{"request":"start","trace_id":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","format":'
        '{"channels":2,"sample_rate":44100,"bit_depth":32,"is_float":true},"interim_results":true}'
    )
    assert decode_request(text) == Start(
        Format(2, 44100, 32, True), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True
    )


def test_the_least_start():
    assert decode_request(start()) == Start(Format())


def test_a_stop_is_read():
    assert decode_request('{"request":"stop","disconnect":true}') == Stop(True)
    assert decode_request('{"request":"stop","disconnect":false}') == Stop(False)
    assert decode_request('{"request":"stop"}') == Stop(False)


def test_unknown_keys_are_skipped():
    assert decode_request('{"request":"stop","disconnect":true,"why":["x",{"y":null}]}') == Stop(True)
    assert decode_request(start(codec="pcm")) == Start(Format())


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Active(1.5, 0), '{"type":"active","time":1.5,"channel":0}'),
        (Inactive(2.123456, 3), '{"type":"inactive","time":2.1235,"channel":3}'),
        (
            Segment(0.0, 1.0, "hello", 1, True),
            '{"type":"segment","start_time":0.0,"end_time":1.0,"is_final":true,"text":"hello","channel":1}',
        ),
        (
            Segment(0.0, 10.0, "é", 0),
            '{"type":"segment","start_time":0.0,"end_time":10.0,"text":"\\u00e9","channel":0}',
        ),
        (Failure("no", 1), '{"type":"error","message":"no","channel":1}'),
        (Failure("no"), '{"type":"error","message":"no","channel":0}'),
        (Other("hello", {"a": 1}), '{"type":"hello","a":1}'),
    ],
)
def test_events_on_the_wire(event, text):
    assert encode_event(event) == text


def test_another_model_speaks_through_a_segment():
    text = '{"type":"segment","start_time":0.0,"end_time":1.0,"count":16000,"channel":0}'
    event = decode_event(text)
    assert event == Segment(0.0, 1.0, "", 0, None, {"count": 16000})


def test_an_error_of_all_channels():
    assert decode_event('{"type":"error","message":"no"}') == Failure("no", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("nonsense", "not JSON"),
        ("[1]", "a list, not an object"),
        ("3", "the number 3, not an object"),
        ("{}", "request is missing"),
        ('{"request":7}', "request is the number 7. It must be a text"),
        ('{"request":"pause"}', '"pause" is not known'),
        ('{"request":"\\ud800"}', "surrogate"),
        ('{"request":"start"}', "format is missing"),
        ('{"request":"start","format":[]}', "format is a list"),
        ('{"request":"stop","disconnect":1}', "disconnect is the number 1. It must be true or false"),
        ('{"request":"stop","disconnect":NaN}', "not JSON (NaN is not a number)"),
        ('{"request":"stop","disconnect":Infinity}', "not JSON"),
        (start(channels=0), "format.channels is 0. It goes from 1 to 32."),
        (start(channels=33), "format.channels is 33"),
        (start(channels=-1), "format.channels is -1"),
        (start(channels=10**70), "format.channels is far out of range"),
        (start(channels="2"), 'format.channels is the text "2". It must be a whole number.'),
        (start(channels=True), "format.channels is true"),
        (start(channels=1.5), "format.channels is the number 1.5"),
        (start(channels=None), "format.channels is missing"),
        (start(sample_rate=0), "format.sample_rate is 0"),
        (start(sample_rate=384_001), "format.sample_rate is 384001"),
        (start(bit_depth=24), "bit_depth 24 is not spoken here for integer samples"),
        (start(bit_depth=16, is_float=True), "bit_depth 16 is not spoken here for float samples"),
        (start(is_float="no"), "format.is_float is the text"),
        (b"\xff\xfe", "not UTF-8"),
        ("[" * 30_000, "nested too deeply"),
        ('{"request":' + "9" * 5000 + "}", "not JSON"),
        ('{"request":"start","trace_id":5,"format":' + json.dumps(FORMAT) + "}", "trace_id is the number 5"),
        (" " * 70_000, "70000 characters"),
    ],
)
def test_what_is_wrong_is_said(text, words):
    with pytest.raises(WireError) as caught:
        decode_request(text)
    assert words in str(caught.value)
    encode_event(Failure(str(caught.value))).encode()
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"active"}',
        '{"type":"active","time":"1","channel":0}',
        '{"type":"active","time":1e400,"channel":0}',
        '{"type":"active","time":1}',
        '{"type":"segment","start_time":1,"end_time":2,"is_final":1,"channel":0}',
        '{"type":"error","channel":0}',
        '{"type":null}',
    ],
)
def test_bad_events_are_refused(text):
    with pytest.raises(WireError):
        decode_event(text)


def test_limits_are_arguments():
    with pytest.raises(WireError):
        decode_request(start(channels=3), WireLimits(channels=2))
    assert decode_request(start(channels=64), WireLimits(channels=64)).format.channels == 64


def test_a_token_is_not_shown():
    message = decode_request('{"request":"start","token":"secret","format":' + json.dumps(FORMAT) + "}")
    assert message.token == "secret"
    assert "secret" not in repr(message)


formats = st.builds(
    lambda channels, rate, shape: Format(channels, rate, *shape),
    st.integers(1, 32),
    st.integers(1000, 384_000),
    st.sampled_from([(16, False), (32, False), (32, True)]),
)
requests = st.builds(Stop, st.booleans()) | st.builds(
    Start,
    formats,
    st.none() | st.text(st.characters(max_codepoint=127), max_size=60),
    st.booleans(),
    st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
times = st.floats(0, 1e6).map(lambda seconds: round(seconds, 4))
channels = st.integers(0, 31)
words = st.text(st.characters(exclude_categories=["Cs"]))
events = (
    st.builds(Active, times, channels)
    | st.builds(Inactive, times, channels)
    | st.builds(Segment, times, times, words, channels, st.none() | st.booleans())
    | st.builds(Failure, words, channels)
)


@given(requests)
def test_requests_come_back(request):
    assert decode_request(encode_request(request)) == request
    assert decode_request(encode_request(request).encode()) == request


@given(events)
def test_events_come_back(event):
    assert decode_event(encode_event(event)) == event


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
almost = st.dictionaries(
    st.sampled_from(
        ["request", "format", "trace_id", "token", "disconnect", "interim_results", "type", "time"]
    ),
    st.sampled_from(["start", "stop", "active", FORMAT]) | json_values,
)


@given(st.text() | st.binary() | (json_values | almost).map(json.dumps))
def test_garbage_is_a_wire_error(text):
    for decode in (decode_request, decode_event):
        try:
            decode(text)
        except WireError as error:
            encode_event(Failure(str(error))).encode()
