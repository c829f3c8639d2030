"""Numbers that are names in English text: telephones, cards, books, machines; said digit by digit."""

from __future__ import annotations

import re

__all__ = ["said_codes"]

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_MACHINE = re.compile(rf"(?<![\w.])({_OCTET}(?:\.{_OCTET}){{3}})(?::(\d{{1,5}})|/(\d{{1,2}}))?(?![\w]|\.\d)")
_LOCAL = re.compile(r"\b(localhost):(\d{1,5})\b")
_CARD_ADDRESS = re.compile(r"(?<![\w:-])[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])")
_HEX = re.compile(r"\b0[xX]([0-9A-Fa-f]{1,32})\b")
_BOOK = re.compile(r"\b(ISBN(?:-1[03])?:?\s{1,3})(\d[\d -]{8,15}[\dXx])(?![\w-])")
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(
    r"(?<![\w.,-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}|\d{13,19})(?![\w-]|[.,]\d)"
)

_PHONE = re.compile(
    r"(?<![\w.,-])(?:(\+\d{1,3}|1(?=-\d{3}-))[\s.-]?)?"
    r"(?:\((\d{2,4})\)\s?|(\d{3})[.-]|(?<=\d[\s.-])(\d{2,4})[\s.-])(\d{3,4})[\s.-](\d{4})(?![\w-]|\.\d)"
)
_LONG_PHONE = re.compile(r"(?<!\w)\+\d(?:[\s.-]?\d){6,14}(?![\w-])")
_NATIONAL = re.compile(r"(?<![\w.,:/-])0\d{2,4}[ /-]\d{3,8}(?:[ -]\d{2,5}){0,3}(?![\w-]|[.,:]\d)")
_CALLED = re.compile(
    r"\b(call|dial|phone|tel|text|number)(\W{1,4}(?:\w{1,20}\W{1,4})?)(\d{3})-(\d{4})\b", re.IGNORECASE
)
# Three digits and four are a telephone number, but for round ones, counted things and pages.
_SHORT_PHONE = re.compile(
    r"(?<![\w.,$€£¥/-])(?<!pages )(?<!page )(?<!pp\. )(?<!p\. )(?<!lines )(?<!line )(?<!from )(?<!years )"
    r"(?!\d\d0-\d{3}0)([2-9]\d\d)-(\d{4})(?![\w-]|[.,]\d|\s?[%°$€£¥]"
    r"|\s(?:[kMGT]?i?B|[ckm]?m|[km]?g|m?s|[kMG]?Hz|[kMG]?W|px|people|words|points|characters|pages|lines"
    r"|(?:[a-z]{1,12} )?(?:dollars|euros|pounds|meters|miles|kilometers|feet|years|days|hours|minutes))\b)"
)
_POSTCODE = re.compile(r"(?<![\w.,-])(\d{5})-(\d{4})(?![\w-]|[.,]\d)")
_CHAIN = re.compile(r"(?<![\w.,/-])\d{1,7}(?:-\d{1,7}){2,6}(?![\w/-]|[.,]\d)")
_DATED = re.compile(r"(?:1\d|20)\d\d-\d\d-\d\d$")


def said_codes(text: str) -> str:
    """English `text` with its telephone numbers, addresses of machines and other codes spelled out."""
    text = _MACHINE.sub(_machine, text)
    text = _LOCAL.sub(r"\1 port \2", text)
    text = _CARD_ADDRESS.sub(_in_groups, text)
    text = _HEX.sub(lambda match: f"zero x {_spelled(match[1])}", text)
    text = _BOOK.sub(lambda match: match[1] + _groups(match[2]), text)
    text = _ACCOUNT.sub(_in_fours, text)
    text = _CARD.sub(_in_fours, text)
    text = _PHONE.sub(_phone, text)
    text = _LONG_PHONE.sub(lambda match: f"plus {_groups(match.group()[1:])}", text)
    text = _NATIONAL.sub(_in_groups, text)
    text = _CALLED.sub(lambda match: f"{match[1]}{match[2]}{_spelled(match[3])}, {_spelled(match[4])}", text)
    text = _SHORT_PHONE.sub(_in_groups, text)
    text = _POSTCODE.sub(_in_groups, text)
    return _CHAIN.sub(_chain, text)


def _spelled(signs: str) -> str:
    return " ".join(signs)


def _groups(code: str) -> str:
    return ", ".join(_spelled(group) for group in re.findall(r"\w+", code))


def _in_groups(match: re.Match[str]) -> str:
    return _groups(match.group())


def _in_fours(match: re.Match[str]) -> str:
    code = match.group()
    if " " not in code and "-" not in code:
        code = " ".join(code[start : start + 4] for start in range(0, len(code), 4))
    return _groups(code)


def _machine(match: re.Match[str]) -> str:
    said = match[1].replace(".", " dot ")
    if match[2]:
        said += f" port {match[2]}"
    return f"{said} slash {match[3]}" if match[3] else said


def _phone(match: re.Match[str]) -> str:
    country, *groups = match.groups()
    said = [_spelled(group) for group in groups if group]
    if country:
        said.insert(0, f"plus {_spelled(country[1:])}" if country[0] == "+" else country)
    return ", ".join(said)


def _chain(match: re.Match[str]) -> str:
    """Three numbers and more: spelled where they are codes, left where they may be a date, a score, a row."""
    code = match.group()
    if _DATED.match(code) or max(map(len, code.split("-"))) < 3:
        return code
    return _groups(code)
