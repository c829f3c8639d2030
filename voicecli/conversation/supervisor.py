"""The conversation: its life from the opening to the end, around the moderator of its turns."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Sequence

from voicecli.conversation.answerer import Answerer
from voicecli.conversation.moderator import ConversationOptions, Moderator
from voicecli.conversation.turntaking import Announced, Dropped, Floor, Interrupted, Typed
from voicecli.providers.language_model import Announcer, HasPending
from voicecli.speech.endpoint import EndReason, TurnEnded

__all__ = ["Conversation"]


class Conversation:
    """One conversation; what its ears and keys notice, they push to its moderator."""

    def __init__(self, answerer: Answerer, options: ConversationOptions, *, turns: int | None = None) -> None:
        """`turns` is how many there may be; None and 0 go on."""
        self.moderator = Moderator(answerer, options, turns or None)
        self._llm = answerer.engines.llm

    @property
    def floor(self) -> Floor:
        """Who has it."""
        return self.moderator.floor

    @property
    def over(self) -> bool:
        """Whether the conversation has ended."""
        return self.moderator.over.is_set()

    @property
    def pending(self) -> Sequence[str]:
        """What the model would still announce, and cannot any more once the conversation is over."""
        return self._llm.pending() if isinstance(self._llm, HasPending) else ()

    def heard(self) -> str:
        """The part of the reply under way that has left the loudspeaker."""
        turn = self.moderator.turn
        return turn.reply.utterer.heard() if turn is not None and turn.reply is not None else ""

    async def quiet(self) -> None:
        """Wait until nothing is being answered."""
        await _free(self.moderator, of_speech=False)

    async def caught_up(self) -> None:
        """Wait until nothing is being answered, nor recognised on trust.

        Sound that comes faster than it lasts would go on before its words are known.
        """
        await self.quiet()
        said = self.moderator.said
        if said is not None and said.transcription is not None and said.transcription.finished:
            await said.transcription.settled.wait()

    async def run(self, source: Coroutine[object, object, None]) -> None:
        """Converse until `source` (what brings utterances) ends, the turns are used up, or goodbye is said.

        Raises what `source` raises, and DeviceLost when the loudspeaker goes away; what was under way is
        ended and reported first.
        """
        moderator, failures = self.moderator, None
        try:
            async with moderator.tasks as tasks:
                tasks.create_task(_until_its_end(moderator, source))
                if isinstance(self._llm, Announcer):
                    tasks.create_task(_announce(moderator, self._llm))
                try:
                    await moderator.over.wait()
                finally:
                    moderator.over.set()
                    moderator.push(Dropped(time.monotonic()))
                    moderator.push(Interrupted(time.monotonic()))
                raise _Over
        except BaseExceptionGroup as group:
            failures = group.split(_Over)[1]
        if failures is not None:
            raise failures.exceptions[0]

    def say(self, text: str) -> None:
        """The user typed `text`."""
        now = time.monotonic()
        self.moderator.push(Typed(now, text))
        self.moderator.push(TurnEnded(now, now, EndReason.FINISHED))

    def stop(self, *, drop: bool = True) -> None:
        """Stop the answer, as a key does: a question of whose answer nothing was heard is dropped.

        Without `drop` it goes on in what is said next, as one that is spoken over does.
        """
        self.moderator.push(Interrupted(time.monotonic(), by_key=True, drop=drop))

    def end(self) -> None:
        """Come to the end: `run` returns."""
        self.moderator.over.set()


async def _until_its_end(moderator: Moderator, source: Coroutine[object, object, None]) -> None:
    await source
    await _free(moderator)
    moderator.over.set()


async def _announce(moderator: Moderator, llm: Announcer) -> None:
    async for text in llm.announcements():
        unheard = True
        while unheard:  # what rings is not lost because somebody spoke at that moment
            await _free(moderator)
            moderator.push(Announced(time.monotonic(), text))
            turn = moderator.turn
            await _free(moderator, of_speech=False)
            unheard = turn is not None and turn.unheard


async def _free(moderator: Moderator, *, of_speech: bool = True) -> None:
    """Wait until nothing is being answered, nor said."""
    while (turn := moderator.turn or (moderator.said if of_speech else None)) is not None:
        await turn.over.wait()


class _Over(Exception):
    """Ends the tasks that are left."""
