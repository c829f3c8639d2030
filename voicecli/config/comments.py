"""What the comments beside a dataclass's fields say: the one description of a setting, kept in the source."""

from __future__ import annotations

import ast
import functools
import inspect
import io
import textwrap
import tokenize
from collections.abc import Mapping
from dataclasses import is_dataclass

__all__ = ["comments", "summary"]


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
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    said = {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    alone = {number for number, line in enumerate(source.splitlines(), 1) if line.lstrip().startswith("#")}
    found = {}
    for node in body.body:
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        number = node.end_lineno or node.lineno
        parts = [said[line] for line in range(node.lineno, number + 1) if line in said]
        while parts and number + 1 in alone:
            number += 1
            parts.append(said[number])
        found[node.target.id] = " ".join(parts)
    return found
