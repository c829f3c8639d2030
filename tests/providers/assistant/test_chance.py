from collections.abc import Callable
from random import Random

import pytest

from voicecli.providers.assistant.dialogue import Context, Reply
from voicecli.providers.assistant.intents import understand


def drawn(said: str, count: int = 300) -> set[str]:
    random = Random(7)
    return {understand(said, Context(random=random)).text for _ in range(count)}


def test_die_shows_every_face() -> None:
    articles = {8: "an"}
    assert drawn("roll a die") == {f"You rolled {articles.get(n, 'a')} {n}." for n in range(1, 7)}
    assert len(drawn("roll a twenty sided die", 1000)) == 20


def test_coin_shows_both_sides() -> None:
    assert drawn("flip a coin") == {"Heads.", "Tails."}


def test_picked_numbers_stay_in_range() -> None:
    assert drawn("pick a number between one and ten") == {f"I picked {n}." for n in range(1, 11)}
    assert drawn("pick a number from 3 to 1") == {f"I picked {n}." for n in range(1, 4)}


def test_dice_are_added() -> None:
    for text in drawn("roll two dice"):
        first, second, total = (int(word.strip(":.")) for word in text.split() if word.strip(":.").isdigit())
        assert first + second == total


@pytest.mark.parametrize(
    ("said", "intent"),
    [
        ("roll 2d6", "dice"),
        ("roll a d20", "dice"),
        ("roll three ten sided dice", "dice"),
        ("throw the dice", "dice"),
        ("flip three coins", "coin"),
        ("heads or tails", "coin"),
        ("pick a random number", "pick"),
        ("give me a number between a hundred and two hundred", "pick"),
    ],
)
def test_chance_is_understood(said: str, intent: str) -> None:
    assert understand(said, Context(random=Random(1))).intent == intent


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("roll 500 dice", "I can roll 1 to 100 dice at once."),
        ("roll a one sided die", "There is no such die: it needs 2 to 1,000,000 sides."),
        ("flip 500 coins", "I can flip 1 to 100 coins at once."),
    ],
)
def test_impossible_chances_say_so(said: str, text: str) -> None:
    assert understand(said, Context()).text == text


def test_same_seed_same_luck() -> None:
    assert [understand("roll 5 dice", Context(random=Random(3))).text for _ in range(2)] == [
        understand("roll 5 dice", Context(random=Random(3))).text
    ] * 2


def test_rolling_again_repeats_the_roll(ask: Callable[..., Reply]) -> None:
    assert "in all" in ask("roll two dice", "roll again").text
    assert ask("pick a number between one and ten", "pick another one").text.startswith("I picked")
    assert ask("roll again").text == "Again what? Say roll a die, flip a coin or pick a number."
