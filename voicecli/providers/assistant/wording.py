"""What was said, in the one spelling that the intents compare with: "um whats 15% of eighty?"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from voicecli.providers.assistant.numbers import figures
from voicecli.providers.assistant.tables import table

__all__ = ["LONG", "Wording", "capital", "hear", "listed"]

LONG = 1000  # characters; what is longer is dictation and no request
LONGEST_CLOSER = 20  # characters


@dataclass(frozen=True, slots=True)
class Wording:
    """`text` holds every word, `core` none of the politeness around it."""

    text: str
    core: str
    readings: tuple[str, ...]  # what remarks are compared with, which may be politeness: "many thanks"


# Symbols that are typed, and how they are said; in this order.
_SYMBOLS = tuple(
    (re.compile(pattern), spoken)
    for pattern, spoken in (
        (r"(\d),(?=\d{3}\b)", r"\1"),
        (r"\b([ap])\.\s?m\b\.?", r" \1m "),
        (r"o['’]?\s?clock", " oclock "),
        (r"°\s*c\b", " degrees celsius "),
        (r"°\s*f\b", " degrees fahrenheit "),
        (r"°", " degrees "),
        (r"\bkm/h\b|\bkmh\b|\bkph\b", " kilometers per hour "),
        (r"\bm/s\b", " meters per second "),
        (r"(?<=[\w)])\s*(?:\*\*|\^)\s*(?=[-\w(])", " to the power of "),
        (r"(?<=[\w)%])\s*[*×·]\s*(?=[-\w(√])", " times "),
        (r"(?<=[\d)])\s*x\s*(?=[\d(])", " times "),
        (r"(?<=[\w)%])\s*[/÷]\s*(?=[-\w(√])", " divided by "),
        (r"\+", " plus "),
        (r"(?<=[\d)!])\s*[-−–]\s*(?=[\d(])", " minus "),
        (r"(?<=[\w)])\s+[-−–]\s+(?=[\w(])", " minus "),
        (r"(?<![\w)])[-−](?=[\d(])", " minus "),
        (r"√", " square root of "),
        (r"(?<=\d)!", " factorial "),
        (r"%", " percent "),
        (r"\$\s*(\d+(?:\.\d+)?)", r" \1 dollars "),
        (r"€\s*(\d+(?:\.\d+)?)", r" \1 euros "),
        (r"£\s*(\d+(?:\.\d+)?)", r" \1 pounds sterling "),
        (r"[()]", r" \g<0> "),
        (r"(\d)\s*:\s*(\d\d)\b", r"\1 \2"),
        (r"\b(\d*d\d+)\b", r" \1 "),
        # A figure glued to a unit ("5km", "3pm", "100f"); not an ordinal, not dice.
        (r"\b(\d+(?:\.\d+)?)(?!(?:st|nd|rd|th|d\d+)\b)([a-z]+)\b", r"\1 \2"),
        (r"[^\w\s.'()]|(?<!\d)\.(?!\d)|(?<=\d)\.(?!\d)|_", " "),
    )
)
# The nouns before which 's is "is"; elsewhere it is a possessive ("new year's", "today's").
_IS = re.compile(r"^(what|who|how|where|when|that|there|it|he|she)'s$")
_ENDINGS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
_ENDING = re.compile(f"({'|'.join(_ENDINGS)})$")


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """Of what leads up to a request, or follows it."""
    words = "|".join(table("wording.toml")[name])
    if name == "closers":
        return re.compile(rf" (?:{words})$|(?<!\bthe)(?<!\bmy)(?<!\bthis)(?<!\ba) computer$")
    return re.compile(rf"(?:{words})\b ?")


def hear(said: str) -> Wording:
    """The utterance in its normal spelling; what is too LONG to be a request stays as it is."""
    text = unicodedata.normalize("NFKD", said.casefold().replace("’", "'").replace("‘", "'"))
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    if len(text) > LONG:
        return Wording(text[:LONG], text[:LONG], (text[:LONG],))
    for pattern, spoken in _SYMBOLS:
        text = pattern.sub(spoken, text)
    words = [part for word in text.split() for part in _expanded(word).split()]
    words = [word for word in words if word not in table("wording.toml")["fillers"]]
    # "p m" and "a m" are one word
    text = re.sub(r"(?<!\S)([ap]) m(?!\S)", r"\1m", " ".join(words))
    text = " ".join(figures(text.split()))
    plain, core = _bare(text, "soft_openers"), _bare(text, "openers")
    return Wording(text, core, tuple(dict.fromkeys((text, _opened(text, "soft_openers"), plain, core))))


def _expanded(word: str) -> str:
    """A contraction in full; a possessive without its apostrophe."""
    full: str | None = table("wording.toml")["contractions"].get(word)
    if full or "'" not in word:
        return full or word
    return _ENDING.sub(lambda found: _ENDINGS[found[0]], _IS.sub(r"\1 is", word)).replace("'", "")


def _opened(text: str, openers: str) -> str:
    """The text without what leads up to it, as long as something is left."""
    while (opener := _pattern(openers).match(text)) and opener.end() < len(text):
        text = text[opener.end() :].strip()
    return text


def _bare(text: str, openers: str) -> str:
    """The text without the politeness around it, as long as something is left."""
    core = _opened(text, openers)
    # Only its end is looked at: a search from the beginning would begin anew for every closer that it finds.
    while closer := _pattern("closers").search(core, max(1, len(core) - LONGEST_CLOSER)):
        core = core[: closer.start()].strip()
    return core


def capital(text: str) -> str:
    """ "The day after tomorrow"."""
    return text[0].upper() + text[1:]


def listed(parts: Sequence[str], joint: str = "and") -> str:
    """ "one", "one and two", "one, two and three"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {joint} {parts[-1]}"
