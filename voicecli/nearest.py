"""What a mistyped name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["nearest"]

_NEAR: Final = 0.66  # share of the letters that agree, in order: a slip or two in a word, and no other word
_AMONG: Final = 0.6  # the same where several are named to choose from, and not one to take
_PART: Final = 3  # letters from which a piece of a name stands for it


def nearest(word: str, known: Iterable[str], count: int = 1) -> list[str]:
    """Those of `known` that are spelled nearly like `word`, or hold it; none where nothing is really near."""
    from difflib import get_close_matches  # 4 ms that only an error needs

    names = {name.casefold(): name for name in known}
    wanted = word.strip().casefold()
    near = get_close_matches(wanted, names, count, _NEAR if count == 1 else _AMONG)
    holding = sorted((name for name in names if len(wanted) >= _PART and wanted in name), key=len)
    return [names[name] for name in dict.fromkeys([*near, *holding])][:count]
