"""Where speech starts and stops, from one probability after another."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.speech.vad import WINDOW_SECONDS

__all__ = ["GateOptions", "SpeechGate", "SpeechStarted", "SpeechStopped"]


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    time: float  # seconds: the first voiced sample was at the microphone


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    time: float  # seconds: the last voiced sample was at the microphone


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    start: float = 0.5  # probability from which a window is voiced
    stop: float = 0.35  # probability below which a window ends running speech
    min_speech: float = 0.096  # seconds of speech before it has started: a clatter is shorter
    min_silence: float = 0.064  # seconds of silence before speech has stopped
    window: float = WINDOW_SECONDS  # seconds that one probability covers

    def __post_init__(self) -> None:
        if not 0 < self.stop <= self.start <= 1:
            raise ValueError("0 < stop <= start <= 1 must hold")
        if self.window <= 0 or self.min_speech < 0 or self.min_silence < 0:
            raise ValueError("min_speech and min_silence must not be negative, window must be above 0")


class SpeechGate:
    """Two thresholds and two waits; knows nothing of models, audio or clocks.

    Signs alternate, beginning with SpeechStarted. Between the thresholds a window changes nothing: running
    speech runs on, a silence that has begun goes on.
    """

    def __init__(self, options: GateOptions | None = None) -> None:
        self.options = options or GateOptions()
        self.voiced_until = 0.0  # seconds: where the last voiced window ended
        self._speaking = False
        self._since: float | None = None  # where the speech or the silence that may have begun, begins
        self._voiced = 0.0  # seconds of the speech that may have begun

    @property
    def starting(self) -> bool:
        """Whether the last window was voiced, but speech has not started yet: a bad moment to end a turn."""
        return not self._speaking and self._since is not None

    def push(self, probability: float, time: float) -> SpeechStarted | SpeechStopped | None:
        """Take the window that begins at `time` (seconds)."""
        options, end = self.options, time + self.options.window
        voiced = probability >= (options.stop if self._speaking is (self._since is None) else options.start)
        if voiced:
            self.voiced_until = end
        if voiced is self._speaking:
            self._since, self._voiced = None, 0.0
            return None
        if self._since is None:
            self._since = time
        # A millionth of a second forgives sums of windows that are not exact in binary.
        if voiced:
            self._voiced += options.window
            if self._voiced < options.min_speech - 1e-6:
                return None
            started, self._since, self._speaking = SpeechStarted(self._since), None, True
            return started
        if end - self.voiced_until < options.min_silence - 1e-6:
            return None
        self.reset()
        return SpeechStopped(self.voiced_until)

    def close(self) -> SpeechStopped | None:
        """At the end of the stream: speech that still runs stops where its last voiced window ended."""
        stopped = SpeechStopped(self.voiced_until) if self._speaking else None
        self.reset()
        return stopped

    def reset(self) -> None:
        """Forget everything; speech that runs on will start again."""
        self._speaking = False
        self._since = None
        self._voiced = 0.0
