"""One channel of a stream: sound at 16 kHz in, events out, in the order of the sound."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from voicecli.audio.block import Block, Samples
from voicecli.config.serving import SegmentSettings
from voicecli.errors import VoiceError
from voicecli.providers.recognizer import HEARING_RATE
from voicecli.server.outbox import Outbox, Outlet, Pending
from voicecli.server.voice_batch import Judged, VoiceBatch
from voicecli.speech.edges import Edges
from voicecli.speech.gate import GateOptions, SpeechGate, SpeechStarted, SpeechStopped
from voicecli.speech.vad import WINDOW_SECONDS, Window, Windows
from voicecli.wire.recognition import Active, Inactive, Segment
from voicecli.workers.job import Job, Outcome
from voicecli.workers.places import Speaker
from voicecli.workers.pool import Workers

__all__ = ["Channel", "SegmentedChannel", "SimpleChannel"]

_HINDSIGHT = 0.3  # seconds by which the gate and the edges may date the beginning of speech back
_PIECE = 6  # windows that go to the engine at a time: 0.2 s
_FRAME = 320  # samples, 20 ms: what is compared to find the quietest moment


class Channel(Protocol):
    """What a session needs of a channel."""

    @property
    def lead(self) -> float:
        """Seconds of sound that nobody has looked at yet."""
        ...

    @property
    def backlog(self) -> float:
        """Seconds of sound in segments that have ended and are not answered, and that wait behind those."""
        ...

    @property
    def ahead(self) -> float:
        """Seconds of sound since the end of the first segment that is not answered."""
        ...

    @property
    def idle(self) -> bool:
        """Whether everything that was flushed has been answered."""
        ...

    def push(self, samples: Samples) -> None:
        """The sound that follows, at 16 kHz."""
        ...

    def flush(self) -> None:
        """No more sound comes: what is under way ends here."""
        ...

    def close(self) -> None:
        """Drop everything; no event comes any more."""
        ...


class SimpleChannel:
    """Everything goes through the model, in segments that touch each other."""

    def __init__(
        self, number: int, workers: Workers, outlet: Outlet, speaker: Speaker, settings: SegmentSettings
    ) -> None:
        self._number = number
        self._workers = workers
        self._speaker = speaker
        self._settings = settings
        self._outbox = Outbox(number, outlet, workers.now)
        self._pieces: list[Samples] = []
        self._length = 0  # samples in them
        self._begin = 0  # where they begin, in samples of the stream
        self._longest = round(settings.piece * HEARING_RATE)

    @property
    def lead(self) -> float:
        return 0.0

    @property
    def backlog(self) -> float:
        return self._outbox.backlog

    @property
    def ahead(self) -> float:
        return self._outbox.ahead(self._begin / HEARING_RATE)

    @property
    def idle(self) -> bool:
        return not self._outbox

    def push(self, samples: Samples) -> None:
        self._pieces.append(samples)
        self._length += len(samples)
        while self._length >= self._longest:
            self._cut(self._quietest)

    def flush(self) -> None:
        if self._length:
            self._cut(len)

    def close(self) -> None:
        self._pieces.clear()
        self._length = 0
        self._outbox.close()

    def _cut(self, where: Callable[[Samples], int]) -> None:
        sound = np.concatenate(self._pieces)
        cut = where(sound)
        rest = sound[cut:]
        self._pieces = [rest.copy()] if len(rest) else []
        self._length = len(rest)
        end = self._begin + cut
        segment = Segment(self._begin / HEARING_RATE, end / HEARING_RATE, channel=self._number)
        self._begin = end
        job = self._workers.job(
            lambda outcome: self._outbox.settle(pending, outcome), lambda _: None, self._speaker
        )
        pending = self._outbox.reserve(job, segment)
        job.push(sound[:cut])
        job.end(self._speaker.due(self._length / HEARING_RATE))

    def _quietest(self, sound: Samples) -> int:
        """The middle of the quietest 20 ms near the end of the longest piece."""
        first = self._longest - round(self._settings.search * HEARING_RATE)
        frames = (self._longest - first) // _FRAME
        if not frames:
            return self._longest
        searched = sound[first : first + frames * _FRAME].reshape(frames, _FRAME)
        return first + int(np.argmin(np.einsum("ij,ij->i", searched, searched))) * _FRAME + _FRAME // 2


class SegmentedChannel:
    """Only speech goes through the model, one utterance a segment.

    An utterance ends with the first silence of `min_silence`. It goes to the engine while it is spoken, so
    the final result follows the end quickly.
    """

    def __init__(
        self,
        number: int,
        workers: Workers,
        voice: VoiceBatch,
        outlet: Outlet,
        speaker: Speaker,
        settings: SegmentSettings,
        gate: GateOptions,
        interim: bool,
    ) -> None:
        self._number = number
        self._workers = workers
        self._speaker = speaker
        self._settings = settings
        self._outlet = outlet
        self._interim = interim
        self._windows = Windows()
        self._stream = voice.stream(self._hear)
        self._gate = SpeechGate(replace(gate, min_silence=settings.min_silence))
        self._edges = Edges()
        self._outbox = Outbox(number, outlet, workers.now)
        kept = int((settings.pre_roll + _HINDSIGHT) / WINDOW_SECONDS) + 2
        self._past: deque[Window] = deque(maxlen=kept)
        self._length = 0  # samples of the stream so far
        self._now = 0.0  # seconds of the stream that the detector has heard
        self._edge = 0.0  # the last time that was told
        self._speech: _Speech | None = None
        self._flushing = False
        self._deaf = False  # the detector has failed, and the client knows

    @property
    def lead(self) -> float:
        speech = self._speech
        return self._stream.pending * WINDOW_SECONDS + (0.0 if speech is None else speech.job.lead)

    @property
    def backlog(self) -> float:
        backlog = self._outbox.backlog
        # Before the first answer the sound of a whole utterance may wait, but not behind others.
        return backlog + self._speech.job.kept if backlog and self._speech is not None else backlog

    @property
    def ahead(self) -> float:
        return self._outbox.ahead(self._length / HEARING_RATE)

    @property
    def idle(self) -> bool:
        return self._flushing and not self._stream.pending and self._speech is None and not self._outbox

    def push(self, samples: Samples) -> None:
        block = Block(samples, HEARING_RATE, self._length / HEARING_RATE)
        self._length += len(samples)
        self._stream.push(self._windows.push(block))

    def flush(self) -> None:
        self._flushing = True
        self._stream.push(self._windows.flush())
        if not self._stream.pending:
            self._finish()

    def close(self) -> None:
        self._stream.close()
        self._outbox.close()
        self._past.clear()
        if self._speech is not None:
            self._speech.job.cancel()
            self._speech = None

    def _hear(self, window: Window, judged: Judged) -> None:
        """A window comes back from the detector."""
        if isinstance(judged, VoiceError):
            if not self._deaf:
                self._deaf = True
                self._outlet.failed(judged, self._number)
            judged = 0.0
        self._now = window.time + WINDOW_SECONDS
        self._edges.push(window)
        happened = self._gate.push(judged, window.time)
        if self._speech is not None:
            self._go_on(self._speech, window, happened)
        else:
            self._past.append(window)
            if isinstance(happened, SpeechStarted):
                self._begin(self._edges.onset(happened.time))
        if not self._stream.pending:
            if self._flushing:
                self._finish()
            self._outlet.changed()

    def _begin(self, time: float) -> None:
        time = self._dated(time)
        speech = self._speech = _Speech(time, self._workers.now)
        speech.job = self._workers.job(
            lambda outcome: self._answered(speech, outcome),
            lambda text: self._understood(speech, text),
            self._speaker,
        )
        first = time - self._settings.pre_roll
        for window in self._past:
            if window.time + WINDOW_SECONDS > first:
                speech.push(window.samples)
        self._past.clear()
        self._outbox.put(Active(time, self._number))

    def _go_on(self, speech: _Speech, window: Window, happened: SpeechStarted | SpeechStopped | None) -> None:
        speech.push(window.samples)
        if isinstance(happened, SpeechStopped):
            self._end(speech, self._edges.offset(happened.time))
        elif self._now - speech.time >= self._settings.longest:
            self._gate.reset()  # speech that runs on starts again
            self._end(speech, self._now)
        elif speech.text:
            self._show(speech)

    def _finish(self) -> None:
        """The stream ends, and with it what is still spoken."""
        stopped = self._gate.close()
        if self._speech is not None and stopped is not None:
            self._end(self._speech, self._edges.offset(stopped.time))
        self._outlet.changed()

    def _end(self, speech: _Speech, time: float) -> None:
        time = self._dated(time)
        self._speech = None
        self._outbox.put(Inactive(time, self._number))
        segment = Segment(speech.time, time, channel=self._number, is_final=True)
        speech.pending = self._outbox.reserve(speech.job, segment)
        speech.flush()
        if speech.outcome is not None:
            self._outbox.settle(speech.pending, speech.outcome)
        else:
            speech.job.end(self._speaker.due(self._length / HEARING_RATE - time))

    def _answered(self, speech: _Speech, outcome: Outcome) -> None:
        """The engine's last word, which may come before the end if it has failed."""
        if speech.pending is None:
            speech.outcome = outcome
            self._outlet.changed()
        else:
            self._outbox.settle(speech.pending, outcome)

    def _understood(self, speech: _Speech, text: str) -> None:
        if text and self._interim and speech is self._speech:
            speech.text, speech.latency = text, self._workers.now() - speech.sent
            self._show(speech)
        self._outlet.changed()

    def _show(self, speech: _Speech) -> None:
        """An interim result, unless the last one was just now, or an earlier segment is not answered yet.

        None in a silence either, which the speech may not outlast.
        """
        if self._outbox or self._now - speech.shown < self._settings.interim - 1e-6:
            return
        if self._gate.voiced_until < self._now:
            return
        text, speech.text, speech.shown = speech.text, "", self._now
        end = max(min(self._now, self._length / HEARING_RATE), speech.time)
        self._outlet.answered(Segment(speech.time, end, text, self._number, is_final=False), speech.latency)

    def _dated(self, time: float) -> float:
        """Never before what was told already, never after the end of the sound."""
        self._edge = min(max(time, self._edge), self._length / HEARING_RATE)
        return self._edge


class _Speech:
    """An utterance that is being spoken, or just was."""

    __slots__ = ("_held", "_now", "job", "latency", "outcome", "pending", "sent", "shown", "text", "time")

    job: Job

    def __init__(self, time: float, now: Callable[[], float]) -> None:
        self._now = now
        self.time = time  # seconds of the stream at which it began
        self.text = ""  # understood, and not shown yet
        self.latency = 0.0  # seconds that this took
        self.sent = now()  # loop's time at which the engine was last given sound
        self.shown = time  # seconds of the stream at which the last interim result was
        self.pending: Pending | None = None  # its place among the events, once it has ended
        self.outcome: Outcome | None = None  # if that came before the end
        self._held: list[Samples] = []

    def push(self, samples: Samples) -> None:
        """Sound goes to the engine in pieces worth a message."""
        self._held.append(samples)
        if len(self._held) >= _PIECE:
            self.flush()

    def flush(self) -> None:
        if self._held:
            self.sent = self._now()
            self.job.push(np.concatenate(self._held))
            self._held.clear()
