import asyncio
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from voicecli.audio.fifo import Fifo, is_fifo
from voicecli.audio.recording import export_recording, load_recording, open_recording

RATE = 16_000
SOUND = np.sin(np.arange(RATE) / 9).astype(np.float32) / 2


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_named_pipes_are_told_apart(fifo: Path):
    assert is_fifo(fifo)
    assert not is_fifo(fifo.parent)
    assert not is_fifo(fifo / "nothing")


def test_closing_ends_a_read_without_a_writer(fifo: Path):
    file, data = Fifo(fifo), [b"?"]
    reader = threading.Thread(target=lambda: data.append(file.read(9)))
    reader.start()
    file.close()
    reader.join(30)
    assert data == [b"?", b""]
    assert file.closed


def test_reading_waits_for_the_writer_and_ends_with_it(fifo: Path):
    with Fifo(fifo) as file:
        writer = threading.Thread(target=fifo.write_bytes, args=(b"0123456789",))
        writer.start()
        assert file.read(4) == b"0123"
        assert file.read(9) == b"456789"
        assert file.read(1) == b""
        writer.join()


def test_recording_from_a_pipe(fifo: Path, tmp_path: Path):
    path = tmp_path / "a.wav"
    export_recording(path, SOUND, RATE)
    writer = threading.Thread(target=lambda: fifo.write_bytes(path.read_bytes()))
    writer.start()

    async def read() -> np.ndarray:
        return np.concatenate([piece async for piece in await open_recording(fifo)])

    np.testing.assert_array_equal(asyncio.run(read()), load_recording(path)[0])
    writer.join()


def test_waiting_for_a_writer_is_cancelled(fifo: Path):
    async def give_up() -> None:
        opening = asyncio.create_task(open_recording(fifo))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(asyncio.wait_for(give_up(), 30))  # whose end waits for its threads


def test_waiting_for_a_stalled_writer_is_cancelled(fifo: Path, tmp_path: Path):
    path = tmp_path / "a.wav"
    export_recording(path, SOUND, RATE)
    holding = os.open(fifo, os.O_RDWR)
    os.write(holding, path.read_bytes()[:9000])

    async def read() -> None:
        with await open_recording(fifo) as recording:
            async for _ in recording:
                pass

    async def give_up() -> None:
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(asyncio.wait_for(give_up(), 30))
    os.close(holding)
