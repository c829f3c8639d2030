"""Formulas: the little LaTeX that appears in a conversation, in words."""

from __future__ import annotations

import re

__all__ = ["said_formulas"]

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
_WORDS = {
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


def said_formulas(text: str, english: bool) -> str:
    """`text` with the formulas between dollars or \\( \\) in words; in other languages only unmarked."""
    if "$" not in text and "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        inside = next(group for group in match.groups() if group is not None)
        if match[4] is not None and not re.search(r"[\\^_=+*/<>]|^[A-Za-z]$|^-?\d+$", inside):
            return match.group()
        return f" {_said(inside) if english else _bare(inside)} "

    return _FORMULA.sub(replace, text)


def _bare(formula: str) -> str:
    return re.sub(
        r"\s+", " ", _COMMAND.sub(r" \1 ", _LAYOUT.sub(" ", formula)).translate({ord(c): " " for c in "{}\\"})
    )


def _said(formula: str) -> str:
    for _ in range(4):  # fractions of roots of fractions: the inner ones have no braces left
        before = formula
        formula = _FRACTION.sub(
            r" \1 over \2 ", _ROOT.sub(r" the square root of \1 ", _WRAPPER.sub(r" \1 ", formula))
        )
        formula = _POWER.sub(_power, formula)
        if formula == before:
            break
    formula = _INDEX.sub(lambda match: f" sub {match[1] or match[2]} ", formula)
    formula = _COMMAND.sub(lambda match: f" {_WORDS.get(match[1], match[1])} ", _LAYOUT.sub(" ", formula))
    formula = formula.replace("-", " minus ").replace("*", " times ").replace("/", " over ")
    return re.sub(r"\s+", " ", formula.translate({ord(c): " " for c in "{}\\&"})).strip()


def _power(match: re.Match[str]) -> str:
    power = match[1] if match[1] is not None else match[2]
    return {"2": " squared ", "3": " cubed ", "\\circ": " degrees "}.get(power, f" to the power of {power} ")
