"""The processes that recognise: jobs are dealt out, results come back, and what dies is started again.

A job is one utterance. Its sound may be sent while it is still spoken, and is kept here until it is answered:
when its worker dies, another one begins it anew, once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

from voicecli.audio.block import Samples
from voicecli.audio.pcm import s16_bytes
from voicecli.errors import TimedOut, VoiceError
from voicecli.providers.recognizer import HEARING_RATE
from voicecli.server.observer import HearingObserver
from voicecli.server.pipe import Frame, Order, Report
from voicecli.server.process import Worker, error_of, fields_of
from voicecli.server.worker import Recipe

__all__ = ["Answer", "Job", "WorkerOptions", "Workers"]

log = logging.getLogger(__name__)

ATTEMPTS = 2  # times that a job is begun before its sound is thought to be what kills the workers
SWEEP = 0.5  # seconds between looks at who is overdue
HEALTHY = 30.0  # seconds after which a worker that died is replaced at once
SLOWEST = 30.0  # seconds at most before the next attempt to start one


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    workers: int = 0  # processes; 0: one for each core but one
    early: bool = True  # begin while the speaker still speaks; false: after the end, whole utterances
    timeout: float = 10.0  # seconds without progress before a job has failed; 0: never
    patience: float = 60.0  # seconds that a job may take after its end, whatever else makes progress; 0: ever

    def __post_init__(self) -> None:
        if self.workers < 0 or self.timeout < 0 or self.patience < 0:
            raise ValueError("workers, timeout and patience must not be negative")

    @property
    def count(self) -> int:
        """Processes."""
        return self.workers or max(1, (os.cpu_count() or 2) - 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine made of a whole job."""

    text: str
    confidence: float | None
    worked: float  # seconds that the engine needed for it


Outcome: TypeAlias = Answer | VoiceError


class Job:
    """One utterance: sound goes in, partial texts and one outcome come out, by callbacks on the loop."""

    __slots__ = (
        "_done",
        "_partial",
        "_workers",
        "attempts",
        "ended",
        "length",
        "number",
        "over",
        "pieces",
        "since",
        "taken",
        "worker",
    )

    def __init__(
        self, workers: Workers, number: int, done: Callable[[Outcome], None], partial: Callable[[str], None]
    ) -> None:
        self.number = number
        self.pieces: list[bytes] = []  # s16le, until it is over
        self.length = 0  # samples
        self.taken = 0  # samples that the engine has taken
        self.ended = False
        self.over = False  # answered or cancelled
        self.attempts = 0
        self.worker: _Post | None = None
        self.since = 0.0  # loop's time since which the engine owes something
        self._workers = workers
        self._done = done
        self._partial = partial

    @property
    def duration(self) -> float:
        """Seconds of sound so far."""
        return self.length / HEARING_RATE

    @property
    def lead(self) -> float:
        """Seconds of sound that were sent and not taken."""
        return 0.0 if self.over or not self.dealt else (self.length - self.taken) / HEARING_RATE

    @property
    def dealt(self) -> bool:
        """Whether it is for a worker to do already."""
        return self.ended or self._workers.options.early

    @property
    def owes(self) -> bool:
        """Whether it is the engine that is waited for."""
        return not self.over and (self.ended or (self.dealt and self.length - self.taken > HEARING_RATE))

    def push(self, samples: Samples) -> None:
        """Append sound; dropped once it is over, for that may come early."""
        if self.over or self.ended or not len(samples):
            return
        owed = self.owes
        data = s16_bytes(samples)
        self.pieces.append(data)
        self.length += len(samples)
        if not owed and self.owes:
            self.since = self._workers.now()
        if self.worker is not None:
            self.worker.send(Order.AUDIO, self.number, data)

    def end(self) -> None:
        """No more sound comes."""
        if self.over or self.ended:
            return
        self.ended = True
        self.since = self._workers.now()
        if self.worker is not None:
            self.worker.send(Order.END, self.number)
        else:
            self._workers.deal(self)

    def cancel(self) -> None:
        """Nobody waits for it any more: no callback comes, and the worker drops it."""
        if not self.over:
            if self.worker is not None:
                self.worker.send(Order.CANCEL, self.number)
            self._workers.drop(self)

    def progress(self, frame: Frame) -> None:
        """A report that is not the last."""
        self.since = self._workers.now()
        if Report(frame.kind) is Report.TAKEN:
            self.taken = int.from_bytes(frame.data, "little")
            self._partial("")
        else:
            self._partial(fields_of(frame)["text"])

    def settle(self, outcome: Outcome) -> None:
        """The last word."""
        self._workers.drop(self)
        self._done(outcome)


