"""Which audio is searched when, with a search that only notes it."""

import numpy as np
import pytest

from voicecli.providers.sphinx.decoder import Fragment, Hypothesis
from voicecli.providers.sphinx.listener import HELD_BACK, SECOND, Listener


class Notes:
    """Hears as many words as there are started seconds of audio."""

    def __init__(self, word: str, score: float = -100.0) -> None:
        self.word = word
        self.score = score
        self.means: list[int] = []  # lengths that were measured
        self.work = 0  # bytes searched in all
        self.audio = b""

    def start(self, audio: bytes = b"") -> None:
        self.audio = b""
        if audio:
            self.means.append(len(audio))

    def feed(self, audio: bytes) -> None:
        self.audio += audio
        self.work += len(audio)

    def finish(self) -> None:
        pass

    def hypothesis(self) -> Hypothesis:
        frames = len(self.audio) * 100 // SECOND
        words = tuple(Fragment(self.word, at, at + 99, self.score) for at in range(0, frames, 100))
        return Hypothesis(words, self.score * len(words)) if words else Hypothesis()


def _noise(seconds: float, seed: int = 0, level: int = 3000) -> bytes:
    """Speech as far as anybody here can tell, ending in a quarter of a second of quiet."""
    count = int(seconds * SECOND / 2)
    samples = np.random.default_rng(seed).integers(-level, level, count)
    samples[max(0, count - 4000) :] //= 100
    return bytes(samples.astype("<i2").tobytes())


def _hear(listener: Listener, audio: bytes, piece: int = 1024) -> str:
    listener.start()
    for at in range(0, len(audio), piece):
        listener.listen(audio[at : at + piece])
        listener.follow()
    return listener.finish().text


def test_everything_is_searched() -> None:
    dictation = Notes("word")
    audio = _noise(2.5)
    assert _hear(Listener(dictation), audio) == "word word word"
    assert dictation.audio == audio


def test_mean_is_measured_as_it_grows() -> None:
    dictation = Notes("word")
    _hear(Listener(dictation), _noise(2.5))
    assert [round(length / SECOND, 1) for length in dictation.means] == [0.4, 1.2]


def test_speech_that_goes_on_is_not_searched_again() -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    audio = _noise(2) + _noise(2, seed=1)
    _hear(listener, audio[: 2 * SECOND])
    before = dictation.work
    assert _hear(listener, audio, piece=SECOND) == "word word word word"
    assert dictation.work - before == len(audio) - 2 * SECOND
    assert dictation.audio == audio


def test_the_same_again_costs_nothing() -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    _hear(listener, _noise(2))
    before = dictation.work
    assert _hear(listener, _noise(2)) == "word word"
    assert dictation.work == before


def test_an_abandoned_utterance_is_continued() -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    audio = _noise(3)
    listener.start()
    listener.listen(audio[:SECOND])
    while listener.follow():
        pass
    before = dictation.work
    assert _hear(listener, audio, piece=len(audio)) == "word word word"
    assert (
        dictation.work - before <= len(audio) + 2 * SECOND
    )  # the mean of more of it is worth one more search


@pytest.mark.parametrize("length", [0.5, 1.5, 3], ids=["shorter", "a little shorter", "longer"])
def test_another_utterance_starts_anew(length: float) -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    _hear(listener, _noise(2))
    audio = _noise(length, seed=7)
    _hear(listener, audio)
    assert dictation.audio == audio


def test_a_beginning_of_the_one_before() -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    audio = _noise(3)
    _hear(listener, audio)
    assert _hear(listener, audio[: SECOND * 3 // 2]) == "word word"


def test_nothing_shown_before_it_is_known_to_go_on() -> None:
    listener = Listener(Notes("word"))
    _hear(listener, _noise(2))
    listener.start()
    listener.listen(_noise(2)[:SECOND])
    assert not listener.follow()
    assert listener.partial().text == ""


def test_an_abrupt_end_is_brought_out() -> None:
    dictation = Notes("word")
    listener = Listener(dictation)
    audio = _noise(2)[:SECOND]
    _hear(listener, audio)
    assert dictation.audio == audio + HELD_BACK
    longer = _noise(2)
    _hear(listener, longer)
    assert dictation.audio == longer  # the silence that was put in is gone


def test_no_audio_is_no_text() -> None:
    listener = Listener(Notes("word"), Notes("request"))
    assert _hear(listener, b"") == ""
    _hear(listener, _noise(1))
    assert _hear(listener, b"") == ""


def test_a_request_that_fits_is_taken() -> None:
    # Its two words last a second each, which speaks against any request; so it has to fit very well.
    listener = Listener(Notes("word"), Notes("request", score=3000.0))
    listener.start()
    listener.listen(_noise(2))
    while listener.follow():
        pass
    assert listener.partial().text == "request request"
    found = listener.finish()
    assert found.text == "request request"
    assert found.confidence is not None
    assert found.confidence > 0.5


def test_a_forced_request_is_not() -> None:
    listener = Listener(Notes("word"), Notes("request", score=-9000.0))
    assert _hear(listener, _noise(2)) == "word word"


def test_a_short_request_is_searched_anew() -> None:
    commands = Notes("request")
    audio = _noise(0.7)
    _hear(Listener(Notes("word"), commands), audio)
    assert commands.means[-1] == len(audio)
    assert commands.audio == audio
