"""A worker at its post: the jobs it has, what it was sent of them, and whether it still answers."""

from __future__ import annotations

import asyncio

from voicecli.server.job import Job
from voicecli.server.pipe import Frame, Order, Report
from voicecli.server.process import Worker

__all__ = ["LOOK", "Post"]

LOOK = 0.25  # seconds between two looks at a worker


class Post:
    """One worker and the jobs it has.

    It is asked for a sign of life, and again when that has come. Its pipe takes so many bytes; the rest of a
    job's sound follows when those have been read.
    """

    def __init__(self, worker: Worker, number: int) -> None:
        self.worker = worker
        self.number = number
        self.jobs: dict[int, Job] = {}
        self.heard = worker.born  # loop's time of its last report about a job
        self.fruitless = 0  # jobs that it did nothing for, one after the other
        self._looks = 0  # since it was asked for a sign of life
        self._refilling: asyncio.Task[None] | None = None

    def take(self, job: Job) -> None:
        """Begin `job`, with the sound it has so far."""
        self.jobs[job.number] = job
        job.begin()
        self.worker.send(Order.OPEN, job.number)
        self.pump(job)

    def pump(self, job: Job) -> None:
        """Send what there is room for."""
        if self._refilling is not None:
            return
        while job.sent < len(job.pieces):
            if not self.worker.has_room:
                self._refilling = asyncio.get_running_loop().create_task(self._refill())
                return
            self.worker.send(Order.AUDIO, job.number, job.pieces[job.sent])
            job.sent += 1
        if job.ended and job.sent == len(job.pieces):
            job.sent += 1  # the end is sent once
            self.worker.send(Order.END, job.number)

    def leave(self, job: Job) -> None:
        """The worker need not go on with `job`; it may have ended it."""
        if self.jobs.pop(job.number, None) is not None:
            self.worker.send(Order.CANCEL, job.number)

    @property
    def silence(self) -> float:
        """Seconds for which a sign of life has been missing; those in which nobody looked do not count."""
        return max(0, self._looks - 1) * LOOK

    def look(self) -> float:
        """Ask for a sign of life, unless one is owed; how long it is missing."""
        if not self._looks:
            self.worker.send(Order.PING, 0)
        self._looks += 1
        return self.silence

    def report(self, frame: Frame, now: float) -> Job | None:
        """Take note of a report; the job that it is about, if the worker still has it."""
        kind = Report(frame.kind)
        if kind is Report.ALIVE:
            self._looks = 0
            return None
        self.heard, self.fruitless = now, 0
        over = kind in (Report.FINAL, Report.FAILED)
        return self.jobs.pop(frame.job, None) if over else self.jobs.get(frame.job)

    def close(self) -> None:
        """Send nothing more."""
        if self._refilling is not None:
            self._refilling.cancel()

    async def _refill(self) -> None:
        """Go on when the worker has read what it was sent."""
        await self.worker.drained()
        self._refilling = None
        for job in list(self.jobs.values()):
            self.pump(job)
