"""What conversations come to: a sample for each question, charts, claims, and who made a turn late."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from voicecli.bench.chart import Axis, Chart
from voicecli.bench.charts import cdfs, over_runs, waterfall
from voicecli.bench.measure.conversations import Asked, Contender, Turn
from voicecli.bench.measure.lateness import Blame, Stated, blame, first_phrase_tokens, usual_waits
from voicecli.bench.measure.word_errors import WordErrors, total, word_errors
from voicecli.bench.metric import Better, Metric, Unit, known, shown
from voicecli.bench.report import Failure, Sample, case_name
from voicecli.bench.table import Table
from voicecli.latency.statistics import summarize
from voicecli.latency.timeline import Mark, Span

__all__ = [
    "METRICS",
    "Claim",
    "claims",
    "sampled",
    "simulated_delays",
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
    Metric(name="wer", title="word error rate", unit=Unit.SHARE),
    Metric(name="cut_off", title="cut off", unit=Unit.COUNT, total=True),
    *known("underruns", "silence"),
)
"""What is measured of every question."""

_ROWS = 24  # turns in the waterfall
_OVERHEAD = {"p50": 0.03, "p95": 0.06}  # seconds: what voicecli may add to stated delays
_FASTER = 1.6  # times as fast as the naive pipeline, at the least
_SERIAL = 0.59  # seconds from the transcript to speech that the tutorial's order needs


def sampled(
    asked: Sequence[Asked],
    stated: Mapping[int, Stated],
    budgets: Mapping[Span, float],
    *,
    timed: bool = True,
    scored: bool = True,
) -> list[Sample]:
    """A sample for each question.

    `stated` are the delays of a contender's simulated engines, by its identity. Without `timed` nothing was
    heard at the pace of time, so only words and cut-offs count; without `scored` no recogniser listened.
    """
    usual = _usual(asked)
    return [
        _sample(one, stated.get(id(one.contender)), usual[id(one.contender)], budgets, timed, scored)
        for one in asked
    ]


@dataclass(frozen=True, slots=True)
class _Usual:
    waits: Mapping[str, float]
    total: float  # median of voice_to_voice


def _usual(asked: Sequence[Asked]) -> dict[int, _Usual]:
    found = {}
    for contender in {id(one.contender): one.contender for one in asked}.values():
        turns = [one.turn for one in asked if one.contender is contender and one.number]
        timelines = [turn.timeline for turn in turns if turn is not None and turn.error is None]
        totals = [took for timeline in timelines if (took := timeline.span(Span.VOICE_TO_VOICE)) is not None]
        found[id(contender)] = _Usual(usual_waits(timelines), statistics.median(totals) if totals else 0.0)
    return found


def _sample(
    asked: Asked,
    stated: Stated | None,
    usual: _Usual,
    budgets: Mapping[Span, float],
    timed: bool,
    scored: bool,
) -> Sample:
    turn, error = asked.turn, asked.error
    words = _words(asked) if scored else None
    values: dict[str, float | None] = {
        "cut_off": float(asked.cut_off),
        "wer": None if words is None else words.rate,
    }
    marks: dict[str, float | None] = {}
    found: Blame | None = None
    if turn is not None and timed:
        values |= {str(span): turn.timeline.span(span) for span in Span}
        values |= {"underruns": float(turn.underruns), "silence": turn.silence, "dating": asked.dating}
        values |= {"answer": _answer(turn), "overhead": _overhead(asked, turn, stated)}
        marks = {str(mark): _rounded(at) for mark, at in turn.timeline.since(Mark.SPEECH_STOPPED).items()}
        found = blame(turn.timeline, usual.waits, usual.total, budgets)
    return Sample(
        case=dict(asked.contender.label),
        values=values,
        number=asked.number,
        counted=bool(asked.number),
        error=None if error is None else Failure.of(error),
        marks=marks,
        details=_details(asked, words, found, timed=timed),
    )


def _details(asked: Asked, words: WordErrors | None, found: Blame | None, *, timed: bool) -> dict[str, Any]:
    turn = asked.turn
    details: dict[str, Any] = {
        "question": asked.question.name,
        "said": asked.question.text,
        "transcript": asked.transcript,
        "reply": turn.reply if turn else "",
        "cut_off": [
            {"after": _rounded(one.position), "text": one.transcript}
            for one in asked.turns
            if one is not turn
        ],
        "words": None
        if words is None
        else {
            "said": words.words,
            "substituted": words.substituted,
            "deleted": words.deleted,
            "inserted": words.inserted,
        },
    }
    if turn is None or not timed:
        return details
    origin = turn.timeline.marks.get(Mark.SPEECH_STOPPED)
    return details | {
        "waits": {stage: _rounded(wait) for stage, wait in turn.timeline.waits().items()},
        "late": None
        if found is None
        else {"stage": found.stage, "by": _rounded(found.excess), "against": found.against},
        "stamps": turn.stamps.since(origin),
        "disorder": turn.stamps.disorder(),
        "speech_before_model_done": turn.stamps.overlapped,
        "speculation": {"hits": turn.hits, "misses": turn.misses},
    }


def _words(asked: Asked) -> WordErrors | None:
    question = asked.question
    return word_errors(question.text, asked.transcript) if question.text and question.scored else None


def _answer(turn: Turn) -> float | None:
    first, last = turn.stamps.asr_complete, turn.stamps.tts_first_chunk
    return None if first is None or last is None else last - first


def _overhead(asked: Asked, turn: Turn, stated: Stated | None) -> float | None:
    if stated is None:
        return None
    tokens = first_phrase_tokens(turn.tokens, asked.contender.settings.conversation.phrases)
    return stated.overhead(turn.timeline, tokens, asked.latency)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def talk_charts(samples: Sequence[Sample], asked: Sequence[Asked], limit: float | None) -> list[Chart]:
    """How late the answers were, stage by stage for the first turns, and whether they drift."""
    labels = list(samples[0].case) if samples else []
    metric = next(one for one in METRICS if one.name == "voice_to_voice")
    return [
        waterfall(_rows(asked), "turn by turn, from the end of speech", Axis("waited"), limit),
        cdfs(samples, metric, labels, "voice to voice", limit),
        over_runs(
            samples, metric, labels, "voice to voice, question by question", Axis("question", Unit.COUNT)
        ),
    ]


def _rows(asked: Sequence[Asked]) -> dict[str, dict[str, tuple[float, float]]]:
    """The waits of the first turns, each from where the one before it ended."""
    several = len({id(one.contender) for one in asked}) > 1
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
    late: dict[str, Counter[str]] = {}
    for sample in samples:
        found = sample.details.get("late") if sample.counted else None
        if found:
            late.setdefault(case_name(sample.case), Counter())[found["stage"]] += 1
    return {
        f"late, {name}": ", ".join(f"{count} through {stage}" for stage, count in counts.most_common())
        for name, counts in late.items()
    }


def talk_tables(samples: Iterable[Sample]) -> list[Table]:
    """The questions that something went wrong with: late, cut off, misunderstood."""
    late, cut, wrong = [], [], []
    for sample in samples:
        if not sample.counted:
            continue
        details, where = sample.details, [case_name(sample.case), str(sample.number)]
        if found := details.get("late"):
            took = shown(sample.values.get("voice_to_voice"), Unit.TIME)
            over = f"over the {found['against']}" if found["against"] != "nothing" else "in all"
            by = f"{shown(found['by'], Unit.TIME)} {over}"
            late.append([*where, str(details["question"]), str(found["stage"]), took, by])
        for one in details["cut_off"]:
            after = shown(one["after"], Unit.LENGTH)
            cut.append([*where, str(details["question"]), str(one["text"]) or "–", after])
        words = details["words"]
        if words and (missed := sum(words[name] for name in ("substituted", "deleted", "inserted"))):
            said = [str(details["said"]), str(details["transcript"]) or "–"]
            wrong.append([*where, *said, f"{missed} of {words['said']}"])
    first = ["pipeline", "turn"]
    tables = [
        Table(title="late", headings=[*first, "question", "through", "took", "by"], rows=late, words=4),
        Table(title="cut off", headings=[*first, "question", "heard so far", "after"], rows=cut, words=4),
        Table(title="misunderstood", headings=[*first, "said", "heard", "words"], rows=wrong, words=4),
    ]
    return [table for table in tables if table.rows]


def word_facts(asked: Iterable[Asked]) -> dict[str, str]:
    """The word error rate over all words, by contender."""
    counts: dict[str, list[WordErrors]] = {}
    for one in asked:
        if one.number and (words := _words(one)) is not None:
            counts.setdefault(case_name(one.contender.label), []).append(words)
    facts = {}
    for name, found in counts.items():
        together = total(found)
        if together is not None and together.rate is not None:
            said = f"{together.errors} of {together.words} words, {together.rate:.1%}"
            facts[f"word errors, {name}"] = said
    return facts


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that should hold, and whether it was seen to."""

    name: str
    said: str  # the numbers, for people
    value: float | None
    limit: float
    ok: bool
    held: bool = True  # whether `--strict` insists; overhead has a budget for that

    def as_dict(self) -> dict[str, Any]:
        """The object that the JSON output carries."""
        value = _rounded(self.value)
        return {"name": self.name, "value": value, "limit": self.limit, "ok": self.ok, "said": self.said}


