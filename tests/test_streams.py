"""One import gives every source, step and sink, each from its room."""

from __future__ import annotations

import asyncio
import errno
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from voicecli import streams

# What users of VoiceStream find, and what is ours, by the room it comes from.
ROOMS = {
    "flow": """
        empty_source none_source single_source array_source queue_source text_file_source binary_file_source
        empty_sink array_sink queue_sink text_file_sink binary_file_sink map_step filter_step flatten_step
        delay_step timeout_step log_step count_step chunk_bytes_step min_size_bytes_step
        map_str_to_json_step collect_dict_step extract_value_step async_init_step abort_step
        recover_exception_step fork_step partition_step merge_step merge_as_dict_step concat_step
        buffer_step byte_buffer_step str_buffer_step substream_step substream_on_dict_key_step
        cancelable_substream_step interruptable_substream_step exception_handling_substream
        EndOfStreamMarker QueueWithException QueueAsyncIterator
    """,
    "audio": """
        wav_mulaw_file_source wav_mulaw_file_sink microphone_source wav_file_source speaker_sink
        wav_file_sink AudioFormat get_audio_length remove_wav_header ogg_page_separator_step
        ogg_concatenator_step mp3_chunk_step audio_rate_limit_step raw_audio_rate_limit_step
    """,
    "speech": """
        speech_with_start_detection_step filter_spurious_speech_start_events_step
        first_partial_speech_result_step SpeechStart SpeechEnd SpeechPartialResult SpeechToTextResult
        CallStarted CallEnded
    """,
    "conversation": """
        buffer_tts_text_step wait_for_punctuation_step min_tokens_step tts_rate_limit_step
        tts_with_buffer_and_rate_limit_step timed_text_rate_limit_step TimedText AudioWithText
    """,
    "providers": "langchain_step reopening_step",
    "server": """
        fastapi_websocket_text_source fastapi_websocket_text_sink fastapi_websocket_bytes_source
        fastapi_websocket_bytes_sink fastapi_websocket_json_source fastapi_websocket_json_sink TwilioCall
        twilio_split_media_step twilio_check_sequence_step twilio_close_on_stop_step
        twilio_media_to_audio_bytes_step audio_bytes_to_twilio_media_step twilio_format_events_step
    """,
}
ENDINGS = ("_source", "_step", "_sink", "_substream")


@pytest.mark.parametrize(
    ("room", "name"), [(room, name) for room, names in ROOMS.items() for name in names.split()]
)
def test_name_comes_from_its_room(room: str, name: str):
    assert name in streams.__all__
    value = getattr(streams, name)
    home = getattr(value, "__module__", None) or type(value).__module__
    assert home.split(".")[:2] == ["voicecli", room]


@pytest.mark.parametrize(
    "source",
    [
        "text_file_source",
        "binary_file_source",
        "wav_file_source",
        "wav_mulaw_file_source",
        "microphone_source",
    ],
)
def test_missing_file_is_pythons_own_error(source: str, tmp_path: Path):
    path = tmp_path / "none.wav"
    with pytest.raises(FileNotFoundError, match=r"There is no file|No such file") as caught:
        asyncio.run(streams.empty_sink(getattr(streams, source)(path)))
    assert caught.value.errno == errno.ENOENT


def test_broken_protocol_is_a_value_error():
    messages = [{"event": "start", "sequenceNumber": "1"}, {"event": "stop", "sequenceNumber": "1"}]
    with pytest.raises(ValueError, match="number 2 was due"):
        asyncio.run(streams.empty_sink(streams.twilio_check_sequence_step(streams.array_source(messages))))


def test_sound_in_another_format_has_its_old_name():
    text = streams.single_source(b"<html>" * 20)
    with pytest.raises(streams.AudioFormatError):
        asyncio.run(streams.empty_sink(streams.decode_step(text, streams.AudioFormat.MP3)))


@pytest.mark.parametrize("name", [name for name in streams.__all__ if name.endswith(ENDINGS)])
def test_function_is_documented(name: str):
    value = getattr(streams, name)
    assert inspect.isfunction(value)
    assert value.__doc__
    assert not name.endswith(("_step", "_sink")) or "iter" in next(iter(inspect.signature(value).parameters))


def test_every_function_of_a_room_is_there():
    """One that a room offers to flows is not forgotten here."""
    for home in set(streams._homes().values()):
        module = importlib.import_module(home)
        offered = {name for name in module.__all__ if name.endswith(ENDINGS)}
        assert offered <= set(streams.__all__), home
    assert dir(streams) == streams.__all__


def test_unknown_name_is_an_error():
    with pytest.raises(AttributeError, match="map_stop"):
        streams.map_stop  # noqa: B018
    with pytest.raises(ImportError):
        exec("from voicecli.streams import map_stop")


def ran(code: str) -> str:
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_import_is_cheap():
    heavy = "('numpy', 'asyncio', 'voicecli.flow', 'fastapi', 'starlette', 'langchain_core')"
    assert (
        ran(f"import sys, voicecli.streams; print([name for name in {heavy} if name in sys.modules])")
        == "[]\n"
    )


def test_no_extra_is_needed():
    without = "'fastapi', 'starlette', 'uvicorn', 'websockets', 'langchain_core', 'prometheus_client'"
    assert (
        ran(
            f"import sys; sys.modules.update(dict.fromkeys([{without}]))\n"
            "from voicecli.streams import *\n"
            "print(callable(fastapi_websocket_text_source), callable(langchain_step))"
        )
        == "True True\n"
    )
