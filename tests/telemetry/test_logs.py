"""The log."""

import json
import logging

import pytest

from voicecli.telemetry.logs import hush, log_formatter, traced
from voicecli.telemetry.traceparent import Traceparent

TRACE = Traceparent(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7)


def record(message: str = "Took %s.", *args: object, **more: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "voicecli.server", "levelno": 30, "levelname": "WARNING", "msg": message, "args": args}
    )
    made.created = 1_700_000_000.25
    vars(made).update(more)
    return made


def test_object_on_each_line():
    line = log_formatter("json").format(record("Took %s.", "ä\n2"))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "logger": "voicecli.server",
        "message": "Took ä\n2.",
    }


def test_ids_of_the_trace():
    with traced(TRACE):
        found = json.loads(log_formatter("json").format(record("Took it.")))
        text = log_formatter("text").format(record("Took it."))
    assert (found["trace_id"], found["span_id"]) == (TRACE.trace, TRACE.span)
    assert text.endswith(f"WARNING voicecli.server: Took it. [trace {TRACE.trace}]")
    assert "trace" not in log_formatter("text").format(record("Took it."))


def test_extra_fields_and_exceptions():
    try:
        raise ValueError("odd")
    except ValueError as error:
        failed = record("Failed.", exc_info=(ValueError, error, error.__traceback__), session=7, odd={1})
    found = json.loads(log_formatter("json").format(failed))
    assert found["session"] == 7
    assert found["odd"] == "{1}"
    assert "ValueError: odd" in found["exception"]
    assert "ValueError: odd" in log_formatter("text").format(failed)


@pytest.fixture
def levels():
    names = ["uvicorn.error", "websockets", "openai"]
    before = {name: logging.getLogger(name).level for name in names}
    yield names
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_talkative_libraries_are_hushed(levels: list[str]):
    logging.getLogger("openai").setLevel(logging.DEBUG)
    logging.getLogger("websockets").setLevel(logging.ERROR)
    hush()
    assert logging.getLogger("openai").level == logging.INFO
    assert logging.getLogger("websockets").level == logging.ERROR
