"""What goes through the pipe to the worker."""

import io

from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.sphinx.frames import Kind, pack, read

FRAMES = st.tuples(st.sampled_from(Kind), st.integers(0, 2**32 - 1), st.binary(max_size=100))


@given(st.lists(FRAMES))
def test_frames_come_back(frames: list[tuple[Kind, int, bytes]]) -> None:
    stream = io.BytesIO(b"".join(pack(*frame) for frame in frames))
    assert [read(stream) for _ in frames] == frames
    assert read(stream) is None


@given(FRAMES, st.data())
def test_a_broken_frame_is_the_end(frame: tuple[Kind, int, bytes], data: st.DataObject) -> None:
    whole = pack(*frame)
    assert read(io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))])) is None
