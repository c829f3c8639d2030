"""Makes written text speakable: what the screen shows as marks, the voice says as words or not at all.

Markup, emoji and addresses are dealt with in every language; numbers and symbols are spelled out in English
and German, and left to the engine elsewhere, which knows its language.
"""

from __future__ import annotations

import re

from voicecli.printable import printable
from voicecli.reply.addresses import said_addresses, said_hosts
from voicecli.reply.german import said_german
from voicecli.reply.markdown import MarkdownReader, inline
from voicecli.reply.numbers_spoken import said_numbers
from voicecli.reply.rules import rules

__all__ = ["SpeakableText", "speakable"]

_WORDS = rules(
    (r"\b[Ee]\.\s?g\.,?|\b[Ee]g\.,?(?=\s)", "for example,"),
    (r"\b[Ii]\.\s?e\.,?", "that is,"),
    (r"\betc\.(?=\s+[a-z])|\betc\b\.?(?=[,;)])", "et cetera"),
    (r"\betc\.", "et cetera."),
    (r"\bvs\.?(?=\s)", "versus"),
    (r"\b[Aa]pprox\.(?=\s)", "approximately"),
    (r"\bDr\.\s+(?=[A-Z])", "Doctor "),
    (r"\bMr\.\s+(?=[A-Z])", "Mister "),
    (r"\bMrs\.\s+(?=[A-Z])", "Missus "),
    (r"\bMs\.\s+(?=[A-Z])", "Ms "),
    (r"\bProf\.\s+(?=[A-Z])", "Professor "),
    (r"\bNo\.\s?(?=\d)", "number "),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s)", "with"),
)
_SYMBOLS = rules(
    (r"\b([CFJ])#", r"\1 sharp"),
    (r"\b([A-Za-z])\+\+", r"\1 plus plus"),
    (r"#(?=\d)", "number "),
    (r"(?<!\w)#(?=[^\W\d])", "hashtag "),
    (r"(?<=\w)²", " squared"),
    (r"(?<=\w)³", " cubed"),
    (r"(?<=[\w)])\s?(?:\^|\*\*)\s?2(?!\w|\.\d)", " squared"),
    (r"(?<=[\w)])\s?(?:\^|\*\*)\s?3(?!\w|\.\d)", " cubed"),
    (r"(?<=[\w)])\s?(?:\^|\*\*)\s?(?=[\w(-])", " to the power of "),
    (r"<->|<=>|[↔⇔⟷]", " to and from "),
    (r"[-=]>|[→⇒➜➔⟶]", " to "),
    (r"<-(?=\s)|[←⇐⟵]", " from "),
    (r"[↑⬆]", " up "),
    (r"[↓⬇]", " down "),
    (r"<=|≤", " less than or equal to "),
    (r">=|≥", " greater than or equal to "),
    (r"!=|≠", " is not equal to "),
    (r"≈|≅|(?<=\s)~=", " approximately "),
    (r"±|\+/-|\+-(?=\d)", " plus or minus "),
    (r"(?:(?<=[\w)])|(?<=[\w)]\s))<(?=\s?[\w(])", " less than "),
    (r"(?:(?<=[\w)])|(?<=[\w)]\s))>(?=\s?[\w(])", " greater than "),
    (r"(?<=[\w)])\s?\*\s?(?=[\w(])|[×⋅]", " times "),
    (r"÷|(?<=\d)\s/\s(?=\d)", " divided by "),
    (r"==?=?", " equals "),
    (r"(?<=\w)&(?=\w)|&", " and "),
    (r"(?<!\w)@(?=\w)", "at "),
    (r"@", " at "),
    (r"(?<=\d)\+(?!\s?\w)", " plus"),
    (r"\+", " plus "),
    (r"~(?=\s?[\d$€£])", "about "),
    (r"√", " the square root of "),
    (r"∞", " infinity "),
    (r"π", " pi "),
    (r"∑", " the sum of "),
    (r"§", " section "),
    (r"©", " copyright "),
    (r"№", " number "),
    (r"%", " percent "),
    (r"°", " degrees "),
    (r"€", " euros "),
    (r"£", " pounds "),
    (r"¥", " yen "),
    (r"¢", " cents "),
    (r"\$(?=\w)", ""),
    (r"\$", " dollars "),
    (r"(?<!\S)/(?=\w)", " slash "),
    (r"/", " "),
    (r"\|", ", "),
    (r"[\\^~`#*<>{}]|(?<!\w)_+|(?<!_)_++(?!\w)", " "),
    (r"_", " "),
)
_SIGN = re.compile(r"[^\w\s.,;:!?'\"()\-]|_")
_STOPS = re.compile(r"\b(?:[Ee]\.?g\.|[Ii]\.\s?e\.|etc\b|vs\b|[Aa]pprox\.|Dr\.|Mrs?\.|Ms\.|Prof\.|No\.|w/)")
_LEADING = re.compile(r"^[\s,.;:!?)\]}»…、，。！？；：–—-]+")
_TRAILING = " ([{«“„"
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|\"\s*\"|“\s*”")
_SPACES = re.compile(r"\s+")
_BLANKS = re.compile(r"[^\S\r\n]{9,}")
_BLANK = " " * 8  # more of them mean nothing more
_LOOSE = re.compile(r"\s+(?=[,.;:!?)\]](?:\s|$))")
_DOUBLED = re.compile(r"([,;:])\s*(?=[,;:.!?](?:\s|$))|(?<=[.!?])\s*,(?=\s|$)")
_DASH = re.compile(r" -{1,3} |(?<=\w)--(?=\w)| – ")
_LANGUAGE = re.compile(r"[A-Za-z]+")


