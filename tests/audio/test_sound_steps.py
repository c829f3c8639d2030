"""Sources and sinks of sound, with files and loudspeakers made for the purpose."""

import asyncio
import itertools
import struct
import time
from pathlib import Path

import numpy as np
import pytest

from tests.audio.encoded import MP3, OPUS, decoded, encoded, voice
from tests.flow.spring import Spring, run, settled
from voicecli.audio.block import Block
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.lengths import AudioFormat, get_audio_length
from voicecli.audio.microphone import PacedMicrophone
from voicecli.audio.pcm import from_mulaw, mulaw_bytes
from voicecli.audio.recording import load_recording
from voicecli.audio.sound_steps import (
    Hush,
    decode_step,
    encode_step,
    microphone_source,
    speaker_sink,
    wav_file_sink,
    wav_file_source,
    wav_mulaw_file_sink,
    wav_mulaw_file_source,
)
from voicecli.audio.speaker import FastSpeaker
from voicecli.audio.splitting import (
    mp3_chunk_step,
    mp3_concatenator_step,
    ogg_concatenator_step,
    ogg_page_separator_step,
)
from voicecli.conversation.voicebot import AudioWithText
from voicecli.errors import DecodeError, DeviceLost, SaveError, UsageError
from voicecli.flow.sinks import array_sink
from voicecli.flow.values import extract_value_step

SOUND = voice(16_000, 0.5)
END = Block(np.zeros(0, np.float32), 16_000, 0.0)


def blocks(sound=SOUND, rate=16_000, size=320):
    return [Block(sound[at : at + size], rate, at / rate) for at in range(0, len(sound), size)]


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self):
        self.samples = []
        self.closed = False

    def write(self, samples):
        self.samples.append(samples.copy())

    def close(self):
        self.closed = True

    @property
    def sound(self):
        return np.concatenate([np.zeros(0, np.float32), *self.samples])


class HandSpeaker:
    """A loudspeaker that takes sound when the test says so."""

    name, rate, latency, paced = "by hand", 16_000, 0.0, False

    def start(self, fill, lost):
        self.fill, self.lost, self.closed = fill, lost, False

    def nudge(self):
        pass

    def close(self):
        self.closed = True

    def take(self, seconds):
        out = np.zeros(round(seconds * self.rate), np.float32)
        return out[: self.fill(out, time.monotonic() - seconds)]


def test_wav_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "new" / "copy.wav"
    run(lambda: wav_file_sink(Spring(blocks())(), path))
    samples, rate = load_recording(path)
    assert rate == 16_000
    assert np.abs(samples - SOUND).max() < 1e-4
    again = run(lambda: array_sink(wav_file_source(path)))
    assert np.array_equal(np.concatenate([block.samples for block in again]), samples)
    assert all(block.duration <= 0.02 for block in again)
    ends = np.cumsum([block.duration for block in again])
    assert [block.time for block in again] == pytest.approx([0.0, *ends[:-1]])


