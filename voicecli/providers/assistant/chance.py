"""Dice, coins and random numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["coin", "dice", "pick"]


@dataclass(frozen=True, slots=True)
class Rolled(Topic):
    """What was rolled, flipped or picked, to do it again."""

    said: str


MOST_DICE = 100
MOST_SIDES = 1_000_000

_DICE = re.compile(
    r"(?:(?:roll|throw|toss|cast)(?: me)?(?: (?P<count>\d+|a|an|the|some|a pair of"
    r"|a couple of|my))?|(?P<bare>\d+))"
    r"(?: (?P<sides>\d+) sided| d (?P<d>\d+))? (?:die|dice|dices|dies"
    r"|dye)(?: with (?P<with>\d+) sides)?(?: again)?"
    r"|(?:roll |throw )?(?:a )?(?P<short>\d*)d(?P<of>\d+)|(?:roll|throw) (?:a "
    r"|the )?(?P<d20>d ?\d+)|dice roll"
)
_COIN = re.compile(
    r"(?:(?:flip|toss|throw|spin)(?: me)? (?:(?P<count>\d+|a|an|the|another|that"
    r"|this) )?(?:coins?|quarter|penny)(?: again| for me)?|heads or tails|coin (?:flip"
    r"|toss))"
)
_PICK = re.compile(
    r"(?:(?:pick|choose|give me|think of|generate|draw|say|select|what is|get|get me"
    r"|i need)(?: me)?(?: a| an| any| another| some)?(?: random)? (?:whole )?numbers?"
    r"|random number|a random number|a number)"
    r"(?: (?:for me ?)?(?:(?:between|from|in between) (?P<low>(?:minus )?\d+) (?:and|to"
    r"|through|till|until|or) (?P<high>(?:minus )?\d+)|(?:up|under"
    r"|below) (?:to )?(?P<top>\d+)))?(?: inclusive)?"
)
_CHOOSE = re.compile(
    r"(?:pick|choose|decide"
    r"|what should i choose)(?: between)?(?::)? (?P<one>[a-z ]+?) (?:or"
    r"|and) (?P<two>[a-z ]+)"
)


_AGAIN = re.compile(
    r"(?:(?:roll|throw|flip|toss|pick|choose)(?: it| them| that| 1| another)*(?: again| once more)"
    r"|another (?:roll|flip|throw|toss|number)|(?:roll|flip|pick|throw) another(?: 1)?)"
)


def again(utterance: Utterance, context: Context) -> Reply | None:
    """ "roll again", after a roll, a flip or a pick."""
    if not _AGAIN.fullmatch(utterance.core):
        return None
    topic = context.recall()
    if isinstance(topic, Rolled):
        said = Utterance(topic.said, topic.said, topic.said)
        return dice(said, context) or coin(said, context) or pick(said, context)
    return Reply("dice", "Again what? Say roll a die, flip a coin or pick a number.")


def dice(utterance: Utterance, context: Context) -> Reply | None:
    """ "roll two dice", "roll a twenty sided die", "2d6"."""
    topic = Rolled(utterance.core)
    match = _DICE.fullmatch(utterance.core)
    if not match:
        return None
    said = match["count"] or match["bare"] or match["short"] or "1"
    plural = utterance.core.endswith("the dice") or said in ("some", "a pair of", "a couple of")
    count = int(said) if said.isdigit() else 2 if plural else 1
    d20 = re.sub(r"\D", "", match["d20"] or "")
    sides = int(match["sides"] or match["d"] or match["with"] or match["of"] or d20 or 6)
    if not 1 <= count <= MOST_DICE:
        return Reply("dice", f"I can roll 1 to {MOST_DICE} dice at once.")
    if not 2 <= sides <= MOST_SIDES:
        return Reply("dice", "There is no such die: it needs 2 to 1,000,000 sides.")
    rolled = [context.random.randint(1, sides) for _ in range(count)]
    if count == 1:
        article = "an" if rolled[0] in (8, 11, 18) or 80 <= rolled[0] < 90 else "a"
        return Reply("dice", f"You rolled {article} {rolled[0]:,}.", topic=topic)
    total = f"{sum(rolled):,}"
    if count > 10:
        return Reply("dice", f"{count} dice make {total} in all.", topic=topic)
    faces = f"{', '.join(map(str, rolled[:-1]))} and {rolled[-1]}"
    return Reply("dice", f"You rolled {faces}: {total} in all.", topic=topic)


def coin(utterance: Utterance, context: Context) -> Reply | None:
    """ "flip a coin", "toss three coins"."""
    topic = Rolled(utterance.core)
    match = _COIN.fullmatch(utterance.core)
    if not match:
        return None
    count = int(match["count"]) if (match["count"] or "").isdigit() else 1
    if not 1 <= count <= MOST_DICE:
        return Reply("coin", f"I can flip 1 to {MOST_DICE} coins at once.")
    heads = sum(context.random.random() < 0.5 for _ in range(count))
    if count == 1:
        return Reply("coin", "Heads." if heads else "Tails.", topic=topic)
    return Reply("coin", f"{heads} heads and {count - heads} tails.", topic=topic)


def pick(utterance: Utterance, context: Context) -> Reply | None:
    """ "pick a number between one and ten"."""
    topic = Rolled(utterance.core)
    match = _PICK.fullmatch(utterance.core)
    if not match:
        return None
    low, high = (
        int((match[name] or default).replace("minus ", "-"))
        for name, default in (("low", "1"), ("high", match["top"] or "100"))
    )
    if low > high:
        low, high = high, low
    if max(abs(low), abs(high)) > 10**15:
        return Reply("pick", "That range is too large for me.")
    range_said = "" if match["low"] or match["top"] else ", from 1 to 100"
    chosen = context.random.randint(low, high)
    figure = f"minus {-chosen:,}" if chosen < 0 else f"{chosen:,}"
    return Reply("pick", f"I picked {figure}{range_said}.", topic=topic)
