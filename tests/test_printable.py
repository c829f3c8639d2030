import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.hostile import UNSAFE
from voicecli.printable import credentials_in, json_line, printable, without_credentials

SEQUENCES = {
    "\x1b[2J\x1b[Hclear": "clear",
    "\x1b[31;1mred\x1b[0m": "red",
    "\x9b31mred": "red",
    "\x1b]0;title\x07after": "after",
    "\x1b]0;title\x1b\\after": "after",
    "\x9d0;title\x9cafter": "after",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\": "link",
    "\x1b]52;c;ZXZpbA==\x07clipboard": "clipboard",
    "\x1bP1$qm\x1b\\status": "status",
    "\x1b_application\x1b\\x": "x",
    "\x1bcreset": "reset",
    "\x1b(0letters": "letters",
    "\x1b": "",
    "bell\x07, delete\x7f\x08": "bell, delete",
    "\x1b]0;never ended": " ended",
    "\x1b]0;one\x1b]0;two": "",
    "\x1b]one\x1b]two": "onetwo",
    "one\r\ntwo\rthree\x0bfour\x85five": "one\ntwo three four five",
    "tab\tand\nnewline": "tab\tand\nnewline",
    "\u202eevil\u202c and \u2066isolated\u2069": "evil and isolated",
    "half \ud83d a letter": "half  a letter",
    "שלום \u200fعربي 日本 e\u0301 👩‍🚀": "שלום \u200fعربي 日本 e\u0301 👩‍🚀",
}


@pytest.mark.parametrize("text", SEQUENCES)
def test_sequences(text: str):
    assert printable(text) == SEQUENCES[text]


@given(st.text(st.sampled_from("\x1b[]0;m\\\x07\x9b\x9d\x9ca\n\r\x85")) | st.text())
def test_nothing_unsafe_is_left(text: str):
    shown = printable(text)
    assert not UNSAFE.search(shown)
    assert printable(shown) == shown


@given(st.text(st.characters(min_codepoint=0xA0, exclude_categories=["Cs", "Cf"])))
def test_other_text_stays(text: str):
    assert printable(text) is text


@given(st.text())
def test_json_keeps_all_and_shows_no_control(text: str):
    line = json_line({"text": text})
    assert not UNSAFE.search(line)
    assert json.loads(line) == {"text": text}
    line.encode()


@pytest.mark.parametrize("piece", ["\x1b]", "\x1b[", "\x9d", "\x1b]0;", "\x1b ", "\r", "\x1b]0;aaaaaaaa"])
def test_time_is_linear(piece: str):
    # A quadratic one would take minutes.
    assert len(printable(piece * 200_000)) <= 200_000 * len(piece)


@pytest.mark.parametrize(
    ("text", "shown", "password"),
    [
        ("http://ada:pa/ss@host/v1", "http://host/v1", True),
        ("see http://ada:p@ss:word@host/v1", "see http://host/v1", True),
        ("http://key@host/v1", "http://host/v1", False),
        ("http://host:8080/v1/@here", "http://host:8080/v1/@here", False),
        ("http://ada:12@host", "http://host", True),
        ("mail ada@host", "mail ada@host", False),
    ],
)
def test_credentials_of_addresses_are_left_out(text: str, shown: str, password: bool) -> None:
    assert without_credentials(text) == shown
    assert credentials_in(text) is password
