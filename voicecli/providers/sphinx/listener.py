"""One utterance as it is heard: dictation, and beside it the requests of a grammar.

Features are normalised with their mean over the utterance, which is not known when it begins. So it is
measured again as the utterance grows, and the search starts anew with the better mean; that costs a twentieth
of the utterance's length with the grammar, a sixth in dictation.
"""

from __future__ import annotations

import numpy as np

from voicecli.providers.recognizer import Transcript
from voicecli.providers.sphinx.confidence import compare, probability
from voicecli.providers.sphinx.decoder import Hypothesis, Search

__all__ = ["FollowingSearch", "Listener"]

SECOND = 2 * 16_000  # bytes
GRAMMAR_MEANS = (0.4, 0.8, 1.3, 2.0)  # seconds of audio at which the grammar's search starts anew
DICTATION_MEANS = (0.4, 1.2)  # the same for dictation, which is slower
CHEAP = 1.0  # seconds: an utterance up to this length is searched anew when it ends
MEASURED = 6.0  # seconds that the mean is taken over
QUIET = 0.1  # of the loudest stretch: an ending below this needs no silence put after it
STRETCH = SECOND // 10
HELD_BACK = bytes(SECOND * 3 // 20)  # silence that brings out what the search holds back for its context
STEP = SECOND // 10  # the most that is searched at a time, so that an abandoned utterance is noticed


class FollowingSearch:
    """One search over audio that grows: keeps up with it, and starts anew when a better mean is worth it."""

    def __init__(self, search: Search, means: tuple[float, ...]) -> None:
        self._search = search
        self._means = means
        self.reset()

    def reset(self) -> None:
        """Forget the audio so far; its mean stays until there is a better one."""
        self.fed = 0  # bytes searched
        self._due = list(self._means)
        self._stale = True  # what is searched next cannot be added to what was

    def follow(self, audio: bytearray) -> bool:
        """Search up to a STEP of what is new in `audio`; return whether there is more."""
        if self.fed == len(audio):
            return False
        length = len(audio) / SECOND
        due = [moment for moment in self._due if moment > length]
        if len(due) < len(self._due) or (self._stale and length >= self._means[0]):
            self._due = due
            self._restart(audio)
        elif self._stale:
            self._search.start()
            self.fed, self._stale = 0, False
        self._feed(audio, self.fed + STEP)
        return self.fed < len(audio)

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
        return self._search.hypothesis() if self.fed else Hypothesis()

    def _restart(self, audio: bytearray) -> None:
        self._search.start(bytes(audio[: int(MEASURED * SECOND)]))
        self.fed, self._stale = 0, False

    def _feed(self, audio: bytearray, end: int) -> None:
        self._search.feed(bytes(audio[self.fed : end]))
        self.fed = min(end, len(audio))


class Listener:
    """Hears one utterance after another, as s16le at 16 kHz.

    An utterance that begins with all the audio of the one before goes on from there: a conversation that took
    a pause for the end sends the utterance again from its beginning.
    """

    def __init__(self, dictation: Search, commands: Search | None = None, threshold: float = 0.5) -> None:
        self._dictation = FollowingSearch(dictation, DICTATION_MEANS)
        self._commands = None if commands is None else FollowingSearch(commands, GRAMMAR_MEANS)
        self._searches = [each for each in (self._commands, self._dictation) if each is not None]
        self._threshold = threshold
        self._audio = bytearray()
        self._before: bytearray | None = None  # the utterance before, while this one may be its continuation

    @property
    def searched(self) -> int:
        """Bytes of the utterance that a partial transcript would cover; fewer when a search starts anew."""
        return 0 if self._before is not None else min(search.fed for search in self._searches)

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
        more = [search.follow(self._audio) for search in self._searches]
        return any(more)

    def partial(self) -> Transcript:
        """What the utterance looks like so far."""
        return Transcript("") if self._before is not None else self._choose()

    def finish(self) -> Transcript:
        """What was said."""
        if self._before is not None and len(self._audio) < len(self._before):
            self._part()
        while self.follow():
            pass
        if not self._audio:
            return Transcript("")
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
        for search in self._searches:
            search.reset()

    def _choose(self) -> Transcript:
        dictation = self._dictation.hypothesis()
        if self._commands is None:
            return Transcript(dictation.text)
        request = self._commands.hypothesis()
        sure = probability(compare(request, dictation))
        return Transcript(request.text if sure >= self._threshold else dictation.text, confidence=sure)


def _quiet_end(audio: bytearray) -> bool:
    """Whether the audio ends in enough silence for the search to have brought out the last word."""
    if len(audio) < 2 * STRETCH:
        return False
    samples = np.frombuffer(bytes(audio), "<i2").astype(np.float64)
    size = STRETCH // 2
    stretches = samples[: len(samples) // size * size].reshape(-1, size)
    return float(np.sum(samples[-size:] ** 2)) <= QUIET**2 * float((stretches**2).sum(axis=1).max())
