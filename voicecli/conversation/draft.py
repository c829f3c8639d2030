"""One reply in the making: tokens, phrases, speech, sound, each step ahead of the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from voicecli.flow.feeds import ReadAhead
from voicecli.flow.scope import scoped
from voicecli.latency.timeline import Mark, Stopwatch
from voicecli.providers.language_model import Action, Goodbye, Token, timely_tokens
from voicecli.reply.phrases import PhraseOptions, phrase_step
from voicecli.reply.utterer import Utterer

__all__ = ["Reply", "ReplyOptions"]

_PHRASES_WAITING = 64  # phrases that may wait for the voice before the model has to


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOptions:
    """How tokens become phrases."""

    phrases: PhraseOptions = field(default_factory=PhraseOptions)
    timeout: float = 20.0  # seconds without a token


class Reply:
    """A numbered reply, made at once and held back until `commit`.

    Until then it may be cancelled without anybody having heard or noticed anything: actions wait too.
    """

    def __init__(
        self,
        number: int,
        tokens: AsyncIterator[Token],
        utterer: Utterer,
        options: ReplyOptions,
        *,
        on_token: Callable[[str], None],
        on_complete: Callable[[], None],
        on_voice: Callable[[], None],
    ) -> None:
        self.number = number
        self.text = ""  # everything that the model has said
        self.tokens = 0
        self.complete = False  # the model has said everything
        self.goodbye = False
        self.utterer = utterer
        self.stopwatch = Stopwatch()
        self._source = tokens
        self._options = options
        self._on_token = on_token
        self._on_complete = on_complete
        self._on_voice = on_voice
        self._actions: list[Action] = []
        self._committed = asyncio.Event()

    @property
    def committed(self) -> bool:
        """Whether the turn is certain and the reply may be heard."""
        return self._committed.is_set()

    def commit(self) -> None:
        """The turn is certain: let it be heard, and do what it does."""
        self._committed.set()
        actions, self._actions = self._actions, []
        for action in actions:
            action.run()

    async def run(self) -> float | None:
        """Make it and play it; returns when its last sample was heard, None when it had no sound.

        What was made before a failure is played before the failure is raised. Raises ProviderError,
        DecodeError and DeviceLost.
        """
        phrases = ReadAhead(phrase_step(self._tokens(), self._options.phrases), _PHRASES_WAITING)
        try:
            finished = await self.utterer.play(phrases, self._hold)
            await self._committed.wait()
        finally:
            await phrases.aclose()
        return finished

    async def _hold(self) -> None:
        await self._committed.wait()
        self._on_voice()

    async def _tokens(self) -> AsyncIterator[str]:
        source = timely_tokens(self._source, self._options.timeout)
        async with scoped(source) as tokens:
            async for token in tokens:
                if isinstance(token, Goodbye):
                    self.goodbye = True
                elif isinstance(token, Action):
                    self._act(token)
                elif token:
                    self._note(token)
                    yield token
        self.complete = True
        self._on_complete()

    def _act(self, action: Action) -> None:
        if self.committed:
            action.run()
        else:
            self._actions.append(action)

    def _note(self, token: str) -> None:
        self.stopwatch.mark(Mark.FIRST_TOKEN, time.monotonic())
        self.text += token
        self.tokens += 1
        self._on_token(token)
