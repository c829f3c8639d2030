"""Text that can be shown: what a model, a server, a device or a file says commands no terminal.

Control characters and escape sequences are those of ECMA-48, in seven and in eight bits, with the sequences
that xterm takes as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

__all__ = ["brief", "credentials_in", "escaped", "json_line", "printable", "without_credentials"]

# C0 but for tabulator and newline, DEL, C1, what turns the direction of the text around it, half characters.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Of a string that nothing ends only the first word goes: the text behind would be lost. (Rich takes the BEL
# of most.) The possessive repetitions keep the time linear.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0b-\x1f\x7f-\x9f]*+(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, …
    r"|(?:\x1b\]|\x9d)\d++;[^\s\x00-\x1f\x7f-\x9f]*+"
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # CSI
    r"|\x1b[ -/]*+[0-~]?"
    r"|\r(?=\n)"
)
_SPACES = str.maketrans(dict.fromkeys("\x0b\x0c\r\x1c\x1d\x1e\x1f\x85", " "))
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BRIEF = 60  # characters of a wrong value that an error repeats

# In an address, up to the last @: a password may hold a slash or an @ of its own. A port is no password.
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s/@:]*:(?!\d*(?:[/?#]|$|\s))\S*@|[^\s/@]*@)")


def without_credentials(text: str) -> str:
    """`text` without the names and passwords that stand before the host in its addresses."""
    return _CREDENTIALS.sub("", text)


def credentials_in(text: str) -> bool:
    """Whether an address in `text` holds a password."""
    return any(":" in match.group() for match in _CREDENTIALS.finditer(text))


def printable(text: str) -> str:
    """`text` without what would command a terminal; tabulators and newlines stay."""
    if not _UNSAFE.search(text):
        return text
    return _UNSAFE.sub("", _SEQUENCES.sub("", text).translate(_SPACES))


def brief(value: object) -> str:
    """A value of a peer's that fits into an error; what it sent may be of any length and depth."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 10**_BRIEF:
        return "far out of range"
    text = value if isinstance(value, str) else str(value)
    text = "".join(letter if letter.isprintable() else "?" for letter in text[: _BRIEF + 1])
    return text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…"


def escaped(text: str) -> str:
    """JSON `text` with those characters escaped too that JSON allows but terminals obey or files refuse."""
    return _RAW_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def json_line(record: object, default: Callable[[Any], Any] | None = None) -> str:
    """`record` on one line, letters as they are, nothing that a terminal obeys."""
    return escaped(json.dumps(record, ensure_ascii=False, default=default))
