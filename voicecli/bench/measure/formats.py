"""An engine in every format that it can be asked for."""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Any

from voicecli.audio.format import Codec
from voicecli.errors import UsageError, VoiceError
from voicecli.providers.choose import Choice, choose_synthesizer
from voicecli.providers.synthesizer import Synthesizer

__all__ = ["InFormats", "another", "codecs_of", "in_formats"]

_FIELD = "format"  # of the options of an engine that lets its format be chosen


@dataclass(frozen=True, slots=True)
class InFormats:
    """What came of asking."""

    choices: Sequence[Choice[Synthesizer]]
    notes: Sequence[str]  # what the engine does not do, a sentence without a full stop each


def codecs_of(names: Sequence[str] | None) -> tuple[Codec, ...]:
    """Each once. Raises UsageError for what is no format."""
    for name in names or ():
        if name not in list(Codec):
            raise UsageError(f"There is no format {name!r}.", f"Formats are {', '.join(Codec)}.")
    return tuple(Codec(name) for name in dict.fromkeys(names or ()))


async def in_formats(choice: Choice[Synthesizer], codecs: Sequence[Codec]) -> InFormats:
    """The engine once for each format, made like `choice`; its own format without `codecs`.

    Raises VoiceError when it cannot be made.
    """
    if not codecs:
        return InFormats([choice], [])
    own = choice.engine.format.codec
    known = _known(choice.options)
    if known is None:
        notes = [] if list(codecs) == [own] else [f"{choice.name} cannot choose its format: it is {own}"]
        return InFormats([choice], notes)
    choices, notes = [], []
    for codec in codecs:
        if known and codec not in known:
            notes.append(f"{choice.name} does not send {codec}: it sends {', '.join(known)}")
        else:
            choices.append(await _asked_for(choice, codec))
    return InFormats(choices, notes)


async def another(choice: Choice[Synthesizer]) -> Synthesizer:
    """An engine like that of `choice`, not yet opened. Raises VoiceError when it cannot be made any more."""
    return (await choose_synthesizer(choice.name, {choice.name: choice.options})).engine


async def _asked_for(choice: Choice[Synthesizer], codec: Codec) -> Choice[Synthesizer]:
    options = replace(choice.options, **{_FIELD: str(codec)})
    try:
        made = await choose_synthesizer(choice.name, {choice.name: options})
    except VoiceError as error:
        error.message = f"{choice.name} in {codec}: {error.message}"
        raise
    return replace(made, reason=choice.reason)


def _known(options: Any) -> tuple[str, ...] | None:
    """The formats that may be chosen, () when the options do not say which; None when there is no choice."""
    if not is_dataclass(options) or isinstance(options, type) or not hasattr(options, _FIELD):
        return None
    try:
        hint = typing.get_type_hints(type(options))[_FIELD]
    except NameError:  # a plug-in that imports its types for the type checker alone
        return ()
    return tuple(map(str, typing.get_args(hint))) if typing.get_origin(hint) is typing.Literal else ()
