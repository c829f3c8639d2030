"""What the assistant tells a recogniser to expect: its grammar, sentences from it, a test of any text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random

from tests.providers.assistant.jsgf import Grammar
from voicecli.providers.assistant import Assistant
from voicecli.providers.assistant.intents import UNCOVERED, Context, understand

__all__ = ["INTENTS", "covered", "jsgf", "labelled", "sentences", "vocabulary"]

# Rules of the grammar that are intents of the assistant, of the same name.
INTENTS = frozenset(
    [
        "time",
        "date",
        "countdown",
        "weekend",
        "difference",
        "sum",
        "units",
        "timers",
        "timer",
        "cancel",
        "alarm",
        "reminder",
        "dice",
        "coin",
        "pick",
        "joke",
        "repeat",
        "said",
        "help",
        "identity",
        "greeting",
        "thanks",
        "wellbeing",
        "goodbye",
        "nevermind",
        "loudness",
        "speed",
        "yes",
        "no",
        "weather",
        "news",
        "travel",
        "money",
        "lights",
        "music",
        "programs",
        "drinks",
        "messages",
        "agenda",
        "search",
        "translation",
        "motion",
    ]
)


def jsgf() -> str:
    """The grammar in JSGF; its public rule is <command>, its words are those of the CMU dictionary."""
    return Assistant().domain


def sentences(seed: int = 0, count: int = 20_000) -> Iterator[str]:
    """Random sentences of the grammar, each intent about as frequent; the same for the same seed."""
    return (sentence for _, sentence in labelled(seed, count))


def labelled(seed: int = 0, count: int = 20_000) -> Iterator[tuple[str, str]]:
    """As `sentences`, each with its intent; "followup" is what makes sense behind another turn."""
    grammar = _grammar()
    random = Random(seed)
    for _ in range(count):
        words, path = grammar.draw("command", random)
        intent = next((rule for rule in path if rule in INTENTS), "followup")
        yield intent, " ".join(words)


def vocabulary() -> frozenset[str]:
    """Every word of the grammar."""
    return frozenset(_grammar().words("command"))


def covered(text: str) -> bool:
    """Whether the assistant understands `text`; that it cannot be done offline counts as understood."""
    return understand(text, Context()).intent not in UNCOVERED


@cache
def _grammar() -> Grammar:
    return Grammar(jsgf())
