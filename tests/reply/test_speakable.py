"""What the voice is given instead of what the screen shows."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voicecli.reply.numbers_spoken import cardinal, fraction, ordinal, year
from voicecli.reply.phrases import PhraseCutter
from voicecli.reply.speakable import SpeakableText, speakable


def said(text: str) -> str:
    """A whole reply, cut and spoken as the conversation does it."""
    cutter, reader = PhraseCutter(), SpeakableText()
    return " ".join(filter(None, (reader.push(phrase) for phrase in [*cutter.push(text), *cutter.flush()])))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It costs $3.50.", "It costs 3 dollars and 50 cents."),
        ("$1 or $0.99, even $1.01", "1 dollar or 99 cents, even 1 dollar and 1 cent"),
        ("€5, 5 €, £2.20 and ¥500", "5 euros, 5 euros, 2 pounds and 20 pence and 500 yen"),
        ("$3.5 million or $5k", "3.5 million dollars or 5 thousand dollars"),
        ("It is $10-20, or $10–$20.", "It is 10 to 20 dollars, or 10 to 20 dollars."),
        ("-$5 and US$5 and 20 USD", "minus 5 dollars and 5 US dollars and 20 US dollars"),
        ("$20/month", "20 dollars per month"),
        ("$0.006/min for 50 tokens/s", "0.006 dollars per minute for 50 tokens per second"),
        ("$1,234.56", "1234 dollars and 56 cents"),
    ],
)
def test_money(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("5 km, 1 km, a 5-km run", "5 kilometers, 1 kilometer, a 5 kilometer run"),
        ("5-10 km at 90 km/h.", "5 to 10 kilometers at 90 kilometers per hour."),
        (
            "20°C, -5°C, 68 °F, 90°",
            "20 degrees Celsius, minus 5 degrees Celsius, 68 degrees Fahrenheit, 90 degrees",
        ),
        ("16GB at 3.5GHz", "16 gigabytes at 3.5 gigahertz"),
        ("5%, 5-10%, 0.5 %", "5 percent, 5 to 10 percent, 0.5 percent"),
        ("6'2\" and 5 lbs", "6 feet 2 inches and 5 pounds"),
        ("20 m² in 5 µs", "20 square meters in 5 microseconds"),
        ("4K, 5M users, 10k steps", "4 K, 5 million users, 10 thousand steps"),
        ("The 5 W's and an A4 page for 5G", "The 5 W's and an A4 page for 5G"),
    ],
)
def test_measures(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is 10:30.", "It is 10 30."),
        ("10:05 p.m. or 14:00 or 00:00", "10 oh 5 PM or 14 hundred or midnight"),
        ("At 9am, or 9 a.m. we go. Back at 5 p.m.", "At 9 AM, or 9 AM we go. Back at 5 PM."),
        ("10:00 to 11:30, 9-10am, 10:15-11:30", "10 o'clock to 11 30, 9 to 10 AM, 10 15 to 11 30"),
        ("On 2024-03-15.", "On March fifteenth, twenty twenty-four."),
        (
            "On 3/15/2024, on 15/3/2024",
            "On March fifteenth, twenty twenty-four, on March fifteenth, twenty twenty-four",
        ),
        ("March 15, 2024 and Jan. 5", "March fifteenth, twenty twenty-four and January fifth"),
        ("in 1999, since 2005", "in nineteen ninety-nine, since two thousand five"),
        ("in 1500 meters", "in 1500 meters"),
        ("the 1980s and '90s", "the nineteen eighties and nineties"),
        ("1990-1995", "nineteen ninety to nineteen ninety-five"),
        ("2024-99-99", "2024-99-99"),
        ("16:9 and 3-2", "16 to 9 and 3 to 2"),
    ],
)
def test_times_and_dates(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,000,000 and 3,141.59", "1000000 and 3141.59"),
        ("½ cup, 1½ cups, 3/4, 2 1/2", "one half cup, 1 and one half cups, three quarters, 2 and one half"),
        ("24/7 and 9/11", "24 7 and 9 11"),
        ("The 21st and 3rd, 1,000th", "The twenty-first and third, one thousandth"),
        ("Call (555) 123-4567.", "Call 5 5 5, 1 2 3, 4 5 6 7."),
        ("+1 555-123-4567", "plus 1, 5 5 5, 1 2 3, 4 5 6 7"),
        ("call 555-1234", "call 5 5 5, 1 2 3 4"),
        (
            "version 2.0.1 at 192.168.0.1, v3",
            "version 2 point 0 point 1 at 192 dot 168 dot 0 dot 1, version 3",
        ),
        (
            "pages 3-5, or -5, 5 - 3 = 2, 5-3=2",
            "pages 3 to 5, or minus 5, 5 minus 3 equals 2, 5 minus 3 equals 2",
        ),
        ("1920x1080, COVID-19", "1920 by 1080, COVID-19"),
        (".5", "0.5"),
    ],
)
def test_numbers(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("R&D @ home", "R and D at home"),
        ("#1 #python C# C++", "number 1 hashtag python C sharp C plus plus"),
        ("2+2=4, 3×4, 8÷2", "2 plus 2 equals 4, 3 times 4, 8 divided by 2"),
        ("a → b, a -> b, and/or", "a to b, a to b, and or"),
        (
            "x^2, 2**3, 2*3, 5 > 3, a <= b",
            "x squared, 2 cubed, 2 times 3, 5 greater than 3, a less than or equal to b",
        ),
        ("~5 ± 1", "about 5 plus or minus 1"),
        ("e.g. this, i.e. that", "for example, this, that is, that"),
        ("Dr. Smith vs. Mr. Jones etc.", "Doctor Smith versus Mister Jones et cetera."),
        ("+", "plus"),
        ("$x^2 + \\frac{1}{2}$ and \\(a \\times b\\)", "x squared plus 1 over 2 and a times b"),
        ("It costs $5 and then $6.", "It costs 5 dollars and then 6 dollars."),
    ],
)
def test_symbols(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("**Bold**, *it*, _und_, __strong__, ~~no~~, ***all***", "Bold, it, und, strong, no, all"),
        ("`code_span` and ``a`b``", "code span and a b"),
        ("[link](https://x.org/a_(b)) and ![picture](u.png)", "link and picture"),
        ("<b>tag</b> &amp; <br>more<!-- hidden -->", "tag and more"),
        ("# Heading", "Heading"),
        ("- item\n- [x] done", "item. done"),
        ("1. First", "1, First"),
        ("> quoted", "quoted"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b. 1, 2"),
        ("Fact[^1] and more [1].", "Fact and more [1]."),
        ("# Title\n\nA wrapped\nline.\n\nEnd", "Title. A wrapped line. End"),
        ("Hello **wor", "Hello wor"),
        ("ld** more", "ld more"),
        ("snake_case and 2*3*4", "snake case and 2 times 3 times 4"),
        ("\\*not bold\\*", "not bold"),
    ],
)
def test_markdown(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("See https://www.example.com/a_b/c?d=e_f.", "See example dot com."),
        ("Mail bob.smith@example.com!", "Mail bob dot smith at example dot com!"),
        ("Open `main.py` or docs/index.md.", "Open main dot py or docs slash index dot md."),
        ("It is on example.org, <https://a.dev/x>", "It is on example dot org, a dot dev"),
        ("http://localhost:8000/x", "localhost port 8000"),
        ("End of sentence.Next", "End of sentence.Next"),
    ],
)
def test_addresses(text: str, words: str) -> None:
    assert speakable(text) == words


@pytest.mark.parametrize(
    "text", ["", " \n", "---", "***", "😀", "👨‍👩‍👧🇩🇪👍🏽", ":)", "|---|", "...", "<br>", "“”"]
)
def test_nothing_to_say(text: str) -> None:
    assert speakable(text) == ""


def test_emoji_are_not_heard() -> None:
    assert speakable("Well done 👍🏽! 👨‍👩‍👧 Bye 🇩🇪.") == "Well done! Bye."
    assert speakable("1️⃣ first") == "1 first"


def test_joiners_of_other_scripts_stay() -> None:
    assert speakable("क्\u200dष", "hi") == "क्\u200dष"
    assert speakable("می\u200cخواهم", "fa") == "می\u200cخواهم"


def test_other_languages_keep_their_digits() -> None:
    assert speakable("Salut **toi** 😀, à 10:30 pour 3,50 €", "fr-FR") == "Salut toi, à 10:30 pour 3,50 €"
    assert speakable("Siehe https://example.com/x", "de") == "Siehe example Punkt com"
    assert speakable("見る https://example.com/x", "ja") == "見る example.com"


def test_code_block_spans_phrases() -> None:
    reader = SpeakableText()
    assert reader.push("Here:\n") == "Here:"
    assert reader.push("```python\nprint(1)\n") == "A code block."
    assert reader.push("- not a list\n`x`\n") == ""
    assert reader.push("```\n") == ""
    assert reader.push("And so on.") == "And so on."


def test_code_block_is_announced_once() -> None:
    assert said("So:\n\n```py\n" + "x = 1\n" * 200 + "```\n\nThat is it.") == "So: A code block. That is it."


def test_inner_fence_does_not_close() -> None:
    assert said("````\n```\nx\n```\ny\n````\nDone now.") == "A code block. Done now."


def test_line_start_is_remembered() -> None:
    reader = SpeakableText()
    assert reader.push("I need ") == "I need"
    assert reader.push("1. of them") == "1. of them"


def test_whole_reply() -> None:
    text = (
        "Sure! Here's **what I found**:\n\n- The train leaves at 10:30 a.m.\n- It costs $3.50.\n\n"
        "See [the timetable](https://example.com/t). Have fun! 🎉"
    )
    assert said(text) == (
        "Sure! Here's what I found: The train leaves at 10 30 AM. It costs 3 dollars and 50 cents. "
        "See the timetable. Have fun!"
    )


plain = st.text(alphabet=st.sampled_from("abcdefghij '"), max_size=60)


@given(plain)
def test_plain_words_stay(text: str) -> None:
    assert speakable(text).split() == text.split() or not any(c.isalpha() for c in text) or "'" in text


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(alphabet=st.sampled_from("*_`[]()<>#|~$\\&@:/.-=+^%°€0159aA \n"), max_size=60),
    )
)
@example("[](")
@example("1" * 400)
@example("9999999th 13/45/2024 1/0 0/0 99:99 2024-13-01")
@example("\ue000\ue001")
def test_never_fails_nor_says_only_marks(text: str) -> None:
    words = speakable(text)
    assert not words or any(c.isalnum() for c in words)
    assert "\n" not in words
    assert words == words.strip()


@given(
    st.lists(st.text(alphabet=st.sampled_from("`~\n a.-"), max_size=12), max_size=12),
    st.sampled_from(["en", "de", "zz", ""]),
)
def test_phrases_in_any_order(phrases: list[str], language: str) -> None:
    reader = SpeakableText(language)
    for phrase in phrases:
        words = reader.push(phrase)
        assert words == words.strip()
        assert "`" not in words


def test_numerals() -> None:
    assert [ordinal(n) for n in (1, 2, 12, 20, 21, 100, 1001)] == [
        "first", "second", "twelfth", "twentieth", "twenty-first", "one hundredth", "one thousand first",
    ]  # fmt: skip
    assert [year(n) for n in (1066, 1900, 1905, 2000, 2007, 2024)] == [
        "ten sixty-six", "nineteen hundred", "nineteen oh five", "two thousand", "two thousand seven",
        "twenty twenty-four",
    ]  # fmt: skip
    assert [fraction(*n) for n in ((1, 2), (3, 4), (2, 3), (7, 8))] == [
        "one half", "three quarters", "two thirds", "seven eighths",
    ]  # fmt: skip
    assert cardinal(999_999).startswith("nine hundred ninety-nine thousand")
    with pytest.raises(ValueError):
        cardinal(1_000_000)
