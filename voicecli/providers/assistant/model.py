"""The bundled language model: rules instead of weights, answering word by word like the others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from typing import Self

from voicecli.providers.assistant.timers import Timers
from voicecli.providers.delivery import Delivery
from voicecli.providers.language_model import Action, Goodbye, Message, Token

__all__ = ["Assistant", "AssistantOptions"]

# Seconds between looks at the wall clock while an alarm is set: a sleeping computer stops the other clock.
CHECK = 20.0
# Characters of a question and of what it may refer to that are understood at once, in a millisecond or two;
# more may take ten, and that in a thread.
SHORT = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantOptions:
    """How it answers."""

    token_delay: float = 0.0  # seconds between words, to feel like a model; the first comes at once
    seed: int | None = None  # of dice, coins and numbers; None draws anew every time


class Assistant:
    """Time, dates, sums, units, timers and small talk, without a model and without a network.

    `now` gives the wall clock with its zone, `clock` the seconds by which timers run (else the event loop's).
    """

    name = "assistant"
    Options = AssistantOptions

    def __init__(
        self,
        options: AssistantOptions | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        clock: Callable[[], float] | None = None,
        random: Random | None = None,
    ) -> None:
        self.options = options or AssistantOptions()
        self.timers = Timers()
        self.delivery: Delivery | None = None
        self._now = now
        self._clock = clock
        self._random = random or Random(self.options.seed)
        self._warm = False
        self._changed = asyncio.Event()

    @staticmethod
    def missing(options: AssistantOptions) -> str | None:
        """It works everywhere."""
        return None

    @property
    def domain(self) -> str:
        """What it understands, as a JSGF grammar: what a recogniser should expect to hear."""
        from voicecli.providers.assistant.tables import text
        from voicecli.providers.assistant.timezones import famous

        return f"{text('commands.jsgf')}\n<place> = {' | '.join(famous())};\n"

    async def __aenter__(self) -> Self:
        await self._ready()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.timers.running.clear()
        self._changed.set()

    async def _ready(self) -> None:
        """Load the libraries behind the doors, away from the event loop."""
        if not self._warm:
            await asyncio.to_thread(_load)
            self._warm = True

    async def complete(self, messages: Sequence[Message]) -> AsyncGenerator[Token, None]:
        """Yield the answer to the last message of the speaker; actions come behind the words."""
        from voicecli.providers.assistant.intents import REMEMBERED, Context, understand

        await self._ready()
        history = list(messages)
        while history and history[-1].role != "user":
            history.pop()
        said = history.pop() if history else Message("user", "")
        context = Context(
            now=self._now(),
            clock=self._time(),
            history=history,
            timers=self.timers,
            delivery=self.delivery,
            certain=said.certain,
            random=self._random,
        )
        if sum(len(message.content) for message in (*history[-2 * REMEMBERED :], said)) > SHORT:
            reply = await asyncio.to_thread(understand, said.content, context)
        else:
            reply = understand(said.content, context)
        for at, token in enumerate(re.findall(r"\s*\S+", reply.text)):
            if at and self.options.token_delay > 0:
                await asyncio.sleep(self.options.token_delay)
            yield token
        for action in reply.actions:
            yield Action(action.name, partial(self._act, action))
        if reply.goodbye:
            yield Goodbye()

    async def announcements(self) -> AsyncGenerator[str, None]:
        """Yield what a timer, an alarm or a reminder says when it is due; never ends by itself."""
        while True:
            self._changed.clear()
            for timer in self.timers.ring(self._time(), self._now()):
                yield timer.announcement
            wait = self.timers.wait(self._time(), self._now())
            if wait is not None and any(timer.at for timer in self.timers.running):
                wait = min(wait, CHECK)
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def pending(self) -> Sequence[str]:
        """The timers, alarms and reminders that are running."""
        return [timer.label for timer in self.timers.running]

    def _act(self, action: Action) -> None:
        action.run()
        self._changed.set()

    def _time(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()


def _load() -> None:
    from voicecli.providers.assistant import conversion, intents

    conversion.warm()
    intents.understand("how many days until easter and what is twenty three", intents.Context())
