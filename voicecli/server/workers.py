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
from typing import Any, Self

from voicecli.config.settings import RecognitionSettings
from voicecli.errors import TimedOut, VoiceError
from voicecli.server.job import Answer, Job, Outcome
from voicecli.server.observer import HearingObserver
from voicecli.server.pipe import Frame, Report, fields_of
from voicecli.server.places import Claim, Places, Speaker
from voicecli.server.post import LOOK, Post
from voicecli.server.process import Worker, error_of
from voicecli.server.worker import Recipe

__all__ = ["WorkerOptions", "Workers"]

log = logging.getLogger(__name__)

DEATHS = 2  # workers that died over a job before its sound is thought to be why
DOUBT = 2.0  # seconds without a sign of life after which a worker is given nothing more
FRUITLESS = 2  # jobs that time out, one after the other, before the worker is thought to hang
HEALTHY = 30.0  # seconds after which a worker that died is replaced at once
SLOWEST = 30.0  # seconds at most before the next attempt to start one


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    early: bool = True  # begin while the speaker still speaks; false: after the end, whole utterances
    timeout: float = RecognitionSettings().timeout  # seconds without progress until a job fails; 0: never
    patience: float = 60.0  # seconds that a job may take after its end, whatever else makes progress; 0: ever
    silence: float = 5.0  # seconds without a sign of life before a worker is replaced; 0: never

    def __post_init__(self) -> None:
        if min(self.timeout, self.patience, self.silence) < 0:
            raise ValueError("timeout, patience and silence must not be negative")


class Workers:
    """The pool, opened and closed with the server."""

    def __init__(
        self,
        recipe: Recipe,
        count: int,
        options: WorkerOptions | None = None,
        observer: HearingObserver | None = None,
    ) -> None:
        """`count` is of processes."""
        self._size = count
        self.options = options or WorkerOptions()
        self._recipe = recipe
        self._observer = observer
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._posts: dict[int, Post] = {}
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
            others = [self._start() for _ in range(self._size - 1)]
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
        for post in self._posts.values():
            post.close()
        await asyncio.gather(*(post.worker.close() for post in self._posts.values()))
        self._posts.clear()

    @property
    def alive(self) -> int:
        """Processes that can be given jobs."""
        return sum(post.silence < DOUBT for post in self._posts.values())

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [post.worker.pid for post in self._posts.values()]

    @property
    def under_way(self) -> list[Job]:
        """The utterances themselves."""
        return list(self._jobs.values())

    @property
    def jobs(self) -> int:
        """Utterances that are not answered yet."""
        return len(self._jobs)

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
        self._jobs[job.number] = job
        self._claims[claim] = job
        self._count()
        if self.options.early:
            self._places.put(claim)
            self._deal()
        return job

    def pushed(self, job: Job) -> None:
        """There is more of its sound."""
        post = self._post(job)
        if post is not None:
            post.pump(job)
        elif self.options.early and self._places.is_free:
            self._deal()  # it may have waited for nothing but its own sound

    def ended(self, job: Job, due: float) -> None:
        """There is no more of it."""
        if not self.options.early:
            self._places.put(job.claim)
        self._places.end(job.claim, due, job.speaker.is_fast(self.now()), self.now())
        post = self._post(job)
        if post is not None:
            post.pump(job)
        self._deal()

    def drop(self, job: Job) -> None:
        """Forget `job`."""
        post = self._post(job)
        if post is not None:
            post.leave(job)
        job.forget()
        self._jobs.pop(job.number, None)
        if self._claims.pop(job.claim, None) is not None:
            self._places.remove(job.claim)
        self._count()
        self._deal()

    def _post(self, job: Job) -> Post | None:
        return None if job.claim.room is None else self._posts[job.claim.room]

    def _deal(self) -> None:
        """Give places to whoever can have one."""
        while (move := self._places.next(self.now())) is not None:
            post = self._posts[move.room]
            if move.out is not None:
                out = self._claims[move.out]
                post.leave(out)
                out.give_up()
            post.take(self._claims[move.claim])

    def _count(self) -> None:
        if self._observer is not None:
            self._observer.queued(len(self._jobs))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self) -> None:
        worker = await Worker.start(self._recipe)
        post = Post(worker, next(self._numbers))
        self._posts[post.number] = post
        self._places.open(post.number, worker.places)
        self._spawn(self._follow(post))
        self._deal()

    async def _follow(self, post: Post) -> None:
        """Pass on what a worker reports until it dies, and then replace it."""
        worker = post.worker
        async for frame in worker.reports():
            job = post.report(frame, self.now())
            if job is None:
                continue
            try:
                self._settle(job, frame)
            except Exception:  # a defect of one job's listener, which may not silence the worker
                log.exception("a job's listener failed")
                self.drop(job)
        await self._bury(post)

    async def _bury(self, post: Post) -> None:
        """Somebody else does what it had, once, and another takes its place."""
        worker = post.worker
        del self._posts[post.number]
        post.close()
        given_up = []
        for job in [self._claims[claim] for claim in self._places.close(post.number)]:
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
                    for job in [job for job in self._jobs.values() if job.ended or self.options.early]:
                        job.settle(error)
                wait = min(SLOWEST, max(1.0, 2 * wait))
            else:
                return

    async def _sweep(self) -> None:
        """Give up jobs that make no progress, and workers that do not answer."""
        while True:
            await asyncio.sleep(LOOK)
            now = self.now()
            fruitless: set[Post] = set()
            for job in [job for job in self._jobs.values() if job.owes]:
                post = self._post(job)
                if not self._overdue(job, post, now):
                    continue
                if post is not None and now - post.heard > self.options.timeout:
                    fruitless.add(post)
                job.settle(TimedOut(f"{self._recipe.name} recognised nothing for too long."))
            for post in list(self._posts.values()):
                self._check(post, post in fruitless)
            self._deal()

    def _check(self, post: Post, fruitless: bool) -> None:
        """Give nothing to a worker that hesitates, and replace one that hangs."""
        silence = post.look()
        post.fruitless += fruitless
        self._places.open(post.number, 0 if silence >= DOUBT else post.worker.places)
        if (0 < self.options.silence <= silence) or post.fruitless >= FRUITLESS:
            post.worker.kill()

    def _overdue(self, job: Job, post: Post | None, now: float) -> bool:
        """An engine that is busy with other utterances gets more time than one that does nothing."""
        timeout, patience = self.options.timeout, self.options.patience
        heard = job.since if post is None else max(job.since, post.heard)
        if timeout > 0 and now - heard > timeout and (post is not None or not self.alive):
            return True
        return patience > 0 and now - job.since > patience

    def _panicked(self) -> None:
        if self._observer is not None:
            self._observer.panicked("model_inference")
