from zoneinfo import ZoneInfo

import pytest

from voicecli.providers.assistant.cities import famous, find, places


def test_every_zone_exists() -> None:
    assert all(ZoneInfo(place.zone) for place in places().values() if place.zone)


def test_examples_are_places() -> None:
    for place in places().values():
        assert place.zone or place.examples
        for example in place.examples:
            found = find(example.lower())
            assert found is not None
            assert found.zone


def test_famous_names_are_places() -> None:
    assert len(famous()) > 200
    assert set(famous()) <= set(places())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("paris", "Paris"),
        ("paris france", "Paris"),
        ("the netherlands", "the Netherlands"),
        ("netherlands", "the Netherlands"),
        ("toronto canada", "Toronto"),
        ("birmingham alabama", "Birmingham, Alabama"),
        ("usa", "the United States"),
        ("nyc", "New York"),
    ],
)
def test_names_are_found(text: str, name: str) -> None:
    place = find(text)
    assert place is not None
    assert place.name == name


@pytest.mark.parametrize("text", ["", "nowhere", "what is the best time to visit paris", "me"])
def test_other_words_are_no_places(text: str) -> None:
    assert find(text) is None
