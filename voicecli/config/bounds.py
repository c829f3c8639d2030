"""Bounds: what a number in the settings may be, stated beside the number.

    timeout: Annotated[float, Within(0.1, 3600)] = 10.0  # seconds without progress

Anything in `Annotated` that has `least` and `most` counts. Where nothing is stated, a number whose default is
0 or more may not be negative.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias, get_args

from voicecli.providers.bounds import Within

__all__ = ["HIDDEN", "LONG", "MANY", "Count", "Seconds", "Timeout", "bounds", "describe", "stated"]

LONG = 3600  # seconds: a bound that only keeps out what cannot be meant
MANY = 1_000_000
HIDDEN = {"setting": False}  # metadata of a field that is not a key

Timeout: TypeAlias = Annotated[float, Within(0.1, LONG)]
Seconds: TypeAlias = Annotated[float, Within(0, LONG)]
Count: TypeAlias = Annotated[int, Within(0, MANY)]


def bounds(hint: Any, default: object) -> Within:
    """What the annotation `hint` states, or what its default suggests."""
    found = stated(hint)
    if found is not None:
        return found
    sign = isinstance(default, (int, float)) and default >= 0
    return Within(0 if sign else -math.inf, math.inf)


def stated(hint: Any) -> Within | None:
    """What the annotation `hint` states, if anything."""
    for part in (hint, *get_args(hint)):  # a union may hold the annotated number
        for about in get_args(part)[1:]:
            if hasattr(about, "least") and hasattr(about, "most"):
                return Within(about.least, about.most)
    return None


def describe(limits: Within) -> str:
    """The bounds in words, with a space before them; empty where there are none."""
    if math.isfinite(limits.least) and math.isfinite(limits.most):
        return f" from {limits.least:g} to {limits.most:g}"
    if math.isfinite(limits.least):
        return " of 0 or more" if limits.least == 0 else f" of {limits.least:g} or more"
    if math.isfinite(limits.most):
        return f" of {limits.most:g} or less"
    return ""
