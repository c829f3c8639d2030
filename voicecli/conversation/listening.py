"""The ears: microphone blocks in, and what they mean told to the conversation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from voicecli.audio.block import Block
from voicecli.audio.microphone import Microphone, PacedMicrophone
from voicecli.conversation.moderator import Moderator
from voicecli.conversation.turntaking import Dropped, Interrupted
from voicecli.providers.recognizer import Transcript
from voicecli.speech.ears import Ears
from voicecli.speech.endpoint import SoftEnd
from voicecli.speech.gate import SpeechStarted, SpeechStopped
from voicecli.speech.segmenter import SpeechSign

__all__ = ["Listening", "ListeningOptions"]

_FLOOR = -90.0  # dBFS: what is quieter is shown as nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningOptions:
    """What the ears let through."""

    barge_in: bool = True  # listen while the reply is in the air
    barge_in_after: float = 0.2  # seconds of speech that interrupt the reply
    echo_tail: float = 0.2  # seconds after the reply that stay unheard without barge-in: the room rings
    push_to_talk: bool = False  # listen only between two presses of the key
    silent_after: float = 3.0  # seconds of nothing but zeros before the user is told; 0 never tells

    def __post_init__(self) -> None:
        if min(self.barge_in_after, self.echo_tail, self.silent_after) < 0:
            raise ValueError("barge_in_after, echo_tail and silent_after must not be negative")


class Listening:
    """Runs the ears over a microphone.

    Decisions are taken in the ears' own time; what is told to the conversation is in monotonic seconds at the
    microphone.
    """

    def __init__(
        self,
        microphone: Microphone,
        ears: Ears,
        moderator: Moderator,
        options: ListeningOptions,
        *,
        tap: Callable[[Block], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.level = _FLOOR  # dBFS of the last block
        self._microphone = microphone
        self._ears = ears
        self._segmenter = ears.segmenter
        self._moderator = moderator
        self._options = options
        self._tap = tap
        self._warn = warn
        self.muted = False  # the microphone is not listened to
        self._open = not options.push_to_talk
        self._since: float | None = None  # the ears' time at which running speech started
        self._deaf_until = 0.0  # the ears' time
        self._deaf = False
        self._zeros = 0  # samples
        self._words: Transcript | None = None  # that the endpointer knows
        if not options.barge_in:
            moderator.half_duplex = True

    def press(self) -> bool:
        """The push-to-talk key: open the ears, or close them, which ends the turn. Returns whether open."""
        self._open = not self._open
        if self._open:
            self._moderator.push(Interrupted(time.monotonic(), by_key=True))
        else:
            self._tell(self._ears.close())
            self._ears.reset()
        return self._open

    async def run(self) -> None:
        """Listen until the microphone ends. Raises DeviceLost, DecodeError."""
        async for block in self._microphone.blocks():
            self._take(block)
        self._tell(self._ears.close())

    def _take(self, block: Block) -> None:
        if self._tap is not None:
            self._tap(block)
        self._measure(block)
        if self._is_deaf(self._ears.now):
            self._ears.skip(block)
            if not self._deaf:
                self._deafen()
            return
        self._deaf = False
        self._learn()
        self._tell(self._ears.push(block))
        self._interrupt()

    def _is_deaf(self, now: float) -> bool:
        if self._moderator.alone:
            self._deaf_until = now + self._options.echo_tail
        return self.muted or not self._open or now < self._deaf_until

    def _deafen(self) -> None:
        self._deaf = True
        self._since = None
        self._ears.reset()
        self._moderator.push(Dropped(time.monotonic()))
        self.level = _FLOOR

    def _tell(self, signs: Iterable[SpeechSign]) -> None:
        for sign in signs:
            offset = self._ears.offset
            at = sign.time + offset
            if isinstance(sign, SpeechStarted):
                self._since = sign.time
                self._moderator.push(SpeechStarted(at))
            elif isinstance(sign, SpeechStopped):
                self._stopped(sign.time)
            elif isinstance(sign, SoftEnd):
                self._pass_on()
                self._moderator.push(SoftEnd(at, sign.stopped + offset))
            else:
                self._pass_on()
                stopped, started = sign.stopped + offset, sign.started + offset
                self._moderator.push(replace(sign, time=at, stopped=stopped, started=started))
        if self._moderator.floor.in_utterance:
            self._pass_on()
        else:
            self._segmenter.utterance.end()

    def _pass_on(self) -> None:
        samples = self._ears.take()
        if len(samples):
            self._moderator.listen(samples)

    def _stopped(self, stopped: float) -> None:
        brief = self._since is not None and stopped - self._since < self._options.barge_in_after
        self._since = None
        if brief and self._moderator.floor.answering:
            self._segmenter.drop()
            self._moderator.push(Dropped(time.monotonic()))
        else:
            self._moderator.push(SpeechStopped(stopped + self._ears.offset))

    def _interrupt(self) -> None:
        """Speech that has gone on for long enough takes the floor."""
        if self._since is None or not self._moderator.floor.answering:
            return
        if self._segmenter.gate.voiced_until - self._since >= self._options.barge_in_after:
            self._moderator.push(Interrupted(self._ears.now + self._ears.offset))

    def _learn(self) -> None:
        """The endpointer learns what was recognised since the last block."""
        words = self._moderator.words
        if words is not None and words is not self._words:
            self._ears.recognised(words.text)
        self._words = words

    def _measure(self, block: Block) -> None:
        power = float(np.dot(block.samples, block.samples)) / max(1, len(block.samples))
        self.level = max(_FLOOR, 10.0 * float(np.log10(power))) if power > 0.0 else _FLOOR
        if self._zeros < 0 or not self._options.silent_after:
            return
        self._zeros = self._zeros + len(block.samples) if power == 0.0 else -1
        if self._zeros >= self._options.silent_after * block.rate:
            self._zeros = -1
            name, warn = self._microphone.name, self._warn or (lambda _: None)
            if isinstance(self._microphone, PacedMicrophone):
                warn(f"{name}: nothing but zeros for {self._options.silent_after:g} seconds.")
            else:
                warn(
                    f"The microphone {name} gives only zeros: "
                    "is it muted, or is the terminal not permitted to use it?"
                )
