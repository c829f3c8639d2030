"""Whole conversations from recorded questions, timed: the real pipeline, and others beside it.

Every pipeline is asked the same question in turn, over a microphone and a loudspeaker of the same kind, so
that whatever drifts hits all alike. A turn's times are those that the conversation itself marks; the engines
are wrapped to note when each was asked and answered.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from voicecli.audio.player import AudioStreamPlayer
from voicecli.bench.measure.mouth import AskingMicrophone, PlayedMicrophone
from voicecli.bench.measure.partner import Contender, ToldTurn, VoicecliPartner
from voicecli.bench.measure.recordings import SpokenQuestion
from voicecli.bench.measure.serial import SerialPartner
from voicecli.errors import VoiceError
from voicecli.latency.timeline import Mark

__all__ = ["Exchange", "conversed"]

_SURE = 0.1  # seconds by which a label may be wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question and what came of it."""

    contender: Contender
    question: SpokenQuestion
    number: int  # 0 is the warm-up, which does not count
    began: float | None  # monotonic seconds: the question's first sample at the microphone
    turns: Sequence[ToldTurn]
    latency: float  # seconds of the loudspeaker

    @property
    def turn(self) -> ToldTurn | None:
        """The turn that answered the whole question: the last one, unless it ended before the speaker did."""
        last = self.turns[-1] if self.turns else None
        return None if last is None or self._early(last) else last

    @property
    def cut_off(self) -> bool:
        """Whether the turn was taken before the speaker had finished."""
        return len(self.turns) > 1 or any(self._early(turn) for turn in self.turns)

    @property
    def dating(self) -> float | None:
        """Seconds by which the end of speech was dated after the label's; None where nobody knows."""
        turn, end = self.turn, self.question.end
        if turn is None or end is None or self.began is None:
            return None
        stopped = turn.timeline.marks.get(Mark.SPEECH_STOPPED)
        return None if stopped is None else stopped - (self.began + end)

    @property
    def error(self) -> VoiceError | None:
        """Why there are no numbers."""
        if not self.turns:
            return VoiceError("No speech was noticed in the question.", "`bench turn` looks closer.")
        failed = next((turn.error for turn in reversed(self.turns) if turn.error is not None), None)
        return failed if self.turn is None or self.turn.error is not None else None

    @property
    def transcript(self) -> str:
        """Everything that was understood of the question."""
        return " ".join(turn.transcript for turn in self.turns if turn.transcript)

    def _early(self, turn: ToldTurn) -> bool:
        end = self.question.end
        return end is not None and turn.position < end - _SURE


async def conversed(
    contenders: Sequence[Contender],
    questions: Sequence[SpokenQuestion],
    player: AudioStreamPlayer,
    *,
    runs: int = 1,
    warm_up: bool = True,
    real_time: bool = True,
    seed: int = 0,
    microphone: AskingMicrophone | None = None,
) -> AsyncIterator[Exchange]:
    """Yield every question with its answer: `runs` conversations of all questions with every contender.

    Before all others one question is asked as a `warm_up`, which does not count. Recordings are played where
    there is no `microphone`. Within a conversation the contenders take turns, each question in another order.
    `player` is open and shared: no two speak at once. Raises DeviceError; ProviderError when one is stuck.
    """
    chance = random.Random(seed)
    number = 0 if warm_up else 1
    for run in range(runs):
        async with AsyncExitStack() as stack:
            partners = []
            for one in contenders:
                # The same room for all of them, and another one the next time.
                heard = microphone or PlayedMicrophone(real_time=real_time, seed=seed + 1000 * run)
                kind = VoicecliPartner if one.serial is None else SerialPartner
                partners.append((one, await stack.enter_async_context(kind(one, heard, player))))
            first = [questions[0]] if not number else []
            for question in (*first, *questions):
                for contender, partner in partners:
                    began, turns = await partner.ask(question)
                    yield Exchange(
                        contender=contender,
                        question=question,
                        number=number,
                        began=began,
                        turns=tuple(turns),
                        latency=player.output.latency,
                    )
                chance.shuffle(partners)
                number += 1
