"""Marks and the spans between them."""

from voicecli.latency.timeline import SPANS, Mark, Span, Stopwatch, Timeline


def test_every_span_has_marks():
    assert set(SPANS) == set(Span)


def test_unset_mark_is_none():
    timeline = Timeline({Mark.SPEECH_STOPPED: 5.0})
    assert timeline.span(Span.VOICE_TO_VOICE) is None
    assert timeline.since(Mark.SPEECH_STOPPED)[Mark.FIRST_SOUND] is None
    assert timeline.since(Mark.TURN_ENDED)[Mark.SPEECH_STOPPED] is None


def test_first_time_counts():
    watch = Stopwatch()
    watch.mark(Mark.FIRST_CHUNK, 2.0)
    watch.mark(Mark.FIRST_CHUNK, 3.0)
    assert watch[Mark.FIRST_CHUNK] == 2.0


def test_speculated_transcript_costs_nothing():
    timeline = Timeline({Mark.TURN_ENDED: 3.0, Mark.TRANSCRIPT: 2.5})
    assert timeline.span(Span.ASR) == 0.0


def test_timeline_does_not_change_later():
    watch = Stopwatch()
    watch.mark(Mark.SPEECH_STOPPED, 1.0)
    timeline = watch.timeline()
    watch.move(Mark.SPEECH_STOPPED, 2.0)
    watch.clear(Mark.SPEECH_STOPPED)
    assert timeline.marks == {Mark.SPEECH_STOPPED: 1.0}


def test_waits_add_up_with_speculation():
    marks = {
        Mark.SPEECH_STOPPED: 1.0,
        Mark.TRANSCRIPT: 1.2,
        Mark.FIRST_TOKEN: 1.3,
        Mark.FIRST_PHRASE: 1.4,
        Mark.TURN_ENDED: 1.5,
        Mark.FIRST_CHUNK: 1.55,
        Mark.FIRST_SOUND: 1.6,
    }
    waits = Timeline(marks).waits()
    assert sum(waits.values()) - 0.6 < 1e-9
    assert waits["asr"] == waits["llm"] == 0
    assert abs(waits["endpoint"] - 0.5) < 1e-9


def test_no_sound_has_no_waits():
    assert Timeline({Mark.SPEECH_STOPPED: 1.0}).waits() == {}


def test_waited_leaves_out_what_passed_before_the_end():
    marks = {Mark.TURN_ENDED: 1.5, Mark.TRANSCRIPT: 1.2, Mark.FIRST_CHUNK: 1.3, Mark.FIRST_SOUND: 1.55}
    timeline = Timeline(marks)
    assert abs(timeline.span(Span.PLAYOUT) - 0.25) < 1e-9
    assert abs(timeline.waited(Span.PLAYOUT) - 0.05) < 1e-9
    assert timeline.waited(Span.TTFT) is None
