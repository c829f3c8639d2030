"""Steps from sound to utterances and events of speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, Final, TypeAlias, TypeVar

from voicecli.audio.block import Block
from voicecli.audio.pace import Clock, LoopClock
from voicecli.flow.scope import scoped
from voicecli.speech.endpoint import EndpointOptions
from voicecli.speech.events import (
    CallEnded,
    CallStarted,
    SpeechEnd,
    SpeechEvent,
    SpeechPartialResult,
    SpeechStart,
    SpeechToTextResult,
)
from voicecli.speech.gate import GateOptions
from voicecli.speech.segmenter import Segmenter
from voicecli.speech.silero import SileroDetector
from voicecli.speech.spoken import Ears, SpokenUtterance
from voicecli.speech.vad import VoiceDetector

__all__ = [
    "CallEnded",
    "CallStarted",
    "SpeechEnd",
    "SpeechEvent",
    "SpeechPartialResult",
    "SpeechStart",
    "SpeechStep",
    "SpeechToTextResult",
    "SpokenUtterance",
    "filter_spurious_speech_start_events_step",
    "first_partial_speech_result_step",
    "speech_with_start_detection_step",
    "utterance_step",
]

T = TypeVar("T")
Heard = TypeVar("Heard")
Event = TypeVar("Event")

SpeechStep: TypeAlias = Callable[[AsyncIterator[T]], tuple[AsyncIterator[Heard], AsyncIterator[Event]]]
"""Recognition: sound in, text and events out."""

_END: Final = object()


async def utterance_step(
    async_iter: AsyncIterator[Block],
    detector: VoiceDetector | None = None,
    *,
    gate: GateOptions | None = None,
    endpoint: EndpointOptions | None = None,
) -> AsyncIterator[SpokenUtterance]:
    """Blocks of any rate to utterances, each given out when it begins and to be read while it is spoken.

    `detector` tells speech from other sound (the bundled Silero model unless given); a turn ends after a
    silence as `endpoint` says. Raises LibraryMissing when the detector cannot be loaded.
    """
    async with scoped(async_iter) as blocks, AsyncExitStack() as stack:
        if detector is None:
            detector = await stack.enter_async_context(SileroDetector())
        ears = Ears(blocks, Segmenter(detector, gate=gate, endpoint=endpoint))
        stack.callback(ears.close)
        while (spoken := await ears.next()) is not None:
            yield spoken


def speech_with_start_detection_step(
    async_iter: AsyncIterator[T],
    speech_step: SpeechStep[T, Heard, Any],
    *,
    threshold_secs: float = 1.0,
    clock: Clock | None = None,
) -> tuple[AsyncIterator[Heard], AsyncIterator[SpeechStart]]:
    """What `speech_step` hears, and those beginnings of speech that lasted: whoever interrupts means it."""
    heard, events = speech_step(async_iter)
    return heard, filter_spurious_speech_start_events_step(events, threshold_secs, clock=clock)


async def filter_spurious_speech_start_events_step(
    async_iter: AsyncIterator[Any], threshold_secs: float = 1.0, *, clock: Clock | None = None
) -> AsyncIterator[SpeechStart]:
    """Only those beginnings of speech that no end follows within `threshold_secs` of their arrival.

    Each is passed on when that time is over, or when the events end before it is. Other events are dropped.
    """
    clock = clock or LoopClock()
    start: SpeechStart | None = None
    due = 0.0
    async with scoped(async_iter) as items:
        arrival: asyncio.Task[Any] | None = None
        timer: asyncio.Task[None] | None = None
        try:
            while True:
                arrival = arrival or asyncio.create_task(_next(items))
                if start is not None and timer is None:
                    timer = asyncio.create_task(clock.sleep(max(0.0, due - clock.time())))
                waits: set[asyncio.Task[Any]] = {arrival} if timer is None else {arrival, timer}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                # An event that comes in the very moment in which the time is over comes too late.
                lasted = start is not None and clock.time() >= due
                over = arrival.done() and (arrival.exception() is not None or arrival.result() is _END)
                if start is not None and (lasted or over):
                    yield start
                    start = None
                event = None
                if arrival.done():
                    event, arrival = arrival.result(), None
                if event is _END:
                    return
                if isinstance(event, SpeechStart):
                    start, due = event, clock.time() + threshold_secs
                elif isinstance(event, SpeechEnd):
                    start = None
                if timer is not None and (timer.done() or arrival is None):
                    await _dropped(timer)
                    timer = None
        finally:
            await _dropped(arrival)
            await _dropped(timer)


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
