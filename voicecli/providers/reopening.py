"""Recognition without end, from a provider whose streams have one.

Many providers cut a stream after some minutes, or drop it. `reopening_step` opens another and replays the
sound that no final result covers yet, so that nothing is lost and nothing is told twice; a stream whose limit
is known is left in good time, at a pause where there is one. Times stay those of the whole sound.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar

from voicecli.errors import BadRequest, Dropped, NotFound, ProviderError, RateLimited, Refused, SettingsError
from voicecli.flow.feeds import ReadAhead
from voicecli.flow.scope import scoped
from voicecli.flow.tasks import Interruption
from voicecli.providers.bounds import Within, check
from voicecli.speech.speech_events import SpeechEnd, SpeechPartialResult, SpeechStart, SpeechToTextResult

__all__ = ["ReopeningOptions", "Replay", "reopening_step"]

log = logging.getLogger(__name__)

_NEVER = (Refused, NotFound, BadRequest)  # would be the same answer again
_LONGEST_WAIT = 8.0  # seconds between two attempts
_END: Any = object()


class Cuttable(Protocol):
    """Samples or bytes: what has a length and can be cut; an array, or `bytes`."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Self: ...


Audio = TypeVar("Audio", bound=Cuttable)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopeningOptions:
    """How long a stream may last, and how much sound is kept for the next one."""

    rate: Annotated[int, Within(1, 10_000_000)] = 16_000  # samples of an array, or bytes, a second
    frame: Annotated[int, Within(1, 1024)] = 1  # samples or bytes that belong together: 2 for s16 mono
    limit: Annotated[float, Within(0, 1e9)] = 240.0  # seconds of sound or time of a stream; 0: until cut
    patience: Annotated[float, Within(0, 1e9)] = 30.0  # seconds before it in which a pause is waited for
    keep: Annotated[float, Within(0, 3600)] = 60.0  # seconds of sound kept for a replay, at most
    steady: Annotated[float, Within(0, 3600)] = 5.0  # seconds of new sound after which a stream did work
    attempts: Annotated[int, Within(1, 1000)] = 5  # streams in a row that did not, before the error is raised
    wait: Annotated[float, Within(0, 60)] = 0.25  # seconds before the third attempt in a row, then doubled


async def reopening_step(
    async_iter: AsyncIterator[Audio],
    open: Callable[[AsyncIterator[Audio]], AsyncIterator[Any]],
    options: ReopeningOptions = ReopeningOptions(),
    cuts: tuple[type[Exception], ...] = (),
) -> AsyncIterator[Any]:
    """Yield the events of as many recognition streams as the sound of `async_iter` needs.

    `open` takes sound and gives events: `SpeechPartialResult` and `SpeechToTextResult`, and if it has them
    `SpeechStart` and `SpeechEnd`, their times counted from where its own sound began. A final result covers
    all sound up to its time. Sound is whatever can be cut anywhere: arrays of samples, bytes of PCM or μ-law.

    A stream is cut when it ends before its sound, or raises ProviderError (unless the next one would, too:
    Refused, NotFound, BadRequest), ConnectionError, TimeoutError or one of `cuts`. When `attempts` in a row
    get nowhere, the last error is raised, or Dropped when they just ended. An error of the source is raised
    after the results of the sound before it. Any other error passes at once.

    Where speech goes on for longer than `keep` without a final result, the partial one is made final when the
    stream has to be left, so that its words are not lost with the sound.
    """
    check("reopening", options)
    if options.limit and options.keep + options.patience >= options.limit:
        raise SettingsError(
            f"A stream of {options.limit:g} s cannot replay {options.keep:g} s and then wait "
            f"{options.patience:g} s for a pause.",
            "Let keep and patience together be shorter than limit.",
        )
    cuts = (ProviderError, ConnectionError, TimeoutError, *cuts)
    replay: Replay[Audio] = Replay(options)
    async with scoped(ReadAhead(async_iter)) as blocks:
        sound = _Sound(blocks, replay)
        idle = 0  # streams in a row that got nowhere
        while True:
            leg = _Leg(sound, replay, options)
            error: Exception | None = None
            try:
                async with scoped(leg.results(open)) as events:
                    async for event in events:
                        if (told := replay.receive(event)) is not None:
                            yield told
                        if leg.is_done(event):
                            break
            except _NEVER:
                raise
            except cuts as caught:
                error = caught
            if leg.is_whole and error is None and replay.pending is None:
                break
            idle = 0 if leg.worked else idle + 1
            if idle >= options.attempts:
                if error is None and leg.is_whole:
                    yield replay.settle()
                    break
                raise error or Dropped(
                    f"The recogniser ended its stream {idle} times before the sound ended."
                )
            log.info("A recognition stream %s; another is opened.", leg.fate(error))
            await asyncio.sleep(_pause(idle, options.wait, error))
            if (told := replay.reopen()) is not None:
                yield told
        if sound.broken is not None:
            raise sound.broken


