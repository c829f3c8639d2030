"""What may be pasted into a bug report."""

import getpass
import socket
from pathlib import Path

import pytest

from voicecli.cli.bugreport import Redaction, bug_report
from voicecli.cli.check import note, ok, problem
from voicecli.config import load_settings

ENVIRON = {
    "SOME_API_KEY": "abcdef-123456",
    "MY_TOKEN": "short",
    "VOICECLI_SERVER_TOKENS": "grace:topsecret:half,night-shift:another-one",
    "HOME": "/home/ada",
    "EDITOR": "emacs-editor",
}


def clean(text: str) -> str:
    return Redaction(ENVIRON, Path("/home/ada")).clean(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the key abcdef-123456 is wrong", "the key [SOME_API_KEY] is wrong"),
        ("http://ada:pass@host/v1", "http://host/v1"),
        ("http://ada:pa/s:s@host/v1", "http://host/v1"),
        ("http://ada:p@ss:word@host/v1", "http://host/v1"),
        ("http://key@host/v1", "http://host/v1"),
        ("http://host:8080/v1/@here", "http://host:8080/v1/@here"),
        ("grace has topsecret", "grace has [VOICECLI_SERVER_TOKENS]"),
        ("topsecret:half is wrong", "[VOICECLI_SERVER_TOKENS] is wrong"),
        ("https://host/v1?api_key=abc&x=1", "https://host/v1?api_key=[hidden]&x=1"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [hidden]"),
        ("refused sk-proj-ABCDEFGH1234", "refused [key]"),
        ("/home/ada/.config/voicecli", "~/.config/voicecli"),
        ("/home/adam/.config", "/home/adam/.config"),
        ("emacs-editor", "emacs-editor"),
    ],
)
def test_what_is_taken_out(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_names_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    monkeypatch.setattr(socket, "gethostname", lambda: "flow-matic")
    redaction = Redaction({}, Path("/nowhere"))
    assert redaction.clean("grace on flow-matic, graceful") == "[user] on [this machine], graceful"


def test_report_is_markdown() -> None:
    loaded = load_settings(
        user_file=None, environ={}, overrides={"llm.timeout": "7", "conversation.system": "I am Ada"}
    )
    checks = [ok("a", "fine | so"), note("b", "hm\nhm", "do this"), problem("c", "bad")]
    text = bug_report([("Things", checks)], loaded, Redaction({}, Path("/nowhere")))
    assert "| ok | a | fine \\| so |" in text
    assert "| **note** | b | hm hm → do this |" in text
    assert "llm.timeout = 7" in text
    assert "I am Ada" not in text
    assert "conversation.system = (8 characters)" in text


def test_nothing_was_set() -> None:
    loaded = load_settings(user_file=None, environ={})
    assert bug_report([], loaded, Redaction({})).endswith("None.\n")
    assert "cannot be read" in bug_report([], None, Redaction({}))
