"""Markdown, and the little LaTeX in it: what is left when it is read aloud."""

from __future__ import annotations

import html
import re

from voicecli.reply.boundary import FENCE

__all__ = ["MarkdownReader", "inline"]

_CODE_BLOCK = {
    "en": "A code block.",
    "de": "Ein Codeblock.",
    "fr": "Un bloc de code.",
    "es": "Un bloque de código.",
    "it": "Un blocco di codice.",
    "pt": "Um bloco de código.",
    "nl": "Een codeblok.",
}
_RULE = re.compile(r"\s*(?:[-*_=]\s*){3,}$|\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$")
_PREFIX = re.compile(r"(?:\s*>\s?)*(?:\s*\[\^[^\]]+\]:\s*)?")  # of quotations and footnotes
_HEADING = re.compile(r"\s{0,3}#{1,6}(?:\s+|$)")
_CLOSING_HASHES = re.compile(r"\s+#+\s*$")
_BULLET = re.compile(r"\A\s*[-*+•‣◦▪]\s+(?:\[[ xX]\]\s+)?")
_NUMBER = re.compile(r"\A\s*(\d{1,3})[.)]\s+(?=\S)")
_DEFINITION = re.compile(r"\s*\[(?!\^)[^\]]+\]:\s+\S+")
_ENDED = re.compile(r"[.!?:;,…。！？：；，、।—–-][\"'”’)»*_~]*$")

