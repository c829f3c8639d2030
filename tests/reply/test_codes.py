"""Numbers that are names, and their neighbours that are amounts, dates and scores."""

import pytest

from voicecli.reply.speakable import speakable

SAID = {
    # telephones
    "My number is 555-1234.": "My number is 5 5 5, 1 2 3 4.",
    "555-1234": "5 5 5, 1 2 3 4",
    "(555) 123-4567": "5 5 5, 1 2 3, 4 5 6 7",
    "555.123.4567": "5 5 5, 1 2 3, 4 5 6 7",
    "1-800-555-1234": "1, 8 0 0, 5 5 5, 1 2 3 4",
    "+49 30 1234567": "plus 4 9, 3 0, 1 2 3 4 5 6 7",
    "030 1234567": "0 3 0, 1 2 3 4 5 6 7",
    # ranges that look like one
    "pages 512-1024": "pages 512 to 1024",
    "512-1024 MB": "512 to 1024 megabytes",
    "800-1500": "800 to 1500",
    "It costs 255-1155 euros.": "It costs 255 to 1155 euros.",
    "$255-1155": "255 to 1155 dollars",
    "(476–1453)": "(476 to 1453)",
    # machines
    "192.168.0.1:8080": "192 dot 168 dot 0 dot 1 port 8080",
    "10.0.0.0/8": "10 dot 0 dot 0 dot 0 slash 8",
    "localhost:8080.": "localhost port 8080.",
    "example.com:8080": "example dot com port 8080",
    "00:1A:2B:3C:4D:5E": "0 0, 1 A, 2 B, 3 C, 4 D, 5 E",
    "0x1F": "zero x 1 F",
    # cards, accounts, books, post codes
    "4111 1111 1111 1111": "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1",
    "4111111111111111": "4 1 1 1, 1 1 1 1, 1 1 1 1, 1 1 1 1",
    "DE89 3704 0044 0532 0130 00": "D E 8 9, 3 7 0 4, 0 0 4 4, 0 5 3 2, 0 1 3 0, 0 0",
    "ISBN 978-3-16-148410-0": "ISBN 9 7 8, 3, 1 6, 1 4 8 4 1 0, 0",
    "12345-6789": "1 2 3 4 5, 6 7 8 9",
    "123-45-6789": "1 2 3, 4 5, 6 7 8 9",
    # dates and times
    "2024-05-06": "May sixth, twenty twenty-four",
    "2024/05/06": "May sixth, twenty twenty-four",
    "2024-05": "May twenty twenty-four",
    "2024-05-06T12:30:00Z": "May sixth, twenty twenty-four, 12 30",
    "2024-05-06T12:30:00+02:00": "May sixth, twenty twenty-four, 12 30 UTC plus 2",
    "12:30-13:45": "12 30 to 13 45",
    "2010-2015": "twenty ten to twenty fifteen",
    # scores, verses, versions, rows, amounts
    "They won 3-1.": "They won 3 to 1.",
    "Matthew 5:3-12": "Matthew 5 3 to 12",
    "John 3:16": "John 3 16",
    "16:9": "16 to 9",
    "version 1.2.3": "version 1 point 2 point 3",
    "1-2-3": "1-2-3",
    "4-4-2": "4-4-2",
    "1.000.000": "1000000",
    "6.02e23": "6.02 times 10 to the power of 23",
    "24/7": "24 7",
}


@pytest.mark.parametrize("text", SAID)
def test_what_is_said(text: str):
    assert speakable(text) == SAID[text]


@pytest.mark.parametrize(
    "piece", ["0800 ", "1-", "00:", "AB12 ", "192.168.0.", "555-1234", "ISBN 1", "+1 ", "1e"]
)
def test_time_is_linear(piece: str):
    # Quadratic work would take minutes.
    assert speakable(piece * 5_000)
