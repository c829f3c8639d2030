"""How the assistant is to speak: "louder", "a bit slower", "normal speed"."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from voicecli.providers.assistant.dialogue import Context, Excuse, Intent, Reply, intent
from voicecli.providers.assistant.tables import named, table
from voicecli.providers.delivery import GAINS, Delivery
from voicecli.providers.language_model import Action

__all__ = ["wishes"]

# By how much for "a bit louder", "louder" and "much louder": dB, and times as fast.
_STEPS = {"bit": (2.0, 1.1), "": (4.0, 1.25), "much": (6.0, 1.5)}


def _wish(name: str, sign: int, word: str, limit: str, adverbs: list[str], others: list[str]) -> Intent:
    pattern = (
        rf"(?:<say>?(?:(?P<before><some>|much|way|far|even) )?(?:{'|'.join(adverbs)})|{'|'.join(others)})"
        "(?: (?P<after><some>))?"
    )

    @intent(name, named("prosody.toml", pattern), remark=True)
    def wish(match: re.Match[str], context: Context) -> Reply:
        delivery, some = _changeable(name, context), match["before"] or match["after"] or ""
        much = some.endswith("lot") or some in ("much", "way", "far")
        decibels, times = _STEPS["much" if much else "bit" if some else ""]
        act: Callable[[float], None] = delivery.set_gain if name == "loudness" else delivery.set_speed
        if name == "loudness":
            now, (least, most), step = delivery.gain, GAINS, delivery.gain + sign * decibels
        else:
            now = delivery.speed or 1.0
            (least, most), step = delivery.speeds, now * times**sign
        wanted = min(max(step, least), most)
        if wanted == now:
            raise Excuse(f"I can't speak any {word}.")
        reached = f" That is {limit} as I can speak." if wanted in (least, most) else ""
        return Reply(name, f"Okay, {word}.{reached}", (Action(name, partial(act, wanted)),))

    return wish


def _changeable(name: str, context: Context) -> Delivery:
    """How replies are spoken, where that can be changed."""
    if context.delivery is None:
        raise Excuse("I can't change my voice here.", intent=name)
    if name == "speed" and context.delivery.speed is None:
        raise Excuse("This voice cannot change its speed.", intent=name)
    return context.delivery


@intent(
    "loudness",
    r"(?:(?:speak|talk|go|return|reset|back|go back|use|be)(?: (?:to|at|with|in))? )?(?:(?:a|the"
    r"|your) )?normal(?:ly)?(?: (?P<what>volume|loudness|speed|pace|voice|volume and speed"
    r"|speed and volume))?(?: again)?",
    remark=True,
)
def _normal(match: re.Match[str], context: Context) -> Reply:
    what = match["what"] or "voice"
    name = "speed" if what in ("speed", "pace") else "loudness"
    delivery = _changeable(name, context)
    gain = Action("loudness", partial(delivery.set_gain, 0.0))
    speed = Action("speed", partial(delivery.set_speed, delivery.normal_speed))
    one = {"speed": speed, "pace": speed, "volume": gain, "loudness": gain}.get(what)
    said, actions = (what, (one,)) if one else ("voice", (gain, speed))
    return Reply(name, f"Okay, my normal {said}.", actions)


wishes = (_normal, *(_wish(**wish) for wish in table("prosody.toml")["wish"]))
