import pytest

from voicecli.audio.format import Codec, StreamFormat, named_sound

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
