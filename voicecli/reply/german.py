"""German text as a voice should be given it: ordinals, dates, times, amounts and abbreviations in words.

Plain numbers stay digits, with the decimal comma, which every German voice reads.
"""

from __future__ import annotations

import re

from voicecli.reply.rules import rules, words

__all__ = ["said_german"]

_UNITS_WORDS = """
    null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn
    siebzehn achtzehn neunzehn
"""
_UNITS = _UNITS_WORDS.split()
_TENS = ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig")
_IRREGULAR = {1: "erst", 3: "dritt", 7: "siebt", 8: "acht"}
_MONTHS_WORDS = """
    Januar Februar März April Mai Juni Juli August September Oktober November Dezember
"""
_MONTHS = _MONTHS_WORDS.split()

_WORDS = rules(
    (r"\b([Zz])\.\s?B\.", r"\1um Beispiel"),
    (r"\b([Dd])\.\s?h\.", r"\1as heißt"),
    (r"\b([Uu])\.\s?a\.", r"\1nter anderem"),
    (r"\bo\.\s?ä\.", "oder ähnliches"),
    (r"\bi\.\s?d\.\s?R\.", "in der Regel"),
    (r"\b([Bb])zw\.", r"\1eziehungsweise"),
    (r"\b([Bb])spw\.", r"\1eispielsweise"),
    (r"\b([Gg])gf\.", r"\1egebenenfalls"),
    (r"\b([Ee])vtl\.", r"\1ventuell"),
    (r"\b([Vv])gl\.", r"\1ergleiche"),
    (r"\b([Ii])nkl\.", r"\1nklusive"),
    (r"\b([Zz])zgl\.", r"\1uzüglich"),
    (r"\b([Cc])a\.", r"\1irca"),
    (r"\busw\.(?=\s+[^\WA-ZÄÖÜ\d_]|[,;)])", "und so weiter"),
    (r"\busw\.", "und so weiter."),
    (r"\bAbs\.\s?(?=\d)", "Absatz "),
    (r"\bArt\.\s?(?=\d)", "Artikel "),
    (r"\bNr\.\s?(?=\d)", "Nummer "),
    (r"\bNrn\.\s?(?=\d)", "Nummern "),
    (r"\bS\.\s?(?=\d)", "Seite "),
    (r"\bKap\.\s?(?=\d)", "Kapitel "),
    (r"§§\s?(?=\d)", "Paragrafen "),
    (r"§\s?(?=\d)", "Paragraf "),
    (r"\bDr\.\s+(?=[A-ZÄÖÜ])", "Doktor "),
    (r"\bProf\.\s+(?=[A-ZÄÖÜ])", "Professor "),
    (r"\bHr\.\s+(?=[A-ZÄÖÜ])", "Herr "),
    (r"\bFr\.\s+(?=[A-ZÄÖÜ])", "Frau "),
    (r"\bMio\.", "Millionen"),
    (r"\bMrd\.", "Milliarden"),
    (r"\bTel\.(?=:|\s?[\d+])", "Telefon"),
    (r"\b([Ss])tr\.(?=\s+[a-zäöüß\d]|,)", r"\1traße"),
    (r"(?<=[a-zäöüß])str\.(?=\s+[a-zäöüß\d]|,)", "straße"),
    (r"\b([Ss])tr\.", r"\1traße."),
    (r"(?<=[a-zäöüß])str\.", "straße."),
)
_ABBREVIATED = re.compile(r"[^\W\d_]\.|§")

_INFLECTING = words("""
    am vom zum beim im dem den des seit ab bis einen einem einer eines jeden jedem meinen meinem seinen seinem
    ihren ihrem unseren unserem diesen diesem nach vor
""")  # after these an ordinal ends in "en"
_OPENERS = words("""
    Der Die Das Ein Eine Er Sie Es Wir Ich Ihr Dann Aber Und Oder Wenn Wer Wie Was Wo Warum Doch Auch Nun So
    Da Hier Dort Im Am In Mit Von Für Auf Bei Nach Vor Zu Danach Dies Diese Dieser Dieses Man Als Ja Nein
""")  # words that open a sentence rather than follow an ordinal

_CURRENCIES = {"€": "Euro", "EUR": "Euro", "$": "Dollar", "£": "Pfund"}
_NAMES = {
    "%": "Prozent", "‰": "Promille", "°C": "Grad Celsius", "°F": "Grad Fahrenheit", "°": "Grad",
    "km/h": "Kilometer pro Stunde", "m/s": "Meter pro Sekunde", "km²": "Quadratkilometer",
    "m²": "Quadratmeter", "m³": "Kubikmeter", "km": "Kilometer", "cm": "Zentimeter",
    "mm": "Millimeter", "m": "Meter",
    "kg": "Kilogramm", "mg": "Milligramm", "g": "Gramm", "ml": "Milliliter", "l": "Liter",
    "kWh": "Kilowattstunden", "kW": "Kilowatt", "GB": "Gigabyte", "MB": "Megabyte", "ms": "Millisekunden",
    "Min.": "Minuten", "Std.": "Stunden", "Sek.": "Sekunden",
}  # fmt: skip
_SIGNS = {
    "&": " und ", "+": " plus ", "=": " gleich ", "×": " mal ", "÷": " geteilt durch ", "€": " Euro ",
    "±": " plus minus ",
}  # fmt: skip
_SIGN = re.compile(rf"\s*([{re.escape(''.join(_SIGNS))}])\s*")


