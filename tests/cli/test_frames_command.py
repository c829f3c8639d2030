"""`voicecli frames`: WAV files into frames and back, through files and pipes."""

import json
import os
import re
import signal
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.limited_disk import limited_disk
from tests.cli.program import Program, await_event
from voicecli.cli.app import app
from voicecli.errors import SaveError, UsageError, VoiceError, WireError
from voicecli.wire.frames import AudioFrame, FrameDecoder, ObjectFrame, encode
from voicecli.wire.riff import RiffReader, WavLayout, riff_header


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def wav(depth: int, channels: int, rate: int = 44_100, frames: int = 30_000) -> bytes:
    """Noise over the whole range, which shows every lost bit."""
    limits = np.iinfo(f"i{depth // 8}")
    noise = np.random.default_rng(depth * channels)
    sound = noise.integers(limits.min, limits.max, frames * channels, f"<i{depth // 8}", endpoint=True)
    data = sound.tobytes()
    return riff_header(WavLayout("integer", depth, channels, rate), len(data)) + data


def frames_in(data: bytes) -> list[AudioFrame]:
    decoder = FrameDecoder()
    frames = decoder.decode(data)
    decoder.close()
    return [frame for frame in frames if isinstance(frame, AudioFrame)]


@pytest.mark.parametrize(("depth", "channels"), [(16, 1), (16, 2), (32, 1), (32, 2)])
def test_there_and_back(program: Program, tmp_path: Path, depth: int, channels: int) -> None:
    original = wav(depth, channels)
    (tmp_path / "in.wav").write_bytes(original)
    words = ["--question", "why?", "--answer", "“so”", "--url", "u", "--chunk", "0.2"]
    end = program.run("frames", "encode", "in.wav", "in.frames", *words)
    assert (end.status, end.out, end.errors) == (0, b"", "")
    frames = frames_in((tmp_path / "in.frames").read_bytes())
    assert [frame.sign for frame in frames] == [1, 2, 2, 3]
    assert [frame.order for frame in frames] == [1, 2, 3, 4]
    assert [len(frame.samples) for frame in frames] == [8820, 8820, 8820, 30_000 - 3 * 8820]
    assert [frame.answer for frame in frames] == ["“so”", "", "", ""]
    assert {(frame.question, frame.url, frame.rate) for frame in frames} == {("why?", "u", 44_100)}
    end = program.run("frames", "decode", "in.frames", "out.wav")
    assert (end.status, end.out, end.errors) == (0, b"", "")
    assert (tmp_path / "out.wav").read_bytes() == original


def test_pipes_both_ways(program: Program, tmp_path: Path) -> None:
    original = wav(32, 2, 8000)
    framed = program.run("frames", "encode", "-", "-", stdin=original)
    assert (framed.status, framed.errors) == (0, "")
    back = program.run("frames", "decode", "-", "-", stdin=framed.out)
    assert (back.status, back.errors) == (0, "")
    reader = RiffReader()
    assert reader.push(back.out) == original[44:]
    assert reader.layout == WavLayout("integer", 32, 2, 8000)


@pytest.mark.parametrize("mode", ["wb", "ab"])
def test_standard_output_may_be_a_file(program: Program, tmp_path: Path, mode: str) -> None:
    original = wav(16, 1)
    framed = program.run("frames", "encode", "-", "-", stdin=original).out
    (tmp_path / "out.wav").write_bytes(b"before")
    with (tmp_path / "out.wav").open(mode) as out:
        end = program.run("frames", "decode", "-", "-", stdin=framed, stdout=out)
        assert (end.status, end.errors) == (0, "")
        out.seek(0, os.SEEK_CUR)
        out.write(b"after")
    written = (tmp_path / "out.wav").read_bytes()
    if mode == "wb":
        assert written == original + b"after"
    else:  # what is appended cannot be written again: the header says "to the end"
        assert written.startswith(b"before" + riff_header(WavLayout("integer", 16, 1, 44_100), None))
        assert written.endswith(original[44:] + b"after")