class Workers:
    """The pool, opened and closed with the server."""

    def __init__(
        self, recipe: Recipe, options: WorkerOptions | None = None, observer: HearingObserver | None = None
    ) -> None:
        self.options = options or WorkerOptions()
        self._recipe = recipe
        self._observer = observer
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._posts: list[_Post] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.now: Callable[[], float] = time.monotonic

    async def __aenter__(self) -> Self:
        """Start the processes and open the engine in each. Raises VoiceError, as the engine does."""
        self.now = asyncio.get_running_loop().time
        try:
            # The first alone: it may fetch a model that the others then find.
            await self._start()
            others = [self._start() for _ in range(self.options.count - 1)]
            for failure in await asyncio.gather(*others, return_exceptions=True):
                if failure is not None:
                    raise failure
        except BaseException:
            await self.__aexit__()
            raise
        self._spawn(self._sweep())
        return self

    async def __aexit__(self, *exc: object) -> None:
        for job in list(self._jobs.values()):
            self.drop(job)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(post.worker.close() for post in self._posts))
        self._posts.clear()

    @property
    def alive(self) -> int:
        """Processes that can be given jobs."""
        return len(self._posts)

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [post.worker.pid for post in self._posts]

    @property
    def under_way(self) -> list[Job]:
        """The utterances themselves."""
        return list(self._jobs.values())

    @property
    def jobs(self) -> int:
        """Utterances that are not answered yet."""
        return len(self._jobs)

    def job(self, done: Callable[[Outcome], None], partial: Callable[[str], None]) -> Job:
        """A new utterance.

        `partial` is told what is understood so far, and nothing ("") when only sound was taken. `done` is
        told the outcome once, unless the job is cancelled. Neither may raise.
        """
        job = Job(self, next(self._numbers), done, partial)
        self._jobs[job.number] = job
        self._count()
        if self.options.early:
            self.deal(job)
        return job

    def deal(self, job: Job) -> None:
        """Give `job` to the worker with the fewest; without any, it waits for the next one."""
        if self._posts:
            min(self._posts, key=lambda post: len(post.jobs)).take(job)

    def drop(self, job: Job) -> None:
        """Forget `job`."""
        job.over = True
        job.pieces = []
        self._jobs.pop(job.number, None)
        if job.worker is not None:
            job.worker.jobs.pop(job.number, None)
            job.worker = None
        self._count()

    def _count(self) -> None:
        if self._observer is not None:
            self._observer.queued(len(self._jobs))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> None:
        self._adopt(await Worker.start(self._recipe))

    def _adopt(self, worker: Worker) -> None:
        post = _Post(worker)
        self._posts.append(post)
        self._spawn(self._follow(post))
        for job in list(self._jobs.values()):
            if job.worker is None and job.dealt:
                post.take(job)

    async def _follow(self, post: _Post) -> None:
        """Pass on what a worker reports until it dies, and then replace it."""
        worker = post.worker
        async for frame in worker.reports():
            post.heard = self.now()
            job = post.jobs.get(frame.job)
            if job is None:
                continue
            try:
                self._settle(job, frame)
            except Exception:  # a defect of one job's listener, which may not silence the worker
                log.exception("a job's listener failed")
                self.drop(job)
        self._posts.remove(post)
        death = await worker.death()
        log.error("%s %s", death, worker.last_words)
        self._panicked()
        orphans = list(post.jobs.values())
        post.jobs.clear()
        for job in orphans:
            job.worker = None
            job.taken = 0
            if job.attempts >= ATTEMPTS:
                job.settle(death)
            else:
                self.deal(job)
        self._spawn(self._replace(self.now() - worker.born >= HEALTHY))

    def _settle(self, job: Job, frame: Frame) -> None:
        kind = Report(frame.kind)
        if kind is Report.FINAL:
            fields = fields_of(frame)
            if self._observer is not None:
                self._observer.processed("model_inference", job.duration, fields["seconds"])
            job.settle(Answer(fields["text"], fields["confidence"], fields["seconds"]))
        elif kind is Report.FAILED:
            fields = fields_of(frame)
            if fields["defect"]:
                log.error("the engine %s has a defect: %s", self._recipe.name, fields["message"])
                self._panicked()
            job.settle(error_of(fields))
        else:
            job.progress(frame)

    async def _replace(self, healthy: bool) -> None:
        wait = 0.0 if healthy else 0.1
        while True:
            await asyncio.sleep(wait)
            try:
                await self._start()
            except VoiceError as error:
                log.error("a worker cannot be started again: %s", error)
                if not self._posts:
                    for job in [job for job in self._jobs.values() if job.dealt]:
                        job.settle(error)
                wait = min(SLOWEST, max(1.0, 2 * wait))
            else:
                return

    async def _sweep(self) -> None:
        """Give up jobs that make no progress."""
        while True:
            await asyncio.sleep(SWEEP)
            now = self.now()
            for job in [job for job in self._jobs.values() if job.owes and self._overdue(job, now)]:
                if job.worker is not None:
                    job.worker.send(Order.CANCEL, job.number)
                job.settle(TimedOut(f"{self._recipe.name} recognised nothing for too long."))

    def _overdue(self, job: Job, now: float) -> bool:
        """An engine that is busy with other utterances gets more time than one that does nothing."""
        timeout, patience = self.options.timeout, self.options.patience
        heard = job.since if job.worker is None else max(job.since, job.worker.heard)
        return (timeout > 0 and now - heard > timeout) or (patience > 0 and now - job.since > patience)

    def _panicked(self) -> None:
        if self._observer is not None:
            self._observer.panicked("model_inference")


class _Post:
    """A worker, and the jobs it has."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.jobs: dict[int, Job] = {}
        self.heard = worker.born  # loop's time of its last report
        self.send = worker.send

    def take(self, job: Job) -> None:
        """Begin `job`, with the sound it has so far."""
        job.worker = self
        job.attempts += 1
        self.jobs[job.number] = job
        self.send(Order.OPEN, job.number)
        for piece in job.pieces:
            self.send(Order.AUDIO, job.number, piece)
        if job.ended:
            self.send(Order.END, job.number)
