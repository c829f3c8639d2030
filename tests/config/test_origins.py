"""Where keys stand."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from voicecli.config.origins import locate

TEXT = '''\
# first
top = 1

[tts]            # a comment
engine = "a # b"
[tts . "espeak"]
voice = """
[not.a.table]
x = 1
""" # end
list = [
  1, # [one]
  "]",
]
pair = { a = 1, b = "}" }
'quoted.key' = true
a.b.c = 'it"s'
[[many]]
z = \'\'\'
y = 2\'\'\'
last = 1'''


def test_every_key_has_its_line() -> None:
    found = locate(TEXT)
    assert tomllib.loads(TEXT)
    assert found == {
        ("top",): 2,
        ("tts",): 4,
        ("tts", "engine"): 5,
        ("tts", "espeak"): 6,
        ("tts", "espeak", "voice"): 7,
        ("tts", "espeak", "list"): 11,
        ("tts", "espeak", "pair"): 15,
        ("tts", "espeak", "quoted.key"): 16,
        ("tts", "espeak", "a", "b", "c"): 17,
        ("many",): 18,
        ("many", "z"): 19,
        ("many", "last"): 21,
    }


def test_nothing_in_nothing() -> None:
    assert locate("") == {}
    assert locate("# only this") == {}


@given(
    st.dictionaries(st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True), st.text(max_size=20), max_size=8)
)
def test_lines_survive_any_text(values: dict[str, str]) -> None:
    import tomlkit

    text = tomlkit.dumps(values)
    lines = text.split("\n")
    found = locate(text)
    assert set(found) == {(name,) for name in values}
    assert all(lines[number - 1].startswith(name) for (name,), number in found.items())
