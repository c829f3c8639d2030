"""What is kept for the conversation."""

from collections.abc import Callable

import pytest

from voicecli.providers.assistant.reply import Reply


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("my name is Anna",), "Nice to meet you, Anna."),
        (("my name is Anna", "what time is it", "what's my name"), "Your name is Anna."),
        (("My name is Anna.", "call me Anna Marie", "who am I?"), "Your name is Anna Marie."),
        (("what is my name",), "You haven't told me, and I keep no notes about you."),
    ],
)
def test_names(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text


def test_calling_is_no_name(ask: Callable[..., Reply]) -> None:
    assert ask("call me back").intent == ask("call me a taxi").intent == "messages"
