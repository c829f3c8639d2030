"""What a conversation is about, made ready for the search: a grammar and its pronunciations as two files.

Making them takes a second, so they are kept in the user's cache folder, under a hash of their origin.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from voicecli.providers.sphinx.automaton import Automaton, determinise
from voicecli.providers.sphinx.network import network

__all__ = ["Domain", "prepare"]

FORMAT = 1  # of the files: a change of how they are made makes the old ones unused
_ENTRY = re.compile(r"(?P<word>\S+?)(?:\(\d+\))?\s")


@dataclass(frozen=True, slots=True)
class Domain:
    """A finite state grammar and the part of the dictionary that it needs."""

    grammar: Path
    dictionary: Path


def prepare(text: str, dictionary: Path, cache: Path) -> Domain:
    """The files for the JSGF grammar `text`, from `cache` where they are there.

    Words that the dictionary does not have are left out, with the sentences that need them. Raises ValueError
    for a text that is no grammar, or has nothing left; OSError where nothing can be written.
    """
    status = dictionary.stat()
    origin = f"{FORMAT}\n{dictionary.resolve()}\n{status.st_size}\n{status.st_mtime_ns}\n{text}"
    name = hashlib.sha256(origin.encode()).hexdigest()[:20]
    domain = Domain(cache / f"{name}.fsg", cache / f"{name}.dict")
    if not (domain.grammar.exists() and domain.dictionary.exists()):
        automaton, entries = _known(determinise(network(text)), dictionary)
        _write(domain.dictionary, "".join(entries))
        _write(domain.grammar, automaton.fsg())
    return domain


def _known(automaton: Automaton, dictionary: Path) -> tuple[Automaton, list[str]]:
    """The part of the automaton that the dictionary can pronounce, and those pronunciations."""
    wanted = automaton.words
    entries = [(word, line) for word, line in _entries(dictionary) if word in wanted]
    known = {word for word, _ in entries}
    return automaton.restrict(known), [line for _, line in entries]


def _entries(dictionary: Path) -> Iterator[tuple[str, str]]:
    with dictionary.open(encoding="utf-8") as lines:
        yield from _parse(lines)


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        match = _ENTRY.match(line)
        if match is not None and not line.startswith((";;", "##")):
            yield match["word"].lower(), line if line.endswith("\n") else f"{line}\n"


def _write(path: Path, text: str) -> None:
    """Write all or nothing: another process may be reading, or writing the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
