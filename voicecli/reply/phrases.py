"""Cuts a streamed reply into phrases that can be spoken while the rest is still being written."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from voicecli.flow.scope import scoped
from voicecli.reply.boundary import FENCE, MARKS, Strength, enclosing, judge

__all__ = ["PhraseCutter", "PhraseOptions", "phrase_step"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseOptions:
    """When a phrase is long enough to leave. The last value of a series holds for all later phrases.

    A character of a script that writes a syllable or a word with one counts twice in the first three.
    """

    clause_after: tuple[int, ...] = (10, 40, 120)  # characters after which one may end at a comma or dash
    sentence_after: tuple[int, ...] = (10, 10, 25)  # characters after which one may end with a sentence
    word_after: int = 60  # characters after which the first leaves without any mark, before "and", "with", …
    max_length: int = 200  # characters that no phrase exceeds (a long address may)
    eager: bool = True  # believe that a full stop after an ordinary word ends a sentence: do not look ahead

    def __post_init__(self) -> None:
        if not self.clause_after or not self.sentence_after:
            raise ValueError("clause_after and sentence_after need at least one length")
        if self.max_length < 16 or self.word_after < 16:
            raise ValueError("word_after and max_length are at least 16 characters")


_PIECE = 256  # characters looked at together: the worst take two milliseconds
_ADDRESS_LENGTH = 2048  # characters of an address that is not cut
# An address with a path, of which only the host is said; no host is longer than 253 characters.
_ADDRESS = re.compile(
    r"\s*[\"'(<\[*]{0,8}(?:[a-z][a-z0-9+.-]{0,31}://|www\.)[^\s/?#<>\"]{0,253}[/?#][^\s<>\"]*(?:[<>\"][^\w\s]{0,8})?",
    re.IGNORECASE,
)
_TITLE = re.compile(r"(?:^|[^\w.])(?:[A-Z][a-z]{0,3}|e\.g|i\.e|[Vv]s|No)\.\s+\Z|[$€£#]\s+\Z")
_SILENT = re.compile(r"^\s+|\s+$|[*_#`>|~\[\]<]+")
_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff]")
_CONNECTIVE = re.compile(
    r"\s(?=(?:and|but|or|so|because|that|which|who|when|while|where|whereas|if|unless|until|although|though|with|"
    r"without|in|on|at|for|from|by|into|about|after|before|through|than|since|between|over|under|during|"
    r"und|aber|oder|weil|dass|wenn|mit|für|nach|y|pero|que|porque|con|para|cuando|et|mais|ou|avec|pour|dans|quand|"
    r"e|ma|perché|che|per|mas|quando|com)\s)",
    re.IGNORECASE,
)


class PhraseCutter:
    """Tokens in, phrases out; joined, the phrases are the tokens joined.

    The first phrase leaves early, at the first clause or sentence of some length, so that speech starts
    early; later ones are sentences, or clauses where a sentence is long, and short sentences travel together.
    Where a phrase may end is decided as soon as the text makes it certain. A phrase may hold nothing to say
    (blank lines, a rule). Time is linear in the text and memory bounded, whatever the text.
    """

    def __init__(self, options: PhraseOptions | None = None) -> None:
        self._options = options or PhraseOptions()
        self._text = ""  # what has not left yet
        self._seen = 0  # marks before this position have been judged
        self._clause = 0  # the best ends seen that came too early in the phrase
        self._sentence = 0
        self._count = 0  # phrases with something to say that have left
        self._line_start = True  # whether `_text` begins at the start of a line
        self._fence = ""  # the marks of the code block that is open
        self._single = False  # whether the last token was one character

    def push(self, token: str) -> list[str]:
        """Take the next piece of the reply; the phrases that it completes."""
        return [phrase for phrases in self.pieces(token) for phrase in phrases]

    def pieces(self, token: str) -> Iterator[list[str]]:
        """The same in steps of bounded work, for those who let others run in between."""
        # A stream of single characters follows no tokenizer's rules, and waiting for one more costs little.
        single = len(token) == 1
        eager = self._options.eager and not (single and self._single)
        self._single = single
        for start in range(0, len(token), _PIECE):
            self._text += token[start : start + _PIECE]
            phrases: list[str] = []
            self._cut(phrases, eager and start + _PIECE >= len(token))
            yield phrases

    def flush(self) -> list[str]:
        """The reply is complete: what is left of it. The next push begins a new reply."""
        phrases: list[str] = []
        self._cut(phrases, self._options.eager)
        while len(self._text) > max(self._options.max_length, _ADDRESS_LENGTH):
            phrases.append(self._take(self._hard(self._options.max_length)))
        if self._text:
            phrases.append(self._take(len(self._text)))
        self._count, self._line_start, self._fence, self._single = 0, True, "", False
        return phrases

    def _cut(self, phrases: list[str], eager: bool) -> None:
        while self._text:
            end = self._code_end() if self._fence or self._opens_code() else self._prose_end(eager)
            if not end:
                return
            phrases.append(self._take(end))

    def _take(self, end: int) -> str:
        phrase, self._text = self._text[:end], self._text[end:]
        self._seen = self._clause = self._sentence = 0
        self._line_start = phrase.endswith("\n")
        self._count += not phrase.isspace()
        return phrase

    def _opens_code(self) -> bool:
        """Whether the text begins with a code block; if so, remember its marks."""
        start = len(self._text) - len(self._text.lstrip())
        if not self._line_start and "\n" not in self._text[:start]:
            return False
        fence = FENCE.match(self._text, self._text.rfind("\n", 0, start) + 1)
        if fence is None or (fence.end() == len(self._text)):
            return False  # more marks may follow
        if "`" in fence[1] and "`" in self._text[fence.end() :].partition("\n")[0]:
            return False  # ```code``` within a line
        self._fence, self._seen = fence[1], fence.end()
        return True

    def _code_end(self) -> int:
        """Where the open code block ends: as a whole, or at a line once it grows too long."""
        closing = re.compile(rf"^[^\S\n]*{self._fence[0]}{{{len(self._fence)},}}[^\S\n]*\n", re.MULTILINE)
        match = closing.search(self._text, self._seen)
        limit = self._options.max_length
        if match and match.end() <= limit and (match.start() or self._line_start):
            self._fence = ""
            return match.end()
        if len(self._text) <= limit:
            self._seen = max(self._seen, self._text.rfind("\n") + 1)
            return 0
        return self._text.rfind("\n", 0, limit) + 1 or self._hard(limit)

    def _prose_end(self, eager: bool) -> int:
        """Where the first phrase of the text ends; 0 when that is not known yet."""
        text, limit = self._text, self._options.max_length
        while mark := MARKS.search(text, self._seen):
            at = mark.start()
            if at >= limit:
                break
            strength, end = judge(text, at, self._line_start, eager)
            if strength is Strength.WAIT:
                self._seen = at
                break
            self._seen = end
            if strength is Strength.NONE:
                continue
            if strength is Strength.BLOCK and text[:end].strip():
                return min(end, limit)
            if end <= limit + 1 and self._long_enough(strength, end):
                return end
            if text[at] == "\n" and end == len(text):
                self._seen = at  # a code block may follow
                break
            if text[at] != "\n" and (line := text.find("\n", at + 1, end)) >= 0:
                self._seen = line  # the end of the line may be a better place
            if end > limit:
                continue
            if strength is Strength.CLAUSE:
                self._clause = end
            else:
                self._sentence = end
        else:
            self._seen = len(text)
        if len(text) > limit:
            return self._forced_end()
        if not self._count and len(text) >= self._options.word_after:
            return self._word_end(self._options.word_after)
        return 0

    def _long_enough(self, strength: Strength, end: int) -> bool:
        options = self._options
        series = options.clause_after if strength is Strength.CLAUSE else options.sentence_after
        least = series[min(self._count, len(series) - 1)]
        said = _SILENT.sub("", self._text[:end])
        return len(said) + (0 if said.isascii() else len(_WIDE.findall(said))) >= max(least, 1)

    def _word_end(self, wanted: int) -> int:
        """The end of a first phrase without any mark: before a connective, or soon before any word."""
        text = self._text
        found = [match.end() for match in _CONNECTIVE.finditer(text, wanted // 3)]
        for end in [end for end in reversed(found) if end <= wanted] + [end for end in found if end > wanted]:
            if enclosing(text, end) < 0 and not _TITLE.search(text, max(0, end - 8), end):
                return end
        if len(text) < wanted * 3 // 2:
            return 0
        end = self._space(len(text))
        return end if end > wanted // 3 and enclosing(text, end) < 0 else 0

    def _space(self, limit: int) -> int:
        """The last place before `limit` where a word may be parted from the one before; 0 if none."""
        text, end = self._text, limit
        while (end := max(text.rfind(" ", 0, end), text.rfind("\n", 0, end), text.rfind("\t", 0, end))) > 0:
            if not _TITLE.search(text, max(0, end - 7), end + 1):
                return end + 1
        return 0

    def _forced_end(self) -> int:
        """Where to cut a phrase that has become too long; 0 while an address is still arriving."""
        text, limit = self._text, self._options.max_length
        for end in (self._sentence, self._clause):
            if end >= limit // 4:
                return end
        opened = enclosing(text, limit)
        if opened >= limit // 4:
            return opened
        joints = [match.end() for match in _CONNECTIVE.finditer(text, limit // 2, limit)]
        end = joints[-1] if joints else self._space(limit)
        if end and text[:end].strip():
            return end
        if text[limit].isspace():
            return limit
        address = _ADDRESS.match(text)
        if address and limit < address.end() <= _ADDRESS_LENGTH:
            return address.end() if address.end() < len(text) else 0
        return max(self._sentence, self._clause) or self._hard(limit)

    def _hard(self, limit: int) -> int:
        """`limit`, or a little before it so that no character is parted from its accents or joiners."""
        text, end = self._text, limit
        while end > limit - 16:
            after, before = text[end], text[end - 1]
            if not (
                unicodedata.category(after)[0] == "M"
                or "\U0001f3fb" <= after <= "\U0001f3ff"
                or "\U0001f1e6" <= after <= "\U0001f1ff"
                or "\u200d" in (after, before)
                or (after.isdigit() and before.isdigit())
            ):
                return end
            end -= 1
        return limit


async def phrase_step(
    async_iter: AsyncIterator[str], options: PhraseOptions | None = None
) -> AsyncIterator[str]:
    """Tokens to phrases that can be spoken while the rest is being written; joined, they are the same text.

    "" ends a reply, and comes out behind its last phrase. A token of any length holds nobody else up.
    """
    cutter = PhraseCutter(options)
    async with scoped(async_iter) as tokens:
        async for token in tokens:
            for number, phrases in enumerate(cutter.pieces(token) if token else [cutter.flush()]):
                if number:
                    await asyncio.sleep(0)
                for phrase in phrases:
                    yield phrase
            if not token:
                yield ""
    for phrase in cutter.flush():
        yield phrase
