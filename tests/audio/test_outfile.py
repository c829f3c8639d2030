import os
from pathlib import Path

import pytest

from tests.audio.limited_disk import limited_disk
from voicecli.audio.outfile import OutFile
from voicecli.errors import SaveError


def test_file_stays_until_something_is_written(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"precious")
    OutFile(path).close()
    assert path.read_bytes() == b"precious"
    file = OutFile(path)
    file.write(b"new")
    file.close()
    assert path.read_bytes() == b"new"


def test_file_made_for_nothing_goes(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="folder/new"):
        OutFile(tmp_path / "folder" / "new")
    file = OutFile(tmp_path / "folder" / "new", folders=True)
    file.close()
    file.close()
    assert not (tmp_path / "folder" / "new").exists()
    file = OutFile(tmp_path / "empty")
    file.write(b"")
    file.close()
    assert (tmp_path / "empty").read_bytes() == b""
    with pytest.raises(SaveError, match="closed"):
        file.write(b"x")


def test_write_fits_or_leaves_nothing(tmp_path: Path) -> None:
    file = OutFile(tmp_path / "a")
    with limited_disk(1000):
        file.write(bytes(900))
        with pytest.raises(SaveError, match="may not grow any larger"):
            file.write(bytes(900))
        file.rewrite(0, b"head")
        file.write(bytes(100))
    file.close()
    assert (tmp_path / "a").read_bytes() == b"head" + bytes(996)
    file = OutFile(tmp_path / "b")
    with limited_disk(10), pytest.raises(SaveError):
        file.write(bytes(11))
    file.close()
    assert not (tmp_path / "b").exists()


def test_stream_is_written_where_it_stands(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb", buffering=0) as stream:
        stream.write(b"before ")
        file = OutFile(Path("standard output"), stream.fileno())
        file.write(b"xxxx, and more")
        file.rewrite(0, b"head")
        file.close()
        stream.write(b", and after")
    assert (tmp_path / "a").read_bytes() == b"before head, and more, and after"


def test_pipe_cannot_be_rewound() -> None:
    reader, writer = os.pipe()
    file = OutFile(Path("standard output"), writer)
    assert not file.rewinds
    file.write(b"sound")
    file.rewrite(0, b"x")
    assert os.read(reader, 100) == b"sound"
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        file.write(b"x")
    os.close(writer)
