"""One utterance as it is heard: dictation, and beside it the requests of a grammar.

Features are normalised with their mean over the utterance, which is not known when it begins. So it is
measured again as the utterance grows, and the search starts anew with the better mean; that costs a twentieth
of the utterance's length with the grammar, a sixth in dictation.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Protocol

from voicecli.providers.sphinx.confidence import compare, probability
from voicecli.providers.sphinx.decoder import Hypothesis

__all__ = ["Finding", "Listener", "Recording", "Searching"]

SECOND = 2 * 16_000  # bytes
GRAMMAR_MEANS = (0.4, 0.8, 1.3, 2.0)  # seconds of audio at which the grammar's search starts anew
DICTATION_MEANS = (0.4, 1.2)  # the same for dictation, which is slower
CHEAP = 1.0  # seconds: an utterance up to this length is searched anew when it ends
MEASURED = 6.0  # seconds that the mean is taken over
QUIET = 0.1  # of the loudest stretch: an ending below this needs no silence put after it
STRETCH = SECOND // 10
HELD_BACK = bytes(SECOND * 3 // 20)  # silence that brings out what the search holds back for its context
STEP = SECOND // 10  # the most that is searched at a time, so that an abandoned utterance is noticed


class Searching(Protocol):
    """What a listener needs of a search: decoder.Search, or a stand-in for it."""

    def start(self, audio: bytes = b"") -> None: ...
    def feed(self, audio: bytes) -> None: ...
    def finish(self) -> None: ...
    def hypothesis(self) -> Hypothesis: ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What was understood, and how sure a request of the grammar is (0 to 1; None: there is no grammar)."""

    text: str
    confidence: float | None = None


class Recording:
    """One search over audio that grows: keeps up with it, and starts anew when a better mean is worth it."""

    def __init__(self, search: Searching, means: tuple[float, ...]) -> None:
        self._search = search
        self._means = means
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far; its mean stays until there is a better one."""
        self._fed = 0  # bytes searched
        self._due = list(self._means)
        self._stale = True  # what is searched next cannot be added to what was

    def follow(self, audio: bytearray) -> bool:
        """Search up to a STEP of what is new in `audio`; return whether there is more."""
        if self._fed == len(audio):
            return False
        length = len(audio) / SECOND
        due = [moment for moment in self._due if moment > length]
        if len(due) < len(self._due) or (self._stale and length >= self._means[0]):
            self._due = due
            self._restart(audio)
        elif self._stale:
            self._search.start()
            self._fed, self._stale = 0, False
        self._feed(audio, self._fed + STEP)
        return self._fed < len(audio)

    def renew(self, audio: bytearray) -> None:
        """Search all of `audio` anew, with the mean of the whole."""
        self._restart(audio)
        self._feed(audio, len(audio))

    def finish(self) -> None:
        """End the search where the grammar lets it end."""
        self._search.finish()
        self._stale = True

    def pad(self) -> None:
        """Search a silence that is not in the audio."""
        self._search.feed(HELD_BACK)
        self._stale = True

    def hypothesis(self) -> Hypothesis:
        return self._search.hypothesis() if self._fed else Hypothesis()

    def _restart(self, audio: bytearray) -> None:
        self._search.start(bytes(audio[: int(MEASURED * SECOND)]))
        self._fed, self._stale = 0, False

    def _feed(self, audio: bytearray, end: int) -> None:
        piece = bytes(audio[self._fed : end])
        self._search.feed(piece)
        self._fed += len(piece)


class Listener:
    """Hears one utterance after another, as s16le at 16 kHz.

    An utterance that begins with all the audio of the one before goes on from there: a conversation that took
    a pause for the end sends the utterance again from its beginning.
    """

    def __init__(
        self, dictation: Searching, commands: Searching | None = None, threshold: float = 0.5
    ) -> None:
        self._dictation = Recording(dictation, DICTATION_MEANS)
        self._commands = None if commands is None else Recording(commands, GRAMMAR_MEANS)
        self._threshold = threshold
        self._audio = bytearray()
        self._before: bytearray | None = None  # the utterance before, while this one may be its continuation

    @property
    def length(self) -> int:
        """Bytes of the utterance so far."""
        return len(self._audio)

    def start(self) -> None:
        """Begin an utterance."""
        if self._before is None:
            self._before = self._audio
        self._audio = bytearray()

    def listen(self, audio: bytes) -> None:
        """Take more of the utterance, without searching it yet."""
        self._audio += audio

    def follow(self) -> bool:
        """Search a step of what is new; return whether there is more."""
        if self._before is not None and not self._joined(self._before):
            return False
        more = self._commands is not None and self._commands.follow(self._audio)
        return self._dictation.follow(self._audio) or more

    def partial(self) -> Finding:
        """What the utterance looks like so far."""
        return Finding("") if self._before is not None else self._choose()

    def finish(self) -> Finding:
        """What was said."""
        if self._before is not None and len(self._audio) < len(self._before):
            self._part()
        while self.follow():
            pass
        if not self._audio:
            return Finding("")
        if self._commands is not None:
            if len(self._audio) <= CHEAP * SECOND:
                self._commands.renew(self._audio)
            self._commands.finish()
        if not _quiet_end(self._audio):
            self._dictation.pad()
        return self._choose()

    def _joined(self, before: bytearray) -> bool:
        """Whether it is known what this utterance has to do with the one before."""
        common = min(len(before), len(self._audio))
        if self._audio[:common] != before[:common]:
            self._part()
        elif len(self._audio) < len(before):
            return False
        self._before = None
        return True

    def _part(self) -> None:
        """This utterance has nothing to do with the one before."""
        self._before = None
        self._dictation.reset()
        if self._commands is not None:
            self._commands.reset()

    def _choose(self) -> Finding:
        dictation = self._dictation.hypothesis()
        if self._commands is None:
            return Finding(dictation.text)
        request = self._commands.hypothesis()
        sure = probability(compare(request, dictation))
        return Finding(request.text if sure >= self._threshold else dictation.text, sure)


def _quiet_end(audio: bytearray) -> bool:
    """Whether the audio ends in enough silence for the search to have brought out the last word."""
    if len(audio) < 2 * STRETCH:
        return False
    samples = array("h", bytes(audio))
    size = STRETCH // 2
    powers = [sum(x * x for x in samples[i : i + size]) for i in range(0, len(samples) - size + 1, size)]
    return sum(x * x for x in samples[-size:]) <= QUIET**2 * max(powers)
