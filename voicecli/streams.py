"""Every source, step and sink under one import, with the events and values that pass through them.

    from voicecli.streams import array_sink, map_step, text_file_source

A flow is async iterators joined by functions: a source begins it, steps take an iterator and give one back,
and a sink, once awaited, pulls everything through. Each function lives in its room and is imported from there
when it is first asked for, so that this module costs nothing and no extra is needed before it is used.
"""

# ruff: noqa: F403
from __future__ import annotations

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # read below as well: where everything is; a star stands for what a file's `__all__` lists
    # isort: off
    from voicecli.audio.block import Block as Block
    from voicecli.audio.lengths import AudioFormat as AudioFormat, get_audio_length as get_audio_length
    from voicecli.audio.ratelimit import *
    from voicecli.audio.sound_steps import *
    from voicecli.audio.splitting import *
    from voicecli.audio.wav import remove_wav_header as remove_wav_header
    from voicecli.config.assembly import open_engines as open_engines
    from voicecli.conversation.context import History as History
    from voicecli.conversation.pacing import *
    from voicecli.conversation.voicebot import *
    from voicecli.flow.awaitables import map_future as map_future
    from voicecli.flow.awaitables import resolve_awaitable_or_obj as resolve_awaitable_or_obj
    from voicecli.flow.branches import *
    from voicecli.flow.feeds import buffer_step as buffer_step
    from voicecli.flow.feeds import byte_buffer_step as byte_buffer_step
    from voicecli.flow.feeds import str_buffer_step as str_buffer_step
    from voicecli.flow.queues import *
    from voicecli.flow.recovery import *
    from voicecli.flow.scope import scoped as scoped
    from voicecli.flow.sinks import array_sink as array_sink, binary_file_sink as binary_file_sink
    from voicecli.flow.sinks import empty_sink as empty_sink, queue_sink as queue_sink
    from voicecli.flow.sinks import text_file_sink as text_file_sink
    from voicecli.flow.sources import *
    from voicecli.flow.steps import *
    from voicecli.flow.substreams import *
    from voicecli.flow.values import *
    from voicecli.providers.langchain import *
    from voicecli.providers.reopening import ReopeningOptions as ReopeningOptions
    from voicecli.providers.reopening import reopening_step as reopening_step
    from voicecli.reply.phrases import phrase_step as phrase_step
    from voicecli.server.telephone import *
    from voicecli.server.websocket_streams import (
        fastapi_websocket_bytes_sink as fastapi_websocket_bytes_sink,
        fastapi_websocket_bytes_source as fastapi_websocket_bytes_source,
        fastapi_websocket_json_sink as fastapi_websocket_json_sink,
        fastapi_websocket_json_source as fastapi_websocket_json_source,
        fastapi_websocket_text_sink as fastapi_websocket_text_sink,
        fastapi_websocket_text_source as fastapi_websocket_text_source,
    )
    from voicecli.speech.speech_events import *
    from voicecli.speech.spoken import SpokenUtterance as SpokenUtterance, utterance_step as utterance_step
    from voicecli.wire.twilio import Digit as Digit, Mark as Mark


@cache
def _homes() -> dict[str, str]:
    """The module of each name that is imported above."""
    imports = ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    return {
        name: one.module
        for one in imports
        if isinstance(one, ast.ImportFrom) and one.module
        for alias in one.names
        for name in (_offered(one.module) if alias.name == "*" else [alias.asname])
        if name is not None
    }


def _offered(module: str) -> list[str]:
    """What `module` lists in its `__all__`, without importing it."""
    path = Path(__file__).parent.joinpath(*module.split(".")[1:]).with_suffix(".py")
    listed = re.search(r"^__all__ = (\[.*?\])", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert listed is not None  # every file has one
    names: list[str] = ast.literal_eval(listed[1])
    return names


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
