"""What the recogniser and its worker process say to each other over two pipes.

To the worker: a kind, the number of the utterance, a length, that many bytes. From it: a JSON object a line.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from enum import Enum
from typing import Any, BinaryIO

__all__ = ["Kind", "line", "pack", "read"]

_HEADER = struct.Struct("<cII")


class Kind(Enum):
    CONFIGURE = b"C"  # JSON; the first of all
    START = b"S"
    AUDIO = b"A"  # s16le, mono, 16 kHz
    END = b"E"
    ABANDON = b"X"


def pack(kind: Kind, utterance: int = 0, data: bytes = b"") -> bytes:
    return _HEADER.pack(kind.value, utterance, len(data)) + data


def read(stream: BinaryIO) -> tuple[Kind, int, bytes] | None:
    """The next frame, or None at the end of the stream or in the middle of a broken one."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, utterance, size = _HEADER.unpack(header)
    data = stream.read(size)
    return None if len(data) < size else (Kind(kind), utterance, data)


def line(report: Mapping[str, Any]) -> bytes:
    return json.dumps(report, separators=(",", ":")).encode() + b"\n"
