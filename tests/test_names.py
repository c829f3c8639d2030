"""A file is found by its name: no other in the package has it."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_file_has_a_name_of_its_own() -> None:
    names = Counter(path.stem for path in (ROOT / "voicecli").rglob("*.py") if not path.stem.startswith("__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_the_glossary_stays_small() -> None:
    _, _, glossary = (ROOT / "CONTRIBUTING.md").read_text().partition("## Words")
    head, _, *words = re.findall(r"^\|(.+?)\|", glossary, re.MULTILINE)
    assert head.strip() == "word"
    assert 20 < len(words) <= 40, words
