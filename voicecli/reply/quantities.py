"""Units and currencies: how English says what is written in signs."""

from __future__ import annotations

import re

from voicecli.reply.rules import rules

__all__ = ["NUMBER", "said_units"]

NUMBER = r"\d+(?:\.\d+)?"
_MANY = {"k": "thousand", "m": "million", "b": "billion", "t": "trillion"}
# Sign: one, many, one of the smaller coin, many of it.
_MONEY = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₿": ("bitcoin", "bitcoins", "", ""),
    "₺": ("lira", "lira", "", ""),
    "₴": ("hryvnia", "hryvnias", "", ""),
}
_CODES = {
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "EUR": _MONEY["€"],
    "GBP": _MONEY["£"],
    "JPY": _MONEY["¥"],
    "CHF": ("Swiss franc", "Swiss francs", "", ""),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "INR": _MONEY["₹"],
    "CNY": ("yuan", "yuan", "", ""),
}
_COUNTRIES = {"U": "US", "C": "Canadian", "A": "Australian", "N": "New Zealand"}  # US, CA, C, AU, A, NZ
_SIGN = "[" + "".join(_MONEY) + "]"
_SCALE = r"(?:\s?(thousand|million|billion|trillion|(?:k|K|M|B|T|mn|bn|tn)(?!\w)))?"
# Sign=one/many; many is one with an "s" unless it is given.
_TABLE = """
    km=kilometer; cm=centimeter; mm=millimeter; m=meter; µm=micrometer; nm=nanometer; mi=mile; yd=yard;
    ft=foot/feet; km²=square kilometer; m²=square meter; cm²=square centimeter; m³=cubic meter;
    cm³=cubic centimeter; sq ft=square foot/square feet; sqft=square foot/square feet; ha=hectare;
    kg=kilogram; g=gram; mg=milligram; µg=microgram; lb=pound; lbs=pound; oz=ounce; L=liter; l=liter;
    ml=milliliter; mL=milliliter; cl=centiliter; gal=gallon; tbsp=tablespoon; tsp=teaspoon; h=hour;
    hr=hour; hrs=hour; min=minute; mins=minute; s=second; sec=second; secs=second; ms=millisecond;
    µs=microsecond; ns=nanosecond; km/h=kilometer per hour/kilometers per hour;
    kph=kilometer per hour/kilometers per hour; mph=mile per hour/miles per hour;
    mi/h=mile per hour/miles per hour; m/s=meter per second/meters per second;
    kB/s=kilobyte per second/kilobytes per second; MB/s=megabyte per second/megabytes per second;
    GB/s=gigabyte per second/gigabytes per second; kbps=kilobit per second/kilobits per second;
    Mbps=megabit per second/megabits per second; Gbps=gigabit per second/gigabits per second; kB=kilobyte;
    KB=kilobyte; MB=megabyte; GB=gigabyte; TB=terabyte; PB=petabyte; KiB=kibibyte; MiB=mebibyte;
    GiB=gibibyte; TiB=tebibyte; Hz=hertz/hertz; kHz=kilohertz/kilohertz; MHz=megahertz/megahertz;
    GHz=gigahertz/gigahertz; W=watt; kW=kilowatt; MW=megawatt; GW=gigawatt; Wh=watt hour;
    kWh=kilowatt hour; MWh=megawatt hour; V=volt; mV=millivolt; kV=kilovolt; mA=milliamp;
    mAh=milliamp hour; J=joule; kJ=kilojoule; kcal=kilocalorie; cal=calorie; Pa=pascal; kPa=kilopascal;
    hPa=hectopascal; dB=decibel; px=pixel; dpi=dot per inch/dots per inch;
    fps=frame per second/frames per second; rpm=revolution per minute/revolutions per minute; Ω=ohm;
    kΩ=kiloohm; °C=degree Celsius/degrees Celsius; ℃=degree Celsius/degrees Celsius;
    °F=degree Fahrenheit/degrees Fahrenheit; ℉=degree Fahrenheit/degrees Fahrenheit; °=degree;
    %=percent/percent; ‰=per mille/per mille
"""


