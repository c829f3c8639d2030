"""Every source, step and sink under one import, with the events and values that pass through them.

    from voicecli.streams import array_sink, map_step, text_file_source

A flow is async iterators joined by functions: a source begins it, steps take an iterator and give one back,
and a sink, once awaited, pulls everything through. Each function lives in its room and is imported from there
when it is first asked for, so that this module costs nothing and no extra is needed before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from voicecli.audio.block import (
        Block,
    )
    from voicecli.audio.streams import (
        AudioFormat,
        AudioFormatError,
        Hush,
        audio_rate_limit_step,
        block_rate_limit_step,
        decode_step,
        encode_step,
        get_audio_length,
        microphone_source,
        mp3_chunk_step,
        mp3_concatenator_step,
        ogg_concatenator_step,
        ogg_page_separator_step,
        raw_audio_rate_limit_step,
        remove_wav_header,
        speaker_sink,
        wav_file_sink,
        wav_file_source,
        wav_mulaw_file_sink,
        wav_mulaw_file_source,
    )
    from voicecli.config.assembly import (
        open_engines,
    )
    from voicecli.conversation.history import (
        History,
    )
    from voicecli.conversation.streams import (
        AudioWithText,
        TextToSpeechStep,
        TimedText,
        buffer_tts_text_step,
        language_model_step,
        min_tokens_step,
        phrase_step,
        speech_recognition_step,
        speech_to_text_step,
        synthesis_step,
        text_to_speech_step,
        timed_text_rate_limit_step,
        tts_rate_limit_step,
        tts_with_buffer_and_rate_limit_step,
        wait_for_punctuation_step,
    )
    from voicecli.flow.awaitables import (
        map_future,
        resolve_awaitable_or_obj,
        to_source,
    )
    from voicecli.flow.branches import (
        concat_step,
        fork_step,
        merge_as_dict_step,
        merge_step,
        partition_step,
    )
    from voicecli.flow.buffers import (
        buffer_step,
        byte_buffer_step,
        str_buffer_step,
    )
    from voicecli.flow.chunks import (
        chunk_bytes_step,
        collect_dict_step,
        map_str_to_json_step,
        min_size_bytes_step,
    )
    from voicecli.flow.queues import (
        EndOfStreamMarker,
        QueueAsyncIterator,
        QueueWithException,
    )
    from voicecli.flow.scope import (
        scoped,
    )
    from voicecli.flow.sinks import (
        array_sink,
        binary_file_sink,
        empty_sink,
        queue_sink,
        text_file_sink,
    )
    from voicecli.flow.sources import (
        array_source,
        binary_file_source,
        empty_source,
        none_source,
        queue_source,
        single_source,
        text_file_source,
    )
    from voicecli.flow.steps import (
        abort_step,
        count_step,
        delay_step,
        filter_step,
        flatten_step,
        idle_timeout_step,
        log_step,
        map_step,
        recover_exception_step,
        timeout_step,
    )
    from voicecli.flow.substreams import (
        cancelable_substream_step,
        exception_handling_substream,
        interruptable_substream_step,
        substream_on_dict_key_step,
        substream_step,
    )
    from voicecli.flow.values import (
        async_init_step,
        extract_value_step,
    )
    from voicecli.providers.langchain import (
        LangChainLanguageModel,
        langchain_step,
    )
    from voicecli.providers.reopening import (
        ReopeningOptions,
        reopening_step,
    )
    from voicecli.server.twilio import (
        TwilioCall,
        TwilioOptions,
        audio_bytes_to_twilio_media_step,
        twilio_check_sequence_step,
        twilio_close_on_stop_step,
        twilio_format_events_step,
        twilio_media_to_audio_bytes_step,
        twilio_split_media_step,
    )
    from voicecli.server.websockets import (
        fastapi_websocket_bytes_sink,
        fastapi_websocket_bytes_source,
        fastapi_websocket_json_sink,
        fastapi_websocket_json_source,
        fastapi_websocket_text_sink,
        fastapi_websocket_text_source,
    )
    from voicecli.speech.streams import (
        CallEnded,
        CallStarted,
        SpeechEnd,
        SpeechPartialResult,
        SpeechStart,
        SpeechStep,
        SpeechToTextResult,
        SpokenUtterance,
        filter_spurious_speech_start_events_step,
        first_partial_speech_result_step,
        speech_with_start_detection_step,
        utterance_step,
    )
    from voicecli.wire.twilio import (
        Digit,
        Mark,
    )

__all__ = [
    "AudioFormat",
    "AudioFormatError",
    "AudioWithText",
    "Block",
    "CallEnded",
    "CallStarted",
    "Digit",
    "EndOfStreamMarker",
    "History",
    "Hush",
    "LangChainLanguageModel",
    "Mark",
    "QueueAsyncIterator",
    "QueueWithException",
    "ReopeningOptions",
    "SpeechEnd",
    "SpeechPartialResult",
    "SpeechStart",
    "SpeechStep",
    "SpeechToTextResult",
    "SpokenUtterance",
    "TextToSpeechStep",
    "TimedText",
    "TwilioCall",
    "TwilioOptions",
    "abort_step",
    "array_sink",
    "array_source",
    "async_init_step",
    "audio_bytes_to_twilio_media_step",
    "audio_rate_limit_step",
    "binary_file_sink",
    "binary_file_source",
    "block_rate_limit_step",
    "buffer_step",
    "buffer_tts_text_step",
    "byte_buffer_step",
    "cancelable_substream_step",
    "chunk_bytes_step",
    "collect_dict_step",
    "concat_step",
    "count_step",
    "decode_step",
    "delay_step",
    "empty_sink",
    "empty_source",
    "encode_step",
    "exception_handling_substream",
    "extract_value_step",
    "fastapi_websocket_bytes_sink",
    "fastapi_websocket_bytes_source",
    "fastapi_websocket_json_sink",
    "fastapi_websocket_json_source",
    "fastapi_websocket_text_sink",
    "fastapi_websocket_text_source",
    "filter_spurious_speech_start_events_step",
    "filter_step",
    "first_partial_speech_result_step",
    "flatten_step",
    "fork_step",
    "get_audio_length",
    "idle_timeout_step",
    "interruptable_substream_step",
    "langchain_step",
    "language_model_step",
    "log_step",
    "map_future",
    "map_step",
    "map_str_to_json_step",
    "merge_as_dict_step",
    "merge_step",
    "microphone_source",
    "min_size_bytes_step",
    "min_tokens_step",
    "mp3_chunk_step",
    "mp3_concatenator_step",
    "none_source",
    "ogg_concatenator_step",
    "ogg_page_separator_step",
    "open_engines",
    "partition_step",
    "phrase_step",
    "queue_sink",
    "queue_source",
    "raw_audio_rate_limit_step",
    "recover_exception_step",
    "remove_wav_header",
    "reopening_step",
    "resolve_awaitable_or_obj",
    "scoped",
    "single_source",
    "speaker_sink",
    "speech_recognition_step",
    "speech_to_text_step",
    "speech_with_start_detection_step",
    "str_buffer_step",
    "substream_on_dict_key_step",
    "substream_step",
    "synthesis_step",
    "text_file_sink",
    "text_file_source",
    "text_to_speech_step",
    "timed_text_rate_limit_step",
    "timeout_step",
    "to_source",
    "tts_rate_limit_step",
    "tts_with_buffer_and_rate_limit_step",
    "twilio_check_sequence_step",
    "twilio_close_on_stop_step",
    "twilio_format_events_step",
    "twilio_media_to_audio_bytes_step",
    "twilio_split_media_step",
    "utterance_step",
    "wait_for_punctuation_step",
    "wav_file_sink",
    "wav_file_source",
    "wav_mulaw_file_sink",
    "wav_mulaw_file_source",
]

_ROOMS: Final = {
    "voicecli.flow.sources": (
        "array_source binary_file_source empty_source none_source queue_source single_source text_file_source"
    ),
    "voicecli.flow.sinks": ("array_sink binary_file_sink empty_sink queue_sink text_file_sink"),
    "voicecli.flow.queues": ("EndOfStreamMarker QueueAsyncIterator QueueWithException"),
    "voicecli.flow.steps": (
        "abort_step count_step delay_step filter_step flatten_step idle_timeout_step log_step map_step "
        "recover_exception_step timeout_step"
    ),
    "voicecli.flow.chunks": ("chunk_bytes_step collect_dict_step map_str_to_json_step min_size_bytes_step"),
    "voicecli.flow.values": ("async_init_step extract_value_step"),
    "voicecli.flow.branches": ("concat_step fork_step merge_as_dict_step merge_step partition_step"),
    "voicecli.flow.buffers": ("buffer_step byte_buffer_step str_buffer_step"),
    "voicecli.flow.substreams": (
        "cancelable_substream_step exception_handling_substream interruptable_substream_step "
        "substream_on_dict_key_step substream_step"
    ),
    "voicecli.flow.awaitables": ("map_future resolve_awaitable_or_obj to_source"),
    "voicecli.flow.scope": ("scoped"),
    "voicecli.audio.block": ("Block"),
    "voicecli.audio.streams": (
        "AudioFormat AudioFormatError Hush audio_rate_limit_step block_rate_limit_step decode_step "
        "encode_step get_audio_length microphone_source mp3_chunk_step mp3_concatenator_step "
        "ogg_concatenator_step ogg_page_separator_step raw_audio_rate_limit_step remove_wav_header "
        "speaker_sink wav_file_sink wav_file_source wav_mulaw_file_sink wav_mulaw_file_source"
    ),
    "voicecli.speech.streams": (
        "CallEnded CallStarted SpeechEnd SpeechPartialResult SpeechStart SpeechStep SpeechToTextResult "
        "SpokenUtterance filter_spurious_speech_start_events_step first_partial_speech_result_step "
        "speech_with_start_detection_step utterance_step"
    ),
    "voicecli.providers.langchain": ("LangChainLanguageModel langchain_step"),
    "voicecli.providers.reopening": ("ReopeningOptions reopening_step"),
    "voicecli.conversation.history": ("History"),
    "voicecli.conversation.streams": (
        "AudioWithText TextToSpeechStep TimedText buffer_tts_text_step language_model_step "
        "min_tokens_step phrase_step speech_recognition_step speech_to_text_step "
        "synthesis_step text_to_speech_step timed_text_rate_limit_step tts_rate_limit_step "
        "tts_with_buffer_and_rate_limit_step wait_for_punctuation_step"
    ),
    "voicecli.config.assembly": ("open_engines"),
    "voicecli.server.websockets": (
        "fastapi_websocket_bytes_sink fastapi_websocket_bytes_source fastapi_websocket_json_sink "
        "fastapi_websocket_json_source fastapi_websocket_text_sink fastapi_websocket_text_source"
    ),
    "voicecli.server.twilio": (
        "TwilioCall TwilioOptions audio_bytes_to_twilio_media_step twilio_check_sequence_step "
        "twilio_close_on_stop_step twilio_format_events_step twilio_media_to_audio_bytes_step "
        "twilio_split_media_step"
    ),
    "voicecli.wire.twilio": ("Digit Mark"),
}
_HOMES: Final = {name: module for module, names in _ROOMS.items() for name in names.split()}


if not TYPE_CHECKING:  # where types are checked, a name that does not exist is an error

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
