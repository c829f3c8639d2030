import io
import wave

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.encoded import MP3, OPUS, cut, decoded, encoded, tagged_mp3, voice
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.lengths import AudioFormat, Meter, get_audio_length
from voicecli.audio.pcm import mulaw_bytes, s16_bytes
from voicecli.errors import DecodeError
from voicecli.wire.riff import WavLayout, riff_header

NAMED = {Codec.MP3: AudioFormat.MP3, Codec.OPUS: AudioFormat.OGG_OPUS, Codec.WEBM: AudioFormat.WEBM_OPUS}


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("codec", list(Codec))
def test_length_is_what_is_decoded(codec: Codec, rate: int) -> None:
    """MPEG 1, 2 and 2.5, Opus at 48 kHz without its pre-skip, plain samples, FLAC of unknown length."""
    format = StreamFormat(codec, rate)
    data = encoded(format, 1.2345)
    length = get_audio_length(NAMED.get(codec, format), data)
    assert length == pytest.approx(decoded(format, data), abs=0.0005)
    assert length == pytest.approx(1.2345, abs=0.07 if codec is Codec.MP3 and rate == 8000 else 0.05)


@pytest.mark.parametrize("bit_rate", [0, 32_000, 128_000])
@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_tagged_mp3_is_exact(rate: int, bit_rate: int) -> None:
    data = tagged_mp3(2.345, rate, min(bit_rate, 64_000) if rate < 16_000 else bit_rate)
    assert get_audio_length(AudioFormat.MP3, data) == pytest.approx(2.345, abs=0.002)


@pytest.mark.parametrize("page", ["20000", "1000000"])
def test_foreign_ogg_is_exact(page: str) -> None:
    """As libogg pages it, a second at a time, and with a stream that was never 48 kHz."""
    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"page_duration": page}) as output:
        stream = output.add_stream("libopus", rate=16_000)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(voice(16_000, 3.21)[None], format="flt", layout="mono")
        frame.sample_rate = 16_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert get_audio_length(AudioFormat.OGG_OPUS, file.getvalue()) == pytest.approx(3.21, abs=0.001)


def test_streams_in_a_row_add_up() -> None:
    for format in (OPUS, MP3, StreamFormat(Codec.WAV)):
        parts = [encoded(format, seconds) for seconds in (0.4, 0.7, 0.31)]
        whole = sum(get_audio_length(format, part) for part in parts)
        if format.codec is Codec.WAV:  # their sizes are unknown, so each would go on to the end
            parts = [_wav(seconds) for seconds in (0.4, 0.7, 0.31)]
            whole = 1.41
        assert get_audio_length(format, b"".join(parts)) == pytest.approx(whole, abs=0.001)


def test_mulaw_raw_and_in_a_file() -> None:
    data = mulaw_bytes(voice(8000, 0.75))
    assert get_audio_length(AudioFormat.WAV_MULAW_8KHZ, data) == 0.75
    assert (
        get_audio_length(
            AudioFormat.WAV_MULAW_8KHZ, riff_header(WavLayout("mu-law", 8, 1, 8000), len(data)) + data
        )
        == 0.75
    )


def test_flac_states_its_length() -> None:
    data = bytearray(encoded(StreamFormat(Codec.FLAC, 16_000), 0.5))
    packed = int.from_bytes(data[18:26], "big") & ~((1 << 36) - 1) | 16_000 * 3600
    data[18:26] = packed.to_bytes(8, "big")
    assert get_audio_length(StreamFormat(Codec.FLAC), bytes(data)) == 3600


def test_nothing_lasts_no_time() -> None:
    for format in (*AudioFormat, StreamFormat(Codec.PCM), StreamFormat(Codec.FLAC)):
        assert get_audio_length(format, b"") == 0.0


def test_other_bytes_are_refused() -> None:
    for format in (AudioFormat.MP3, AudioFormat.OGG_OPUS, AudioFormat.WEBM_OPUS, StreamFormat(Codec.FLAC)):
        with pytest.raises(DecodeError, match="text"):
            get_audio_length(format, b'{"error": "no such voice"}' * 2000)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20), st.sampled_from([*NAMED.values()]))
def test_split_does_not_matter(sizes: list[int], format: AudioFormat) -> None:
    data = SAMPLES[format]
    meter = Meter(format)
    assert sum(meter.push(piece) for piece in cut(data, sizes)) + meter.flush() == pytest.approx(
        get_audio_length(format, data), abs=1e-6
    )


def _wav(seconds: float) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setparams((1, 2, 24_000, 0, "NONE", ""))
        output.writeframes(s16_bytes(voice(24_000, seconds)))
    return file.getvalue()


SAMPLES = {format: encoded(StreamFormat(codec, 24_000), 0.8) for codec, format in NAMED.items()}
