"""The header that joins traces: W3C Trace Context, level 1.

00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
version, trace id, id of the caller's span, flags (01: recorded)
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

__all__ = ["Traceparent", "new_traceparent", "parse_traceparent"]

_SHAPE = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class Traceparent:
    """A span of somebody else's, to be the parent of ours."""

    trace_id: int  # 128 bits, not 0
    span_id: int  # 64 bits, not 0
    sampled: bool = True

    @property
    def trace(self) -> str:
        """The trace's id as 32 hexadecimal digits."""
        return f"{self.trace_id:032x}"

    @property
    def span(self) -> str:
        """The span's id as 16 hexadecimal digits."""
        return f"{self.span_id:016x}"

    def __str__(self) -> str:
        return f"00-{self.trace}-{self.span}-{'01' if self.sampled else '00'}"


def parse_traceparent(text: str | None) -> Traceparent | None:
    """What the header says; None for one that the standard says to ignore.

    A version that is not known may say more behind the flags; version 00 may not, and ff is not one.
    """
    found = _SHAPE.fullmatch((text or "").strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more):
        return None
    if not int(trace, 16) or not int(span, 16):
        return None
    return Traceparent(int(trace, 16), int(span, 16), bool(int(flags, 16) & 1))


def new_traceparent() -> Traceparent:
    """The root of a trace of our own."""
    return Traceparent(secrets.randbits(128) or 1, secrets.randbits(64) or 1)
