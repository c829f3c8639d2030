"""One check of `voicecli doctor`, and what many of them come to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from voicecli.errors import ExitStatus, VoiceError

__all__ = ["Check", "Level", "exit_status", "failure", "in_background", "note", "ok", "problem"]

T = TypeVar("T")


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    NOTE = "note"  # a conversation works all the same
    PROBLEM = "problem"  # it does not


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, how it is, and what to do about it."""

    name: str
    level: Level
    detail: str
    remedy: str = ""
    status: ExitStatus = ExitStatus.FAILED  # what the process returns if nothing is worse; only of a problem

    def record(self) -> dict[str, str]:
        """The JSON object."""
        return {
            "name": self.name,
            "status": str(self.level),
            "detail": self.detail,
            "remedy": self.remedy,
        }


def ok(name: str, detail: str) -> Check:
    """Fine as it is."""
    return Check(name, Level.OK, detail)


def note(name: str, detail: str, remedy: str = "") -> Check:
    """Worth knowing."""
    return Check(name, Level.NOTE, detail, remedy)


def problem(name: str, detail: str, remedy: str = "", status: ExitStatus = ExitStatus.FAILED) -> Check:
    """Nothing works before this is put right."""
    return Check(name, Level.PROBLEM, detail, remedy, status)


def failure(name: str, error: VoiceError) -> Check:
    """A problem, as the error says it."""
    return problem(name, error.message, error.hint, error.status)


def exit_status(checks: Iterable[Check]) -> ExitStatus:
    """0 without a problem; else the gravest: 1 before 4, a provider, before 3, a device."""
    found = {check.status for check in checks if check.level is Level.PROBLEM}
    if not found:
        return ExitStatus.FINE
    if found == {ExitStatus.NO_DEVICE}:
        return ExitStatus.NO_DEVICE
    return ExitStatus.PROVIDER if found <= {ExitStatus.PROVIDER, ExitStatus.NO_DEVICE} else ExitStatus.FAILED


async def in_background(function: Callable[[threading.Event], T], limit: float) -> T:
    """Run what blocks, for `limit` seconds at most; its event is set when nobody waits for it any more.

    The thread is a daemon, unlike the event loop's own: what never returns cannot hold up the exit. Raises
    TimeoutError.
    """
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()
    stop = threading.Event()

    def run() -> None:
        try:
            result = function(stop)
        except VoiceError as error:
            future.set_exception(error)
        except BaseException as error:
            future.set_exception(error)
            raise  # a defect: show its traceback
        else:
            future.set_result(result)

    thread = threading.Thread(target=run, name="doctor", daemon=True)
    thread.start()
    try:
        async with asyncio.timeout(limit):
            return await asyncio.wrap_future(future)
    finally:
        stop.set()
        if thread.is_alive():
            # A device that is still open when Python ends may take the process with it.
            await asyncio.to_thread(thread.join, 1.0)
