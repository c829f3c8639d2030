"""What the numbers of settings may be, stated beside each: `timeout: Timeout = 10.0`."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from voicecli.providers.bounds import Within

__all__ = ["HIDDEN", "LONG", "MANY", "Count", "Seconds", "Timeout"]

LONG = 3600  # seconds: a bound that only keeps out what cannot be meant
MANY = 1_000_000
HIDDEN = {"setting": False}  # metadata of a field that is not a key

Timeout: TypeAlias = Annotated[float, Within(0.1, LONG)]
Seconds: TypeAlias = Annotated[float, Within(0, LONG)]
Count: TypeAlias = Annotated[int, Within(0, MANY)]
