"""How the assistant is to speak: "louder", "a bit slower", "normal speed"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from voicecli.providers.assistant.reply import Context, Reply
from voicecli.providers.assistant.utterance import Utterance
from voicecli.providers.delivery import GAINS, Delivery
from voicecli.providers.language_model import Action

__all__ = ["voice"]

# By how much for "a bit louder", "louder" and "much louder": dB, and times as fast.
_STEPS = {"bit": (2.0, 1.1), "": (4.0, 1.25), "much": (6.0, 1.5)}
_SOME = r"(?:just )?a (?:little(?: bit)?|(?:tiny )?bit|touch|tad|lot)|slightly"
_SAY = r"(?:(?:speak|talk|say (?:it|that)|be|go|make (?:it|(?:your|the) voice)) )?"
_VOLUME = r"(?:your |the )?(?:volume|voice)"
_TOO = r"(?:(?:you are|that is|it is) (?:speaking |talking |going )?(?:much |way |a (?:bit|little) )?too)"
_NOT = r"(?:(?:do )?not (?:speak |talk |go )?so)"
_HERE = "I can't change my voice here."


@dataclass(frozen=True, slots=True)
class _Wish:
    intent: str  # "loudness" or "speed"
    sign: int
    word: str
    limit: str  # what it is at the end of the range
    pattern: re.Pattern[str]


def _wish(intent: str, sign: int, word: str, limit: str, adverbs: str, others: str) -> _Wish:
    before, after = rf"(?:(?P<before>{_SOME}|much|way|far|even) )?", rf"(?: (?P<after>{_SOME}))?"
    pattern = rf"(?:{_SAY}{before}(?:{adverbs})|{others}){after}"
    return _Wish(intent, sign, word, limit, re.compile(pattern))


_WISHES = (
    _wish(
        "loudness", 1, "louder", "as loud", "louder|more loudly|loudly",
        rf"speak up|turn (?:it|{_VOLUME}) up|turn up {_VOLUME}|volume up|(?:increase|raise) {_VOLUME}"
        rf"|i can not hear you(?: very| so)?(?: well)?|{_TOO} (?:quiet|soft|low)"
        rf"|{_NOT} (?:quiet|soft)(?:ly)?",
    ),
    _wish(
        "loudness", -1, "quieter", "as quietly", "quieter|softer|more (?:quietly|softly)|quietly|softly",
        rf"turn (?:it|{_VOLUME}) down|turn down {_VOLUME}|volume down|(?:lower|decrease|reduce) {_VOLUME}"
        rf"|keep (?:it|your voice) down|{_TOO} loud|{_NOT} loud(?:ly)?",
    ),
    _wish(
        "speed", -1, "slower", "as slowly", "slower|more slowly|slowly",
        rf"slow (?:it )?down|{_TOO} (?:fast|quick)(?:ly)?|{_NOT} (?:fast|quick)(?:ly)?",
    ),
    _wish(
        "speed", 1, "faster", "as fast", "faster|quicker|more quickly|quickly",
        rf"speed (?:it )?up|{_TOO} slow(?:ly)?|{_NOT} slow(?:ly)?",
    ),
)  # fmt: skip
_NORMAL = re.compile(
    r"(?:(?:speak|talk|go|return|reset|back|go back|use|be)(?: (?:to|at|with|in))? )?(?:(?:a|the|your) )?"
    r"(?:normal(?:ly)?(?: (?P<what>volume|loudness|speed|pace|voice|volume and speed|speed and volume))?)"
    r"(?: again)?"
)


def voice(utterance: Utterance, context: Context) -> Reply | None:
    """ "louder", "slow down a bit", "normal volume"."""
    for words in utterance.readings:
        if match := _NORMAL.fullmatch(words):
            return _normal(match["what"] or "", context.delivery)
        for wish in _WISHES:
            if match := wish.pattern.fullmatch(words):
                return _changed(wish, match["before"] or match["after"] or "", context.delivery)
    return None


def _changed(wish: _Wish, size: str, delivery: Delivery | None) -> Reply:
    if delivery is None:
        return Reply(wish.intent, _HERE)
    if size:
        size = "much" if size.endswith("lot") or size in ("much", "way", "far") else "bit"
    decibels, times = _STEPS[size]
    act: Callable[[float], None]
    if wish.intent == "loudness":
        now, (least, most), act = delivery.gain, GAINS, delivery.set_gain
        wanted = now + wish.sign * decibels
    elif delivery.speed is not None:
        now, (least, most), act = delivery.speed, delivery.speeds, delivery.set_speed
        wanted = now * times**wish.sign
    else:
        return Reply("speed", "This voice cannot change its speed.")
    wanted = min(max(wanted, least), most)
    if wanted == now:
        return Reply(wish.intent, f"I can't speak any {wish.word}.")
    text = f"Okay, {wish.word}."
    if wanted in (least, most):
        text += f" That is {wish.limit} as I can speak."
    return Reply(wish.intent, text, (Action(wish.intent, partial(act, wanted)),))


def _normal(what: str, delivery: Delivery | None) -> Reply:
    intent = "speed" if what in ("speed", "pace") else "loudness"
    if delivery is None:
        return Reply(intent, _HERE)
    if intent == "speed" and delivery.speed is None:
        return Reply(intent, "This voice cannot change its speed.")
    actions: list[Action] = []
    if intent == "loudness":
        actions.append(Action("loudness", partial(delivery.set_gain, 0.0)))
    if what not in ("volume", "loudness"):
        actions.append(Action("speed", partial(delivery.set_speed, delivery.normal_speed)))
    named = what if len(actions) == 1 else "voice"
    return Reply(intent, f"Okay, my normal {named}.", tuple(actions))
