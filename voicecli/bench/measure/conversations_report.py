"""What conversations come to: a sample for each question, charts, claims, and who made a turn late."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import cdfs, over, waterfall
from voicecli.bench.measure.conversations import Exchange
from voicecli.bench.measure.lateness import Blame, blame, first_phrase_tokens, usual_waits
from voicecli.bench.measure.partner import ToldTurn
from voicecli.bench.measure.word_errors import WordErrors, total, word_errors
from voicecli.bench.metric import Better, Measure, Metric, known, shown
from voicecli.bench.report import Sample, Trouble, case_name, counted, grouped, values_of
from voicecli.bench.table import Grid
from voicecli.latency.statistics import summarize
from voicecli.latency.timeline import Mark, Span

__all__ = [
    "METRICS",
    "Assertion",
    "claims",
    "sampled",
    "talk_charts",
    "talk_facts",
    "talk_tables",
    "word_facts",
]

METRICS = (
    *known("voice_to_voice", "endpoint", "asr", "ttft", "phrase", "ttfb", "playout", "ttfa"),
    Metric(name="answer", title="transcript to speech"),  # to the first byte of it
    *known("overhead"),
    Metric(name="dating", title="end dated late", better=Better.NEITHER),
    Metric(name="wer", title="word error rate", unit=Measure.SHARE),
    Metric(name="cut_off", title="cut off", unit=Measure.COUNT, total=True),
    *known("underruns", "silence"),
)
"""What is measured of every question."""

_ROWS = 24  # turns in the waterfall
_OVERHEAD = {"p50": 0.03, "p95": 0.06}  # seconds: what voicecli may add to stated delays
_FASTER = 1.6  # times as fast as the naive pipeline, at the least
_SERIAL = 0.59  # seconds from the transcript to speech that the tutorial's order needs


def sampled(
    asked: Sequence[Exchange], budgets: Mapping[Span, float], *, timed: bool = True, scored: bool = True
) -> list[Sample]:
    """A sample for each question.

    Without `timed` nothing was heard at the pace of time, so only words and cut-offs count; without `scored`
    no recogniser listened.
    """
    late = _late(asked, budgets) if timed else {}
    return [_sample(one, late.get(index), timed, scored) for index, one in enumerate(asked)]


def _late(asked: Sequence[Exchange], budgets: Mapping[Span, float]) -> dict[int, Blame | None]:
    """Who made turns late, by the place of the question."""
    found: dict[int, Blame | None] = {}
    for contender in dict.fromkeys(one.contender for one in asked):
        turns = {index: one.turn for index, one in enumerate(asked) if one.contender is contender}
        usual = [
            turn.timeline
            for index, turn in turns.items()
            if asked[index].number and turn is not None and turn.error is None
        ]
        totals = summarize(timeline.span(Span.VOICE_TO_VOICE) for timeline in usual)
        median, waits = totals.p50 if totals else 0.0, usual_waits(usual)
        for index, turn in turns.items():
            found[index] = None if turn is None else blame(turn.timeline, waits, median, budgets)
    return found


def _sample(asked: Exchange, late: Blame | None, timed: bool, scored: bool) -> Sample:
    turn, error = asked.turn, asked.error
    words = _words(asked) if scored else None
    values: dict[str, float | None] = {
        "cut_off": float(asked.cut_off),
        "wer": None if words is None else words.rate,
    }
    marks: Mapping[str, float | None] = {}
    details: dict[str, Any] = {
        "question": asked.question.name,
        "said": asked.question.text,
        "transcript": asked.transcript,
        "reply": turn.reply if turn else "",
        "cut_off": [
            {"after": one.position, "text": one.transcript} for one in asked.turns if one is not turn
        ],
        "words": None if words is None else asdict(words),
    }
    if turn is not None and timed:
        values |= {str(span): turn.timeline.span(span) for span in Span}
        values |= {"underruns": float(turn.underruns), "silence": turn.silence, "dating": asked.dating}
        values |= {"answer": _answer(turn), "overhead": _overhead(asked, turn)}
        marks = {str(mark): at for mark, at in turn.timeline.since(Mark.SPEECH_STOPPED).items()}
        details |= {
            "waits": turn.timeline.waits(),
            "late": None if late is None else asdict(late),
            "stamps": turn.stamps.since(turn.timeline.marks.get(Mark.SPEECH_STOPPED)),
            "disorder": turn.stamps.disorder(),
            "speech_before_model_done": turn.stamps.overlapped,
            "speculation": {"hits": turn.hits, "misses": turn.misses},
        }
    return Sample(
        case=dict(asked.contender.label),
        values=values,
        number=asked.number,
        counted=bool(asked.number),
        error=None if error is None else Trouble.of(error),
        marks=marks,
        details=details,
    )


def _words(asked: Exchange) -> WordErrors | None:
    question = asked.question
    return word_errors(question.text, asked.transcript) if question.text and question.scored else None


def _answer(turn: ToldTurn) -> float | None:
    first, last = turn.stamps.asr_complete, turn.stamps.tts_first_chunk
    return None if first is None or last is None else last - first


def _overhead(asked: Exchange, turn: ToldTurn) -> float | None:
    contender = asked.contender
    if contender.stated is None:
        return None
    tokens = first_phrase_tokens(turn.tokens, contender.settings.conversation.phrases)
    return contender.stated.overhead(turn.timeline, tokens, asked.latency)


def talk_charts(samples: Sequence[Sample], asked: Sequence[Exchange], limit: float | None) -> list[Chart]:
    """How late the answers were, stage by stage for the first turns, and whether they drift."""
    labels = list(samples[0].case) if samples else []
    question, title = Axis("question", Measure.COUNT), "voice to voice, question by question"
    return [
        waterfall(_rows(asked), "turn by turn, from the end of speech", Axis("waited"), limit),
        cdfs(samples, METRICS[0], labels, "voice to voice", limit),
        over(samples, METRICS[0], question, labels, title),
    ]


def _rows(asked: Sequence[Exchange]) -> dict[str, dict[str, tuple[float, float]]]:
    """The waits of the first turns, each from where the one before it ended."""
    several = len({one.contender for one in asked}) > 1
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    for one in asked:
        waits = one.turn.timeline.waits() if one.turn is not None and one.number else {}
        if not waits or len(rows) == _ROWS:
            continue
        reached = 0.0
        row: dict[str, tuple[float, float]] = {}
        for stage, wait in waits.items():
            row[stage] = (reached, reached + wait)
            reached += wait
        pipeline = f" {case_name(one.contender.label)}" if several else ""
        rows[f"{one.number}{pipeline}"] = row
    return rows


def talk_facts(samples: Iterable[Sample]) -> dict[str, str]:
    """Who made turns late, for the head of the report."""
    late = [sample for sample in samples if sample.counted and sample.details.get("late")]
    facts = {}
    for name, found in grouped(late, lambda sample: case_name(sample.case)).items():
        counts = Counter(str(sample.details["late"]["stage"]) for sample in found)
        facts[f"late, {name}"] = ", ".join(
            f"{count} through {stage}" for stage, count in counts.most_common()
        )
    return facts


def talk_tables(samples: Iterable[Sample]) -> list[Grid]:
    """The questions that something went wrong with: late, cut off, misunderstood."""
    late, cut, wrong = [], [], []
    for sample in samples:
        if not sample.counted:
            continue
        details, where = sample.details, [case_name(sample.case), str(sample.number)]
        if found := details.get("late"):
            took = shown(sample.values.get("voice_to_voice"), Measure.TIME)
            against = f"over the {found['against']}" if found["against"] != "nothing" else "in all"
            by = f"{shown(found['by'], Measure.TIME)} {against}"
            late.append([*where, str(details["question"]), str(found["stage"]), took, by])
        for one in details["cut_off"]:
            after = shown(one["after"], Measure.LENGTH)
            cut.append([*where, str(details["question"]), str(one["text"]) or "–", after])
        if details["words"] and (missed := (words := WordErrors(**details["words"])).errors):
            said = [str(details["said"]), str(details["transcript"]) or "–"]
            wrong.append([*where, *said, f"{missed} of {words.said}"])
    first = ["pipeline", "turn"]
    tables = [
        Grid(title="late", headings=[*first, "question", "through", "took", "by"], rows=late, words=4),
        Grid(title="cut off", headings=[*first, "question", "heard so far", "after"], rows=cut, words=4),
        Grid(title="misunderstood", headings=[*first, "said", "heard", "words"], rows=wrong, words=4),
    ]
    return [table for table in tables if table.rows]


def word_facts(samples: Iterable[Sample]) -> dict[str, str]:
    """The word error rate over all words, by contender."""
    worded = [sample for sample in samples if sample.counted and sample.details["words"]]
    facts = {}
    for name, each in grouped(worded, lambda sample: case_name(sample.case)).items():
        found = total(WordErrors(**sample.details["words"]) for sample in each)
        if found is not None and found.rate is not None:
            facts[f"word errors, {name}"] = f"{found.errors} of {found.said} words, {found.rate:.1%}"
    return facts


@dataclass(frozen=True, slots=True)
class Assertion:
    """Something that should hold, and whether it was seen to."""

    name: str
    value: float | None
    limit: float
    ok: bool
    said: str  # the numbers, for people
    held: bool = True  # whether `--strict` insists; overhead has a budget for that


def claims(
    samples: Sequence[Sample],
    ours: Mapping[str, str],
    reference: Mapping[str, str] | None,
    scenario: str = "",
) -> list[Assertion]:
    """What these samples can show of voicecli, `ours` being the labels of its case."""
    taken = counted(samples)
    own = [one for one in taken if dict(one.case) == dict(ours)]
    theirs = [one for one in taken if reference is not None and dict(one.case) == dict(reference)]
    found = [*_overheads(own), *_orders(own)]
    if scenario == "tutorial":
        return [*found, *_tutorial(own, theirs)]
    return [*found, *_faster(own, theirs, case_name(reference or {}))]


def _overheads(own: Sequence[Sample]) -> list[Assertion]:
    found = summarize(values_of(own, "overhead"))
    if found is None:
        return []
    claimed = []
    for name, limit in _OVERHEAD.items():
        value = float(getattr(found, name))
        said = f"{value * 1000:.0f} ms of at most {limit * 1000:.0f} ms, {found.n} turns"
        claimed.append(Assertion(f"overhead {name}", value, limit, value <= limit, said, held=False))
    return claimed


def _orders(own: Sequence[Sample]) -> list[Assertion]:
    stamped = [one.details for one in own if "stamps" in one.details]
    if not stamped:
        return []
    wrong = sum(bool(one["disorder"]) for one in stamped)
    said = f"{len(stamped) - wrong} of {len(stamped)} turns"
    return [Assertion("stamps in order", float(wrong), 0.0, not wrong, said)]


def _faster(own: Sequence[Sample], theirs: Sequence[Sample], name: str) -> list[Assertion]:
    ours, others = values_of(own, "voice_to_voice"), values_of(theirs, "voice_to_voice")
    if not ours or not others:
        return []
    first, second = statistics.median(ours), statistics.median(others)
    ratio = second / first
    said = f"{ratio:.1f} times ({second * 1000:,.0f} ms against {first * 1000:,.0f} ms, at least {_FASTER:g})"
    simulated = bool(values_of(own, "overhead"))  # of other engines nothing is claimed
    return [Assertion(f"faster than {name}", ratio, _FASTER, ratio >= _FASTER, said, held=simulated)]


def _tutorial(own: Sequence[Sample], theirs: Sequence[Sample]) -> list[Assertion]:
    ours, others = values_of(own, "answer"), values_of(theirs, "answer")
    if not ours or not others:
        return []
    first, second = statistics.median(ours), statistics.median(others)
    said = f"{first * 1000:,.0f} ms from the transcript, against {second * 1000:,.0f} ms"
    serial = f"{second * 1000:,.0f} ms, {_SERIAL * 1000:,.0f} ms stated"
    before, turns = sum(one.details.get("speech_before_model_done") is True for one in own), len(own)
    begun, many = "speech begun before the model is done", f"{before} of {turns} turns"
    return [
        Assertion("speech before the serial order's", first, second, first < second, said),
        Assertion("the serial order as stated", second, _SERIAL, abs(second - _SERIAL) <= 0.05, serial),
        Assertion(begun, float(before), float(turns), before == turns, many),
    ]
