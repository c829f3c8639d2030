"""Overhead and blame."""

from types import MappingProxyType

import pytest

from voicecli.bench.measure.lateness import Blame, Stated, blame, first_phrase_tokens, usual_waits
from voicecli.latency.timeline import Mark, Span, Timeline
from voicecli.reply.phrases import PhraseOptions

STATED = Stated(asr=0.2, ttft=0.3, token=0.02, ttfb=0.15)


def turn(
    *, ended: float = 0.5, soft: float | None = None, asr: float = 0.2, llm: float = 0.4, tts: float = 0.15
) -> Timeline:
    """A turn from whose end on everything is waited for."""
    marks = {Mark.SPEECH_STOPPED: 10.0, Mark.TURN_ENDED: 10.0 + ended}
    if soft is not None:
        marks[Mark.SOFT_END] = 10.0 + soft
    reached = 10.0 + ended
    for mark, wait in (
        (Mark.TRANSCRIPT, asr),
        (Mark.FIRST_PHRASE, llm),
        (Mark.FIRST_CHUNK, tts),
        (Mark.FIRST_SOUND, 0.02),
    ):
        reached += wait
        marks[mark] = reached
    return Timeline(MappingProxyType(marks))


def test_overhead_is_what_no_delay_accounts_for() -> None:
    # 0.2 + 0.3 + 5 × 0.02 + 0.15 = 0.75 s after the end, and 10 ms of loudspeaker; heard after 0.77 s.
    assert STATED.overhead(turn(llm=0.4), 6, 0.01) == pytest.approx(0.01)


def test_work_begun_on_trust_is_counted_from_there() -> None:
    early = turn(soft=0.1, ended=0.6, asr=0.0, llm=0.0, tts=0.15)
    assert STATED.first_sound(early, 1, 0.0) == pytest.approx(10.0 + 0.1 + 0.65)
    assert STATED.overhead(early, 1, 0.0) == pytest.approx(0.77 - 0.75)


def test_nothing_is_heard_before_the_turn_has_ended() -> None:
    assert STATED.first_sound(turn(soft=0.1, ended=2.0), 1, 0.0) == pytest.approx(12.0)


def test_no_overhead_without_sound() -> None:
    assert STATED.overhead(Timeline(MappingProxyType({Mark.TURN_ENDED: 1.0})), 1, 0.0) is None
    assert STATED.overhead(Timeline(MappingProxyType({})), 1, 0.0) is None


@pytest.mark.parametrize(
    ("tokens", "count"),
    [
        (["It", " is", " sunny", " today,", " about", " twenty"], 4),
        (["Yes."], 1),
        (["\n", "It", " is", " raining", " now.", " Take", " a", " coat."], 5),
        ([], 0),
    ],
)
def test_tokens_of_the_first_phrase(tokens: list[str], count: int) -> None:
    assert first_phrase_tokens(tokens, PhraseOptions()) == count


def test_token_that_is_looked_ahead_at_does_not_count() -> None:
    options = PhraseOptions(eager=False)
    assert first_phrase_tokens(["It", " is", " raining", " now.", " Take"], options) == 4


def test_slowest_stage_is_to_blame() -> None:
    usual = usual_waits([turn(), turn(), turn()])
    assert usual["llm"] == pytest.approx(0.4)
    found = blame(turn(llm=1.0), usual, 1.27, {})
    assert found == Blame("llm", pytest.approx(0.6), "median")


def test_usual_turn_is_nobody_s_fault() -> None:
    assert blame(turn(), usual_waits([turn()]), 1.27, {}) is None
    assert blame(Timeline(MappingProxyType({})), {}, 0.0, {Span.VOICE_TO_VOICE: 0.1}) is None


def test_over_budget_like_all_others() -> None:
    budgets = {
        Span.VOICE_TO_VOICE: 1.0,
        Span.ENDPOINT: 0.6,
        Span.ASR: 0.05,
        Span.TTFT: 0.7,
        Span.TTFB: 0.2,
        Span.PLAYOUT: 0.1,
    }
    found = blame(turn(), usual_waits([turn()]), 1.27, budgets)
    assert found == Blame("asr", pytest.approx(0.15), "budget")
    roomy = dict.fromkeys(budgets, 2.0) | {Span.VOICE_TO_VOICE: 1.0}
    assert blame(turn(), usual_waits([turn()]), 1.27, roomy) == Blame(
        "endpoint", pytest.approx(0.5), "nothing"
    )
