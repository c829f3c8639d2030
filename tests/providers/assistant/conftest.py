"""A conversation with the assistant at a fixed moment, and an event loop in which waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime
from random import Random
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from voicecli.providers.assistant.dialogue import Context, Reply
from voicecli.providers.assistant.intents import understand
from voicecli.providers.assistant.timers import Timers
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Message

NOW = datetime(2025, 11, 21, 15, 45, tzinfo=ZoneInfo("Europe/Berlin"))  # a Friday

Result = TypeVar("Result")


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def ask() -> Callable[..., Reply]:
    """Say one thing after the other, act on each, and give the last reply back."""

    def asked(
        *lines: str,
        now: datetime = NOW,
        timers: Timers | None = None,
        clock: float = 0.0,
        delivery: Delivery | None = None,
    ) -> Reply:
        history: list[Message] = []
        running = timers or Timers()
        reply = Reply("", "")
        for line in lines:
            context = Context(
                now=now,
                clock=clock,
                history=tuple(history),
                timers=running,
                random=Random(1),
                delivery=delivery,
            )
            reply = understand(line, context)
            for action in reply.actions:
                action.run()
            history += [Message("user", line), Message("assistant", reply.text)]
        return reply

    return asked


class SkippingSelector(selectors.DefaultSelector):
    """Where a loop would wait for a time, the time passes at once."""

    passed = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        events = super().select(0)
        if not events:
            self.passed += timeout
        return events


class SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skipping = SkippingSelector()
        super().__init__(self.skipping)

    def time(self) -> float:
        return self.skipping.passed


@pytest.fixture
def simulate() -> Callable[[Coroutine[Any, Any, Result]], Result]:
    """Run a coroutine in simulated time."""

    def run(work: Coroutine[Any, Any, Result]) -> Result:
        with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
            return runner.run(work)

    return run