def _pause(idle: int, wait: float, error: Exception | None) -> float:
    asked = error.retry_after if isinstance(error, RateLimited) else None
    return max(asked or 0.0, min(wait * 2 ** (idle - 2), _LONGEST_WAIT) if idle > 1 else 0.0)


class Replay(Generic[Audio]):
    """The sound that no final result covers yet, and what has been told of it.

    Positions are samples or bytes from the beginning of the whole sound.
    """

    def __init__(self, options: ReopeningOptions = ReopeningOptions()) -> None:
        self._rate = options.rate
        self._frame = options.frame
        self._room = round(options.keep * options.rate)
        self._kept: deque[Audio] = deque()
        self._start = 0  # of what is kept
        self._base = 0  # where the sound of the stream under way began
        self._repeated = -1  # up to where that stream hears what another has heard
        self._shown = 0  # up to where partial results have been told
        self._edge = 0  # where speech began or ended last
        self._speaking = False
        self.heard = 0  # all sound so far
        self.covered = 0  # up to where there are final results
        self.pending: SpeechPartialResult | None = None  # the partial result that no final one has replaced

    def push(self, audio: Audio) -> None:
        """Keep a piece of sound; the oldest that is too much is dropped."""
        self._kept.append(audio)
        self.heard += len(audio)
        self._drop(self.heard - self._room)

    def kept(self) -> Iterator[Audio]:
        """The sound that the stream under way has to hear first."""
        return iter(tuple(self._kept))

    def receive(self, event: Any) -> Any | None:
        """The event as it is to be told, with the time of the whole sound; None for what was told before."""
        if not hasattr(event, "time_since_start"):
            return event
        position = self._base + round(event.time_since_start * self._rate)
        event = dataclasses.replace(event, time_since_start=self._base / self._rate + event.time_since_start)
        again = position <= self._repeated
        if isinstance(event, SpeechToTextResult):
            self._cover(position)
            return event
        if isinstance(event, SpeechPartialResult):
            said = self.pending.text if self.pending is not None else ""
            if again and (position <= self._shown or said.startswith(event.text)):
                return None
            self.pending = event if event.text else None
            self._shown = max(self._shown, position)
        elif isinstance(event, SpeechStart | SpeechEnd):
            begins = isinstance(event, SpeechStart)
            if again and (position <= self._edge or begins == self._speaking):
                return None
            self._speaking, self._edge = begins, max(self._edge, position)
        return event

    def settle(self) -> SpeechToTextResult | None:
        """The partial result that waits, as a final one."""
        if self.pending is None:
            return None
        result = SpeechToTextResult(text=self.pending.text, time_since_start=self.pending.time_since_start)
        self._cover(round(result.time_since_start * self._rate))
        return result

    def reopen(self) -> SpeechToTextResult | None:
        """Begin with another stream; what has to be told because its sound is gone."""
        told = None
        if self._start > self.covered:
            lost = (self._start - self.covered) / self._rate
            log.warning("%.1f s of sound without a final result are too old to be replayed.", lost)
            told = self.settle()
        self._base = self._start
        self._repeated = self.heard
        return told

    def _cover(self, position: int) -> None:
        # No frame is torn apart, and nothing beyond the sound is covered.
        whole = min(position, self.heard) // self._frame * self._frame
        self.covered = max(self.covered, whole)
        self.pending = None
        self._drop(self.covered)

    def _drop(self, position: int) -> None:
        """Forget the sound before `position`, or up to a frame less."""
        position = position // self._frame * self._frame
        while self._kept and self._start + len(self._kept[0]) <= position:
            self._start += len(self._kept.popleft())
        if self._kept and self._start < position:
            self._kept[0] = self._kept[0][position - self._start :]
            self._start = position


