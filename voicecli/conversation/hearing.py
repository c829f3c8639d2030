"""The ears: microphone blocks in, and what they mean told to the conversation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.audio.microphone import Microphone, PacedMicrophone
from voicecli.audio.resample import Resampler
from voicecli.conversation.supervisor import Conversation
from voicecli.conversation.turntaking import Dropped, Interrupted
from voicecli.providers.recognizer import HEARING_RATE, Transcript
from voicecli.speech.endpoint import SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped
from voicecli.speech.segmenter import Segmenter, SpeechEvent

__all__ = ["Hearing", "HearingOptions"]

_SHIFTED = 0.05  # seconds by which only a stream that is not heard at its own pace shifts against the clock
_FLOOR = -90.0  # dBFS: what is quieter is shown as nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class HearingOptions:
    """What the ears let through."""

    barge_in: bool = True  # listen while the reply is in the air
    barge_in_after: float = 0.2  # seconds of speech that interrupt the reply
    echo_tail: float = 0.2  # seconds after the reply that stay unheard without barge-in: the room rings
    push_to_talk: bool = False  # listen only between two presses of the key
    silent_after: float = 3.0  # seconds of nothing but zeros before the user is told; 0 never tells

    def __post_init__(self) -> None:
        if min(self.barge_in_after, self.echo_tail, self.silent_after) < 0:
            raise ValueError("barge_in_after, echo_tail and silent_after must not be negative")


class Hearing:
    """Runs the segmenter over a microphone.

    Decisions are taken in stream time (samples heard, divided by their rate), which neither jitters nor
    drifts; what is told to the conversation is in monotonic seconds at the microphone.
    """

    def __init__(
        self,
        microphone: Microphone,
        segmenter: Segmenter,
        conversation: Conversation,
        options: HearingOptions,
        *,
        tap: Callable[[Block], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.level = _FLOOR  # dBFS of the block heard last
        self._microphone = microphone
        self._segmenter = segmenter
        self._conversation = conversation
        self._options = options
        self._tap = tap
        self._warn = warn
        self._muted = False
        self._open = not options.push_to_talk
        self._resampler = Resampler(microphone.rate, HEARING_RATE)
        self._heard = 0  # samples at the hearing rate
        self._taken = 0  # samples at the microphone's rate
        self._offset = 0.0  # from stream time to monotonic time
        self._since: float | None = None  # stream time at which running speech began
        self._began = 0.0  # stream time at which the utterance began
        self._began_at = 0.0  # the same in monotonic seconds, as it was told
        self._deaf_until = 0.0  # stream time
        self._deaf = False
        self._zeros = 0  # samples
        self._words: Transcript | None = None  # that the endpointer knows
        if not options.barge_in:
            conversation.half_duplex = True

    @property
    def muted(self) -> bool:
        """Whether the microphone is not listened to."""
        return self._muted

    def mute(self, muted: bool) -> None:
        """Listen, or do not."""
        self._muted = muted

    def press(self) -> bool:
        """The push-to-talk key: open the ears, or close them, which ends the turn. Returns whether open."""
        self._open = not self._open
        if self._open:
            self._conversation.stop(drop=False)
        else:
            self._tell(self._segmenter.close())
            self._segmenter.reset()
        return self._open

    async def run(self) -> None:
        """Listen until the microphone ends. Raises DeviceLost, DecodeError."""
        async for block in self._microphone.blocks():
            self._hear(block)
        self._tell(self._segmenter.close())

    def _hear(self, block: Block) -> None:
        if self._tap is not None:
            self._tap(block)
        self._measure(block)
        self._offset = block.time - self._taken / block.rate
        self._taken += len(block.samples)
        samples = self._resampler.push(block.samples)
        now = self._heard / HEARING_RATE
        self._heard += len(samples)
        if self._is_deaf(now):
            if not self._deaf:
                self._deafen()
            return
        self._deaf = False
        self._learn()
        self._tell(self._segmenter.push(Block(samples, HEARING_RATE, now)))
        self._interrupt(self._heard / HEARING_RATE)

    def _is_deaf(self, now: float) -> bool:
        if self._conversation.alone:
            self._deaf_until = now + self._options.echo_tail
        return self._muted or not self._open or now < self._deaf_until

    def _deafen(self) -> None:
        self._deaf = True
        self._since = None
        self._segmenter.reset()
        self._conversation.push(Dropped(time.monotonic()))
        self.level = _FLOOR

    def _tell(self, happened: Iterable[SpeechEvent]) -> None:
        conversation, segmenter = self._conversation, self._segmenter
        for event in happened:
            at = event.time + self._offset
            if isinstance(event, SpeechStarted):
                self._since = event.time
                if not conversation.hearing:
                    self._began, self._began_at = event.time, at
                conversation.push(SpeechStarted(at))
            elif isinstance(event, SpeechStopped):
                self._stopped(event)
            elif isinstance(event, SoftEnd):
                self._pass_on()
                conversation.push(SoftEnd(at, event.stopped + self._offset))
            else:
                self._pass_on()
                self._ended(event)
        if conversation.hearing:
            self._pass_on()
        elif segmenter.utterance.time is not None:
            segmenter.utterance.end()

    def _pass_on(self) -> None:
        samples: Samples = self._segmenter.utterance.take()
        if len(samples):
            self._conversation.hear(samples)

    def _stopped(self, event: SpeechStopped) -> None:
        conversation = self._conversation
        brief = self._since is not None and event.time - self._since < self._options.barge_in_after
        self._since = None
        if brief and conversation.answering:
            self._segmenter.endpointer.reset()
            self._segmenter.utterance.end()
            conversation.push(Dropped(time.monotonic()))
        else:
            conversation.push(SpeechStopped(event.time + self._offset))

    def _ended(self, event: TurnEnded) -> None:
        began = self._began + self._offset
        if self._conversation.hearing and abs(began - self._began_at) > _SHIFTED:
            self._conversation.date(began)
        self._conversation.push(
            replace(event, time=event.time + self._offset, stopped=event.stopped + self._offset)
        )
        self._segmenter.utterance.end()

    def _interrupt(self, now: float) -> None:
        """Speech that has gone on for long enough takes the floor."""
        if self._since is None or not self._conversation.answering:
            return
        if self._segmenter.gate.voiced_until - self._since >= self._options.barge_in_after:
            self._conversation.push(Interrupted(now + self._offset))

    def _learn(self) -> None:
        """The endpointer learns what was recognised since the last block."""
        words = self._conversation.words
        if words is not None and words is not self._words:
            self._segmenter.endpointer.heard(words.text)
        self._words = words

    def _measure(self, block: Block) -> None:
        power = float(np.dot(block.samples, block.samples)) / max(1, len(block.samples))
        self.level = max(_FLOOR, 10.0 * float(np.log10(power))) if power > 0.0 else _FLOOR
        if self._zeros < 0 or not self._options.silent_after:
            return
        self._zeros = self._zeros + len(block.samples) if power == 0.0 else -1
        if self._zeros >= self._options.silent_after * block.rate:
            self._zeros = -1
            if self._warn is not None:
                self._warn(self._zeros_told())

    def _zeros_told(self) -> str:
        name = self._microphone.name
        if isinstance(self._microphone, PacedMicrophone):
            return f"{name}: nothing but zeros for {self._options.silent_after:g} seconds."
        return (
            f"The microphone {name} gives only zeros: "
            "is it muted, or is the terminal not permitted to use it?"
        )