def test_wav_sizes_are_true(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    run(lambda: wav_file_sink(Spring([*blocks(), END])(), str(path)))
    data = path.read_bytes()
    assert struct.unpack_from("<I", data, 4)[0] == len(data) - 8
    assert struct.unpack_from("<I", data, 40)[0] == len(data) - 44 == 2 * len(SOUND)


def test_other_rates_join_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    run(lambda: wav_file_sink(Spring([*blocks(), *blocks(voice(24_000, 0.5), 24_000)])(), path))
    samples, rate = load_recording(path)
    assert (rate, len(samples)) == (16_000, 16_000)


def test_silence_makes_an_empty_file(tmp_path: Path) -> None:
    run(lambda: wav_file_sink(Spring([])(), tmp_path / "a.wav"))
    run(lambda: wav_mulaw_file_sink(Spring([])(), tmp_path / "b.wav"))
    assert len(load_recording(tmp_path / "a.wav")[0]) == len(load_recording(tmp_path / "b.wav")[0]) == 0
    assert run(lambda: array_sink(wav_mulaw_file_source(tmp_path / "b.wav"))) == []


def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    spring = Spring(blocks(), error=DecodeError("It broke."))
    with pytest.raises(DecodeError, match="broke"):
        run(lambda: wav_file_sink(spring(), tmp_path / "a.wav"))
    assert len(load_recording(tmp_path / "a.wav")[0]) == len(SOUND)
    calls = Spring([mulaw_bytes(SOUND)], error=DecodeError("It broke."))
    with pytest.raises(DecodeError, match="broke"):
        run(lambda: wav_mulaw_file_sink(calls(), tmp_path / "b.wav"))
    assert len(load_recording(tmp_path / "b.wav")[0]) == len(SOUND)
    assert spring.closed
    assert calls.closed


class Broken(Spring):
    """One block, and then a failure, or a wait in which it is cancelled."""

    def __init__(self, samples: int, hold: bool = False):
        error = None if hold else ConnectionError("The voice went away.")
        super().__init__(blocks(voice(16_000, samples / 16_000), size=samples), hold=hold, error=error)


@pytest.mark.parametrize("samples", [100, 16_384, 20_000])
def test_failure_passes_with_nothing_waiting(tmp_path: Path, samples: int) -> None:
    with pytest.raises(ConnectionError):
        run(lambda: wav_file_sink(Broken(samples)(), tmp_path / "a.wav"))
    assert len(load_recording(tmp_path / "a.wav")[0]) == samples

    async def cancelled() -> None:
        spring = Broken(samples, hold=True)
        sink = asyncio.create_task(wav_file_sink(spring(), tmp_path / "b.wav"))
        await spring.waits.wait()
        sink.cancel()
        await sink

    with pytest.raises(asyncio.CancelledError):
        run(cancelled)
    assert len(load_recording(tmp_path / "b.wav")[0]) == samples


def test_failure_before_any_sound_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")
    with pytest.raises(ConnectionError):
        run(lambda: wav_file_sink(Spring([], error=ConnectionError())(), path))
    assert path.read_bytes() == b"before"


def test_speaker_plays_what_came_before_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        run(lambda: speaker_sink(Broken(16_000)(), tmp_path / "a.wav"))
    samples, rate = load_recording(tmp_path / "a.wav")
    assert len(samples) / rate == pytest.approx(1.0, abs=0.001)
    speaker = HandSpeaker()

    async def main() -> float:
        sink = asyncio.create_task(speaker_sink(Broken(16_000)(), speaker))
        await asyncio.sleep(0.02)
        heard = 0.0
        while not sink.done():
            heard += len(speaker.take(0.05)) / speaker.rate
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await sink
        return heard

    assert run(main) == pytest.approx(1.0, abs=0.001)
    assert speaker.closed


def test_name_may_come_with_the_stream(tmp_path: Path) -> None:
    async def main() -> None:
        stream, name = extract_value_step(Spring([b"\xff\xfe"])(), lambda data: tmp_path / f"{len(data)}.wav")
        await wav_mulaw_file_sink(stream, name)

    run(main)
    assert (tmp_path / "2.wav").read_bytes()[58:] == b"\xff\xfe"


@pytest.mark.parametrize("chunk", [0, 1000, 4096])
def test_mulaw_file_round_trip(tmp_path: Path, chunk: int) -> None:
    path, data = tmp_path / "call.wav", mulaw_bytes(voice(8000, 1.7))
    run(lambda: wav_mulaw_file_sink(Spring([data[:5000], data[5000:]])(), path))
    chunks = run(lambda: array_sink(wav_mulaw_file_source(path, chunk)))
    assert b"".join(chunks) == data
    assert all(len(piece) <= (chunk or len(data)) for piece in chunks)


def test_mulaw_source_wants_a_telephone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    run(lambda: wav_file_sink(Spring(blocks())(), path))
    for name, error, words in (
        (path, DecodeError, "telephone"),
        (tmp_path / "none.wav", UsageError, "no file"),
        (tmp_path, UsageError, "folder|directory"),
    ):
        with pytest.raises(error, match=words):
            run(lambda name=name: array_sink(wav_mulaw_file_source(name)))
    (tmp_path / "cut.wav").write_bytes(path.read_bytes()[:40])
    with pytest.raises(DecodeError, match="no sound"):
        run(lambda: array_sink(wav_mulaw_file_source(tmp_path / "cut.wav")))


def test_source_stops_with_its_reader(tmp_path: Path) -> None:
    """A file that is not read to its end is closed: a warning would fail this."""
    run(lambda: wav_file_sink(Spring(blocks(voice(16_000, 5)))(), tmp_path / "a.wav"))
    run(lambda: wav_mulaw_file_sink(Spring([bytes(50_000)])(), tmp_path / "b.wav"))

    async def main() -> None:
        for source in (
            wav_file_source(tmp_path / "a.wav"),
            wav_mulaw_file_source(tmp_path / "b.wav"),
            microphone_source(tmp_path / "a.wav"),
        ):
            await anext(source)
            await source.aclose()

    run(main)


@pytest.mark.parametrize(
    "format", [*AudioFormat, StreamFormat(Codec.FLAC, 16_000), StreamFormat(Codec.PCM, 16_000)]
)
def test_encode_then_decode(format: AudioFormat | StreamFormat) -> None:
    async def main() -> list[Block]:
        return await array_sink(decode_step(encode_step(Spring(blocks())(), format), format))

    heard = run(main)
    assert sum(block.duration for block in heard) == pytest.approx(0.5, abs=0.05)
    assert all(before.time < after.time for before, after in itertools.pairwise(heard))


def test_decode_says_what_is_wrong() -> None:
    with pytest.raises(DecodeError, match="Ogg Opus"):
        run(lambda: array_sink(decode_step(Spring([b"<html>" * 20])(), AudioFormat.OGG_OPUS)))
    assert run(lambda: array_sink(decode_step(Spring([])(), AudioFormat.MP3))) == []


def test_microphone_is_a_recording_at_its_own_pace(tmp_path: Path) -> None:
    run(lambda: wav_file_sink(Spring(blocks(SOUND[:1600]))(), tmp_path / "q.wav"))
    heard = run(lambda: array_sink(microphone_source(tmp_path / "q.wav")))
    assert sum(len(block.samples) for block in heard) == 1600
    with pytest.raises(UsageError, match="no file"):
        run(lambda: array_sink(microphone_source("nowhere/q.wav")))


def test_old_sound_goes_unheard() -> None:
    """What was said while nobody asked is forgotten, where only so much is to be kept."""

    class Late(PacedMicrophone):
        async def blocks(self):
            now = time.monotonic()
            for age in (60.0, 30.0, 0.0):
                yield Block(np.zeros(320, np.float32), 16_000, now - age)

    def ages(keep):
        microphone = Late("late", 16_000, Spring([])())
        return len(run(lambda: array_sink(microphone_source(microphone, keep=keep))))

    assert (ages(None), ages(40.0), ages(5.0)) == (3, 2, 1)


def test_speaker_plays_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "answer.wav"
    phrase = AudioWithText(encoded(OPUS, 0.3), "Hello.", AudioFormat.OGG_OPUS)
    run(lambda: speaker_sink(Spring([*blocks(), END, phrase, AudioWithText(b"", "", OPUS)])(), path))
    samples, rate = load_recording(path)
    assert len(samples) / rate == pytest.approx(0.8, abs=0.005)


def test_speaker_of_nothing(tmp_path: Path) -> None:
    run(lambda: speaker_sink(Spring([END])(), tmp_path / "answer.wav"))
    assert len(load_recording(tmp_path / "answer.wav")[0]) == 0
    with pytest.raises(UsageError, match=r"answer\.wav"):
        run(lambda: speaker_sink(Spring([END])(), tmp_path / "answer.mp3"))


def test_nothing_is_asked_for_before_a_reply_was_heard() -> None:
    speaker, spring = HandSpeaker(), Spring([*blocks(), END, *blocks()])

    async def main() -> None:
        sink = asyncio.create_task(speaker_sink(spring(), speaker))
        await asyncio.sleep(0.02)
        await settled()
        assert spring.read == 26
        while len(speaker.take(0.05)):
            await settled()
        await asyncio.sleep(0.02)
        assert spring.read == 51
        while not sink.done():
            speaker.take(0.05)
            await asyncio.sleep(0)
        await sink

    run(main)
    assert speaker.closed
    assert spring.closed


def test_hush_drops_what_waits() -> None:
    speaker = HandSpeaker()
    go = asyncio.Event()

    async def reply():
        for block in [*blocks(), END]:
            yield block
        await go.wait()
        yield Hush()
        for block in blocks(-SOUND):
            yield block

    async def main() -> np.ndarray:
        sink = asyncio.create_task(speaker_sink(reply(), speaker, wait=False))
        await asyncio.sleep(0.02)
        assert len(speaker.take(0.1)) == 1600
        go.set()
        await asyncio.sleep(0.02)
        heard = []
        while not sink.done():
            heard.append(speaker.take(0.01).copy())
            await asyncio.sleep(0)
        await sink
        return np.concatenate(heard)

    heard = run(main)
    assert np.allclose(heard[-len(SOUND) :], -SOUND)
    assert len(heard) - len(SOUND) <= 160  # what died away


def test_sink_ends_with_its_device() -> None:
    speaker, spring = HandSpeaker(), Spring(blocks(voice(16_000, 6)))

    async def main() -> None:
        sink = asyncio.create_task(speaker_sink(spring(), speaker))
        await asyncio.sleep(0.02)
        speaker.lost("It was unplugged.")
        await sink

    with pytest.raises(DeviceLost, match="unplugged"):
        run(main)
    assert spring.closed


def test_cancelled_sink_is_silent_and_closed() -> None:
    kept, spring = Kept(), Spring(blocks(), hold=True)

    async def main() -> None:
        sink = asyncio.create_task(speaker_sink(spring(), FastSpeaker("kept", kept, 16_000)))
        await asyncio.sleep(0.02)
        sink.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sink

    run(main)
    assert kept.closed
    assert spring.closed


@pytest.mark.parametrize("size", [1, 700, 1 << 20])
def test_pages_one_by_one(size: int) -> None:
    data = encoded(OPUS, 0.4)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    out = run(lambda: array_sink(ogg_page_separator_step(Spring(pieces)())))
    assert b"".join(out) == data
    assert len(out) == data.count(b"OggS") > 10
    assert run(lambda: array_sink(ogg_page_separator_step(Spring([data[:-1]])())))[-1] == out[-1][:-1]


def test_streams_become_one() -> None:
    for format, step in ((OPUS, ogg_concatenator_step), (MP3, mp3_concatenator_step)):
        parts = [encoded(format, seconds) for seconds in (0.4, 0.55, 0.3)]
        out = b"".join(run(lambda step=step, parts=parts: array_sink(step(Spring(parts)()))))
        assert decoded(format, out) == pytest.approx(sum(decoded(format, part) for part in parts), abs=0.03)
        assert run(lambda step=step: array_sink(step(Spring([])()))) == []


ERROR = b'{"error": {"message": "You exceeded your current quota.", "code": 429}}'
STEPS = [
    (OPUS, ogg_page_separator_step),
    (OPUS, ogg_concatenator_step),
    (MP3, lambda stream: mp3_chunk_step(stream, 500)),
    (MP3, mp3_concatenator_step),
]


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("format", "step"), STEPS)
@pytest.mark.parametrize("said", [ERROR, b"<html><body>502 Bad Gateway</body></html>", b"oops: no"])
def test_an_error_in_text_is_no_sound(format, step, size, said) -> None:
    """Neither alone nor behind a stream that was one; and what comes after it is not waited for."""
    for before in (b"", encoded(format, 0.4)):
        data = before + said
        spring = Spring([data[at : at + size] for at in range(0, len(data), size)], hold=len(said) > 20)
        with pytest.raises(DecodeError, match="text"):
            run(lambda spring=spring: array_sink(step(spring())))
        assert spring.closed