def claims(
    samples: Sequence[Sample],
    ours: Mapping[str, str],
    reference: Mapping[str, str] | None,
    scenario: str = "",
) -> list[Claim]:
    """What these samples can show of voicecli, `ours` being the labels of its case."""
    found = [*_overheads(samples, ours), *_orders(samples, ours)]
    if reference is not None and scenario == "tutorial":
        found += _tutorial(samples, ours, reference)
    elif reference is not None:
        found += _faster(samples, ours, reference)
    return found


def _values(samples: Iterable[Sample], case: Mapping[str, str], metric: str) -> list[float]:
    counted = (one for one in samples if one.counted and one.ok and dict(one.case) == dict(case))
    return [value for one in counted if (value := one.values.get(metric)) is not None]


def _overheads(samples: Sequence[Sample], ours: Mapping[str, str]) -> list[Claim]:
    found = summarize(_values(samples, ours, "overhead"))
    if found is None:
        return []
    claimed = []
    for name, limit in _OVERHEAD.items():
        value = float(getattr(found, name))
        said = f"{value * 1000:.0f} ms of at most {limit * 1000:.0f} ms, {found.n} turns"
        claimed.append(Claim(f"overhead {name}", said, value, limit, value <= limit, held=False))
    return claimed


def _orders(samples: Sequence[Sample], ours: Mapping[str, str]) -> list[Claim]:
    taken = [one.details for one in samples if one.counted and one.ok and dict(one.case) == dict(ours)]
    stamped = [one for one in taken if "stamps" in one]
    if not stamped:
        return []
    wrong = sum(bool(one["disorder"]) for one in stamped)
    said = f"{len(stamped) - wrong} of {len(stamped)} turns"
    return [Claim("stamps in order", said, float(wrong), 0.0, not wrong)]


