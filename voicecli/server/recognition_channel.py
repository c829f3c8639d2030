"""One channel of a stream: sound at 16 kHz in, events out, in the order of the sound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator

import numpy as np

from voicecli.audio.block import Samples
from voicecli.errors import VoiceError
from voicecli.providers.recognizer import LISTENING_RATE
from voicecli.server.outbox import Events, Outbox, Pending
from voicecli.server.shared_recognition import SharedRecognition
from voicecli.server.voice_batch import Judged
from voicecli.speech.endpoint import TurnEnded
from voicecli.speech.gate import SpeechStarted
from voicecli.speech.segmenter import SpeechSign
from voicecli.speech.vad import WINDOW, WINDOW_SECONDS, Window, Windows
from voicecli.wire.recognition import Active, Inactive, Segment
from voicecli.workers.job import Job, Outcome
from voicecli.workers.places import Speaker

__all__ = ["Channel", "SegmentedChannel", "SimpleChannel"]

_PIECE = 6 * WINDOW  # samples that go to the engine at a time: 0.2 s
_FRAME = 320  # samples, 20 ms: what is compared to find the quietest moment


class Channel(ABC):
    """What every channel has, and what a session needs of it."""

    def __init__(
        self, number: int, shared: SharedRecognition, events: Events, speaker: Speaker, interim: bool
    ) -> None:
        self._number = number
        self._workers = shared.workers
        self._settings = shared.segments
        self._events = events
        self._speaker = speaker
        self._interim = interim  # whether there are results while somebody speaks
        self._outbox = Outbox(number, events, shared.workers.now)
        self._length = 0  # samples of the stream so far, or of it in segments

    @property
    def lead(self) -> float:
        """Seconds of sound that nobody has looked at yet."""
        return 0.0

    @property
    def backlog(self) -> float:
        """Seconds of sound in segments that have ended and are not answered, and that wait behind those."""
        return self._outbox.backlog

    @property
    def ahead(self) -> float:
        """Seconds of sound since the end of the first segment that is not answered."""
        return self._outbox.ahead(self._length / LISTENING_RATE)

    @property
    def idle(self) -> bool:
        """Whether everything that was flushed has been answered."""
        return not self._outbox

    @abstractmethod
    def push(self, samples: Samples) -> None:
        """The sound that follows, at 16 kHz."""

    @abstractmethod
    def flush(self) -> None:
        """No more sound comes: what is under way ends here."""

    def close(self) -> None:
        """Drop everything; no event comes any more."""
        self._outbox.close()


class SimpleChannel(Channel):
    """Everything goes through the model, in segments that touch each other."""

    def __init__(
        self, number: int, shared: SharedRecognition, events: Events, speaker: Speaker, interim: bool
    ) -> None:
        super().__init__(number, shared, events, speaker, interim)
        self._pieces: list[Samples] = []  # after those
        self._left = 0  # samples in them
        self._longest = round(self._settings.piece * LISTENING_RATE)

    def push(self, samples: Samples) -> None:
        self._pieces.append(samples)
        self._left += len(samples)
        while self._left >= self._longest:
            self._cut(self._quietest)

    def flush(self) -> None:
        if self._left:
            self._cut(len)

    def close(self) -> None:
        self._pieces.clear()
        self._left = 0
        super().close()

    def _cut(self, where: Callable[[Samples], int]) -> None:
        sound = np.concatenate(self._pieces)
        cut = where(sound)
        rest = sound[cut:]
        self._pieces = [rest.copy()] if len(rest) else []
        self._left = len(rest)
        begin, self._length = self._length, self._length + cut
        segment = Segment(begin / LISTENING_RATE, self._length / LISTENING_RATE, channel=self._number)
        job = self._workers.job(
            lambda outcome: self._outbox.settle(pending, outcome), lambda _: None, self._speaker
        )
        pending = self._outbox.reserve(job, segment)
        job.push(sound[:cut])
        job.end(self._speaker.due(self._left / LISTENING_RATE))

    def _quietest(self, sound: Samples) -> int:
        """The middle of the quietest 20 ms near the end of the longest piece."""
        first = self._longest - round(self._settings.search * LISTENING_RATE)
        frames = (self._longest - first) // _FRAME
        if not frames:
            return self._longest
        searched = sound[first : first + frames * _FRAME].reshape(frames, _FRAME)
        return first + int(np.argmin(np.einsum("ij,ij->i", searched, searched))) * _FRAME + _FRAME // 2


class SegmentedChannel(Channel):
    """Only speech goes through the model, one utterance a segment.

    An utterance ends with the first silence of `min_silence`. It goes to the engine while it is spoken, so
    the final result follows the end quickly.
    """

    def __init__(
        self, number: int, shared: SharedRecognition, events: Events, speaker: Speaker, interim: bool
    ) -> None:
        super().__init__(number, shared, events, speaker, interim)
        self._windows = Windows()
        self._stream = shared.voice.stream(self._listen)
        self._segmenter = self._settings.segmenter(shared.gate)
        self._now = 0.0  # seconds of the stream that the detector has judged
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
        backlog = super().backlog
        # Before the first answer the sound of a whole utterance may wait, but not behind others.
        return backlog + self._speech.job.kept if backlog and self._speech is not None else backlog

    @property
    def idle(self) -> bool:
        return self._flushing and not self._stream.pending and self._speech is None and not self._outbox

    def push(self, samples: Samples) -> None:
        self._length += len(samples)
        self._stream.push(self._windows.push(samples))

    def flush(self) -> None:
        self._flushing = True
        self._stream.push(self._windows.flush())
        if not self._stream.pending:
            self._finish()

    def close(self) -> None:
        self._stream.close()
        super().close()
        if self._speech is not None:
            self._speech.job.cancel()
            self._speech = None

    def _listen(self, window: Window, judged: Judged) -> None:
        """A window comes back from the detector."""
        if isinstance(judged, VoiceError):
            if not self._deaf:
                self._deaf = True
                self._events.failed(judged, self._number)
            judged = 0.0
        self._now = window.time + WINDOW_SECONDS
        self._follow(self._segmenter.push(window, judged))
        if not self._stream.pending:
            if self._flushing:
                self._finish()
            self._events.room.set()

    def _follow(self, signs: Iterator[SpeechSign]) -> None:
        for sign in signs:
            if isinstance(sign, SpeechStarted) and self._speech is None:
                self._begin(sign.time)
            elif isinstance(sign, TurnEnded) and self._speech is not None:
                self._end(self._speech, sign.stopped)
        if self._speech is not None:
            if self._segmenter.utterance.waiting >= _PIECE:
                self._pass_on(self._speech)
            if self._speech.text:
                self._show(self._speech)

    def _pass_on(self, speech: _Speech) -> None:
        speech.sent = self._workers.now()
        speech.job.push(self._segmenter.utterance.take())

    def _begin(self, time: float) -> None:
        time = self._dated(time)
        speech = self._speech = _Speech(time)
        speech.job = self._workers.job(
            lambda outcome: self._answered(speech, outcome),
            lambda text: self._understood(speech, text),
            self._speaker,
        )
        self._pass_on(speech)
        self._outbox.put(Active(time, self._number))

    def _finish(self) -> None:
        """The stream ends, and with it what is still spoken."""
        self._follow(self._segmenter.close())
        self._events.room.set()

    def _end(self, speech: _Speech, time: float) -> None:
        time = self._dated(time)
        self._speech = None
        self._outbox.put(Inactive(time, self._number))
        segment = Segment(speech.started, time, channel=self._number, is_final=True)
        speech.pending = self._outbox.reserve(speech.job, segment)
        self._pass_on(speech)
        if speech.outcome is not None:
            self._outbox.settle(speech.pending, speech.outcome)
        else:
            speech.job.end(self._speaker.due(self._length / LISTENING_RATE - time))

    def _answered(self, speech: _Speech, outcome: Outcome) -> None:
        """The engine's last word, which may come before the end if it has failed."""
        if speech.pending is None:
            speech.outcome = outcome
            self._events.room.set()
        else:
            self._outbox.settle(speech.pending, outcome)

    def _understood(self, speech: _Speech, text: str) -> None:
        if text and self._interim and speech is self._speech:
            speech.text, speech.latency = text, self._workers.now() - speech.sent
            self._show(speech)
        self._events.room.set()

    def _show(self, speech: _Speech) -> None:
        """An interim result, unless the last one was just now, or an earlier segment is not answered yet.

        None in a silence either, which the speech may not outlast.
        """
        if self._outbox or self._now - speech.shown < self._settings.interim - 1e-6:
            return
        if self._segmenter.gate.voiced_until < self._now:
            return
        text, speech.text, speech.shown = speech.text, "", self._now
        end = max(min(self._now, self._length / LISTENING_RATE), speech.started)
        self._events.answered(
            Segment(speech.started, end, text, self._number, is_final=False), speech.latency
        )

    def _dated(self, time: float) -> float:
        """Never before what was told already, never after the end of the sound."""
        self._edge = min(max(time, self._edge), self._length / LISTENING_RATE)
        return self._edge


class _Speech:
    """An utterance that is being spoken, or just was."""

    __slots__ = ("job", "latency", "outcome", "pending", "sent", "shown", "started", "text")

    job: Job

    def __init__(self, started: float) -> None:
        self.started = started  # seconds of the stream
        self.text = ""  # understood, and not shown yet
        self.latency = 0.0  # seconds that this took
        self.sent = 0.0  # loop's time at which the engine was last given sound
        self.shown = started  # seconds of the stream at which the last interim result was
        self.pending: Pending | None = None  # its place among the events, once it has ended
        self.outcome: Outcome | None = None  # if that came before the end
