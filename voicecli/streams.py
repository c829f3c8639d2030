"""Every source, step and sink under one import, with the events and values that pass through them.

    from voicecli.streams import array_sink, map_step, text_file_source

A flow is async iterators joined by functions: a source begins it, steps take an iterator and give one back,
and a sink, once awaited, pulls everything through. Each function lives in its room and is imported from there
when it is first asked for, so that this module costs nothing and no extra is needed before it is used.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # read below as well: the one list of what there is, and where
    # isort: off
    from voicecli.audio.block import (
        Block as Block,
    )
    from voicecli.audio.sound_steps import (
        AudioFormat as AudioFormat,
        AudioFormatError as AudioFormatError,
        Hush as Hush,
        audio_rate_limit_step as audio_rate_limit_step,
        block_rate_limit_step as block_rate_limit_step,
        decode_step as decode_step,
        encode_step as encode_step,
        get_audio_length as get_audio_length,
        microphone_source as microphone_source,
        mp3_chunk_step as mp3_chunk_step,
        mp3_concatenator_step as mp3_concatenator_step,
        ogg_concatenator_step as ogg_concatenator_step,
        ogg_page_separator_step as ogg_page_separator_step,
        raw_audio_rate_limit_step as raw_audio_rate_limit_step,
        remove_wav_header as remove_wav_header,
        speaker_sink as speaker_sink,
        wav_file_sink as wav_file_sink,
        wav_file_source as wav_file_source,
        wav_mulaw_file_sink as wav_mulaw_file_sink,
        wav_mulaw_file_source as wav_mulaw_file_source,
    )
    from voicecli.config.assembly import (
        open_engines as open_engines,
    )
    from voicecli.conversation.context import (
        History as History,
    )
    from voicecli.conversation.pacing import (
        AudioWithText as AudioWithText,
        TextToSpeechStep as TextToSpeechStep,
        TimedText as TimedText,
        buffer_tts_text_step as buffer_tts_text_step,
        language_model_step as language_model_step,
        min_tokens_step as min_tokens_step,
        speech_recognition_step as speech_recognition_step,
        speech_to_text_step as speech_to_text_step,
        synthesis_step as synthesis_step,
        text_to_speech_step as text_to_speech_step,
        timed_text_rate_limit_step as timed_text_rate_limit_step,
        tts_rate_limit_step as tts_rate_limit_step,
        tts_with_buffer_and_rate_limit_step as tts_with_buffer_and_rate_limit_step,
        wait_for_punctuation_step as wait_for_punctuation_step,
    )
    from voicecli.flow.awaitables import (
        map_future as map_future,
        resolve_awaitable_or_obj as resolve_awaitable_or_obj,
        to_source as to_source,
    )
    from voicecli.flow.branches import (
        concat_step as concat_step,
        fork_step as fork_step,
        merge_as_dict_step as merge_as_dict_step,
        merge_step as merge_step,
        partition_step as partition_step,
    )
    from voicecli.flow.buffers import (
        buffer_step as buffer_step,
        byte_buffer_step as byte_buffer_step,
        str_buffer_step as str_buffer_step,
    )
    from voicecli.flow.chunks import (
        chunk_bytes_step as chunk_bytes_step,
        collect_dict_step as collect_dict_step,
        map_str_to_json_step as map_str_to_json_step,
        min_size_bytes_step as min_size_bytes_step,
    )
    from voicecli.flow.queues import (
        EndOfStreamMarker as EndOfStreamMarker,
        QueueAsyncIterator as QueueAsyncIterator,
        QueueWithException as QueueWithException,
    )
    from voicecli.flow.scope import (
        scoped as scoped,
    )
    from voicecli.flow.sinks import (
        array_sink as array_sink,
        binary_file_sink as binary_file_sink,
        empty_sink as empty_sink,
        queue_sink as queue_sink,
        text_file_sink as text_file_sink,
    )
    from voicecli.flow.sources import (
        array_source as array_source,
        binary_file_source as binary_file_source,
        empty_source as empty_source,
        none_source as none_source,
        queue_source as queue_source,
        single_source as single_source,
        text_file_source as text_file_source,
    )
    from voicecli.flow.steps import (
        abort_step as abort_step,
        count_step as count_step,
        delay_step as delay_step,
        filter_step as filter_step,
        flatten_step as flatten_step,
        idle_timeout_step as idle_timeout_step,
        log_step as log_step,
        map_step as map_step,
        recover_exception_step as recover_exception_step,
        timeout_step as timeout_step,
    )
    from voicecli.flow.substreams import (
        cancelable_substream_step as cancelable_substream_step,
        exception_handling_substream as exception_handling_substream,
        interruptable_substream_step as interruptable_substream_step,
        substream_on_dict_key_step as substream_on_dict_key_step,
        substream_step as substream_step,
    )
    from voicecli.flow.values import (
        async_init_step as async_init_step,
        extract_value_step as extract_value_step,
    )
    from voicecli.providers.langchain import (
        LangChainLanguageModel as LangChainLanguageModel,
        langchain_step as langchain_step,
    )
    from voicecli.providers.reopening import (
        ReopeningOptions as ReopeningOptions,
        reopening_step as reopening_step,
    )
    from voicecli.reply.phrases import (
        phrase_step as phrase_step,
    )
    from voicecli.server.telephone import (
        TwilioCall as TwilioCall,
        TwilioOptions as TwilioOptions,
        audio_bytes_to_twilio_media_step as audio_bytes_to_twilio_media_step,
        twilio_check_sequence_step as twilio_check_sequence_step,
        twilio_close_on_stop_step as twilio_close_on_stop_step,
        twilio_format_events_step as twilio_format_events_step,
        twilio_media_to_audio_bytes_step as twilio_media_to_audio_bytes_step,
        twilio_split_media_step as twilio_split_media_step,
    )
    from voicecli.server.websocket_streams import (
        fastapi_websocket_bytes_sink as fastapi_websocket_bytes_sink,
        fastapi_websocket_bytes_source as fastapi_websocket_bytes_source,
        fastapi_websocket_json_sink as fastapi_websocket_json_sink,
        fastapi_websocket_json_source as fastapi_websocket_json_source,
        fastapi_websocket_text_sink as fastapi_websocket_text_sink,
        fastapi_websocket_text_source as fastapi_websocket_text_source,
    )
    from voicecli.speech.speech_events import (
        CallEnded as CallEnded,
        CallStarted as CallStarted,
        SpeechEnd as SpeechEnd,
        SpeechPartialResult as SpeechPartialResult,
        SpeechStart as SpeechStart,
        SpeechStep as SpeechStep,
        SpeechToTextResult as SpeechToTextResult,
        filter_spurious_speech_start_events_step as filter_spurious_speech_start_events_step,
        first_partial_speech_result_step as first_partial_speech_result_step,
        speech_with_start_detection_step as speech_with_start_detection_step,
    )
    from voicecli.speech.spoken import (
        SpokenUtterance as SpokenUtterance,
        utterance_step as utterance_step,
    )
    from voicecli.wire.twilio import (
        Digit as Digit,
        Mark as Mark,
    )


@cache
def _homes() -> dict[str, str]:
    """The module of each name that is imported above."""
    imports = ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    return {
        alias.asname: one.module or ""
        for one in imports
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
        if alias.asname is not None
    }


if not TYPE_CHECKING:  # where types are checked, a name that does not exist is an error

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return sorted(_homes())
        if name not in _homes():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_homes()[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(_homes())
