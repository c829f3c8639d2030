"""Events as JSON objects: what `--json` prints and what a saved conversation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from voicecli.conversation import events
from voicecli.latency.budget import Verdict
from voicecli.latency.statistics import Statistics
from voicecli.latency.tally import Summary
from voicecli.latency.timeline import Mark, Span, Timeline

__all__ = ["event_record", "marks_record", "spans_record", "summary_record", "turn_record"]

_DIGITS = 6  # of a second: microseconds


def event_record(event: events.Event, names: Mapping[str, str]) -> dict[str, Any]:
    """The JSON object of any event; `names` are the engines by stage, which every turn carries."""
    match event:
        case events.Ready():
            return {
                "event": "ready",
                "engines": dict(event.engines),
                "reasons": dict(event.reasons),
                "devices": dict(event.devices),
                "rates": dict(event.rates),
                "saved": event.saved,
            }
        case events.StateChanged(before, after, time, turn):
            return {"event": "state", "turn": turn, "from": before, "to": after, "time": _round(time)}
        case events.SpeechStarted(time):
            return {"event": "speech_started", "time": _round(time)}
        case events.SpeechStopped(time):
            return {"event": "speech_stopped", "time": _round(time)}
        case events.TranscriptCame(turn, text, final):
            return {"event": "transcript", "turn": turn, "text": text, "final": final}
        case events.TokenCame(turn, text):
            return {"event": "token", "turn": turn, "text": text}
        case events.ReplyFinished(turn, text):
            return {"event": "reply", "turn": turn, "text": text}
        case events.TurnFinished():
            return turn_record(event, names)
        case events.Warned(message, kind):
            return {"event": "warning", "kind": kind, "message": message}
        case events.ErrorRaised(error, turn):
            return {
                "event": "error",
                "turn": turn,
                "kind": error.kind,
                "message": str(error),
                "recoverable": error.recoverable,
            }


def turn_record(turn: events.TurnFinished, names: Mapping[str, str]) -> dict[str, Any]:
    """One turn's whole account."""
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
        "silence": _round(turn.silence),
        "speculation": {name: _round(value) for name, value in asdict(turn.ledger).items()},
        "budget": {str(span): _verdict(verdict) for span, verdict in turn.budget.items()},
        "error": None if turn.error is None else str(turn.error),
    }


def marks_record(timeline: Timeline, origin: Mark) -> dict[str, float | None]:
    """Seconds after `origin`, null where a mark is unset."""
    return {str(mark): _round(time) for mark, time in timeline.since(origin).items()}


def spans_record(timeline: Timeline) -> dict[str, float | None]:
    """Seconds, null where one of the marks is unset."""
    return {str(span): _round(seconds) for span, seconds in timeline.spans().items()}


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
    return {
        str(span): None
        if statistics is None
        else {name: _round(value) for name, value in statistics.as_dict().items()}
        for span, statistics in spans.items()
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"limit": verdict.limit, "value": _round(verdict.value), "ok": verdict.ok}


def _round(value: float | None) -> float | None:
    return round(value, _DIGITS) if isinstance(value, float) else value