class _Sound(Generic[Audio]):
    """The source, as one stream after the other reads it."""

    def __init__(self, blocks: AsyncIterator[Audio], replay: Replay[Audio]) -> None:
        self._blocks = blocks
        self._replay = replay
        self._over = False
        self.broken: Exception | None = None  # what ended it

    async def next(self) -> Audio | None:
        """The next piece, kept for a replay; None at the end, however that came."""
        if self._over:
            return None
        try:
            audio = await anext(self._blocks, None)
        except Exception as error:  # noqa: BLE001  raised again once the sound before it is recognised
            audio, self.broken = None, error
        self._over = audio is None
        if audio is not None:
            self._replay.push(audio)
        return audio


class _Leg(Generic[Audio]):
    """One stream: its sound, its events, and when to leave it."""

    def __init__(self, sound: _Sound[Audio], replay: Replay[Audio], options: ReopeningOptions) -> None:
        self._sound = sound
        self._replay = replay
        self._options = options
        self._opened = asyncio.get_running_loop().time()
        self._began = replay.covered
        self._sent = 0  # samples or bytes of this stream
        self._fresh = 0  # those that no stream before has heard
        self._limit = Interruption()
        self._left = False
        self.is_whole = False  # whether the stream was told that the sound is over

    @property
    def worked(self) -> bool:
        """Whether it got further than those before it, or was left and not cut."""
        steady = self._options.steady * self._options.rate
        return self._limit.fired or self._left or self._replay.covered > self._began or self._fresh > steady

    async def results(self, open: Callable[[AsyncIterator[Audio]], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        """The events of the stream, until it ends or has lasted too long."""
        async with scoped(open(self._audio())) as events:
            while not self._limit.fired:
                event = None
                with self._limit:
                    event = await anext(events, _END)
                if event is _END:
                    return
                if event is not None:  # as it is when the wait was ended
                    yield event

    def is_done(self, event: Any) -> bool:
        """Whether to leave the stream: it has lasted long, and this event ends an utterance."""
        options = self._options
        self._left = (
            isinstance(event, SpeechToTextResult)
            and not self.is_whole
            and options.limit > 0
            and self._lasted() >= options.limit - options.patience
        )
        return self._left

    def fate(self, error: Exception | None) -> str:
        """What became of it."""
        lasted = f"after {self._lasted():.1f} s"
        if error is not None:
            return f"was cut {lasted} ({type(error).__name__}: {error})"
        return f"was left {lasted}" if self._left or self._limit.fired else f"ended {lasted}"

    async def _audio(self) -> AsyncIterator[Audio]:
        for audio in self._replay.kept():
            self._sent += len(audio)
            yield audio
        while True:
            if self._options.limit and self._lasted() >= self._options.limit:
                self._limit.fire()
                await asyncio.get_running_loop().create_future()  # until the stream is closed
            fresh = await self._sound.next()
            if fresh is None:
                break
            self._sent += len(fresh)
            self._fresh += len(fresh)
            yield fresh
        self.is_whole = True

    def _lasted(self) -> float:
        """Seconds, of sound or of time, whichever are more."""
        return max(self._sent / self._options.rate, asyncio.get_running_loop().time() - self._opened)
