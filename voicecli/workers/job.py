"""One utterance on its way through the processes that recognise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import VoiceError
from voicecli.speech.vad import RATE
from voicecli.workers.pipe import Frame, Report
from voicecli.workers.places import Claim, Speaker

__all__ = ["Answer", "Job", "Outcome"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine made of a whole job."""

    text: str
    confidence: float | None
    worked: float  # seconds that the engine needed for it


Outcome: TypeAlias = Answer | VoiceError


class _Pool(Protocol):
    """What a job needs of the workers."""

    def now(self) -> float: ...

    def pushed(self, job: Job) -> None: ...

    def ended(self, job: Job, due: float) -> None: ...

    def drop(self, job: Job) -> None: ...


@dataclass(eq=False, slots=True)
class Job:
    """Sound goes in, partial texts and one outcome come out, by callbacks on the loop.

    Its sound is kept until it is answered: a worker that dies, or makes room, may have recognised it in vain.
    """

    _pool: _Pool
    number: int
    claim: Claim
    speaker: Speaker
    _done: Callable[[Outcome], None]
    _partial: Callable[[str], None]
    pieces: list[bytes] = field(default_factory=list)  # s16le, until it is over
    length: int = 0  # samples
    ended: bool = False
    over: bool = False  # answered or cancelled
    deaths: int = 0  # workers that died while they had it
    placed: bool = False  # a worker has it
    sent: int = 0  # pieces that were sent to that worker
    taken: int = 0  # samples that its engine has taken
    since: float = 0.0  # loop's time since which something is owed

    @property
    def duration(self) -> float:
        """Seconds of sound so far."""
        return self.length / RATE

    @property
    def lead(self) -> float:
        """Seconds of sound by which it is ahead of the engine that hears it."""
        return (self.length - self.taken) / RATE if self.placed else 0.0

    @property
    def kept(self) -> float:
        """Seconds of sound that wait for an engine."""
        return 0.0 if self.placed or self.over else self.duration

    @property
    def owes(self) -> bool:
        """Whether it is the engine that is waited for."""
        return not self.over and (self.ended or self.lead > 1.0)

    def push(self, samples: Samples) -> None:
        """Append sound; dropped once it is over, for that may come early."""
        if self.over or self.ended or not len(samples):
            return
        owed = self.owes
        self.pieces.append(s16_bytes(samples))
        self.length += len(samples)
        self.claim.sound = self.duration
        if not owed and self.owes:
            self.since = self._pool.now()
        self._pool.pushed(self)

    def end(self, due: float | None = None) -> None:
        """No more sound comes; `due` is when that would have been so in real time, now unless told."""
        if self.over or self.ended:
            return
        self.ended = True
        now = self._pool.now()
        self.since = now if due is None else max(now, due)
        self._pool.ended(self, now if due is None else due)

    def cancel(self) -> None:
        """Nobody waits for it any more: no callback comes, and the worker drops it."""
        if not self.over:
            self._pool.drop(self)

    def begin(self) -> None:
        """A worker begins it."""
        self.placed = True
        self.sent = self.taken = 0
        self.since = self._pool.now()

    def give_up(self) -> None:
        """The worker that had it has it no more."""
        self.placed = False
        self._partial("")

    def progress(self, frame: Frame) -> None:
        """A report that is not the last."""
        self.since = self._pool.now()
        if Report(frame.kind) is Report.TAKEN:
            self.taken = frame.number
            self._partial("")
        else:
            self._partial(frame.fields["text"])

    def settle(self, outcome: Outcome) -> None:
        """The last word."""
        self._pool.drop(self)
        self._done(outcome)

    def forget(self) -> None:
        """It is over."""
        self.over = True
        self.placed = False
        self.pieces = []