def said_german(text: str) -> str:
    """German `text` with what a voice reads badly in words."""
    if _ABBREVIATED.search(text):
        text = _WORDS(text)
    if any(c.isnumeric() for c in text):
        text = _NUMBERS(text)
    return _SIGN.sub(lambda match: _SIGNS[match[1]], text)


def _stem(number: int) -> str:
    """An ordinal up to the 99th without its ending: "zweit"."""
    if number < 20:
        return _IRREGULAR.get(number) or f"{_UNITS[number]}t"
    tens, unit = divmod(number, 10)
    return f"{_UNITS[unit]}und{_TENS[tens]}st" if unit else f"{_TENS[tens]}st"


def _ending(before: str) -> str:
    """What the word in front asks for: "der zweite Mai", "am zweiten Mai", "ein zweiter Versuch"."""
    before = before.lower()
    if before in ("ein", "kein", "mein", "sein", "ihr", "unser", ""):
        return "er"
    return "en" if before in _INFLECTING else "e"


def _ordinal(match: re.Match[str]) -> str:
    number, before = int(match[2]), match[1] or ""
    following = re.match(r"\s(\w{1,30})", match.string[match.end() : match.end() + 32])
    word = following[1] if following else ""
    if word in _OPENERS or not number or not (before or word in _MONTHS):
        return match.group()
    said = _stem(number) + _ending(before)
    return f"{before} {said}" if before else said


def _date(match: re.Match[str]) -> str:
    front, day, month, year = match[1] or "", int(match[2]), int(match[3]), match[4]
    if not (1 <= day <= 31 and 1 <= month <= 12 and (front or year)):
        return match.group()  # a chapter, perhaps
    said = f"{front}{_stem(day)}{_ending(front.strip())} {_MONTHS[month - 1]}"
    return f"{said} {year}" if year else said


def _time(match: re.Match[str]) -> str:
    hour, minute = match[1] or match[3], match[2] or match[4]
    return f"{int(hour)} Uhr" + ("" if minute == "00" else f" {int(minute)}")


def _money(whole: str, coins: str | None, sign: str) -> str:
    said = f"{whole} {_CURRENCIES[sign]}"
    return said if coins in (None, "00") else f"{said} {int(coins or 0)}"


_NUMBERS = rules(
    (
        r"(?<![\w-])((?:1[0-9]|20)\d\d)-(\d\d)-(\d\d)(?![\w-])",
        lambda match: f"{int(match[3])}.{int(match[2])}.{match[1]}",
    ),
    (
        r"(?<![\d.])(?:(\b(?:[Aa]m|[Vv]om|[Zz]um|[Bb]is|[Ss]eit|[Aa]b|[Dd]e[rnm])\s))?"
        r"(\d{1,2})\.\s?(\d{1,2})\.(?:\s?((?:1\d|20)\d\d)(?!\d|[.,]\d))?",
        _date,
    ),
    (r"(?<![\d.,])[1-9]\d{0,2}(?:\.\d{3})+(?![\d.]\d|\d)", lambda match: match.group().replace(".", "")),
    (
        r"(?<![\d:.,])([01]?\d|2[0-4])[:.]([0-5]\d)\s?Uhr\b|(?<![\d:.,])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])",
        _time,
    ),
    (r"(?:\b(\w{2,12})\s)?(?<![\w.,:])(\d{1,2})\.(?=\s[^\W\d_])", _ordinal),
    (r"(?<![\d.,])(\d+)(?:,(\d\d))?\s?(€|EUR\b|\$|£)", lambda match: _money(match[1], match[2], match[3])),
    (r"(€|\$|£)\s?(\d+)(?:,(\d\d))?(?![\d,])", lambda match: _money(match[2], match[3], match[1])),
    (
        rf"(?<=\d)\s?({'|'.join(map(re.escape, sorted(_NAMES, key=len, reverse=True)))})(?![\w²³/])",
        lambda match: f" {_NAMES[match[1]]}",
    ),
    (r"(?<![\w.,–-])(\d+(?:,\d+)?)\s?[-–]\s?(\d+(?:,\d+)?)(?![\w–-]|[.,]\d)", r"\1 bis \2"),
    (r"(?<![\w.,)–-])[-−](?=\d)", "minus "),
)