def _units() -> dict[str, tuple[str, str]]:
    units = {}
    for entry in _TABLE.split(";"):
        sign, _, names = entry.strip().partition("=")
        one, _, many = names.partition("/")
        units[sign] = (one, many or f"{one}s")
        if sign[0] == "µ":
            units["μ" + sign[1:]] = units[sign]  # the Greek letter looks the same as the micro sign
    return units


_UNITS = _units()
_PERIODS = {sign: _UNITS[sign][0] for sign in ("s", "sec", "min", "h", "hr")} | {"mo": "month", "yr": "year"}
_SIGNS = "|".join(re.escape(sign) for sign in sorted(_UNITS, key=len, reverse=True))


def _money_range(match: re.Match[str]) -> str:
    scale = _scale(match[4])
    return f"{match[2]} to {match[3]} {scale}{_MONEY[match[1]][1]}"


def _money_before(match: re.Match[str]) -> str:
    names = _MONEY[match[3]]
    country = _COUNTRIES.get((match[2] or "")[:1])
    if country:
        names = (f"{country} {names[0]}", f"{country} {names[1]}", names[2], names[3])
    return ("minus " if match[1] else "") + _money(match[4], match[5], names)


def _money(amount: str, scale: str | None, names: tuple[str, str, str, str]) -> str:
    one, many, small, smalls = names
    if scale:
        return f"{amount} {_scale(scale)}{many}"
    whole, _, rest = amount.partition(".")
    if len(rest) != 2 or not small:
        return f"{amount} {one if amount == '1' else many}"
    coins = int(rest)
    said = f"{coins} {small if coins == 1 else smalls}"
    if coins and not int(whole):
        return said
    notes = f"{whole} {one if whole == '1' else many}"
    return f"{notes} and {said}" if coins else notes


def _scale(scale: str | None) -> str:
    return f"{_MANY.get(scale.lower().rstrip('n'), scale)} " if scale else ""


def _measure(match: re.Match[str]) -> str:
    number, joint, sign = match.groups()
    one, many = _UNITS[sign]
    return f"{number} {one if number == '1' or joint == '-' else many}"


def _cents(match: re.Match[str]) -> str:
    return f"{match[1]} cent" + ("" if match[1] == "1" else "s")


def _thousands(match: re.Match[str]) -> str:
    if match[2] == "K" and match[1] in ("2", "4", "5", "8"):
        return f"{match[1]} K"  # the width of a film
    return f"{match[1]} {_MANY[match[2][0].lower()]}"


said_units = rules(
    (rf"({_SIGN})({NUMBER})\s?(?:[-–—]|to)\s?\1?({NUMBER}){_SCALE}(?!\w)", _money_range),
    (rf"(-)?(?:\b(US|CA|C|AU|A|NZ))?({_SIGN})\s?({NUMBER}){_SCALE}(?!\d)", _money_before),
    (
        rf"(?<![\w.])({NUMBER}){_SCALE}\s?({_SIGN}|(?:{'|'.join(_CODES)})\b)",
        lambda match: _money(match[1], match[2], _MONEY.get(match[3]) or _CODES[match[3]]),
    ),
    (r"(?<![\w.])(\d+)\s?¢", _cents),
    (r"(?<![\w.])(\d{1,2})\s?['′’]\s?(\d{1,2})\s?[\"″”]", r"\1 feet \2 inches"),
    (rf"(?<![\w.])({NUMBER})\s?″", r"\1 inches"),
    (r"(\d)\s?°\s?([CF])\b", r"\1°\2"),
    (rf"(?<![\w.])({NUMBER})(\s?|-)({_SIGNS})(?![\w'’/²³]|\.\w)", _measure),
    (rf"(?<![\w.])({NUMBER})(k|K|M|B|bn|mn)(?![\w'’/])", _thousands),
    (
        rf"(?<=[a-z])\s?/\s?({'|'.join(_PERIODS)}|second|minute|hour|day|week|month|year)\b",
        lambda match: f" per {_PERIODS.get(match[1], match[1])}",
    ),
    (r"\b((?:US )?dollars?|euros?|pounds?|cents?|pence|yen|million|billion)\s?/\s?(?=[a-zA-Z])", r"\1 per "),
)
"""English text with amounts of money, measures and percentages in words; the numbers stay digits."""
