"""Boundaries: whether a phrase may end at a mark, judged from the text around it.

Pure functions of the text so far. What they cannot know yet, because it hangs on what follows, they call
`Strength.WAIT`; everything else is decided at once, without looking ahead.
"""

from __future__ import annotations

import re
from enum import IntEnum

from voicecli.reply.abbreviations import CONTINUERS, STARTERS, Ending, ending
from voicecli.reply.rules import words

__all__ = ["FENCE", "MARKS", "Strength", "enclosing", "judge"]


class Strength(IntEnum):
    """How good a place to end a phrase is."""

    WAIT = -1  # what follows decides
    NONE = 0
    CLAUSE = 1
    SENTENCE = 2
    BLOCK = 3  # always cut here: a code block follows


_FULL = "!?؟。！？｡।॥۔።։။"  # ends of sentences; the full stop is judged by itself
_WIDE_FULL = "。！？｡।॥۔။"  # those that nothing needs to follow
_PAUSE = ",;:،؛"  # ends of clauses, before a space
_WIDE_PAUSE = "，、；：､；．"  # ends of clauses (and the wide full stop) that no space follows
MARKS = re.compile(f"[.…\n—–\\-{_FULL}{_PAUSE}{_WIDE_PAUSE}]")
"""Every character at which a phrase may end."""

FENCE = re.compile(r"[^\S\n]{0,3}(`{3,}|~{3,})")
"""The opening of a code block, at the start of a line."""

_CLOSERS = re.compile(r"[\"'”’»›)\]}」』）】》〉*_~`]*")
_PAIRS = (("(", ")"), ("“", "”"), ("「", "」"), ("（", "）"), ("«", "»"))
_QUOTES = re.compile(r"[\"'”’»›*_]*")  # what may close after a comma
_SPACE = re.compile(r"\s*\n|[^\S\n]+")  # up to the last line break: indentation belongs to the next line
_DOTS = re.compile(r"\.+")
_RUN = re.compile(rf"[.…{_FULL}]+")
_BLANK = re.compile(r"\s*")
_NEXT_WORD = re.compile(r"\s+([^\W\d_]+|\S)([^\w’']?)")
# "am 2. Mai": these words stand before a number with a full stop only where it is an ordinal.
_GERMAN_ORDINAL = re.compile(
    r"\b(?:am|vom|zum|beim|im|dem|den|des|der|die|das|seit|bis)\s\d{1,3}\Z", re.IGNORECASE
)
_COUNTED = re.compile(r"\d{1,4}\.\s[a-zäöü]")  # "the 3. of them", "vom 3. bis"
_LIST_NUMBER = re.compile(r"(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})")
_BLOCK_START = re.compile(r"[-*+•‣◦]\s|#{1,6}\s|\d{1,3}[.)]\s|[A-Za-z][.)]\s|[|>]")
_MAYBE_BLOCK = re.compile(r"(?:[-*+•‣◦]|#{1,6}|\d{1,3}[.)]?|[A-Za-z][.)]?|`{1,2}|~{1,2})\Z")
_WRAPPED = 50  # characters of a line that was probably broken by an editor, not by its writer

# A full stop may yet turn out to be inside a file name, a domain or an ellipsis: likely after these words.
_STEMS = words("""
    main index app test tests setup config configure settings readme example node google github gitlab
    wikipedia youtube amazon openai python java vue next react script docker requirements makefile pyproject
    conftest init module voicecli utils changelog com org net www co gov edu std localhost well so hm hmm
    hmmm um uh er erm oh ah eh and but or if then wait maybe perhaps anyway okay ok let see know think guess
    suppose say like just the an to of for with is was are be were
""")
_CUES = re.compile(
    r"\b(?:files?|filename|script|module|folder|directory|edit|run|import|save|web|websites?|site|visit|domain|"
    r"url|link|address|e-?mail|mail|write|contact|send|reach|host|library|package|called|named|open|download)\b",
    re.IGNORECASE,
)
_SCHEMES = words("""
    http https ftp sftp file mailto tel sms ws wss git ssh data localhost std urn
""")
_ADDRESS = re.compile(r"[/\\@_:=#&%~]|^www|\d|\.|[A-Z]")
_INLINE = re.compile(r"\\.|`+|\*\*|\]\(|[\[\])]|\n\s*\n|\n\s*[-*+]\s")


def judge(text: str, at: int, line_start: bool, eager: bool) -> tuple[Strength, int]:
    """How good a phrase end the mark at `text[at]` makes, and where the phrase would end.

    `line_start`: the text begins at the start of a line. `eager`: a full stop that ends the text so far after
    an ordinary word is the end of a sentence; otherwise the next character is waited for.
    With WAIT and NONE the second value is where to look on.
    """
    mark = text[at]
    if mark == "\n":
        return _judge_newline(text, at)
    if mark == ".":
        strength, end = _judge_stop(text, at, line_start, eager)
    elif mark in _WIDE_PAUSE or mark in _WIDE_FULL:
        strength, end = _judge_wide(text, at)
    elif mark in _PAUSE:
        strength, end = _judge_pause(text, at)
    elif mark in "—–-":
        strength, end = _judge_dash(text, at, line_start)
    else:
        strength, end = _judge_exclamation(text, at, eager)
    if strength > 0 and enclosing(text, end) >= 0:
        return (Strength.WAIT, at) if end == len(text) else (Strength.NONE, end)
    return strength, end