@pytest.mark.parametrize(("format", "step"), STEPS)
def test_another_format_is_refused_at_once(format, step) -> None:
    others = {OPUS: MP3, MP3: OPUS}
    for data in (encoded(others[format], 0.3), encoded(StreamFormat(Codec.WAV), 0.3), bytes(30_000)):
        with pytest.raises(DecodeError, match="This is not"):
            run(lambda data=data: array_sink(step(Spring([data], hold=True)())))
    for data in (b"\x01\x02", b"\x89PNG\r\n\x1a\n" + bytes(100)):
        with pytest.raises(DecodeError, match="This is not"):
            run(lambda data=data: array_sink(step(Spring([data])())))


@pytest.mark.parametrize("limit", [1, 500, 5000])
def test_mp3_chunks_are_whole_frames(limit: int) -> None:
    data = encoded(MP3, 0.6)
    pieces = [data[at : at + 777] for at in range(0, len(data), 777)]
    out = run(lambda: array_sink(mp3_chunk_step(Spring(pieces)(), limit)))
    assert b"".join(out) == data
    assert all(piece[0] == 0xFF for piece in out)
    assert max(map(len, out)) <= max(limit, 250)
    assert sum(get_audio_length(MP3, piece) for piece in out[1:]) > 0.5


def test_steps_pull_nothing_beforehand() -> None:
    springs = [Spring([b"x"]) for _ in range(5)]
    steps = [
        decode_step(springs[0](), MP3),
        ogg_page_separator_step(springs[1]()),
        ogg_concatenator_step(springs[2]()),
        mp3_chunk_step(springs[3](), 100),
        encode_step(springs[4](), MP3),
    ]
    assert not any(spring.started for spring in springs)
    for step in steps:
        asyncio.run(step.aclose())


def test_disk_that_refuses(tmp_path: Path) -> None:
    spring = Spring(blocks())
    with pytest.raises(SaveError, match="folder"):
        run(lambda: wav_file_sink(spring(), tmp_path))
    assert spring.closed


def test_mulaw_plays(tmp_path: Path) -> None:
    data = mulaw_bytes(voice(8000, 0.25))
    run(
        lambda: speaker_sink(
            Spring([AudioWithText(data, "Hi.", AudioFormat.WAV_MULAW_8KHZ)])(), tmp_path / "a.wav"
        )
    )
    samples, rate = load_recording(tmp_path / "a.wav")
    assert len(samples) / rate == pytest.approx(0.25, abs=0.002)
    assert samples.std() == pytest.approx(from_mulaw(data).std(), rel=0.05)
