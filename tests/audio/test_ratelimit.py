import asyncio
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.encoded import Counted, cut, encoded
from tests.flow.spring import Spring, run
from voicecli.audio.block import Block
from voicecli.audio.format import Codec, StreamFormat
from voicecli.audio.lengths import AnyFormat, AudioFormat, get_audio_length
from voicecli.audio.pace import LoopClock, Pace
from voicecli.audio.ratelimit import (
    audio_rate_limit_step,
    block_rate_limit_step,
    raw_audio_rate_limit_step,
)
from voicecli.errors import DecodeError

PCM = StreamFormat(Codec.PCM, 16_000)
FORMATS: dict[AnyFormat, StreamFormat] = {
    AudioFormat.MP3: StreamFormat(Codec.MP3),
    AudioFormat.OGG_OPUS: StreamFormat(Codec.OPUS),
    AudioFormat.WEBM_OPUS: StreamFormat(Codec.WEBM),
    **{(format := StreamFormat(codec)): format for codec in (Codec.WAV, Codec.FLAC, Codec.AAC)},
    PCM: PCM,
}
SAMPLES = {name: encoded(format, 2.0) for name, format in FORMATS.items()}
SAMPLES[AudioFormat.WAV_MULAW_8KHZ] = bytes(range(256)) * 63


def paced(
    items: list[bytes], format: AnyFormat, seconds: float, **options: bool
) -> list[tuple[float, bytes]]:
    """What comes out, and when."""
    clock = Counted()

    async def main() -> list[tuple[float, bytes]]:
        step = audio_rate_limit_step(Spring(items)(), format, seconds, clock=clock, **options)
        return [(clock.now, piece) async for piece in step]

    return run(main)


@pytest.mark.parametrize("format", SAMPLES)
def test_never_further_ahead_than_told(format: AnyFormat) -> None:
    data, length = SAMPLES[format], get_audio_length(format, SAMPLES[format])
    out = paced([data], format, 0.5)
    assert b"".join(piece for _, piece in out) == data
    assert out[-1][0] == pytest.approx(length - 0.5, abs=0.12)
    # Of an encoded stream some bytes hold more sound than others, so only the pieces themselves tell.
    sent, longest = 0.0, 0.12
    for (now, piece), (later, _) in itertools.pairwise(out):
        assert later >= now
        if format in (PCM, AudioFormat.WAV_MULAW_8KHZ):
            sent += get_audio_length(format, piece)
            assert sent - now <= 0.5 + longest


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=12), st.sampled_from(list(SAMPLES)))
def test_split_changes_nothing(sizes: list[int], format: AnyFormat) -> None:
    data = SAMPLES[format]
    out = paced(cut(data, sizes), format, 0.3)
    assert b"".join(piece for _, piece in out) == data
    assert out[-1][0] == pytest.approx(paced([data], format, 0.3)[-1][0], abs=0.1)


@pytest.mark.parametrize("format", [name for name in SAMPLES if name != PCM])
def test_streams_in_a_row_take_their_time(format: AnyFormat) -> None:
    data, length = SAMPLES[format], get_audio_length(format, SAMPLES[format])
    out = paced([data, data], format, 0.5, whole=True)
    assert b"".join(piece for _, piece in out) == data * 2
    assert out[-1][0] == pytest.approx(2 * length - 0.5, abs=0.15)


def test_headers_come_together_and_first() -> None:
    data = SAMPLES[AudioFormat.OGG_OPUS]
    first, *rest = [piece for _, piece in paced([data], AudioFormat.OGG_OPUS, 0.5)]
    assert first.count(b"OggS") == 2
    assert b"OpusHead" in first
    assert b"OpusTags" in first
    assert all(piece.count(b"OggS") == 1 for piece in rest)


def test_pieces_are_whole() -> None:
    assert all(
        piece[:4] == b"OggS" for _, piece in paced([SAMPLES[AudioFormat.OGG_OPUS]], AudioFormat.OGG_OPUS, 9)
    )
    assert all(piece[0] == 0xFF for _, piece in paced([SAMPLES[AudioFormat.MP3]], AudioFormat.MP3, 9))


def test_slow_reader_is_not_slowed_further() -> None:
    clock = Counted()

    async def main() -> float:
        step = audio_rate_limit_step(Spring([bytes(8000)])(), AudioFormat.WAV_MULAW_8KHZ, 0.1, clock=clock)
        async for piece in step:
            clock.now += 2 * len(piece) / 8000
        return clock.now

    assert run(main) == pytest.approx(2.0)


def test_format_may_come_with_the_stream() -> None:
    async def main() -> bytes:
        format: asyncio.Future[AnyFormat] = asyncio.get_running_loop().create_future()

        async def source():
            format.set_result(AudioFormat.WAV_MULAW_8KHZ)
            yield b"\xff" * 800

        step = audio_rate_limit_step(source(), format, 1.0, clock=Counted())
        return b"".join([piece async for piece in step])

    assert run(main) == b"\xff" * 800


def test_raw_pace() -> None:
    clock = Counted()

    async def main() -> list[float]:
        step = raw_audio_rate_limit_step(Spring([bytes(100)] * 10)(), 1000, 0.25, clock=clock)
        return [clock.now async for _ in step]

    assert run(main) == pytest.approx([0, 0, 0, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65])


def test_block_pace() -> None:
    clock = Counted()
    blocks = [Block(np.zeros(size, np.float32), 1000, 0.0) for size in (100, 300, 0, 100, 100)]

    async def main() -> list[float]:
        return [clock.now async for _ in block_rate_limit_step(Spring(blocks)(), 0.2, clock=clock)]

    assert run(main) == pytest.approx([0.0, 0.0, 0.2, 0.2, 0.3])


def test_nothing_and_rubbish() -> None:
    assert paced([], AudioFormat.OGG_OPUS, 1.0) == []
    with pytest.raises(DecodeError):
        paced([b"<html>" * 60_000], AudioFormat.OGG_OPUS, 1.0)


def test_closing_reaches_the_source() -> None:
    spring = Spring([bytes(8000)] * 9)

    async def main() -> None:
        step = audio_rate_limit_step(spring(), AudioFormat.WAV_MULAW_8KHZ, 0.1, clock=Counted())
        assert spring.read == 0
        async for _ in step:
            break
        await step.aclose()

    run(main)
    assert spring.closed
    assert spring.read == 1


def test_cancellation_ends_the_wait() -> None:
    spring = Spring([bytes(80_000)])

    async def main() -> None:
        step = audio_rate_limit_step(spring(), AudioFormat.WAV_MULAW_8KHZ, 0.0)  # the loop's own clock
        await anext(step)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await anext(step)

    run(main)
    assert spring.closed


def test_pace_is_pure() -> None:
    pace = Pace(0.5)
    assert pace.wait(100.0) == 0.0
    pace.push(100.0, 2.0)
    assert pace.wait(100.0) == 1.5
    assert pace.wait(101.75) == 0.0
    pace.push(110.0, 1.0)  # it had fallen silent
    assert pace.wait(110.0) == 0.5
    with pytest.raises(ValueError, match="negative"):
        Pace(-1.0)


def test_loop_clock() -> None:
    async def main() -> None:
        clock = LoopClock()
        before = clock.time()
        await clock.sleep(0.001)
        assert clock.time() > before

    run(main)
