"""What goes through the pipes between a process and its workers."""

import io
import pickle

from hypothesis import given
from hypothesis import strategies as st

from voicecli.providers.simulated import SimulatedRecognizer, SimulatedRecognizerOptions
from voicecli.workers.pipe import Frame, Order, Recipe, pack, read_order

FRAMES = st.tuples(st.sampled_from(Order), st.integers(0, 2**32 - 1), st.binary(max_size=100))


@given(st.lists(FRAMES))
def test_frames_come_back(frames: list[tuple[Order, int, bytes]]) -> None:
    stream = io.BytesIO(b"".join(pack(*frame) for frame in frames))
    assert [read_order(stream) for _ in frames] == [Frame(kind.value, *rest) for kind, *rest in frames]
    assert read_order(stream) is None


@given(FRAMES, st.data())
def test_a_broken_frame_is_the_end(frame: tuple[Order, int, bytes], data: st.DataObject) -> None:
    whole = pack(*frame)
    assert read_order(io.BytesIO(whole[: data.draw(st.integers(0, len(whole) - 1))])) is None


def test_a_recipe_names_its_engine() -> None:
    """By its module: the worker imports it for itself."""
    recipe = Recipe(SimulatedRecognizer, SimulatedRecognizerOptions(delay=1.0), {"domain": "d"})
    assert pickle.loads(pickle.dumps(recipe)) == recipe
