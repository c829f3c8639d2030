"""What the comments beside a dataclass's fields say: the one description of a setting, kept in the source."""

from __future__ import annotations

import functools
import inspect
import io
import textwrap
import tokenize
from collections.abc import Mapping
from dataclasses import is_dataclass

__all__ = ["comments", "summary"]

_INDENT = 4  # columns before a field


@functools.cache
def comments(cls: type) -> Mapping[str, str]:
    """The comment of each field of the dataclass `cls` and of those that it inherits from.

    A comment stands at the end of the field's lines and may go on in lines of its own below. Empty where the
    source is not there.
    """
    found: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        if is_dataclass(owner):
            found |= _own(owner)
    return found


def summary(cls: type) -> str:
    """The first line of the docstring; empty for the one that `dataclass` makes up."""
    text = cls.__doc__ or ""
    return "" if text.startswith(f"{cls.__name__}(") else text.strip().partition("\n")[0]


def _own(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):  # no source: a zipped or compiled package
        return {}
    found: dict[str, str] = {}
    field = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.start[1] == _INDENT:
            field = token.string
        elif not token.line.strip():  # a comment behind a blank line is of what follows
            field = ""
        elif token.type == tokenize.COMMENT and field:
            found[field] = f"{found.get(field, '')} {token.string.lstrip('# ').rstrip()}".lstrip()
    return found
