"""Emoji: pictures among the text, which are seen and not heard."""

from __future__ import annotations

import re

__all__ = ["without_emoji"]

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


def without_emoji(text: str) -> str:
    """`text` without emoji, their joiners and skin tones, and without faces made of punctuation."""
    if not text.isascii():
        text = _EMOJI.sub(" ", text)
    return _FACE.sub("", text)
