"""German text as a voice is given it, and where a phrase of it may end."""

import pytest

from voicecli.reply.phrases import PhraseCutter
from voicecli.reply.speakable import speakable

SAID = {
    "Ich wohne in der Hauptstr. 5 in Berlin.": "Ich wohne in der Hauptstraße 5 in Berlin.",
    "In der Hauptstr. Danach": "In der Hauptstraße. Danach",
    "§ 5 Abs. 2 Satz 1": "Paragraf 5 Absatz 2 Satz 1",
    "z. B. oder d.h. bzw. ca. 20 %": "zum Beispiel oder das heißt beziehungsweise circa 20 Prozent",
    "Dr. Müller, Hr. Schmidt usw.": "Doktor Müller, Herr Schmidt und so weiter.",
    "Am 2. Mai": "Am zweiten Mai",
    "Der 2. Weltkrieg endete am 8. Mai 1945.": "Der zweite Weltkrieg endete am achten Mai 1945.",
    "vom 3. bis zum 31. März": "vom dritten bis zum einunddreißigsten März",
    "im 19. Jahrhundert": "im neunzehnten Jahrhundert",
    "Mein 1. Versuch": "Mein erster Versuch",
    "Ich habe 2. Dann gehe ich.": "Ich habe 2. Dann gehe ich.",
    "Heute ist der 3.10.2024.": "Heute ist der dritte Oktober 2024.",
    "Am 3.10. war frei.": "Am dritten Oktober war frei.",
    "2024-05-06": "sechster Mai 2024",
    "Kapitel 1.2. Anfang": "Kapitel 1.2. Anfang",
    "um 14:30 Uhr": "um 14 Uhr 30",
    "um 14.30 Uhr": "um 14 Uhr 30",
    "um 9:00": "um 9 Uhr",
    "1.234,56 €": "1234 Euro 56",
    "1.000.000 Menschen": "1000000 Menschen",
    "3,5 km": "3,5 Kilometer",
    "-5 °C": "minus 5 Grad Celsius",
    "10-20 km/h": "10 bis 20 Kilometer pro Stunde",
    "3 + 4 = 7": "3 plus 4 gleich 7",
    "192.168.0.1": "192.168.0.1",
    "Version 1.2.3": "Version 1.2.3",
}
WHOLE = [
    "Das Haus steht in der Hauptstr. 5 in Berlin. ",
    "Nach Paragraf 5 Abs. 2 Satz 1 ist das erlaubt. ",
    "Wir treffen uns am 2. Mai in der Stadt. ",
    "Der 2. Weltkrieg endete am 8. Mai 1945. ",
    "Es dauert vom 3. bis zum 5. Tag der Reise. ",
    "Das kostet 3 Mio. Euro bzw. etwas mehr. ",
    "Ich habe davon noch genau 2. ",
]


@pytest.mark.parametrize("text", SAID)
def test_what_is_said(text: str):
    assert speakable(text, "de-DE") == SAID[text]


@pytest.mark.parametrize("sentence", WHOLE)
@pytest.mark.parametrize("size", [1, 4, 999])
def test_sentences_stay_whole(sentence: str, size: int):
    cutter, text = PhraseCutter(), f"{sentence}Dann gehen wir alle nach Hause."
    phrases = [
        phrase for start in range(0, len(text), size) for phrase in cutter.push(text[start : start + size])
    ]
    phrases += cutter.flush()
    assert "".join(phrases) == text
    assert phrases[0].strip() == sentence.strip()


@pytest.mark.parametrize("piece", ["am 2. ", "z. B. ", "1.000", "3.10.", "12:30 ", "aastr. ", "am 3.1. "])
def test_time_is_linear(piece: str):
    # Quadratic work would take minutes.
    assert speakable(piece * 5_000, "de")