def test_disk_that_fills_up(program: Program, tmp_path: Path) -> None:
    """What fitted is whole: frames, or a WAV that tells its true size; where nothing did, nothing is left."""
    (tmp_path / "in.wav").write_bytes(wav(16, 2, 16_000, 16_000))
    assert program.run("frames", "encode", "in.wav", "in.frames", "--chunk", "0.05").status == 0
    for limit in (30_000, 100):
        with limited_disk(limit):
            program.run("frames", "encode", "in.wav", "out.frames", "--chunk", "0.05").refuses(1, "larger")
            program.run("frames", "decode", "in.frames", "out.wav").refuses(1, "Cannot save out.wav")
        if limit == 30_000:
            decoder = FrameDecoder()
            assert len(decoder.decode((tmp_path / "out.frames").read_bytes())) == 8
            decoder.close()
            assert soundfile.info(tmp_path / "out.wav").frames == 9 * 800
            assert (tmp_path / "out.wav").stat().st_size == 44 + 9 * 800 * 4
            (tmp_path / "out.frames").unlink()
            (tmp_path / "out.wav").unlink()
    assert not (tmp_path / "out.frames").exists()
    assert not (tmp_path / "out.wav").exists() or soundfile.info(tmp_path / "out.wav").frames == 0


@pytest.mark.parametrize("frames", [0, 1, 1000])
def test_short_sounds_end_too(program: Program, tmp_path: Path, frames: int) -> None:
    original = wav(16, 2, 48_000, frames)
    (tmp_path / "in.wav").write_bytes(original)
    assert program.run("frames", "encode", "in.wav", "in.frames").status == 0
    signs = [frame.sign for frame in frames_in((tmp_path / "in.frames").read_bytes())]
    assert signs == ([1, 3] if frames else [3])
    assert program.run("frames", "decode", "in.frames", "out.wav").status == 0
    assert (tmp_path / "out.wav").read_bytes() == original


def test_no_frame_is_larger_than_readers_take(tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(32, 4, 768_000, 768_000))
    words = [str(tmp_path / "in.wav"), str(tmp_path / "out"), "--chunk", "60"]
    app(args=["frames", "encode", *words], standalone_mode=False)
    frames = frames_in((tmp_path / "out").read_bytes())
    assert [len(frame.payload) for frame in frames] == [8 << 20, 16 * 768_000 - (8 << 20)]


def test_larger_frames_of_others_are_read(tmp_path: Path) -> None:
    frame = AudioFrame(payload=bytes(20 << 20))
    (tmp_path / "in").write_bytes(encode(frame))
    app(args=["frames", "decode", str(tmp_path / "in"), str(tmp_path / "out.wav")], standalone_mode=False)
    assert (tmp_path / "out.wav").stat().st_size == 44 + len(frame.payload)


def test_frames_leave_as_the_sound_comes(program: Program) -> None:
    decoder = FrameDecoder()
    found: list[object] = []
    with program.start("frames", "encode", "-", "-", "--chunk", "0.01", stdin=subprocess.PIPE) as process:
        process.stdin.write(riff_header(WavLayout("integer", 16, 1, 16_000), None) + bytes(322))
        while not found:
            found += decoder.decode(os.read(process.stdout.fileno(), 4096))
        process.stdin.close()
        while data := os.read(process.stdout.fileno(), 4096):
            found += decoder.decode(data)
    decoder.close()
    assert process.returncode == 0
    assert [frame.sign for frame in found] == [1, 3]


def test_frames_are_told_as_json(program: Program, tmp_path: Path) -> None:
    (tmp_path / "in.wav").write_bytes(wav(16, 1, 8000, 8000))
    end = program.run("frames", "encode", "in.wav", "in.frames", "--json", "--chunk", "0.6")
    assert [record["header"]["order"] for record in end.events("frame")] == [1, 2]
    with (tmp_path / "in.frames").open("ab") as file:
        file.write(encode(ObjectFrame({"kind": "\ud800"}, [1])))
    end = program.run("frames", "decode", "in.frames", "-", "--json")
    assert end.status == 0
    records = [json.loads(line) for line in end.errors.splitlines()]
    assert [record["event"] for record in records] == ["frame", "frame", "object"]
    assert records[0]["bytes"] == 9600
    assert records[2] == {"event": "object", "header": {"kind": "\ud800"}, "payload": [1]}


def test_truncated_frame_keeps_what_was_decoded(program: Program, tmp_path: Path) -> None:
    original = wav(16, 2, 8000, 8000)
    (tmp_path / "in.wav").write_bytes(original)
    program.run("frames", "encode", "in.wav", "in.frames")
    whole = (tmp_path / "in.frames").read_bytes()
    (tmp_path / "cut.frames").write_bytes(whole[:-1])
    end = program.run("frames", "decode", "cut.frames", "out.wav")
    end.refuses(1, "cut.frames: Frame 2 breaks off")
    assert (tmp_path / "out.wav").read_bytes() == wav_of(original[44 : 44 + 16_000])
    end = program.run("frames", "decode", "-", "-", stdin=whole[:-1])
    end.refuses(1, "standard input: Frame 2 breaks off")
    assert end.out[44:] == original[44 : 44 + 16_000]


