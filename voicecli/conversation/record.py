"""Events as JSON objects, and back: what `--json` prints and what a saved conversation is made of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from voicecli.conversation import events
from voicecli.conversation.journal import Saved
from voicecli.errors import VoiceError
from voicecli.latency.budget import Verdict
from voicecli.latency.statistics import Statistics
from voicecli.latency.tally import Summary
from voicecli.latency.timeline import Mark, Span, Timeline

__all__ = ["event_record", "marks_record", "retold", "spans_record", "summary_record"]

_DIGITS: Final = 6  # of a second: microseconds
_NAMES: Final[Mapping[type[events.Event], str]] = {
    events.Ready: "ready",
    events.StateChanged: "state",
    events.SpeechStarted: "speech_started",
    events.SpeechStopped: "speech_stopped",
    events.TranscriptCame: "transcript",
    events.TokenCame: "token",
    events.ReplyFinished: "reply",
    events.Warned: "warning",
}
_FIRST: Final = ("turn", "kind")
_KEYS: Final = {"before": "from", "after": "to"}  # of fields that have another name


def event_record(event: events.Event, names: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object of any event; `names` are the engines by stage, which every turn carries."""
    if isinstance(event, events.TurnFinished):
        return _turn_record(event, names)
    if isinstance(event, events.ErrorRaised):
        error = event.error
        told = {"kind": error.kind, "message": str(error), "recoverable": error.recoverable}
        return {"event": "error", "turn": event.turn, **told}
    record = {_KEYS.get(key, key): value for key, value in _plain(event).items()}
    return {"event": _NAMES[type(event)], **record}


def _turn_record(turn: events.TurnFinished, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "event": "turn",
        "turn": turn.turn,
        "transcript": turn.transcript,
        "reply": turn.reply,
        "heard": turn.heard,
        "interrupted": turn.interrupted,
        "dropped": turn.dropped,
        "engines": dict(names),
        "marks": marks_record(turn.timeline, Mark.SPEECH_STOPPED),
        "spans": spans_record(turn.timeline),
        "underruns": turn.underruns,
        "silence": _plain(turn.silence),
        "speculation": _plain(turn.ledger),
        "budget": _plain(turn.budget),
        "error": None if turn.error is None else str(turn.error),
    }


def marks_record(timeline: Timeline, origin: Mark) -> dict[str, float | None]:
    """Seconds after `origin`, null where a mark is unset."""
    return {str(mark): _plain(time) for mark, time in timeline.since(origin).items()}


def spans_record(timeline: Timeline) -> dict[str, float | None]:
    """Seconds, null where one of the marks is unset."""
    return {str(span): _plain(seconds) for span, seconds in timeline.spans().items()}


def summary_record(summary: Summary) -> dict[str, Any]:
    """What a conversation comes to."""
    return {
        "event": "summary",
        "turns": summary.turns,
        "spans": _statistics(summary.spans),
        "waited": _statistics(summary.waited),
        "over": {str(span): summary.over.get(span, 0) for span in summary.budgets},
    }


def _statistics(spans: Mapping[Span, Statistics | None]) -> dict[str, dict[str, Any] | None]:
    return {str(span): _plain(found.as_dict()) if found else None for span, found in spans.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold of `value`."""
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if is_dataclass(value):
        names = sorted((field.name for field in fields(value)), key=lambda name: name not in _FIRST)
        return {name: _plain(getattr(value, name)) for name in names}
    return value


def retold(saved: Saved) -> Iterator[events.Event]:
    """The events of a saved conversation, as far as they were saved; a turn that was cut off comes last.

    Records of another version may lack anything: what is not there is left empty. Raises SaveError.
    """
    begun: dict[int, dict[str, str]] = {}
    for record in saved.records():
        number, event = _number(record), record.get("event")
        match event:
            case "ready":
                yield _ready(record, saved)
            case "transcript" | "reply" if number is not None:
                begun.setdefault(number, {})[event] = _text(record, "text")
            case "turn":
                begun.pop(number or 0, None)
                yield _turn(record)
            case "warning":
                yield events.Warned(_text(record, "message"), _text(record, "kind") or None)
            case "summary":
                begun.clear()  # it ended well: what was understood and not answered was nothing for it
            case "error":
                yield events.ErrorRaised(VoiceError(_text(record, "message")), 0)
    for number, sides in begun.items():
        if any(sides.values()):
            yield _turn({"turn": number, **sides})
            yield events.Warned("That turn has no end: the program ended first.")


def _ready(record: Mapping[str, Any], saved: Saved) -> events.Ready:
    devices = _strings(record.get("devices"))
    rates = {name: int(rate) for name, rate in _numbers(record.get("rates")).items()}
    return events.Ready(
        _strings(record.get("engines")),
        _strings(record.get("reasons")),
        {role: name for role, name in devices.items() if role in rates},
        rates,
        str(saved.folder),
    )


def _turn(record: Mapping[str, Any]) -> events.TurnFinished:
    marks, counts = _numbers(record.get("marks")), _numbers(record.get("speculation"))
    hits, misses, tokens = (int(counts.get(name, 0)) for name in ("hits", "misses", "wasted_tokens"))
    error = _text(record, "error")
    return events.TurnFinished(
        turn=_number(record) or 0,
        transcript=_text(record, "transcript"),
        reply=_text(record, "reply"),
        heard=_text(record, "heard"),
        interrupted=record.get("interrupted") is True,
        timeline=Timeline({mark: marks[mark] for mark in Mark if mark in marks}),
        underruns=int(_numbers(record).get("underruns", 0)),
        silence=_numbers(record).get("silence", 0.0),
        ledger=events.Ledger(hits, misses, counts.get("saved", 0.0), tokens),
        budget=dict(_verdicts(record.get("budget"))),
        error=VoiceError(error) if error else None,
        dropped=record.get("dropped") is True,
    )


def _verdicts(budget: object) -> Iterator[tuple[Span, Verdict]]:
    for span in Span:
        numbers = _numbers(budget.get(span) if isinstance(budget, Mapping) else None)
        if (limit := numbers.get("limit")) is not None:
            value = numbers.get("value")
            yield span, Verdict(limit, value, None if value is None else value <= limit)


def _number(record: Mapping[str, Any]) -> int | None:
    number = record.get("turn")
    return number if isinstance(number, int) else None


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _strings(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {key: text for key, text in items if isinstance(text, str)}


def _numbers(value: object) -> dict[str, float]:
    """What is a number in a JSON object; true and false are none, nor is what is not finite."""
    items = value.items() if isinstance(value, Mapping) else ()
    numbers = {key: n for key, n in items if isinstance(n, int | float) and not isinstance(n, bool)}
    return {key: n for key, n in numbers.items() if math.isfinite(n)}
