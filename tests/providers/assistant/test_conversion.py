from collections.abc import Callable

import pytest

from voicecli.providers.assistant.conversion import _registry, units
from voicecli.providers.assistant.dialogue import Reply

ANSWERS = {
    "how many kilometers is five miles": "5 miles is about 8.05 kilometers.",
    "convert 100 fahrenheit to celsius": "100 degrees Fahrenheit is about 37.78 degrees Celsius.",
    "how many ounces in a pound": "1 pound is 16 ounces.",
    "how many feet are in a mile": "1 mile is 5,280 feet.",
    "what is 5 feet 10 inches in centimeters": "5 feet 10 inches is 177.8 centimeters.",
    "six foot two in meters": "6 feet 2 inches is about 1.88 meters.",
    "how many teaspoons are in a tablespoon": "1 tablespoon is 3 teaspoons.",
    "how many liters in a gallon": "1 US gallon is about 3.79 liters.",
    "how many milliliters in an ounce": "1 US fluid ounce is about 29.57 milliliters.",
    "how many ounces in a cup": "1 cup is 8 fluid ounces.",
    "how many kilograms in a mile": (
        "Miles measure length and kilograms measure mass, so I can't convert one to the other."
    ),
    "convert kilometers to miles": "1 kilometer is about 0.6214 miles.",
    "convert celsius to fahrenheit": "How many degrees Celsius?",
    "convert five flurbs to miles": "I don't know the unit flurbs.",
    "how many seconds in a day": "1 day is 86,400 seconds.",
    "how many days in a year": "A year has 365 days, and 366 when it is a leap year.",
    "how many weeks in a year": "1 year is about 52.18 weeks.",
    "how many months in a year": "1 year is 12 months.",
    "-40 f in c": "Minus 40 degrees Fahrenheit is minus 40 degrees Celsius.",
    "minus 300 celsius in fahrenheit": "Minus 300 degrees Celsius is below absolute zero.",
    "100 km/h in mph": "100 kilometers per hour is about 62.14 miles per hour.",
    "how many square feet in an acre": "1 acre is 43,560 square feet.",
    "2 gb in mb": "2 gigabytes is 2,000 megabytes.",
    "one and a half miles in feet": "1.5 miles is 7,920 feet.",
    "half a kilometre in metres": "0.5 kilometers is 500 meters.",
    "1/2 cup in tablespoons": "0.5 cups is 8 tablespoons.",
    "two thirds of a cup in tablespoons": "About 0.6667 cups is about 10.67 tablespoons.",
    "three quarters of a mile in feet": "0.75 miles is 3,960 feet.",
    "a third of a mile in feet": "About 0.3333 miles is 1,760 feet.",
    "how far is five miles in kilometers": "5 miles is about 8.05 kilometers.",
    "how many minutes is 3 hours and 20 minutes": "3 hours 20 minutes is 200 minutes.",
    "1 nanometer in miles": "1 nanometer is about 6.21 times 10 to the power of minus 13 miles.",
    "how many pounds is a kilo": "1 kilogram is about 2.2 pounds.",
    "what is 72 degrees fahrenheit": "72 degrees Fahrenheit in which unit?",
    "what is 100 degrees in celsius": "Degrees of which scale: Celsius or Fahrenheit?",
    "and in meters": "What should I convert to meters?",
}  # fmt: skip


@pytest.mark.parametrize("said", ANSWERS)
def test_conversions_are_answered(said: str, ask: Callable[..., Reply]) -> None:
    reply = ask(said)
    assert (reply.intent, reply.text) == ("units", ANSWERS[said])


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("5 miles in kilometers", "and in meters"), "5 miles is 8,046.72 meters."),
        (("5 miles in kilometers", "what about ten miles"), "10 miles is about 16.09 kilometers."),
        (
            ("what is 72 degrees fahrenheit", "in celsius"),
            "72 degrees Fahrenheit is about 22.22 degrees Celsius.",
        ),
        (("100 degrees in celsius", "fahrenheit"), "100 degrees Fahrenheit is about 37.78 degrees Celsius."),
    ],
)
def test_conversions_go_on(lines: tuple[str, ...], text: str, ask: Callable[..., Reply]) -> None:
    assert ask(*lines).text == text


@pytest.mark.parametrize("said", ["how many legs does a spider have", "how many people are in the world"])
def test_no_unit_no_conversion(said: str, ask: Callable[..., Reply]) -> None:
    assert ask(said).intent == "fallback"


def test_money_needs_the_network(ask: Callable[..., Reply]) -> None:
    assert ask("convert ten dollars to euros").intent == "money"
    assert ask("how much is a pound in dollars").intent == "money"


def test_pint_knows_every_unit() -> None:
    registry = _registry()
    kinds: dict[str, set[frozenset[tuple[str, object]]]] = {}
    for unit in units().values():
        kinds.setdefault(unit.kind, set()).add(
            frozenset(registry.Quantity(1, unit.pint).dimensionality.items())
        )
    assert len(kinds) > 10
    assert {kind: len(found) for kind, found in kinds.items()} == dict.fromkeys(kinds, 1)
