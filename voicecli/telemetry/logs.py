"""The log: lines for people, or an object on each line, with the ids of the trace that they belong to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from voicecli.printable import printable
from voicecli.telemetry.traceparent import Traceparent

__all__ = [
    "JsonFormatter",
    "TextFormatter",
    "current_trace",
    "enter_trace",
    "hush",
    "log_formatter",
    "traced",
]

_trace: ContextVar[Traceparent | None] = ContextVar("voicecli_trace", default=None)

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
# Libraries that write down what passes through them, and from which level on they do not.
_TALKATIVE = {
    "uvicorn.error": logging.ERROR,  # warns of every request that is none, and notes the whole of others
    **dict.fromkeys(("websockets", "openai", "httpx", "httpcore", "urllib3", "asyncio"), logging.INFO),
}


@contextmanager
def traced(trace: Traceparent | None) -> Iterator[None]:
    """What is logged inside, in this task and those that it starts, carries the ids of `trace`."""
    before = _trace.set(trace)
    try:
        yield
    finally:
        _trace.reset(before)


def current_trace() -> Traceparent | None:
    """What this task belongs to."""
    return _trace.get()


def enter_trace(trace: Traceparent | None) -> None:
    """What this task logs from now on carries the ids of `trace`."""
    _trace.set(trace)


class JsonFormatter(logging.Formatter):
    """An object on one line: time, level, logger, message, ids of the trace, and what `extra` holds."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": _iso(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace = _trace.get()
        if trace is not None:
            fields |= {"trace_id": trace.trace, "span_id": trace.span}
        fields |= {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return json.dumps(fields, default=str)


class TextFormatter(logging.Formatter):
    """A line with the trace's id at its end, where there is one."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        trace = _trace.get()
        # On one line, so that what a client sent cannot pass for an entry of its own.
        line = super().formatMessage(record).replace("\n", "\\n")
        return line if trace is None else f"{line} [trace {trace.trace}]"

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def log_formatter(form: Literal["text", "json"]) -> logging.Formatter:
    """The formatter of that name."""
    return JsonFormatter() if form == "json" else TextFormatter()


def hush() -> None:
    """Keep libraries from logging what passes through them, whatever the level of the log is."""
    for name, level in _TALKATIVE.items():
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.getEffectiveLevel(), level))


def _iso(seconds: float) -> str:
    """In UTC, to the millisecond."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1000):03d}Z"