def _faster(samples: Sequence[Sample], ours: Mapping[str, str], reference: Mapping[str, str]) -> list[Claim]:
    own = _values(samples, ours, "voice_to_voice")
    theirs = _values(samples, reference, "voice_to_voice")
    if not own or not theirs:
        return []
    first, second = statistics.median(own), statistics.median(theirs)
    ratio = second / first
    said = f"{ratio:.1f} times ({second * 1000:,.0f} ms against {first * 1000:,.0f} ms, at least {_FASTER:g})"
    simulated = bool(_values(samples, ours, "overhead"))  # of other engines nothing is claimed
    name = f"faster than {case_name(reference)}"
    return [Claim(name, said, ratio, _FASTER, ratio >= _FASTER, held=simulated)]


def _tutorial(
    samples: Sequence[Sample], ours: Mapping[str, str], reference: Mapping[str, str]
) -> list[Claim]:
    own, theirs = _values(samples, ours, "answer"), _values(samples, reference, "answer")
    if not own or not theirs:
        return []
    first, second = statistics.median(own), statistics.median(theirs)
    said = f"{first * 1000:,.0f} ms from the transcript, against {second * 1000:,.0f} ms"
    serial = f"{second * 1000:,.0f} ms, {_SERIAL * 1000:,.0f} ms stated"
    taken = [one.details for one in samples if one.counted and one.ok and dict(one.case) == dict(ours)]
    before = sum(one.get("speech_before_model_done") is True for one in taken)
    return [
        Claim("speech before the serial order's", said, first, second, first < second),
        Claim("the serial order as stated", serial, second, _SERIAL, abs(second - _SERIAL) <= 0.05),
        Claim(
            "speech begun before the model is done",
            f"{before} of {len(taken)} turns",
            float(before),
            float(len(taken)),
            before == len(taken),
        ),
    ]


def simulated_delays(contender: Contender, options: Mapping[str, Any]) -> Stated | None:
    """What the contender's engines state, if all of them do: `options` by stage. None with any jitter."""
    asr, llm, tts = (options.get(stage) for stage in ("asr", "llm", "tts"))
    if asr is None or llm is None or tts is None or contender.serial is not None:
        return None
    if asr.jitter or llm.jitter or tts.jitter:
        return None
    return Stated(
        asr=asr.delay,
        ttft=llm.ttft,
        token=1 / llm.tokens_per_second if llm.tokens_per_second else 0.0,
        ttfb=tts.ttfb,
        silence=tts.leading_silence,
    )
