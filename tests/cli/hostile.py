"""What a hostile model, server or file says to the terminal."""

import re

UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
HOSTILE = (
    "safe\x1b[2J\x1b]0;title\x07\x1b]8;;http://evil\x1b\\ link\x1b]52;c;ZXZpbA==\x07\x9b31m"
    "\x9d0;title\x9c\u202e word\x08\x7f end"
)
SHOWN = "safe link word end"


def assert_obeys_nothing(data: bytes) -> None:
    """There is nothing in it but text."""
    found = UNSAFE.search(data.decode())
    assert found is None, data[:2000]
