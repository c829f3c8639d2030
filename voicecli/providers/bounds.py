"""Bounds of an engine's options, stated beside each number and checked where the engine is made."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

from voicecli.errors import SettingsError

__all__ = ["Within", "check"]


@dataclass(frozen=True, slots=True)
class Within:
    """From `least` to `most`, both included; goes into `Annotated`."""

    least: float
    most: float


def check(section: str, options: Any) -> None:
    """Raise SettingsError, naming the key in `section`, for a number outside its bounds."""
    hints = get_type_hints(type(options), include_extras=True)
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        for bound in get_args(hints[field.name])[1:]:
            if isinstance(bound, Within) and value is not None and not bound.least <= value <= bound.most:
                raise SettingsError(
                    f"{section}.{field.name} is {value}.", f"It goes from {bound.least:g} to {bound.most:g}."
                )
