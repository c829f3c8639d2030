"""A saved conversation as the events that it was made of, for everything that shows events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from voicecli.conversation import events
from voicecli.conversation.events import Ledger
from voicecli.conversation.journal import Saved
from voicecli.errors import VoiceError
from voicecli.latency.budget import Verdict
from voicecli.latency.timeline import Mark, Span, Timeline

__all__ = ["retold"]


def retold(saved: Saved) -> Iterator[events.Event]:
    """The events of the conversation, as far as they were saved; a turn that was cut off comes last.

    Records of another version may lack anything: what is not there is left empty. Raises SaveError.
    """
    begun: dict[int, dict[str, str]] = {}
    for record in saved.records():
        number = record.get("turn")
        match record.get("event"):
            case "ready":
                yield _ready(record, saved)
            case "transcript" if isinstance(number, int):
                begun.setdefault(number, {})["transcript"] = _text(record, "text")
            case "reply" if isinstance(number, int):
                begun.setdefault(number, {})["reply"] = _text(record, "text")
            case "turn":
                begun.pop(number if isinstance(number, int) else 0, None)
                yield _turn(record)
            case "warning":
                yield events.Warned(_text(record, "message"), _text(record, "kind") or None)
            case "summary":
                begun.clear()  # it ended well: what was understood and not answered was nothing for it
            case "error":
                yield events.ErrorRaised(VoiceError(_text(record, "message")), 0)
    for number, sides in begun.items():
        if not any(sides.values()):
            continue
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
    number = record.get("turn")
    error = _text(record, "error")
    return events.TurnFinished(
        turn=number if isinstance(number, int) else 0,
        transcript=_text(record, "transcript"),
        reply=_text(record, "reply"),
        heard=_text(record, "heard"),
        interrupted=record.get("interrupted") is True,
        timeline=_timeline(record.get("marks")),
        underruns=int(_numbers(record).get("underruns", 0)),
        silence=_numbers(record).get("silence", 0.0),
        ledger=_ledger(_numbers(record.get("speculation"))),
        budget=_verdicts(record.get("budget")),
        error=VoiceError(error) if error else None,
        dropped=record.get("dropped") is True,
    )


def _ledger(counts: Mapping[str, float]) -> Ledger:
    return Ledger(
        hits=int(counts.get("hits", 0)),
        misses=int(counts.get("misses", 0)),
        saved=counts.get("saved", 0.0),
        wasted_tokens=int(counts.get("wasted_tokens", 0)),
    )


def _timeline(marks: object) -> Timeline:
    times = _numbers(marks)
    return Timeline({mark: times[mark] for mark in Mark if mark in times})


def _verdicts(budget: object) -> dict[Span, Verdict]:
    if not isinstance(budget, dict):
        return {}
    verdicts = {}
    for span in Span:
        numbers = _numbers(budget.get(span))
        if "limit" in numbers:
            value = numbers.get("value")
            verdicts[span] = Verdict(
                numbers["limit"], value, None if value is None else value <= numbers["limit"]
            )
    return verdicts


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return value if isinstance(value, str) else ""


def _strings(value: object) -> dict[str, str]:
    return (
        {key: text for key, text in value.items() if isinstance(text, str)} if isinstance(value, dict) else {}
    )


def _numbers(value: object) -> dict[str, float]:
    """What is a number in a JSON object; true and false are none, nor is what is not finite."""
    if not isinstance(value, Mapping):
        return {}
    numbers = {key: n for key, n in value.items() if isinstance(n, int | float) and not isinstance(n, bool)}
    return {key: n for key, n in numbers.items() if math.isfinite(n)}
