"""What a process and its workers say to each other over two pipes.

Both ways: a kind, the number of a job, a length, and that many bytes.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, BinaryIO, NamedTuple

__all__ = ["Frame", "Order", "Recipe", "Report", "pack", "read_order", "read_report", "text"]

_HEADER = struct.Struct("<cII")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which engine a worker opens, and how."""

    engine: type[Any]  # a Recognizer; the worker imports its module
    options: Any  # an object of its Options
    more: Mapping[str, Any] = field(default_factory=dict)  # what its constructor is given besides
    politeness: int = 0  # how much the worker leaves to others on a busy machine, from 0 to 19


class Order(Enum):
    """To a worker."""

    CONFIGURE = b"C"  # a pickled `Recipe`; the first of all
    OPEN = b"O"  # a job begins
    AUDIO = b"A"  # s16le, mono, 16 kHz
    END = b"E"  # no more audio for the job
    CANCEL = b"X"  # nobody waits for the job any more
    PING = b"P"  # is anybody there?


class Report(Enum):
    """From a worker."""

    READY = b"R"  # u32: the engine is open, and hears so many jobs at once
    ALIVE = b"L"  # in answer to a ping
    BROKEN = b"B"  # JSON: why it is not; the last of all
    TAKEN = b"T"  # u32: samples of the job that the engine has taken so far
    PARTIAL = b"P"  # JSON: text
    FINAL = b"F"  # JSON: text, confidence, seconds that the engine worked
    FAILED = b"N"  # JSON: kind, message, hint, whether it is a defect


class Frame(NamedTuple):
    """One order or report."""

    kind: bytes
    job: int
    data: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.data, "little")

    @property
    def fields(self) -> dict[str, Any]:
        """Its JSON."""
        fields: dict[str, Any] = json.loads(self.data)
        return fields


def pack(kind: Order | Report, job: int = 0, data: bytes = b"") -> bytes:
    return _HEADER.pack(kind.value, job, len(data)) + data


def text(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def read_order(stream: BinaryIO) -> Frame | None:
    """The next order, or None at the end of the stream or in the middle of a broken one; blocks."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, job, size = _HEADER.unpack(header)
    data = stream.read(size)
    return None if len(data) < size else Frame(kind, job, data)


async def read_report(stream: asyncio.StreamReader) -> Frame | None:
    """The next report, or None at the end of the stream or in the middle of a broken one."""
    try:
        kind, job, size = _HEADER.unpack(await stream.readexactly(_HEADER.size))
        return Frame(kind, job, await stream.readexactly(size))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
