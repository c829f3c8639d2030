"""A stream cut into utterances: windows, detector, gate, edges, endpointer and buffer in one chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from voicecli.audio.block import Block
from voicecli.speech.edges import EdgeOptions, Edges
from voicecli.speech.endpoint import Endpointer, EndpointOptions, EndReason, SoftEnd, TurnEnded
from voicecli.speech.gate import GateOptions, SpeechGate, SpeechStarted, SpeechStopped
from voicecli.speech.utterance import Utterance, UtteranceOptions
from voicecli.speech.vad import WINDOW_SECONDS, VoiceDetector, Window, Windows

__all__ = ["Segmenter", "SpeechEvent"]

SpeechEvent: TypeAlias = SpeechStarted | SpeechStopped | SoftEnd | TurnEnded


class Segmenter:
    """Blocks at 16 kHz in, events out; pure but for the detector, which it is given.

    `utterance` holds the sound from the pre-roll on: take it while the utterance runs, and the rest while
    TurnEnded is at hand; it is emptied when the next event is asked for. `endpointer` is to be told what is
    recognised (`heard`). Times are those of the blocks. `push` and `close` work as they are iterated:
    always to the end.
    """

    def __init__(
        self,
        detector: VoiceDetector,
        *,
        gate: GateOptions | None = None,
        endpoint: EndpointOptions | None = None,
        utterance: UtteranceOptions | None = None,
        edges: EdgeOptions | None = None,
    ) -> None:
        self.detector = detector
        self.gate = SpeechGate(gate)
        self.edges = Edges(edges)
        self.endpointer = Endpointer(endpoint)
        self.utterance = Utterance(utterance)
        self._windows = Windows()
        self._now = 0.0

    def push(self, block: Block) -> Iterator[SpeechEvent]:
        """Yield what happened in `block`, in order."""
        for window in self._windows.push(block):
            yield from self._hear(window)

    def close(self) -> Iterator[SpeechEvent]:
        """At the end of the stream, yield how what is under way ends."""
        for window in self._windows.flush():
            yield from self._hear(window)
        stopped = self.gate.close()
        if stopped is not None:
            yield self._stop(stopped)
        ended = self.endpointer.close(self._now)
        if ended is not None:
            yield ended
            self.utterance.end()

    def reset(self) -> None:
        """Forget the stream, as after a change of device; what is known of the speaker stays."""
        self.detector.reset()
        self.gate.reset()
        self.edges.reset()
        self.endpointer.reset()
        self.utterance.end()
        self._windows.reset()

    def _hear(self, window: Window) -> Iterator[SpeechEvent]:
        self._now = window.time + WINDOW_SECONDS
        self.edges.push(window)
        self.utterance.push(window.samples, window.time)
        event = self.gate.push(self.detector.probability(window.samples), window.time)
        if isinstance(event, SpeechStarted):
            event = SpeechStarted(self.edges.onset(event.time))
            self.endpointer.started(event.time)
            self.utterance.begin(event.time)
            yield event
        elif event is not None:
            yield self._stop(event)
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

    def _stop(self, event: SpeechStopped) -> SpeechStopped:
        event = SpeechStopped(self.edges.offset(event.time))
        self.endpointer.stopped(event.time)
        return event
