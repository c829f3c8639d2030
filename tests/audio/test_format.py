import pytest

from voicecli.audio.format import Codec, StreamFormat, named_sound, sniff, spoken_name, unlike

ASKED = StreamFormat(Codec.PCM, 24_000)


@pytest.mark.parametrize(
    ("content_type", "codec", "rate", "channels"),
    [
        ("audio/mpeg", Codec.MP3, 24_000, 1),
        ("audio/x-wav", Codec.WAV, 24_000, 1),
        ("Audio/WAV; codecs=1", Codec.WAV, 24_000, 1),
        ("application/ogg", Codec.OPUS, 24_000, 1),
        ("audio/ogg; codecs=opus", Codec.OPUS, 24_000, 1),
        ("audio/flac", Codec.FLAC, 24_000, 1),
        ("audio/aac", Codec.AAC, 24_000, 1),
        ("video/webm", Codec.WEBM, 24_000, 1),
        ("audio/pcm", Codec.PCM, 24_000, 1),
        ("audio/pcm;rate=16000", Codec.PCM, 16_000, 1),
        ("audio/L16; rate=44100; channels=2", Codec.PCM, 44_100, 2),
        ('audio/L16;codec=pcm;rate="24000"', Codec.PCM, 24_000, 1),
        ("audio/pcm;rate=0;channels=99", Codec.PCM, 24_000, 1),
        ("audio/pcm;rate=many", Codec.PCM, 24_000, 1),
    ],
)
def test_sound_is_named(content_type: str, codec: Codec, rate: int, channels: int) -> None:
    named = named_sound(content_type, ASKED)
    assert named is not None
    assert named.format == StreamFormat(codec, rate, channels)
    assert named.either_order is ("L16" in content_type)


@pytest.mark.parametrize(
    "content_type", ["", "application/octet-stream", "text/html", "audio/basic", ";", "audio/"]
)
def test_anything_else_names_none(content_type: str) -> None:
    assert named_sound(content_type, ASKED) is None


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", Codec.WAV),
        (b"RF64\xff\xff\xff\xffWAVEds64", Codec.WAV),
        (b"OggS\0\x02", Codec.OPUS),
        (b"fLaC\0\0\0\x22", Codec.FLAC),
        (b"\x1aE\xdf\xa3\x9f", Codec.WEBM),
        (b"ID3\x04", Codec.MP3),
        (b"\xff\xfb\x90\x64", Codec.MP3),
        (b"\xff\xf3\x84\xc4", Codec.MP3),
        (b"\xff\xf1\x58\x40", Codec.AAC),
        (b"\xff\xf9\x58\x40", Codec.AAC),
        (b"RIFF\x24\x00\x00\x00AVI LIST", None),
        (b"\xff\xd8\xff\xe0", None),
        (b"\xff\xfe<\0", None),
        (b"<html>", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_beginnings(head: bytes, codec: Codec | None) -> None:
    assert sniff(head) is codec


@pytest.mark.parametrize("codec", list(Codec))
def test_every_codec_has_a_name(codec: Codec) -> None:
    assert spoken_name(codec) in unlike(codec, b"\0\x01").message


def test_error_shows_the_beginning() -> None:
    error = unlike(Codec.MP3, b'{"error": "no such\nmodel"}', "no frame")
    assert error.message == 'This is not MP3 (no frame): it begins with “{"error": "no such model"}”.'
    assert "text" in error.hint
    error = unlike(Codec.OPUS, b"\xff\xfb\x90\x64" + bytes(60))
    assert "ff fb 90 64 00" in error.message
    assert error.hint == "It looks like MP3."
