"""Dice, coins and random numbers."""

from __future__ import annotations

import re

from voicecli.providers.assistant.dialogue import Context, Excuse, Reply, Topic, intent
from voicecli.providers.assistant.tables import phrases
from voicecli.providers.assistant.wording import Wording, listed

__all__ = ["draws"]

MOST_DICE = 100
MOST_SIDES = 1_000_000


@intent("dice", phrases("again"))
def _again(match: re.Match[str], context: Context) -> Reply:
    if topic := context.recall():
        said = Wording(topic.about, topic.about, ())
        if reply := next(filter(None, (draw(said, context) for draw in draws[1:])), None):
            return reply
    raise Excuse("Again what? Say roll a die, flip a coin or pick a number.")


def _drawn(name: str, text: str, match: re.Match[str]) -> Reply:
    return Reply(name, text, topic=Topic(about=match[0]))


@intent(
    "dice",
    r"(?:(?:roll|throw|toss|cast)(?: me)?(?: (?P<count>\d+|a|an|the|some|a pair of|a couple of|my))?"
    r"|(?P<bare>\d+))(?: (?P<sides>\d+) sided| d (?P<d>\d+))? (?:die|dice|dices|dies"
    r"|dye)(?: with (?P<with>\d+) sides)?(?: again)?|(?:roll |throw )?(?:a )?(?P<short>\d*)d(?P<of>\d+)"
    r"|(?:roll|throw) (?:a |the )?d ?(?P<d20>\d+)|dice roll",
)
def _dice(match: re.Match[str], context: Context) -> Reply:
    said = match["count"] or match["bare"] or match["short"] or "1"
    plural = match[0].endswith("the dice") or said in ("some", "a pair of", "a couple of")
    count = int(said) if said.isdigit() else 2 if plural else 1
    sides = int(match["sides"] or match["d"] or match["with"] or match["of"] or match["d20"] or 6)
    if not 1 <= count <= MOST_DICE:
        raise Excuse(f"I can roll 1 to {MOST_DICE} dice at once.")
    if not 2 <= sides <= MOST_SIDES:
        raise Excuse("There is no such die: it needs 2 to 1,000,000 sides.")
    rolled = [context.random.randint(1, sides) for _ in range(count)]
    total = f"{sum(rolled):,}"
    if count == 1:
        article = "an" if rolled[0] in (8, 11, 18) or 80 <= rolled[0] < 90 else "a"
        return _drawn("dice", f"You rolled {article} {total}.", match)
    if count > 10:
        return _drawn("dice", f"{count} dice make {total} in all.", match)
    return _drawn("dice", f"You rolled {listed([str(face) for face in rolled])}: {total} in all.", match)


@intent(
    "coin",
    r"(?:flip|toss|throw|spin)(?: me)? (?:(?P<count>\d+|a|an|the|another|that|this) )?(?:coins?|quarter"
    r"|penny)(?: again| for me)?|heads or tails|coin (?:flip|toss)",
)
def _coin(match: re.Match[str], context: Context) -> Reply:
    count = int(match["count"]) if (match["count"] or "").isdigit() else 1
    if not 1 <= count <= MOST_DICE:
        raise Excuse(f"I can flip 1 to {MOST_DICE} coins at once.")
    heads = sum(context.random.random() < 0.5 for _ in range(count))
    one = "Heads." if heads else "Tails."
    return _drawn("coin", one if count == 1 else f"{heads} heads and {count - heads} tails.", match)


@intent(
    "pick",
    r"(?:(?:pick|choose|give me|think of|generate|draw|say|select|what is|get|get me|i need)(?: me)?(?: a"
    r"| an| any| another| some)?(?: random)? (?:whole )?numbers?|random number|a random number"
    r"|a number)(?: (?:for me ?)?(?:(?:between|from|in between) (?P<low>(?:minus )?\d+) (?:and|to|through"
    r"|till|until|or) (?P<high>(?:minus )?\d+)|(?:up|under|below) (?:to )?(?P<top>\d+)))?(?: inclusive)?",
)
def _pick(match: re.Match[str], context: Context) -> Reply:
    ends = (match["low"] or "1", match["high"] or match["top"] or "100")
    low, high = sorted(int(end.replace("minus ", "-")) for end in ends)
    if max(abs(low), abs(high)) > 10**15:
        raise Excuse("That range is too large for me.")
    chosen = context.random.randint(low, high)
    range_said = "" if match["low"] or match["top"] else ", from 1 to 100"
    return _drawn("pick", f"I picked {'minus ' * (chosen < 0)}{abs(chosen):,}{range_said}.", match)


draws = (_again, _dice, _coin, _pick)
