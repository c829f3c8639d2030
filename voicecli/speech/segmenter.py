"""Windows cut into utterances: gate, edges, endpointer and buffer in one chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from voicecli.speech.edges import EdgeOptions, Edges
from voicecli.speech.endpoint import Endpointer, EndpointOptions, EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import GateOptions, SpeechGate, SpeechStarted, SpeechStopped
from voicecli.speech.utterance import Utterance, UtteranceOptions
from voicecli.speech.vad import WINDOW_SECONDS, Window

__all__ = ["Segmenter", "SpeechSign"]

SpeechSign: TypeAlias = SpeechStarted | SpeechStopped | SoftEnd | TurnEnded
"""What is noticed in the sound that comes in."""


class Segmenter:
    """Windows and how likely each is speech in, signs of speech out; pure.

    `utterance` holds the sound from the pre-roll on: take it while the utterance runs, and the rest before
    the next one begins. `endpointer` is to be told what is recognised. Times are those of the windows.
    `push` and `close` work as they are iterated: always to the end.
    """

    def __init__(
        self,
        *,
        gate: GateOptions | None = None,
        endpoint: EndpointOptions | None = None,
        utterance: UtteranceOptions | None = None,
        edges: EdgeOptions | None = None,
    ) -> None:
        self.gate = SpeechGate(gate)
        self.edges = Edges(edges)
        self.endpointer = Endpointer(endpoint)
        # By so much may the start be dated back, and the gate knows of it at the end of a window.
        hindsight = self.gate.options.min_speech + self.edges.options.early + 2 * WINDOW_SECONDS
        self.utterance = Utterance(utterance, hindsight)
        self._now = 0.0

    def push(self, window: Window, probability: float) -> Iterator[SpeechSign]:
        """Yield what is noticed in the next window, in order."""
        self._now = window.time + WINDOW_SECONDS
        self.edges.push(window)
        self.utterance.push(window.samples, window.time)
        sign = self.gate.push(probability, window.time)
        if isinstance(sign, SpeechStarted):
            sign = SpeechStarted(self.edges.start(sign.time))
            self.endpointer.started(sign.time)
            self.utterance.begin(sign.time)
            yield sign
        elif sign is not None:
            yield self._stop(sign)
        # Speech that seems to start again may void an end: the gate knows within `min_speech`.
        decision = None if self.gate.starting else self.endpointer.tick(self._now)
        if decision is None:
            return
        yield decision
        if isinstance(decision, TurnEnded):
            self.utterance.end()
            if decision.reason is EndReason.CAP:
                # Speech that runs on begins the next utterance.
                self.gate.reset()

    def close(self) -> Iterator[SpeechSign]:
        """At the end of the stream, yield how what is under way ends."""
        stopped = self.gate.close()
        if stopped is not None:
            yield self._stop(stopped)
        ended = self.endpointer.close(self._now)
        if ended is not None:
            yield ended
            self.utterance.end()

    def drop(self) -> None:
        """What was noticed was no utterance."""
        self.endpointer.reset()
        self.utterance.end()
        self.utterance.take()

    def reset(self) -> None:
        """Forget the stream, as after a change of device; what is known of the speaker stays."""
        self.gate.reset()
        self.edges.reset()
        self.drop()

    def _stop(self, sign: SpeechStopped) -> SpeechStopped:
        sign = SpeechStopped(self.edges.stop(sign.time))
        self.endpointer.stopped(sign.time)
        return sign
