import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.speech.gate import GateOptions, SpeechGate, SpeechStarted, SpeechStopped

STEP = 0.032
SLOW = GateOptions(min_silence=0.1)
PROBABILITIES = st.lists(st.sampled_from([0.0, 0.2, 0.34, 0.35, 0.4, 0.49, 0.5, 0.7, 1.0]), max_size=120)


def events(probabilities: list[float], options: GateOptions | None = None, start: float = 0.0) -> list:
    gate = SpeechGate(options or SLOW)
    found = [gate.push(value, start + index * STEP) for index, value in enumerate(probabilities)]
    return [event for event in [*found, gate.close()] if event is not None]


def test_start_dates_back() -> None:
    gate = SpeechGate(GateOptions(min_speech=0.096))
    assert [gate.push(p, t) for p, t in ((0.1, 5.0), (0.9, 5.032), (0.9, 5.064))] == [None] * 3
    assert gate.push(0.9, 5.096) == SpeechStarted(5.032)


def test_stop_dates_back() -> None:
    found = events([1.0] * 4 + [0.0] * 10)
    assert found == [SpeechStarted(0.0), SpeechStopped(pytest.approx(4 * STEP))]


def test_click_is_no_speech() -> None:
    assert events([0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0]) == []


def test_short_dip_is_no_end() -> None:
    found = events([1.0] * 4 + [0.0] * 2 + [1.0] * 4)
    assert found == [SpeechStarted(0.0), SpeechStopped(pytest.approx(10 * STEP))]


def test_middle_carries_speech_on() -> None:
    assert events([1.0] * 3 + [0.4] * 20)[-1].time == pytest.approx(23 * STEP)


def test_middle_starts_nothing() -> None:
    assert events([0.4] * 50) == []


def test_middle_ends_no_silence() -> None:
    assert events([1.0] * 3 + [0.0] + [0.4] * 5)[-1].time == pytest.approx(3 * STEP)


def test_gap_in_the_stream_is_silence() -> None:
    gate = SpeechGate()
    assert [gate.push(1.0, index * STEP) for index in range(3)][-1] == SpeechStarted(0.0)
    assert gate.push(0.0, 3.0) == SpeechStopped(pytest.approx(3 * STEP))


def test_reset_lets_speech_start_again() -> None:
    gate = SpeechGate(GateOptions(min_speech=0.064))
    assert gate.push(1.0, 0.0) is None
    assert gate.push(1.0, STEP) == SpeechStarted(0.0)
    gate.reset()
    assert gate.push(1.0, 2 * STEP) is None
    assert gate.push(1.0, 3 * STEP) == SpeechStarted(2 * STEP)


@given(PROBABILITIES, st.floats(0, 0.3), st.floats(0, 0.5))
def test_events_alternate_in_order(probabilities: list[float], speech: float, silence: float) -> None:
    found = events(probabilities, GateOptions(min_speech=speech, min_silence=silence), start=50.0)
    assert [type(event) for event in found] == [SpeechStarted, SpeechStopped] * (len(found) // 2)
    times = [event.time for event in found]
    assert times == sorted(times)


@given(PROBABILITIES, st.floats(0, 0.3), st.floats(0, 0.5))
def test_edges_are_voiced_windows(probabilities: list[float], speech: float, silence: float) -> None:
    options = GateOptions(min_speech=speech, min_silence=silence)
    for event in events(probabilities, options):
        index = round(event.time / STEP)
        assert event.time == pytest.approx(index * STEP)
        if isinstance(event, SpeechStarted):
            assert probabilities[index] >= options.start
        else:
            assert probabilities[index - 1] >= options.stop
            # Whatever runs through to the end of the stream is not followed by silence.
            assert index == len(probabilities) or probabilities[index] < options.start


@given(PROBABILITIES)
def test_voiced_stretches_are_found(probabilities: list[float]) -> None:
    """Three certain windows in a row always lie between a start and a stop."""
    found = [event.time for event in events(probabilities)]
    spans = list(zip(found[::2], found[1::2], strict=True))
    for index in range(len(probabilities) - 2):
        if min(probabilities[index : index + 3]) >= 0.5:
            assert any(a <= index * STEP + 1e-9 and (index + 3) * STEP <= b + 1e-9 for a, b in spans)


@pytest.mark.parametrize(
    "wrong", [{"start": 0.2}, {"stop": 0.0}, {"start": 1.1}, {"min_speech": -1.0}, {"window": 0.0}]
)
def test_wrong_options_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        GateOptions(**wrong)


def test_starting_is_known_at_once() -> None:
    gate, seen = SpeechGate(SLOW), []
    for index, probability in enumerate([0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]):
        gate.push(probability, index * STEP)
        seen.append(gate.starting)
    assert [index for index, starting in enumerate(seen) if starting] == [1, 3, 4]
