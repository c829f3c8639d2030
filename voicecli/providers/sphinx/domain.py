"""What a conversation is about, made ready for the search: a grammar and its pronunciations as two files.

Making them takes a second, so they are kept in the user's cache folder, under a hash of their origin.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from voicecli.providers.sphinx.automaton import Automaton, determinise
from voicecli.providers.sphinx.word_network import network

__all__ = ["prepare"]

FORMAT = 1  # of the files: a change of how they are made makes the old ones unused
_ENTRY = re.compile(r"(?P<word>\S+?)(?:\(\d+\))?\s")


def prepare(text: str, dictionary: Path, cache: Path) -> tuple[Path, Path]:
    """A finite state grammar for the JSGF grammar `text`, and the part of the dictionary that it needs.

    Both are files in `cache`.

    Words that the dictionary does not have are left out, with the sentences that need them. Raises ValueError
    for a text that is no grammar, or has nothing left; OSError where nothing can be written.
    """
    status = dictionary.stat()
    origin = f"{FORMAT}\n{dictionary.resolve()}\n{status.st_size}\n{status.st_mtime_ns}\n{text}"
    name = hashlib.sha256(origin.encode()).hexdigest()[:20]
    grammar, known = cache / f"{name}.fsg", cache / f"{name}.dict"
    if not (grammar.exists() and known.exists()):
        automaton, entries = _known(determinise(network(text)), dictionary)
        _write(known, "".join(entries))
        _write(grammar, automaton.fsg())
    return grammar, known


def _known(automaton: Automaton, dictionary: Path) -> tuple[Automaton, list[str]]:
    """The part of the automaton that the dictionary can pronounce, and those pronunciations."""
    wanted = automaton.words
    entries: list[tuple[str, str]] = []
    with dictionary.open(encoding="utf-8") as lines:
        for line in lines:
            match = _ENTRY.match(line)
            if match is not None and match["word"].lower() in wanted and not line.startswith((";;", "##")):
                entries.append((match["word"].lower(), line.removesuffix("\n") + "\n"))
    return automaton.restrict({word for word, _ in entries}), [line for _, line in entries]


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
