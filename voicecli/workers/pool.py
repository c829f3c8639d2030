"""The processes that recognise: jobs are dealt out, results come back, and what dies or hangs is replaced.

A job is one utterance. Its sound may be sent while it is still spoken, and is kept here until it is answered:
when its worker dies, another one begins it anew, once.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from voicecli.errors import TimedOut, VoiceError
from voicecli.workers.job import Answer, Job, Outcome
from voicecli.workers.pipe import Frame, Recipe, Report
from voicecli.workers.places import Claim, Places, Speaker
from voicecli.workers.worker import LOOK, Worker, error_of

if TYPE_CHECKING:
    from voicecli.telemetry.prometheus import Pipeline

__all__ = ["PoolObserver", "WorkerOptions", "Workers"]

log = logging.getLogger(__name__)

DEATHS = 2  # workers that died over a job before its sound is thought to be why
DOUBT = 2.0  # seconds without a sign of life after which a worker is given nothing more
FRUITLESS = 2  # jobs that time out, one after the other, before the worker is thought to hang
HEALTHY = 30.0  # seconds after which a worker that died is replaced at once
SLOWEST = 30.0  # seconds at most before the next attempt to start one


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    early: bool = True  # begin while the speaker still speaks; false: after the end, whole utterances
    eager: bool = True  # start every process at once; false: one, and the others when they are needed
    timeout: float = 10.0  # seconds without progress until a job fails; 0: never
    patience: float = 60.0  # seconds that a job may take after its end, whatever else makes progress; 0: ever
    silence: float = 5.0  # seconds without a sign of life before a worker is replaced; 0: never

    def __post_init__(self) -> None:
        if min(self.timeout, self.patience, self.silence) < 0:
            raise ValueError("timeout, patience and silence must not be negative")


class PoolObserver(Protocol):
    """Watches the pool and what works with it; called on the event loop, and must be quick."""

    def processed(self, pipeline: Pipeline, media_seconds: float, seconds: float) -> None:
        """So much sound took so long; once a job for the engine."""
        ...

    def panicked(self, pipeline: Pipeline) -> None:
        """A worker process died, or an engine raised something that is no error of ours."""
        ...

    def queued(self, jobs: int) -> None:
        """How many utterances the workers have now, or will have when there is one again."""
        ...


class Workers:
    """The pool, opened and closed with whoever needs it."""

    def __init__(
        self,
        recipe: Recipe,
        count: int,
        options: WorkerOptions | None = None,
        observer: PoolObserver | None = None,
    ) -> None:
        """`count` is of processes, at most."""
        self._size = count
        self._starting = 0
        self._growth: asyncio.Task[None] | None = None
        self.options = options or WorkerOptions()
        self._recipe = recipe
        self._observer = observer
        self._numbers = itertools.count(1)
        self._workers: dict[int, Worker] = {}
        self._claims: dict[Claim, Job] = {}
        self._places = Places()
        self._tasks: set[asyncio.Task[None]] = set()
        self.now: Callable[[], float] = time.monotonic

    async def __aenter__(self) -> Self:
        """Start the processes and open the engine in each. Raises VoiceError, as the engine does."""
        self.now = asyncio.get_running_loop().time
        try:
            # The first alone: it may fetch a model that the others then find.
            await self._start()
            others = [self._start() for _ in range(self._size - 1 if self.options.eager else 0)]
            for failure in await asyncio.gather(*others, return_exceptions=True):
                if failure is not None:
                    raise failure
        except BaseException:
            await self.__aexit__()
            raise
        self._spawn(self._sweep())
        return self

    async def __aexit__(self, *exc: object) -> None:
        for job in list(self._claims.values()):
            self.drop(job)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(worker.close() for worker in self._workers.values()))
        self._workers.clear()

    @property
    def alive(self) -> int:
        """Processes that can be given jobs."""
        return sum(worker.silence < DOUBT for worker in self._workers.values())

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [worker.pid for worker in self._workers.values()]

    @property
    def jobs(self) -> int:
        """Utterances that are not answered yet."""
        return len(self._claims)

    def late(self, holder: str | None) -> float:
        """Seconds by which a new stream of the token's holder would be answered too late; 0: it would not."""
        return self._places.late(holder, self.now())

    @property
    def behind(self) -> float:
        """Seconds by which whoever comes would be; 0: nobody is too late."""
        return self._places.busy(self.now())

    def job(
        self, done: Callable[[Outcome], None], partial: Callable[[str], None], speaker: Speaker | None = None
    ) -> Job:
        """A new utterance of that client.

        `partial` is told what is understood so far, and nothing ("") when only sound was taken. `done` is
        told the outcome once, unless the job is cancelled. Neither may raise.
        """
        speaker = speaker or Speaker()
        claim = Claim(speaker.holder, self.now(), speaker.is_fast(self.now()))
        job = Job(self, next(self._numbers), claim, speaker, done, partial)
        self._claims[claim] = job
        self._count()
        if self.options.early:
            self._places.put(claim)
            self._deal()
        return job

    def pushed(self, job: Job) -> None:
        """There is more of its sound."""
        worker = self._worker(job)
        if worker is not None:
            worker.pump(job)
        elif self.options.early and self._places.is_free:
            self._deal()  # it may have waited for nothing but its own sound

    def ended(self, job: Job, due: float) -> None:
        """There is no more of it."""
        if not self.options.early:
            self._places.put(job.claim)
        self._places.end(job.claim, due, job.speaker.is_fast(self.now()), self.now())
        worker = self._worker(job)
        if worker is not None:
            worker.pump(job)
        self._deal()

    def drop(self, job: Job) -> None:
        """Forget `job`."""
        worker = self._worker(job)
        if worker is not None:
            worker.leave(job)
        job.forget()
        if self._claims.pop(job.claim, None) is not None:
            self._places.remove(job.claim)
        self._count()
        self._deal()

    def _worker(self, job: Job) -> Worker | None:
        return None if job.claim.room is None else self._workers[job.claim.room]

    def _deal(self) -> None:
        """Give places to whoever can have one, and start a process where that is what lacks."""
        while (move := self._places.next(self.now())) is not None:
            worker = self._workers[move.room]
            if move.out is not None:
                out = self._claims[move.out]
                worker.leave(out)
                out.give_up()
            worker.take(self._claims[move.claim])
        short = self._places.are_wanted and 0 < len(self._workers) < self._size
        if short and (self._growth is None or self._growth.done()):
            self._growth = self._spawn(self._replace(healthy=True))

    def _count(self) -> None:
        if self._observer is not None:
            self._observer.queued(len(self._claims))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _start(self) -> None:
        self._starting += 1
        try:
            worker = await Worker.start(self._recipe)
        finally:
            self._starting -= 1
        room = next(self._numbers)
        self._workers[room] = worker
        self._places.open(room, worker.places)
        self._spawn(self._follow(room, worker))
        self._deal()

    async def _follow(self, room: int, worker: Worker) -> None:
        """Pass on what a worker reports until it dies, and then replace it."""
        async for job, frame in worker.reports():
            try:
                self._settle(job, frame)
            except Exception:  # a defect of one job's listener, which may not silence the worker
                log.exception("a job's listener failed")
                self.drop(job)
        await self._bury(room, worker)

    async def _bury(self, room: int, worker: Worker) -> None:
        """Somebody else does what it had, once, and another takes its place."""
        del self._workers[room]
        worker.stop()
        given_up = []
        for job in [self._claims[claim] for claim in self._places.close(room)]:
            job.deaths += 1
            job.give_up()
            if job.deaths >= DEATHS:
                self._places.remove(job.claim)
                given_up.append(job)
        self._deal()
        death = await worker.death()
        log.error("%s %s", death, worker.last_words)
        self._panicked()
        for job in given_up:
            if not job.over:
                job.settle(death)
        self._spawn(self._replace(self.now() - worker.born >= HEALTHY))

    def _settle(self, job: Job, frame: Frame) -> None:
        kind = Report(frame.kind)
        if kind is Report.FINAL:
            fields = frame.fields
            if self._observer is not None:
                self._observer.processed("model_inference", job.duration, fields["seconds"])
            job.settle(Answer(fields["text"], fields["confidence"], fields["seconds"]))
        elif kind is Report.FAILED:
            fields = frame.fields
            if fields["defect"]:
                log.error("the engine %s has a defect: %s", self._recipe.engine.name, fields["message"])
                self._panicked()
            job.settle(error_of(fields))
        else:
            job.progress(frame)

    async def _replace(self, healthy: bool) -> None:
        wait = 0.0 if healthy else 0.1
        while True:
            await asyncio.sleep(wait)
            if len(self._workers) + self._starting >= self._size:
                return
            try:
                await self._start()
            except VoiceError as error:
                log.error("a worker cannot be started again: %s", error)
                if not self._workers:
                    for job in [job for job in self._claims.values() if job.ended or self.options.early]:
                        job.settle(error)
                wait = min(SLOWEST, max(1.0, 2 * wait))
            else:
                return

    async def _sweep(self) -> None:
        """Give up jobs that make no progress, and workers that do not answer."""
        while True:
            await asyncio.sleep(LOOK)
            now = self.now()
            fruitless: set[Worker] = set()
            for job in [job for job in self._claims.values() if job.owes]:
                worker = self._worker(job)
                if not self._overdue(job, worker, now):
                    continue
                if worker is not None and now - worker.reported > self.options.timeout:
                    fruitless.add(worker)
                job.settle(TimedOut(f"{self._recipe.engine.name} recognised nothing for too long."))
            for room, worker in list(self._workers.items()):
                self._check(room, worker, worker in fruitless)
            self._deal()

    def _check(self, room: int, worker: Worker, fruitless: bool) -> None:
        """Give nothing to a worker that hesitates, and replace one that hangs."""
        silence = worker.look()
        worker.fruitless += fruitless
        self._places.open(room, 0 if silence >= DOUBT else worker.places)
        if (0 < self.options.silence <= silence) or worker.fruitless >= FRUITLESS:
            worker.kill()

    def _overdue(self, job: Job, worker: Worker | None, now: float) -> bool:
        """An engine that is busy with other utterances gets more time than one that does nothing."""
        timeout, patience = self.options.timeout, self.options.patience
        heard = job.since if worker is None else max(job.since, worker.reported)
        if timeout > 0 and now - heard > timeout and (worker is not None or not self.alive):
            return True
        return patience > 0 and now - job.since > patience

    def _panicked(self) -> None:
        if self._observer is not None:
            self._observer.panicked("model_inference")
