"""The units of measure that can be named, the words for each, and what pint calls it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

__all__ = ["Unit", "units"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as it is said, as pint names it, and how many of pint's it is."""

    kind: str
    name: str
    plural: str
    pint: str
    factor: int = 1


# A kind a line, which goes on where it is indented: "name/plural=factor*pint+alias+alias". A plural left out
# is the name with an s, a name for pint left out is the name.
_TABLE = """
length: millimeter=millimeter+mm, centimeter=centimeter+cm, decimeter=decimeter, meter=meter+m,
    kilometer=kilometer+km+kilometre+k m+klick, micrometer=micrometer+micron, nanometer=nanometer+nm,
    inch/inches=inch+in, foot/feet=foot+ft, yard=yard+yd, mile=mile+mi, nautical mile=nautical_mile,
    light year=light_year+lightyear, astronomical unit=astronomical_unit, fathom=6*foot, furlong=660*foot
mass: milligram=milligram+mg, gram=gram+g+gramme, kilogram=kilogram+kg+kilo+kilogramme,
    metric ton=metric_ton+tonne+metric tonne, pound=pound+lb+lbs+pounds weight, ounce=ounce+oz,
    stone/stone=stone, US ton=2000*pound+ton+short ton, carat=carat, microgram=microgram
volume: milliliter=milliliter+ml+mil, centiliter=centiliter+cl, deciliter=deciliter+dl, liter=liter+l,
    cubic meter=meter**3, cubic centimeter=centimeter**3, cubic foot/cubic feet=foot**3,
    cubic inch/cubic inches=inch**3, cubic yard=yard**3, US gallon=gallon+gallon+gal,
    US quart=quart+quart+qt, US pint=pint+pint+pt, US cup=cup+cup,
    US fluid ounce=fluid_ounce+fluid ounce+fl oz+liquid ounce, US tablespoon=tablespoon+tablespoon+tbsp,
    US teaspoon=teaspoon+teaspoon+tsp, imperial gallon=imperial_gallon+british gallon+uk gallon,
    imperial pint=imperial_pint+british pint+uk pint, barrel of oil/barrels of oil=oil_barrel+oil barrel
temperature:
    degree Celsius/degrees Celsius=degree_Celsius+celsius+centigrade+degree centigrade+degrees centigrade
    +c+degrees c,
    degree Fahrenheit/degrees Fahrenheit=degree_Fahrenheit+fahrenheit+f+degrees f,
    kelvin/kelvin=kelvin+kelvins+degrees kelvin
speed: mile per hour/miles per hour=mile/hour+mph+mile an hour+miles an hour,
    kilometer per hour/kilometers per hour=kilometer/hour+kph+k p h+kilometer an hour+kilometers an hour,
    meter per second/meters per second=meter/second+meters a second,
    foot per second/feet per second=foot/second+feet a second, knot=knot
area: square meter=meter**2, square centimeter=centimeter**2, square kilometer=kilometer**2,
    square foot/square feet=foot**2, square inch/square inches=inch**2, square yard=yard**2,
    square mile=mile**2, acre=43560*foot**2, hectare=hectare
time: millisecond=millisecond+ms, second=second+sec, minute=minute+min, hour=hour+hr, day=day, week=week,
    fortnight=fortnight, month=month, year=year, decade=10*year, century/centuries=100*year,
    millennium/millennia=1000*year
data: bit=bit, byte=byte, kilobyte=kilobyte+kb, megabyte=megabyte+mb+meg, gigabyte=gigabyte+gb+gig,
    terabyte=terabyte+tb, petabyte=petabyte+pb, kibibyte=kibibyte, mebibyte=mebibyte, gibibyte=gibibyte,
    kilobit=kilobit, megabit=megabit, gigabit=gigabit
energy: joule=joule, kilojoule=kilojoule+kj, megajoule=megajoule,
    kilocalorie=kilocalorie+kcal+food calorie, watt hour=watt_hour, kilowatt hour=kilowatt_hour+kwh
power: watt=watt, kilowatt=kilowatt+kw, megawatt=megawatt, horsepower/horsepower=horsepower
pressure: pascal=pascal, hectopascal=hectopascal, kilopascal=kilopascal, bar=bar, millibar=millibar,
    pound per square inch/pounds per square inch=psi+psi+p s i, atmosphere=standard_atmosphere
angle: radian=radian, degree of arc/degrees of arc=degree+arc degree
"""


@cache
def units() -> dict[str, Unit]:
    """Every word for a unit."""
    table: dict[str, Unit] = {}
    for line in re.sub(r"\n {4}(\+?)", lambda m: m[1] or " ", _TABLE).strip().splitlines():
        kind, _, entries = line.partition(": ")
        for entry in entries.split(", "):
            names, _, definition = entry.partition("=")
            name, _, plural = names.partition("/")
            expression, *aliases = definition.split("+") if definition else (name,)
            factor, _, pint_name = (
                expression.rpartition("*") if re.match(r"\d+\*", expression) else ("1", "", expression)
            )
            if re.match(r"\d+\*", expression):
                factor, _, pint_name = expression.partition("*")
            unit = Unit(kind, name, plural or f"{name}s", pint_name, int(factor))
            spoken = [unit.name, unit.plural, *aliases]
            spoken += [f"{alias}s" for alias in aliases if len(alias) > 2 and not alias.endswith("s")]
            for words in spoken:
                for spelled in (words, words.replace("meter", "metre"), words.replace("liter", "litre")):
                    table.setdefault(spelled.lower(), unit)
    return table
