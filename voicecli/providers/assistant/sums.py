"""Questions for a result: "what is twenty three times four", and "times two" after it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from voicecli.providers.assistant.arithmetic import NoAnswer, Unclear, Value, evaluate, sentence
from voicecli.providers.assistant.reply import Context, Reply, Topic
from voicecli.providers.assistant.utterance import Utterance

__all__ = ["Result", "total"]


@dataclass(frozen=True, slots=True)
class Result(Topic):
    """What the last sum came to."""

    value: Value


NOTHING_YET = "There is no result to go on from yet. Please say the whole sum."

_PREFIX = re.compile(
    r"^(?:(?:and|then|now|so) )*(?P<asked>(?:what is|what are|what was|how much is"
    r"|how much are|how much does|how much do|what does|what do|calculate|compute|work out"
    r"|solve|evaluate|give me|find|what about|how about|what would be"
    r"|what)(?: the (?:result|value|answer) of)? )?"
)
_PERCENT = re.compile(r"(?P<part>.+) (?:is|are) what (?:percent|percentage) of (?P<whole>.+)")
_PERCENT_OF = re.compile(
    r"(?:what |how many )(?:percent|percentage) of (?P<whole>.+?) (?:is|are) (?P<part>.+)"
    r"|(?P<part2>.+) as a (?:percent|percentage) of (?P<whole2>.+)"
)
_REFERS = re.compile(r"\b(?:that|it|this|result|answer)\b")


_ALONE = re.compile(r"(\d+(?:\.\d+)?)(?: (percent))?")
_CURRENCY = re.compile(r" (dollar|euro|pound|cent|franc|peso|rupee)s?\b")
_INTO = re.compile(r"\b(?:in|into|to)\b")
_UNFINISHED = re.compile(
    r"(?P<start>.*\d.*) (?:plus|minus|times|divided by|multiplied by|percent of|to the power of)"
)
_STAND_IN = Value(number=Fraction(2), said="2")  # for the last result, to see whether it is a sum


def total(utterance: Utterance, context: Context) -> Reply | None:
    """Any sum, exactly; asks back where it is unclear and says why where there is no answer."""
    text, asked = _sum(utterance.core)
    currencies = set(_CURRENCY.findall(text)) if not _INTO.search(text) else set()
    try:
        value = _evaluated(_CURRENCY.sub("", text) if len(currencies) == 1 else text, asked, context)
    except (NoAnswer, Unclear) as exc:
        return Reply("sum", str(exc))
    if value is None:
        return _incomplete(text)
    answer = sentence(value)
    if len(currencies) == 1 and not value.percent:
        answer = f"{answer.removesuffix('.')} {currencies.pop()}{'s' if value.number != 1 else ''}."
    return Reply("sum", answer, topic=Result(value))


def _sum(core: str) -> tuple[str, bool]:
    """The words of the sum itself, and whether it was asked for as one that stands alone."""
    core = re.sub(r"^(?:and|then) ", "", core)
    if match := _PERCENT_OF.fullmatch(core) or _PERCENT.fullmatch(core):
        groups = match.groupdict()
        whole, part = groups.get("whole") or groups.get("whole2"), groups.get("part") or groups.get("part2")
        return f"what percent of {whole} is {part}", True
    prefix = _PREFIX.match(core)
    return (core[prefix.end() :], prefix["asked"] is not None) if prefix else (core, False)


def _evaluated(text: str, asked: bool, context: Context) -> Value | None:
    """The value, with the last result where the words refer to it or begin with an operator."""
    refers = bool(_REFERS.search(text))
    value = None if refers else evaluate(text)
    if value is not None or (asked and not refers):
        return value
    if not (evaluate(text, _STAND_IN) or evaluate(text, _STAND_IN, continued=True)):
        return None
    last = _last(context)
    if last is None:
        raise Unclear(NOTHING_YET)
    return evaluate(text, last) or evaluate(text, last, continued=True)


def _incomplete(text: str) -> Reply | None:
    """What to ask when a number or an operator was the last that was heard."""
    if alone := _ALONE.fullmatch(text):
        return Reply("sum", f"{text} of what?" if alone[2] else f"I heard {text}. What should I do with it?")
    match = _UNFINISHED.fullmatch(text)
    if match and (_ALONE.fullmatch(match["start"]) or evaluate(match["start"])):
        return Reply("sum", f"{text} what?")
    return None


def _last(context: Context) -> Value | None:
    topic = context.recall()
    return topic.value if isinstance(topic, Result) else None
