"""Events of a conversation by voice, as flows pass them on, and steps that choose among them.

Times are in seconds since the sound began.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from voicecli.audio.pace import Clock, LoopClock
from voicecli.flow.scope import scoped

__all__ = [
    "CallEnded",
    "CallStarted",
    "SpeechEnd",
    "SpeechEvent",
    "SpeechPartialResult",
    "SpeechStart",
    "SpeechStep",
    "SpeechToTextResult",
    "filter_spurious_speech_start_events_step",
    "first_partial_speech_result_step",
    "speech_with_start_detection_step",
]

T = TypeVar("T")
Text = TypeVar("Text")
Event = TypeVar("Event")

SpeechStep: TypeAlias = Callable[[AsyncIterator[T]], tuple[AsyncIterator[Text], AsyncIterator[Event]]]
"""Recognition: sound in, text and events out."""

_END: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStart:
    """Somebody begins to speak."""

    time_since_start: float
    event_name: str = "speech_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnd:
    """Nobody speaks any more."""

    time_since_start: float
    event_name: str = "speech_end"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPartialResult:
    """What was understood so far of an utterance; each replaces the one before."""

    text: str
    time_since_start: float  # of the sound that it is about
    event_name: str = "speech_partial_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechToTextResult:
    """What was understood of an utterance that is over."""

    text: str
    time_since_start: float  # of its last voiced sample
    event_name: str = "speech_to_text_result"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted:
    """A telephone call has begun."""

    call_id: str
    stream_id: str | None = None  # of the sound that belongs to it
    event_name: str = "call_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded:
    """The telephone call is over."""

    event_name: str = "call_ended"


SpeechEvent: TypeAlias = SpeechStart | SpeechEnd | SpeechPartialResult | SpeechToTextResult
"""What is told of the sound that comes in."""


def speech_with_start_detection_step(
    async_iter: AsyncIterator[T],
    speech_step: SpeechStep[T, Text, Any],
    *,
    threshold_secs: float = 1.0,
    clock: Clock | None = None,
) -> tuple[AsyncIterator[Text], AsyncIterator[SpeechStart]]:
    """What `speech_step` recognises, and the beginnings of speech that lasted: who interrupts means it."""
    texts, events = speech_step(async_iter)
    return texts, filter_spurious_speech_start_events_step(events, threshold_secs, clock=clock)


async def filter_spurious_speech_start_events_step(
    async_iter: AsyncIterator[Any], threshold_secs: float = 1.0, *, clock: Clock | None = None
) -> AsyncIterator[SpeechStart]:
    """Only those beginnings of speech that no end follows within `threshold_secs` of their arrival.

    Each is passed on when that time is over, or when the events end before it is. Other events are dropped.
    """
    clock = clock or LoopClock()
    start: SpeechStart | None = None
    due = 0.0
    async with scoped(async_iter) as items, AsyncExitStack() as stack:
        arrival = asyncio.create_task(_next(items))
        stack.push_async_callback(lambda: _dropped(arrival))
        while True:
            timer = asyncio.create_task(clock.sleep(max(0.0, due - clock.time()))) if start else None
            try:
                await asyncio.wait({arrival, timer or arrival}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _dropped(timer)
            over = arrival.done() and (arrival.exception() is not None or arrival.result() is _END)
            # An event that comes in the very moment in which the time is over comes too late.
            if start is not None and (over or clock.time() >= due):
                yield start
                start = None
            if not arrival.done():
                continue
            event = arrival.result()
            if event is _END:
                return
            if isinstance(event, SpeechStart):
                start, due = event, clock.time() + threshold_secs
            elif isinstance(event, SpeechEnd):
                start = None
            arrival = asyncio.create_task(_next(items))


async def first_partial_speech_result_step(
    async_iter: AsyncIterator[Any],
) -> AsyncIterator[SpeechPartialResult]:
    """The first words understood after each beginning of speech: a sign that it is speech indeed."""
    started = False
    async with scoped(async_iter) as items:
        async for event in items:
            if isinstance(event, SpeechStart):
                started = True
            elif started and isinstance(event, SpeechPartialResult):
                started = False
                yield event


async def _next(items: AsyncIterator[Any]) -> Any:
    return await anext(items, _END)


async def _dropped(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task and wait until it is over."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
