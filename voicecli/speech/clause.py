"""Is a clause finished, going by its words? What a listener knows before the silence has told."""

from __future__ import annotations

import re
from enum import StrEnum

from voicecli.speech.lexicon import LEXICONS, Lexicon

__all__ = ["Completeness", "completeness"]

WORD = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['’-][^\W\d_]+)*['’]?")
BRACKETS = "\"'”’»)]} \t\n"
OPEN_MARKS = (",", ":", ";", "-", "–", "—", "…", "...", "،", "、", "，")
QUESTION_MARKS = ("?", "？", "؟")
FULL_STOPS = (".", "!", "。", "！", "।")


class Completeness(StrEnum):
    """What the words say about the end of the clause."""

    FINISHED = "finished"  # a whole question, command or answer
    LIKELY = "likely"  # the recogniser wrote a full stop, as some do after everything
    UNKNOWN = "unknown"  # no words yet, or words that may be all or not
    UNFINISHED = "unfinished"  # more follows, as far as words can tell


DECIMALS = frozenset({"point", "dot", "coma", "virgule", "komma"})  # a number that ends so has just begun


def completeness(text: str, language: str = "en") -> Completeness:
    """Judge a transcript by its last words, its first ones and its punctuation, where there is any.

    `language` is a tag such as "en" or "de-AT". Without a word list for it only a question mark, a comma
    or an ellipsis counts: everything else is unknown.
    """
    text = text.rstrip(BRACKETS)
    words = [word.lower().replace("’", "'") for word in WORD.findall(text)]
    if not words:
        return Completeness.UNKNOWN
    if text.endswith(OPEN_MARKS):
        return Completeness.UNFINISHED
    lexicon = LEXICONS.get(re.split("[-_]", language.lower())[0])
    asked = text.endswith(QUESTION_MARKS)
    if lexicon is None:
        return Completeness.FINISHED if asked else Completeness.UNKNOWN
    if " ".join(words) in lexicon.answers:
        return Completeness.FINISHED
    words = _proper(words, lexicon)
    judged = _ending(words, lexicon, asked)
    if asked:
        return judged or Completeness.FINISHED
    judged = judged or _numbers(words, lexicon) or _opening(words, lexicon)
    if judged is Completeness.UNKNOWN and text.endswith(FULL_STOPS) and len(words) > 1:
        return Completeness.LIKELY
    return judged


def _proper(words: list[str], lexicon: Lexicon) -> list[str]:
    """Without the courtesies at the front, unless nothing else is there."""
    return words[next((at for at, word in enumerate(words) if word not in lexicon.courtesies), 0) :]


def _ending(words: list[str], lexicon: Lexicon, asked: bool) -> Completeness | None:
    """What the last words say; None when they say nothing."""
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last in lexicon.never_last:
        return Completeness.UNFINISHED
    if _ends(words, lexicon.closed_endings):
        return Completeness.FINISHED if before else Completeness.UNKNOWN
    if asked:
        return None
    if _ends(words, lexicon.open_endings) or (words == [last] and last in lexicon.questions):
        return Completeness.UNFINISHED
    if last in lexicon.particles and before:
        # "Turn it on" is finished, "what is on" is not known.
        command = words[0] in lexicon.verbs and len(words) > 2
        return Completeness.FINISHED if command else Completeness.UNKNOWN
    if last in lexicon.seldom_last:
        # "Who is she talking to", but "the weather in": a question may strand it, nothing else does.
        stranded = lexicon.strands and words[0] in lexicon.questions and len(words) > 3
        stranded = stranded and before not in lexicon.nouns_of
        return Completeness.UNKNOWN if stranded else Completeness.UNFINISHED
    if last in lexicon.subjects and before not in lexicon.auxiliaries:
        return Completeness.UNFINISHED
    if last in lexicon.auxiliaries:
        # "What is", "my name is", but "tell me what it is", "where the key is" and "yes I do".
        hanging = bool(lexicon.pronouns) and before not in lexicon.pronouns
        hanging = hanging and not lexicon.questions & set(words)
        open_question = before in lexicon.questions | {""}
        return Completeness.UNFINISHED if hanging or open_question else Completeness.UNKNOWN
    return None


def _numbers(words: list[str], lexicon: Lexicon) -> Completeness | None:
    """Digits being dictated, a number that may grow, a sum that lacks its second half."""
    last = words[-1]
    if last in lexicon.operators:
        counted = len(words) > 1 and _number(words[-2], lexicon)
        return Completeness.UNFINISHED if counted else None
    if not _number(last, lexicon):
        return None
    run = 0
    while run < len(words) and _number(words[-1 - run], lexicon):
        run += 1
    if all(_digit(word, lexicon) for word in words[-3:]) and run >= 3:
        return Completeness.UNFINISHED
    rest = words[: len(words) - run]
    if lexicon.operators & set(rest) or "by" in rest:
        return Completeness.UNKNOWN
    if rest and rest[0] in lexicon.questions and last not in DECIMALS and "timer" not in rest:
        # "What is fifteen percent of eighty": it may grow, but that is not worth the longest wait.
        return Completeness.UNKNOWN
    if last in lexicon.tens or "timer" in rest or not rest:
        # Twenty what, four hundred and how many; a timer for ten of which unit.
        return Completeness.UNFINISHED
    return Completeness.UNKNOWN


def _opening(words: list[str], lexicon: Lexicon) -> Completeness:
    """A question or a command with all it needs, going by how it begins."""
    first, last = words[0], words[-1]
    if last in lexicon.nouns_of and not {"of", "my", "your"} & set(words):
        return Completeness.UNKNOWN
    # "The nearest", "the latest": perhaps a noun is due.
    if last.endswith("est") and words[-2:-1] == ["the"]:
        return Completeness.UNKNOWN
    if first in lexicon.questions and len(words) >= 3:
        return Completeness.FINISHED
    if lexicon.verbs and first in lexicon.auxiliaries and len(words) >= 3:
        # "Can you turn on the lamp" is the command in it; "is it raining" is a question.
        rest = _proper(words[2:], lexicon)
        return _opening(rest, lexicon) if rest[0] in lexicon.verbs else Completeness.FINISHED
    if first in lexicon.verbs and len(words) >= 2:
        return Completeness.FINISHED
    if words == [first] and first in lexicon.verbs:
        return Completeness.UNFINISHED
    return Completeness.UNKNOWN


def _digit(word: str, lexicon: Lexicon) -> bool:
    return word in lexicon.digits or (len(word) == 1 and word.isdigit())


def _number(word: str, lexicon: Lexicon) -> bool:
    return word[0].isdigit() or word in lexicon.digits or word in lexicon.tens


def _ends(words: list[str], phrases: frozenset[str]) -> bool:
    """Whether one of `phrases` (of up to four words) is at the end."""
    return any(" ".join(words[-length:]) in phrases for length in range(1, min(4, len(words)) + 1))
