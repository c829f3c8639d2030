"""Latencies in as many columns as there are."""

import pytest

from voicecli.latency.render import turn_line
from voicecli.latency.timeline import Mark, Timeline

SLOW = Timeline(
    {
        Mark.SPEECH_STOPPED: 10.0,
        Mark.TURN_ENDED: 10.624,
        Mark.TRANSCRIPT: 11.094,
        Mark.FIRST_TOKEN: 11.1,
        Mark.FIRST_PHRASE: 11.1,
        Mark.FIRST_CHUNK: 11.102,
        Mark.FIRST_SOUND: 11.115,
    }
)


@pytest.mark.parametrize("width", [*range(40, 110, 7), 200])
def test_a_turn_is_one_line(width: int) -> None:
    line = turn_line(SLOW, {}, width)
    assert line.cell_len <= width
    assert line.plain.startswith(" 1115 ms  endpoint 624")


def test_bars_go_first_and_then_the_shortest_stages() -> None:
    wide, middle, narrow = (turn_line(SLOW, {}, width).plain for width in (100, 60, 40))
    assert wide.count("█") > 5
    assert middle == " 1115 ms  endpoint 624 asr 470 llm 6 tts 2 playout 13"
    assert narrow == " 1115 ms  endpoint 624 asr 470 …"


def test_an_announcement_has_sound() -> None:
    marks = {Mark.FIRST_PHRASE: 11.1, Mark.FIRST_CHUNK: 11.102, Mark.FIRST_SOUND: 11.115}
    assert turn_line(Timeline(marks), {}).plain.split() == ["–", "announced"]
    assert turn_line(Timeline({Mark.SPEECH_STOPPED: 10.0}), {}).plain.endswith("no sound")
