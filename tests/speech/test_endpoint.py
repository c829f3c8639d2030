from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.speech.endpoint import Endpointer, EndpointOptions, EndReason, SoftEnd, TurnEnded

OPTIONS = EndpointOptions(soft_end=0.15)


def speak(endpointer: Endpointer, start: float, stop: float) -> None:
    endpointer.started(start)
    endpointer.stopped(stop)


def wait(endpointer: Endpointer, until: float) -> list[SoftEnd | TurnEnded]:
    """Tick every millisecond up to a time."""
    decisions = (endpointer.tick(milliseconds / 1000) for milliseconds in range(round(until * 1000) + 1))
    return [decision for decision in decisions if decision is not None]


def silence(text: str | None, options: EndpointOptions = OPTIONS) -> tuple[float, EndReason]:
    """How long the endpointer waits after `text`, and why it ended."""
    endpointer = Endpointer(options)
    speak(endpointer, 10.0, 12.0)
    if text is not None:
        endpointer.recognised(text)
    ended = wait(endpointer, 20.0)[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.stopped == 12.0
    return ended.time - 12.0, ended.reason


def test_finished_question_answers_at_once() -> None:
    for text in ("what time is it", "Turn on the lamp.", "yes", "is it raining?"):
        assert silence(text) == (pytest.approx(OPTIONS.min_wait, abs=0.0011), EndReason.FINISHED)


def test_unfinished_clause_waits() -> None:
    for text in ("set a timer for", "um", "one two three", "I went to the"):
        assert silence(text) == (pytest.approx(OPTIONS.max_wait, abs=0.0011), EndReason.UNFINISHED)


def test_unknown_words_wait_between() -> None:
    for text in (None, "", "ten of clubs"):
        assert silence(text) == (pytest.approx(OPTIONS.wait, abs=0.0011), EndReason.SILENCE)


def test_full_stop_shortens_the_wait() -> None:
    seconds, reason = silence("My name is John.")
    assert OPTIONS.min_wait < seconds < OPTIONS.wait
    assert reason is EndReason.FINISHED


def test_language_chooses_the_words() -> None:
    german = replace(OPTIONS, language="de")
    assert silence("stell einen timer für", german)[1] is EndReason.UNFINISHED
    assert silence("stell einen timer für")[1] is EndReason.SILENCE


def test_soft_end_comes_first_and_once() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    assert endpointer.tick(2.1) is None
    assert endpointer.tick(2.16) == SoftEnd(2.16, 2.0)
    assert endpointer.tick(2.2) is None
    assert endpointer.tick(2.61) == TurnEnded(2.61, 2.0, EndReason.SILENCE)
    assert endpointer.tick(2.7) is None
    assert not endpointer.active


def test_words_change_a_running_wait() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    assert isinstance(endpointer.tick(2.15), SoftEnd)
    endpointer.recognised("set a timer for")
    assert endpointer.wait == OPTIONS.max_wait
    assert endpointer.tick(2.8) is None
    endpointer.recognised("set a timer for ten minutes")
    assert endpointer.tick(2.801) == TurnEnded(2.801, 2.0, EndReason.FINISHED)


def test_resumed_speech_voids_the_soft_end() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    assert isinstance(endpointer.tick(2.2), SoftEnd)
    endpointer.started(2.3)
    assert endpointer.tick(5.0) is None
    endpointer.stopped(5.0)
    assert endpointer.tick(5.2) == SoftEnd(5.2, 5.0)


def test_words_before_a_pause_are_stale() -> None:
    """What was whole before the pause says nothing about what came after it."""
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    endpointer.recognised("what time is it")
    speak(endpointer, 2.25, 3.0)
    assert endpointer.tick(3.35) == SoftEnd(3.35, 3.0)
    endpointer.recognised("what time is it in Paris")
    assert endpointer.tick(3.36) == TurnEnded(3.36, 3.0, EndReason.FINISHED)


def test_speaker_who_pauses_is_waited_for() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    speak(endpointer, 2.55, 4.0)  # a pause of 0.55 s
    assert endpointer.wait == pytest.approx(0.55 * 1.2)
    speak(endpointer, 5.0, 6.0)
    assert endpointer.wait == pytest.approx(1.2)
    endpointer.recognised("what time is it")
    assert endpointer.wait == OPTIONS.min_wait


def test_pauses_are_remembered_and_forgotten() -> None:
    endpointer, time = Endpointer(OPTIONS), 0.0
    speak(endpointer, 0.0, 1.0)
    speak(endpointer, 2.0, 3.0)
    endpointer.close(3.0)
    waits = []
    for _ in range(7):
        time += 10.0
        speak(endpointer, time, time + 1.0)
        waits.append(endpointer.wait)
        endpointer.close(time + 1.0)
    assert waits[0] == pytest.approx(1.2)
    assert waits == sorted(waits, reverse=True)
    assert waits[-1] == OPTIONS.wait


def test_cut_off_speaker_is_remembered() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 0.0, 1.0)
    assert isinstance(wait(endpointer, 2.0)[-1], TurnEnded)
    speak(endpointer, 1.9, 3.0)
    assert endpointer.wait == pytest.approx(0.9 * 1.2)
    assert isinstance(wait(endpointer, 9.0)[-1], TurnEnded)
    speak(endpointer, 20.0, 21.0)  # much later is another turn, not a pause
    assert endpointer.wait < 0.9 * 1.2