def wav_of(sound: bytes) -> bytes:
    return riff_header(WavLayout("integer", 16, 2, 8000), len(sound)) + sound


def test_whole_wav_files_in_frames_are_joined(program: Program, tmp_path: Path) -> None:
    pieces = [wav_of(b"\x01\0\x02\0"), wav_of(b"\x03\0\x04\0")]
    frames = [AudioFrame(payload=piece, order=order) for order, piece in enumerate(pieces, 1)]
    (tmp_path / "in.frames").write_bytes(b"".join(map(encode, frames)))
    end = program.run("frames", "decode", "in.frames", "out.wav")
    assert end.status == 0
    assert "more was to come" in end.errors
    assert (tmp_path / "out.wav").read_bytes() == wav_of(b"\x01\0\x02\0\x03\0\x04\0")


def test_failure_of_the_sender_is_told(program: Program) -> None:
    error = {"kind": "Dropped", "message": "The voice is gone."}
    frames = [AudioFrame(payload=b"ab"), AudioFrame(sign=3, order=2, extra={"error": error})]
    end = program.run("frames", "decode", "-", "out.wav", stdin=b"".join(map(encode, frames)))
    end.refuses(1, "The voice is gone.")
    assert (program.home / "out.wav").stat().st_size == 46


@pytest.mark.parametrize(
    ("tag", "bits", "told"), [(1, 24, "24-bit integer"), (3, 32, "32-bit float"), (7, 8, "8-bit mu-law")]
)
def test_other_codings_are_named(program: Program, tmp_path: Path, tag: int, bits: int, told: str) -> None:
    layout = struct.pack("<HHIIHH", tag, 1, 8000, 8000 * bits // 8, bits // 8, bits)
    data = b"RIFF\x00\x01\x00\x00WAVEfmt \x10\x00\x00\x00" + layout + b"data\x0c\x00\x00\x00" + bytes(12)
    (tmp_path / "in.wav").write_bytes(data)
    (tmp_path / "kept").write_bytes(b"kept")
    program.run("frames", "encode", "in.wav", "kept").refuses(1, told, "16 or 32-bit integers")
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        (["encode", "none.wav", "out"], UsageError, "no file none.wav"),
        (["encode", "in.wav", "in.wav"], UsageError, "in.wav is the file that is read"),
        (["encode", ".", "out"], UsageError, "is a folder"),
        (["encode", "text", "out"], WireError, "text: This is not a WAV file"),
        (["encode", "nothing", "out"], WireError, "ends before its sound"),
        (["encode", "in.wav", "no/out"], SaveError, "Cannot save no/out"),
        (["decode", "in.wav", "out"], WireError, "in.wav: Frame 1 is broken"),
        (["decode", "nothing", "out"], WireError, "no sound in nothing: not even one frame"),
        (["decode", "objects", "out"], WireError, "no sound in objects: only 1 objects"),
    ],
)
def test_wrong_use_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], kind: type[VoiceError], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.wav").write_bytes(wav(16, 1, 8000, 100))
    Path("text").write_text("This is not sound at all.")
    Path("nothing").touch()
    Path("objects").write_bytes(encode(ObjectFrame({}, 1)))
    with pytest.raises(kind, match=re.escape(said)):
        app(args=["frames", *words], standalone_mode=False)
    assert not Path("out").exists()


def test_sound_that_changes_its_format_is_kept_up_to_there(program: Program) -> None:
    mixed = [AudioFrame(payload=b"ab"), AudioFrame(payload=b"ab", sample_rate=8000, order=2)]
    end = program.run("frames", "decode", "-", "out.wav", stdin=b"".join(map(encode, mixed)))
    end.refuses(1, "Frame 2 is 16-bit mono at 8000 Hz")
    assert (program.home / "out.wav").stat().st_size == 46


def test_interrupt_leaves_a_whole_file(program: Program, tmp_path: Path) -> None:
    with program.start("frames", "decode", "-", "out.wav", "--json", stdin=subprocess.PIPE) as process:
        process.stdin.write(encode(AudioFrame(payload=b"abcd")))
        await_event(process, lambda event: event["event"] == "frame")
        # The frame is told of before its sound is written, so ask for a second one.
        process.stdin.write(encode(AudioFrame(payload=b"efgh", order=2)))
        await_event(process, lambda event: event["event"] == "frame")
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    data = (tmp_path / "out.wav").read_bytes()
    assert data[40:44] == struct.pack("<I", len(data) - 44)
    assert data[44:48] == b"abcd"