# Blocks of Unicode 16 whose characters are drawn as pictures (emoji-data.txt, Extended_Pictographic), the
# dingbats and miscellaneous symbols around them.
_PICTURE = (
    "[\U0001f000-\U0001faff\U0001fb00-\U0001fbff\u2600-\u27bf\u2b00-\u2bff\u231a-\u231b\u2328\u23cf\u23e9-\u23fa"
    "\u24c2\u25a0-\u25ff\u2934-\u2935\u3030\u303d\u3297\u3299\u2500-\u259f\u2139\u2122\u00ae]"
)
_EMOJI = re.compile(rf"(?:{_PICTURE}|[\U000e0020-\U000e007f\ufe0e\ufe0f\u20e3])+(?:\u200d(?={_PICTURE}))?")
_FACE = re.compile(
    r"(?<!\S)(?:[:;=8][-'^o]?[)(DPp|/\\3*](?!\w)|<3+|\^_?\^|[xX]D|¯\\_\(ツ\)_/¯)(?=[\s.,!?]|$)"
)


def speakable(text: str, language: str = "en") -> str:
    """`text` as an engine should be given it; empty when there is nothing to say.

    `language` is a BCP 47 tag. The phrases of one reply go through `SpeakableText`, which knows what a former
    phrase has left open.
    """
    return SpeakableText(language).push(text)


class SpeakableText:
    """The phrases of one reply made speakable, one after the other."""

    def __init__(self, language: str = "en") -> None:
        primary = _LANGUAGE.match(language)
        self._language = primary.group().lower() if primary else "en"
        self._markdown = MarkdownReader(self._language)

    def push(self, phrase: str) -> str:
        """The next phrase as an engine should be given it; empty when there is nothing to say."""
        english = self._language == "en"
        text = _BLANKS.sub(_BLANK, said_hosts(printable(phrase)))
        text = inline(self._markdown.push(text), english)
        # What follows looks for spaces before and after signs, which costs the square of how many there are.
        text = said_addresses(_SPACES.sub(" ", _without_emoji(text)), self._language)
        if english:
            text = _english(text)
        elif self._language == "de":
            text = said_german(text)
        return _tidy(text)


def _without_emoji(text: str) -> str:
    """`text` without emoji, their joiners and skin tones, and without faces made of punctuation."""
    if not text.isascii():
        text = _EMOJI.sub(" ", text)
    return _FACE.sub("", text)


def _english(text: str) -> str:
    if _STOPS.search(text):
        text = _WORDS(text)
    text = said_numbers(text)
    if _SIGN.search(text) or "->" in text:
        text = _SYMBOLS(text.replace("’", "'"))
    return text


def _tidy(text: str) -> str:
    """One line without the punctuation that its removed neighbours have left behind."""
    text = _EMPTY.sub(" ", text)
    if not any(c.isalnum() for c in text):
        return ""
    text = _DASH.sub(" — ", _SPACES.sub(" ", text))
    text = _DOUBLED.sub("", _LOOSE.sub("", text))
    return _LEADING.sub("", text).rstrip(_TRAILING)