def test_patience_may_be_switched_off() -> None:
    fixed = EndpointOptions(min_wait=0.5, wait=0.5, max_wait=0.5, patience=0.0)
    endpointer = Endpointer(fixed)
    speak(endpointer, 0.0, 1.0)
    speak(endpointer, 2.0, 3.0)
    for text in ("", "set a timer for", "what time is it", "It is."):
        endpointer.recognised(text)
        assert endpointer.wait == 0.5


def test_cap_ends_running_speech() -> None:
    endpointer = Endpointer(replace(OPTIONS, cap=5.0))
    endpointer.started(1.0)
    assert endpointer.tick(5.99) is None
    assert endpointer.tick(6.0) == TurnEnded(6.0, 6.0, EndReason.CAP)


def test_cap_ends_a_pause() -> None:
    endpointer = Endpointer(replace(OPTIONS, cap=5.0))
    speak(endpointer, 1.0, 5.5)
    endpointer.recognised("set a timer for")
    assert wait(endpointer, 9.0)[-1] == TurnEnded(6.0, 5.5, EndReason.CAP)


def test_closing_ends_at_once() -> None:
    endpointer = Endpointer(OPTIONS)
    assert endpointer.close(1.0) is None
    speak(endpointer, 1.0, 2.0)
    assert endpointer.close(2.05) == TurnEnded(2.05, 2.0, EndReason.CLOSED)
    endpointer.started(4.0)
    assert endpointer.close(5.0) == TurnEnded(5.0, 5.0, EndReason.CLOSED)


def test_nothing_happens_without_speech() -> None:
    endpointer = Endpointer(OPTIONS)
    endpointer.stopped(1.0)
    endpointer.recognised("what time is it")
    assert endpointer.tick(100.0) is None
    assert endpointer.wait == OPTIONS.wait


def test_reset_drops_the_utterance() -> None:
    endpointer = Endpointer(OPTIONS)
    speak(endpointer, 1.0, 2.0)
    endpointer.reset()
    assert not endpointer.active
    assert endpointer.tick(10.0) is None


TEXTS = st.sampled_from(["", "what time is it", "set a timer for", "ten of clubs", "It is late.", "yes"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["started", "stopped", "heard", "tick"]), st.floats(0, 1.0), TEXTS), max_size=80
)


@given(STEPS, st.sampled_from([3.0, 30.0]))
def test_decisions_keep_their_order(steps: list[tuple[str, float, str]], cap: float) -> None:
    """Whatever happens: ends are never early nor late, and a soft end comes once a silence."""
    options = replace(OPTIONS, cap=cap)
    endpointer, time, begun, stopped, softened = Endpointer(options), 0.0, None, None, False
    for kind, seconds, text in steps:
        time += seconds
        if kind == "started":
            endpointer.started(time)
            begun, stopped, softened = (time if begun is None else begun), None, False
        elif kind == "stopped":
            endpointer.stopped(time)
            stopped = time if begun is not None and stopped is None else stopped
        elif kind == "heard":
            endpointer.recognised(text)
        decision = endpointer.tick(time)
        if isinstance(decision, SoftEnd):
            assert not softened
            assert decision == SoftEnd(time, stopped)
            assert time >= stopped + options.soft_end
            softened = True
        elif decision is not None:
            assert begun is not None
            if decision.reason is EndReason.CAP:
                assert time >= begun + cap
            else:
                assert decision.stopped == stopped
                assert time >= stopped + options.min_wait
            begun, stopped, softened = None, None, False
        elif begun is not None:
            assert time < begun + cap
            assert stopped is None or time < stopped + options.max_wait
        assert endpointer.active is (begun is not None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"soft_end": 0.0},
        {"min_wait": 0.0},
        {"min_wait": 0.7},
        {"max_wait": 0.5},
        {"cap": 0.0},
        {"patience": -1.0},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        EndpointOptions(**wrong)
