import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.assistant.domain import vocabulary
from voicecli.providers.assistant.dialogue import Context, Reply
from voicecli.providers.assistant.intents import understand
from voicecli.providers.language_model import Message


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("what time is it and what is two plus two", "It's 3:45 PM. 2 plus 2 is 4."),
        ("set a timer for five minutes and what time is it", "I've set a 5 minute timer. It's 3:45 PM."),
        (
            "how many feet are in a mile and what time is it in tokyo",
            "1 mile is 5,280 feet. It's 11:45 PM in Tokyo.",
        ),
        ("what is 1 plus 1 and then what is 2 plus 2", "1 plus 1 is 2. 2 plus 2 is 4."),
        ("set a timer for one hour and thirty minutes", "I've set a 1 hour and 30 minute timer."),
        ("what is the sum of two and three", "2 plus 3 is 5."),
    ],
)
def test_requests_are_joined(said: str, text: str, ask: Callable[..., Reply]) -> None:
    assert ask(said).text == text


def test_both_actions_are_given(ask: Callable[..., Reply]) -> None:
    reply = ask("set a timer for five minutes and set a tea timer for two minutes and goodbye")
    assert [action.name for action in reply.actions] == ["set timer", "set timer"]
    assert reply.goodbye


WORDS = st.sampled_from([*sorted(vocabulary()), "1", "0", "2.5", "9" * 40, "(", ")", "+", "?", "é"])


@given(st.lists(WORDS, max_size=12).map(" ".join))
@settings(deadline=None, max_examples=300)
def test_any_words_are_answered(said: str) -> None:
    reply = understand(
        said, Context(history=(Message("user", "2 plus 2"), Message("assistant", "2 plus 2 is 4.")))
    )
    assert reply.text
    assert reply.text[-1] in ".?!"


@given(st.text(max_size=600))
@settings(deadline=None)
def test_any_text_is_answered(said: str) -> None:
    assert understand(said, Context()).text


@pytest.mark.parametrize("said", ["it's hot", "that is odd", "it is", "this", "what is that"])
def test_remarks_are_no_sums(said: str) -> None:
    assert understand(said, Context()).intent == "fallback"


def test_huge_numbers_are_answered() -> None:
    for pattern in (
        "{} plus 1",
        "set a timer for {} minutes",
        "roll {} dice",
        "in {} days",
        "{} miles in feet",
        "{} factorial",
    ):
        assert understand(pattern.format("9" * 450), Context()).text
        assert understand(pattern.format("9" * 5000), Context()).text


def test_understanding_changes_nothing(now: datetime) -> None:
    context = Context(now=now)
    assert understand("set a timer for five minutes", context).actions
    assert context.timers.running == []


def test_default_context_is_now() -> None:
    before = datetime.now(UTC)
    assert before <= Context().now <= datetime.now(UTC)


def test_importing_is_cheap() -> None:
    code = (
        "import sys, voicecli.providers.assistant as a;"
        "a.Assistant().domain;"
        "print([m for m in ('pint', 'text_to_num', 'num2words', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
