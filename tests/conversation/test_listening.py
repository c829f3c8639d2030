"""The ears, with a detector that hears loudness and a conversation that writes down what it is told."""

import asyncio
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from voicecli.audio.block import Block
from voicecli.audio.microphone import PacedMicrophone
from voicecli.conversation.listening import Listening, ListeningOptions
from voicecli.conversation.turntaking import Dropped, Floor, Interrupted, Speech, State
from voicecli.flow.sources import array_source
from voicecli.providers.recognizer import Transcript
from voicecli.speech.ears import Ears
from voicecli.speech.endpoint import EndpointOptions, SoftEnd, TurnEnded
from voicecli.speech.gate import SpeechStarted, SpeechStopped
from voicecli.speech.segmenter import Segmenter

RATE = 48_000
AIR = 1000.0  # monotonic seconds at which the microphone was opened


class Loudness:
    """Anything loud is speech."""

    name = "loudness"

    def probability(self, window):
        return float(np.abs(window).max() > 0.05)

    def reset(self):
        pass


class Notes:
    """What the conversation was told, in order."""

    NAMES: ClassVar = {
        SpeechStopped: "stopped",
        SoftEnd: "soft",
        TurnEnded: "ended",
        Dropped: "dropped",
        Interrupted: "barge in",
    }

    def __init__(self, state=State.LISTENING):
        self.told, self.heard = [], []
        self.floor = Floor(state)
        self.words = None
        self.half_duplex = False

    @property
    def alone(self):
        return self.half_duplex and self.floor.state is State.SPEAKING

    def push(self, sign):
        if isinstance(sign, SpeechStarted):
            name = "resumed" if self.floor.in_utterance else "started"
            self.floor = replace(self.floor, speech=Speech.SPOKEN)
        else:
            name = self.NAMES[type(sign)]
        if isinstance(sign, TurnEnded | Dropped):
            self.floor = replace(self.floor, speech=Speech.SILENT)
        if isinstance(sign, Interrupted):
            self.floor = replace(self.floor, state=State.INTERRUPTED)
        self.told.append((name, sign.time))

    def listen(self, samples):
        self.heard.append(samples)


class Played:
    """A microphone that hears an array in blocks of 10 ms."""

    name, rate, overflows = "played", RATE, 0

    def __init__(self, samples):
        self.samples = samples

    async def blocks(self):
        for start in range(0, len(self.samples), 480):
            yield Block(self.samples[start : start + 480], RATE, AIR + start / RATE)


def sound(*seconds):
    """Silence and speech in turn."""
    noise = np.random.default_rng(1)
    parts = [
        noise.standard_normal(round(length * RATE)) * (0.2 if index % 2 else 0.0005)
        for index, length in enumerate(seconds)
    ]
    return np.concatenate(parts).astype(np.float32)


ENDPOINT = EndpointOptions(min_wait=0.3, wait=0.5)


def hear(samples, notes=None, during=None, endpoint=ENDPOINT, **options):
    notes = notes or Notes()
    warnings = []
    ears = Ears(Loudness(), Segmenter(endpoint=endpoint))
    listening = Listening(Played(samples), ears, notes, ListeningOptions(**options), warn=warnings.append)
    if during is not None:
        during(listening)
    asyncio.run(listening.run())
    return notes, warnings


def times(notes, what):
    return [at for name, at in notes.told if name == what]


def test_times_are_of_the_air():
    notes, _ = hear(sound(1.0, 1.5, 2.0))
    assert times(notes, "started") == [pytest.approx(AIR + 1.0, abs=0.03)]
    assert times(notes, "stopped")[-1] == pytest.approx(AIR + 2.5, abs=0.03)
    (ended,) = times(notes, "ended")
    assert AIR + 3.0 <= ended <= AIR + 3.1


def test_first_syllable_is_kept():
    notes, _ = hear(sound(1.0, 1.0, 1.5))
    heard = np.concatenate(notes.heard)
    begun = np.flatnonzero(np.abs(heard) > 0.05)[0]
    assert 0.3 * 16_000 <= begun <= 0.5 * 16_000


def test_pause_is_one_utterance():
    notes, _ = hear(sound(0.5, 0.8, 0.3, 0.8, 1.5))
    assert [name for name, _ in notes.told if name in ("started", "resumed", "ended")] == [
        "started",
        "resumed",
        "ended",
    ]


def test_words_decide_the_wait():
    class Understanding(Notes):
        """Understands all of it at the first short silence."""

        def push(self, sign):
            super().push(sign)
            if isinstance(sign, SoftEnd):
                self.words = Transcript("what time is it", final=True)

    notes, _ = hear(sound(0.5, 1.0, 1.5), Understanding())
    assert times(notes, "ended")[0] < AIR + 1.5 + 0.4


def test_long_speech_interrupts_the_answer():
    notes = Notes(State.SPEAKING)
    hear(sound(0.5, 1.0, 1.0), notes, barge_in_after=0.3)
    (at,) = times(notes, "barge in")
    assert AIR + 0.79 <= at <= AIR + 0.9


def test_cough_does_not_interrupt():
    notes = Notes(State.SPEAKING)
    hear(sound(0.5, 0.15, 1.0), notes, barge_in_after=0.3)
    assert [name for name, _ in notes.told] == ["started", "dropped"]


def test_without_barge_in_nothing_is_heard_while_speaking():
    notes = Notes(State.SPEAKING)
    hear(sound(0.5, 1.0, 1.0), notes, barge_in=False)
    assert not times(notes, "started")


def test_muted_microphone_hears_nothing():
    notes, _ = hear(sound(0.5, 1.0, 1.0), during=lambda listening: setattr(listening, "muted", True))
    assert not times(notes, "started")


def released(at):
    """The key, pressed at the start and again `at` so many seconds."""

    def keys(listening):
        assert listening.press()
        inner = listening._take

        def hear_and_release(block):
            inner(block)
            if block.time >= AIR + at and listening._open:
                assert not listening.press()

        listening._take = hear_and_release

    return keys


def test_push_to_talk_ends_with_the_key():
    notes, _ = hear(sound(0.5, 1.0, 0.1, 1.0, 1.0), during=released(1.5), push_to_talk=True)
    (ended,) = times(notes, "ended")
    assert ended == pytest.approx(AIR + 1.5, abs=0.05)


def test_no_silence_ends_what_a_key_will_end():
    notes, _ = hear(
        sound(0.5, 1.0, 5.0, 1.0, 4.0, 31.0, 1.0),
        during=released(43.0),
        endpoint=ENDPOINT.patient(),
        push_to_talk=True,
    )
    (ended,) = times(notes, "ended")
    assert ended == pytest.approx(AIR + 43.0, abs=0.05)
    assert len(times(notes, "soft")) == 3  # each pause may still be answered on trust


def test_only_zeros_are_told_once():
    _, warnings = hear(np.zeros(RATE * 5, np.float32), silent_after=3.0)
    assert len(warnings) == 1
    assert "muted" in warnings[0]


def test_quiet_room_is_not_a_muted_microphone():
    _, warnings = hear(sound(5.0), silent_after=3.0)
    assert warnings == []


def test_file_of_zeros_is_told_by_its_name():
    warnings = []
    zeros = array_source([np.zeros(RATE, np.float32)] * 4)
    microphone = PacedMicrophone("zeros.wav", RATE, zeros, real_time=False)

    async def listen():
        async with microphone:
            listening = Listening(
                microphone, Ears(Loudness()), Notes(), ListeningOptions(), warn=warnings.append
            )
            await listening.run()

    asyncio.run(listen())
    assert warnings == ["zeros.wav: nothing but zeros for 3 seconds."]