# Marks inside code and escaped ones are text: they hide here until the markup has been removed.
_HIDDEN = {c: chr(0xE000 + i) for i, c in enumerate("*_[]<>&`#~|\\$!(){}+-.")}
_HIDE = str.maketrans(_HIDDEN)
_SHOW = str.maketrans({hidden: c for c, hidden in _HIDDEN.items()})
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_CODE = re.compile(r"(`+)(?!`)(.{1,400}?)(?<!`)\1(?!`)", re.DOTALL)
_ESCAPE = re.compile(r"\\([*_\[\]<>&`#~|$!(){}+.\-\\])")
_IMAGE = re.compile(r"!\[([^\]\[]*)\](?:\([^()\s]*+(?:\([^()]*+\))?+[^()]*+\)|\[[^\]]*\])")
_LINK = re.compile(r"\[([^\]\[]*)\](?:\([^()\s]*+(?:\([^()]*+\))?+[^()]*+\)|\[[^\]]*\])")
_FOOTNOTE = re.compile(r"\[\^[^\]\[]+\]|(?<=[\w.,!?])\[\d{1,3}\](?=[\s.,!?]|\[|$)|【[^】]{0,40}】")
_AUTOLINK = re.compile(r"<((?:[a-z][a-z0-9+.-]*:|[^\s<>@]+@)[^\s<>]+)>", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_BREAK = re.compile(r"<(?:br|/p|/div|/li|/h\d|/tr)\s*/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,400}>")
_STARS = re.compile(r"(?<![\w*])(\*{1,3})(?=[^\s*])(.{1,600}?)(?<=[^\s*])\1(?!\*)", re.DOTALL)
_UNDERSCORES = re.compile(r"(?<!\w)(_{1,3})(?=[^\s_])(.{1,600}?)(?<=[^\s_])\1(?!\w)", re.DOTALL)
_STRUCK = re.compile(r"~~|==(?=\S)(?=.{1,400}?==)|(?<=\S)==(?!=)(?=[\s.,;:!?]|$)")
_STRAY = re.compile(
    r"(?<!\d)\*{2,}|\*{2,}(?!\d)|(?<![\w\s*])\*(?=\s|$)|(?<!\S)\*(?=[^\W\d])|(?<=[^\W\d])\*(?=[\s.,;:!?]|$)"
)

# Inline mathematics as pandoc tells it from prices: no space inside the dollars, no digit behind them.
_FORMULA = re.compile(
    r"\$\$([^$]+)\$\$|\\\[((?:[^\\\n]|\\[^\[\]\n])++)\\\]|\\\(((?:[^\\\n]|\\[^()\n])++)\\\)|(?<![\w$])\$(?=\S)([^$\n]{1,200}?)(?<=\S)\$(?![\d$])"
)
_FRACTION = re.compile(r"\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\s*\{([^{}]*)\}")
_WRAPPER = re.compile(
    r"\\(?:text|mathrm|mathbf|mathit|mathbb|mathcal|operatorname|boxed|vec|hat|bar)\s*\{([^{}]*)\}"
)
_LAYOUT = re.compile(r"\\(?:left|right|displaystyle|quad|qquad|[,;:! ])(?![a-zA-Z])")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_POWER = re.compile(r"\^\s*(?:\{([^{}]*)\}|(-?\w))")
_INDEX = re.compile(r"_\s*(?:\{([^{}]*)\}|(\w))")
_COMMANDS = {
    "times": "times",
    "cdot": "times",
    "div": "divided by",
    "pm": "plus or minus",
    "leq": "is less than or equal to",
    "le": "is less than or equal to",
    "geq": "is greater than or equal to",
    "ge": "is greater than or equal to",
    "neq": "is not equal to",
    "ne": "is not equal to",
    "approx": "is approximately",
    "equiv": "is equivalent to",
    "infty": "infinity",
    "to": "to",
    "rightarrow": "to",
    "Rightarrow": "implies",
    "sum": "the sum of",
    "prod": "the product of",
    "int": "the integral of",
    "in": "in",
    "ldots": "and so on",
    "dots": "and so on",
    "circ": "degrees",
}


class MarkdownReader:
    """Phrases of markdown in, the words in them out.

    A code block is announced once and then skipped, however many phrases it fills.
    """

    def __init__(self, language: str) -> None:
        self._language = language
        self._fence = ""  # the marks of the open code block
        self._line_start = True

    def push(self, phrase: str) -> str:
        """The words of the next phrase, on one line."""
        said: list[tuple[str, bool]] = []  # a line, and whether a full stop is due where it has none
        start = self._line_start
        for line in phrase.splitlines(keepends=True):
            whole = line.endswith(("\n", "\r"))
            self._line(line.strip("\r\n"), start, whole, said)
            start = whole
        self._line_start = start
        return _joined(said)

    def _line(self, line: str, start: bool, whole: bool, said: list[tuple[str, bool]]) -> None:
        fence = FENCE.match(line) if start else None
        if self._fence:
            if fence and fence[1].startswith(self._fence) and not line[fence.end() :].strip():
                self._fence = ""
            return
        if fence and ("`" not in fence[1] or "`" not in line[fence.end() :]):
            self._fence = fence[1]
            said.append((_CODE_BLOCK.get(self._language, ""), True))
            return
        if not line.strip():
            if said and whole:
                said[-1] = (said[-1][0], True)
            return
        if not start:
            said.append((line, False))
            return
        text, block = _block(line)
        said.append((text, block and whole))


def _block(line: str) -> tuple[str, bool]:
    """The words of a whole line, and whether it stands alone (a heading, a list item, a row of a table)."""
    if (_RULE.match(line) and not any(c.isalnum() for c in line)) or _DEFINITION.match(line):
        return "", True
    line = _PREFIX.sub("", line, count=1)
    if heading := _HEADING.match(line):
        return _CLOSING_HASHES.sub("", line[heading.end() :]), True
    line, bullets = _BULLET.subn("", line)
    line, numbers = _NUMBER.subn(r"\1, ", line)
    row = line.strip()
    if row.startswith("|") and row.count("|") > 1:
        cells = (cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|")))
        return ", ".join(cell for cell in cells if cell), True
    return line, bullets + numbers > 0


def _joined(said: list[tuple[str, bool]]) -> str:
    text = ""
    for line, block in said:
        line = line.strip() if text else line.rstrip()
        if not line.strip():
            if block and text and not _ENDED.search(text):
                text += "."
            continue
        text += f" {line}" if text else line
        if block and not _ENDED.search(line):
            text += "."
    return text


def inline(text: str, english: bool) -> str:
    """One line of markdown without emphasis, code marks, links, images, formulas, tags and entities."""
    if not text.isascii():
        text = _PRIVATE.sub("", text)
    if "`" in text:
        text = _CODE.sub(lambda match: _code(match[2].replace("`", " ")), text).replace("`", "")
    text = _formulas(text, english)
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: match[1].translate(_HIDE), text)
    if "[" in text or "【" in text:
        text = _FOOTNOTE.sub("", _LINK.sub(r"\1", _IMAGE.sub(r"\1", text)))
    if "<" in text:
        text = _BREAK.sub(" ", _COMMENT.sub(" ", _AUTOLINK.sub(r"\1", text)))
        text = _TAG.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    if "*" in text:
        text = _STARS.sub(r"\2", _STARS.sub(r"\2", text))
        text = _STRAY.sub("", text)
    if "_" in text:
        text = _UNDERSCORES.sub(r"\2", _UNDERSCORES.sub(r"\2", text))
    if "~~" in text or "==" in text:
        text = _STRUCK.sub("", text)
    return text.translate(_SHOW)


def _code(code: str) -> str:
    """Code within a line: names are read word by word, marks stay."""
    words = (
        re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", code.strip())
        if re.fullmatch(r"\w+(?:\(\))?", code)
        else code
    )
    words = re.sub(r"\(\)$", "", words)
    return words.strip("_").replace("_", " ").translate(_HIDE)


def _formulas(text: str, english: bool) -> str:
    """`text` with the formulas between dollars or \\( \\) in words; in other languages only unmarked."""
    if "$" not in text and "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        inside = next(group for group in match.groups() if group is not None)
        if match[4] is not None and not re.search(r"[\\^_=+*/<>]|^[A-Za-z]$|^-?\d+$", inside):
            return match.group()
        return f" {_formula(inside) if english else _bare(inside)} "

    return _FORMULA.sub(replace, text)


def _bare(formula: str) -> str:
    return re.sub(
        r"\s+", " ", _COMMAND.sub(r" \1 ", _LAYOUT.sub(" ", formula)).translate({ord(c): " " for c in "{}\\"})
    )


def _formula(formula: str) -> str:
    for _ in range(4):  # fractions of roots of fractions: the inner ones have no braces left
        before = formula
        formula = _FRACTION.sub(
            r" \1 over \2 ", _ROOT.sub(r" the square root of \1 ", _WRAPPER.sub(r" \1 ", formula))
        )
        formula = _POWER.sub(_power, formula)
        if formula == before:
            break
    formula = _INDEX.sub(lambda match: f" sub {match[1] or match[2]} ", formula)
    formula = _COMMAND.sub(lambda match: f" {_COMMANDS.get(match[1], match[1])} ", _LAYOUT.sub(" ", formula))
    formula = formula.replace("-", " minus ").replace("*", " times ").replace("/", " over ")
    return re.sub(r"\s+", " ", formula.translate({ord(c): " " for c in "{}\\&"})).strip()


def _power(match: re.Match[str]) -> str:
    power = match[1] if match[1] is not None else match[2]
    return {"2": " squared ", "3": " cubed ", "\\circ": " degrees "}.get(power, f" to the power of {power} ")
