"""One reply in the making: tokens, phrases, speech, sound, each step ahead of the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from voicecli.conversation import events
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
    """A draft, made at once and held back until `commit` gives it the number of its turn.

    Until then it may be dropped without anybody having heard or noticed anything: actions wait too.
    """

    def __init__(
        self, tokens: AsyncIterator[Token], utterer: Utterer, options: ReplyOptions, tell: events.Listener
    ) -> None:
        self.text = ""  # everything that the model has said
        self.tokens = 0
        self.over = False  # the model has said everything
        self.goodbye = False
        self.utterer = utterer
        self.making: asyncio.Task[None] | None = None  # which `drop` ends
        self.stopwatch = Stopwatch()
        self._source = tokens
        self._options = options
        self._tell = tell
        self._actions: list[Action] = []
        self._turn: int | None = None
        self._committed = asyncio.Event()

    def commit(self, turn: int) -> None:
        """The turn is certain: show what there is, let it be heard, and do what it does."""
        self._turn = turn
        self._committed.set()
        for action in self._actions:
            action.run()
        if self.text:
            self._tell(events.TokenCame(turn, self.text))
        if self.over:
            self._tell(events.ReplyFinished(turn, self.text))

    def drop(self) -> None:
        """Nothing more will come of it."""
        self._tell = _unheard
        if self.making is not None:
            self.making.cancel()

    async def run(self, voiced: Callable[[], None]) -> float | None:
        """Make it and play it; returns when its last sample was heard, None when it had no sound.

        `voiced` is called before the first sample goes to the loudspeaker. What was made before a failure is
        played before the failure is raised. Raises ProviderError, DecodeError and DeviceLost.
        """

        async def ready() -> None:
            await self._committed.wait()
            voiced()

        phrases = ReadAhead(phrase_step(self._said(), self._options.phrases), _PHRASES_WAITING)
        try:
            finished = await self.utterer.play(phrases, ready)
            await self._committed.wait()
        finally:
            await phrases.aclose()
        return finished

    async def _said(self) -> AsyncIterator[str]:
        async with scoped(timely_tokens(self._source, self._options.timeout)) as tokens:
            async for token in tokens:
                if isinstance(token, Goodbye):
                    self.goodbye = True
                elif isinstance(token, Action) and self._turn is not None:
                    token.run()
                elif isinstance(token, Action):
                    self._actions.append(token)
                elif token:
                    self._note(token)
                    yield token
        self.over = True
        if self._turn is not None:
            self._tell(events.ReplyFinished(self._turn, self.text))

    def _note(self, token: str) -> None:
        self.stopwatch.mark(Mark.FIRST_TOKEN, time.monotonic())
        self.text += token
        self.tokens += 1
        if self._turn is not None:
            self._tell(events.TokenCame(self._turn, token))


def _unheard(_: events.Event) -> None:
    pass