def enclosing(text: str, end: int) -> int:
    """Where the bold text, code span or link opens that is still open at `end`; -1 when there is none."""
    if text.find("`", 0, end) < 0 and text.find("**", 0, end) < 0 and text.find("[", 0, end) < 0:
        return -1
    code, code_at, bold_at, link_at = "", -1, -1, -1
    for match in _INLINE.finditer(text, 0, end):
        found, at = match.group(), match.start()
        if found[0] == "\n":
            code, bold_at, link_at = "", -1, -1
        elif code:
            code = "" if found == code else code
        elif found[0] == "`":
            code, code_at = found, at
        elif found == "**":
            opens = (
                match.end() < end and not text[match.end()].isspace() and not (at and text[at - 1].isalnum())
            )
            bold_at = -1 if bold_at >= 0 else at if opens else -1
        elif found == "[":
            link_at = at
        elif found in ("]", ")"):
            link_at = -1
    opened = [at for at in (code_at if code else -1, bold_at, link_at) if at >= 0]
    return min(opened, default=-1)


def _past(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where what `pattern` finds at `at` ends."""
    found = pattern.match(text, at)
    return found.end() if found else at


def _unclosed(text: str, end: int) -> bool:
    """Whether a quotation or parenthesis is open, so that its other half may follow the mark."""
    return text.count('"', 0, end) % 2 == 1 or any(
        text.count(opening, 0, end) > text.count(closing, 0, end) for opening, closing in _PAIRS
    )


def _settle(text: str, end: int, strength: Strength, at: int) -> tuple[Strength, int]:
    """`strength` where a space or nothing follows the closed mark, NONE where something is glued to it."""
    if end == len(text):
        return (Strength.WAIT, at) if _unclosed(text, end) else (strength, end)
    space = _SPACE.match(text, end)
    return (strength, space.end()) if space else (Strength.NONE, end)


def _word_before(text: str, at: int) -> str:
    """The unbroken run before the mark, without what opens it."""
    start = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at), text.rfind("\t", 0, at)) + 1
    return text[start:at].lstrip("\"'“‘«([{*_¿¡—")


def _ordinary(text: str, at: int, word: str) -> bool:
    """Whether `word` so plainly ends a sentence that the full stop after it needs no look ahead."""
    letters = word.replace("'", "").replace("’", "")
    if len(letters) < 2 or not letters.isalpha() or not letters.islower() or letters in _STEMS:
        return False
    return _CUES.search(text, max(0, at - 60), at) is None


def _judge_stop(text: str, at: int, line_start: bool, eager: bool) -> tuple[Strength, int]:
    end = _past(_DOTS, text, at)
    if end - at > 1:
        if end == len(text):
            return Strength.WAIT, at
        return _settle(text, _past(_CLOSERS, text, end), Strength.CLAUSE, at)
    if at == 0 or text[at - 1].isspace():
        return Strength.NONE, end
    word = _word_before(text, at)
    if end == len(text):
        kind = ending(word)
        if kind is Ending.NEVER:
            return Strength.NONE, end
        sure = eager and _ordinary(text, at, word) and kind is Ending.ALWAYS and not _unclosed(text, at)
        return (Strength.SENTENCE, end) if sure else (Strength.WAIT, at)
    closed = _past(_CLOSERS, text, end)
    if closed == len(text):
        # A closing mark may be followed by another, or belong to an address.
        sure = word.isalpha() and not _unclosed(text, closed)
        return (Strength.SENTENCE, closed) if sure else (Strength.WAIT, at)
    if not text[closed].isspace():
        return Strength.NONE, end
    return _after_stop(text, at, closed, word, line_start)


def _after_stop(text: str, at: int, closed: int, word: str, line_start: bool) -> tuple[Strength, int]:
    """A full stop with a space after it."""
    start = at - len(word)
    line = text.rfind("\n", 0, at) + 1
    if _LIST_NUMBER.fullmatch(word) and (line or line_start) and not text[line:start].strip():
        return Strength.NONE, closed
    kind = Ending.BEFORE_STARTER if _GERMAN_ORDINAL.search(text, max(0, start - 9), at) else ending(word)
    if kind is Ending.NEVER or _COUNTED.match(text, start):
        return Strength.NONE, closed
    if kind is not Ending.ALWAYS and closed == at + 1:
        following = _NEXT_WORD.match(text, closed)
        if following is None or (following.end() == len(text) and following.end() - closed < 40):
            return Strength.WAIT, at
        if not _begins(kind, word, following[1], following[2]):
            return Strength.NONE, closed
    return Strength.SENTENCE, _past(_SPACE, text, closed)


def _begins(kind: Ending, before: str, word: str, after: str) -> bool:
    """Whether `word`, which `after` follows, begins a sentence after the abbreviation `before`."""
    if kind is Ending.UNLESS_NUMBER:
        return not word.isdigit() and word != "#" and not (before[0].isupper() and before.lower() != "no")
    if not word[0].isupper() and word[0].isalpha():
        return False
    if kind is Ending.BEFORE_CAPITAL:
        return not word[0].isdigit() and word.lower() not in CONTINUERS
    return word.lower() in STARTERS and after != "."


def _judge_exclamation(text: str, at: int, eager: bool) -> tuple[Strength, int]:
    """An exclamation or question mark, or the one-character ellipsis; runs of them are one mark."""
    end = _past(_RUN, text, at)
    strength = Strength.CLAUSE if text[end - 1] == "…" else Strength.SENTENCE
    if end == len(text):
        word = _word_before(text, at)
        if not eager or not word or text[end - 1] == "." or _ADDRESS.search(word[1:]):
            return Strength.WAIT, at
    if at == 0 or (text[at] == "!" and end < len(text) and text[end] == "["):
        return Strength.NONE, end
    return _settle(text, _past(_CLOSERS, text, end), strength, at)


def _judge_wide(text: str, at: int) -> tuple[Strength, int]:
    """A mark of a script that puts no space after it."""
    end = at + 1
    if text[at] in "：，．" and at and text[at - 1].isdigit():
        if end == len(text):
            return Strength.WAIT, at
        if text[end].isdigit():
            return Strength.NONE, end
    strength = Strength.CLAUSE if text[at] in _WIDE_PAUSE and text[at] != "．" else Strength.SENTENCE
    while end < len(text) and text[end] in _WIDE_FULL:
        end += 1
    end = _past(_CLOSERS, text, end)
    if end == len(text) and _unclosed(text, end):
        return Strength.WAIT, at
    return strength, _past(_SPACE, text, end)


def _judge_pause(text: str, at: int) -> tuple[Strength, int]:
    """A comma, semicolon or colon."""
    end = at + 1
    if at == 0:
        return Strength.NONE, end
    before = text[at - 1]
    if end < len(text):
        return _settle(text, _past(_QUOTES, text, end), Strength.CLAUSE, at)
    word = _word_before(text, at)
    if before.isdigit() or before.isspace() or word.startswith("&") or "/" in word or "@" in word:
        return Strength.WAIT, at
    if text[at] == ":" and (word.lower() in _SCHEMES or _ADDRESS.search(word[1:]) or len(word) < 2):
        return Strength.WAIT, at
    return _settle(text, end, Strength.CLAUSE, at)


def _judge_dash(text: str, at: int, line_start: bool) -> tuple[Strength, int]:
    """A dash; a hyphen is one when it stands between spaces or is doubled between letters."""
    end = at + 1
    while end < len(text) and text[end] in "—–-" and end - at < 3:
        end += 1
    mark, before = text[at], text[at - 1] if at else ""
    line = text.rfind("\n", 0, at) + 1
    if not text[line:at].strip() and (line or line_start):
        return Strength.NONE, end  # the bullet of a list, or who said it
    if mark == "—":
        return Strength.CLAUSE, _past(_SPACE, text, end)
    if not before.isspace():
        if mark == "–" or end - at == 1:
            return Strength.NONE, end
        if end == len(text):
            return Strength.WAIT, at
        return (Strength.CLAUSE if before.isalpha() and text[end].isalpha() else Strength.NONE), end
    after = _past(_BLANK, text, end)
    if after == len(text):
        return Strength.WAIT, at
    if after == end or (text[after].isdigit() and text[:at].rstrip()[-1:].isdigit()):
        return Strength.NONE, end  # "--help", "-5"; "5 - 3"
    return Strength.CLAUSE, after


def _judge_newline(text: str, at: int) -> tuple[Strength, int]:
    """The end of a line: a paragraph, a list item, a heading, or only where an editor wrapped the text."""
    after = _past(_BLANK, text, at)
    lines = text.count("\n", at, after)
    end = text.rfind("\n", at, after) + 1
    if after == len(text):
        return (Strength.SENTENCE, after) if lines > 1 else (Strength.WAIT, at)
    if FENCE.match(text, end):
        return Strength.BLOCK, end
    if lines > 1 and text[after] not in "`~":
        return Strength.SENTENCE, end
    if _MAYBE_BLOCK.match(text, after):
        return Strength.WAIT, at
    if lines > 1 or _BLOCK_START.match(text, after):
        return Strength.SENTENCE, end
    line = text.rfind("\n", 0, at) + 1
    if text[after].islower() or at - line >= _WRAPPED:
        return Strength.NONE, after
    return Strength.SENTENCE, end
