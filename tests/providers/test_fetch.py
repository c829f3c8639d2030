"""Downloads from a real server on this machine."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.providers.published import git_hash
from voicecli.errors import Dropped, NotFound, RateLimited, Refused, SaveError, Unavailable
from voicecli.providers.fetch import ModelFile, Progress, fetch, model_folder
from voicecli.providers.hub import _ensure_safe


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pauses before a server is asked again."""
    library = pytest.importorskip("huggingface_hub.file_download")
    monkeypatch.setattr("voicecli.providers.hub.PAUSES", (0.0,) * 4)
    hurried = SimpleNamespace(sleep=lambda _: None, time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr(library, "time", hurried)
    monkeypatch.setattr("huggingface_hub.utils._http.time", hurried)


DATA = bytes(range(256)) * 8_192  # 2 MiB
SHA256 = hashlib.sha256(DATA).hexdigest()


class Site:
    """What the server does, and what it was asked."""

    def __init__(self) -> None:
        self.address = ""
        self.data = DATA
        self.etag = '"one"'
        self.ranges: list[str | None] = []  # the Range of each request
        self.cut_at: list[int] = []  # bytes after which the next answers break off
        self.statuses: list[int] = []  # statuses of the next answers, instead of the file
        self.ignore_range = False
        self.sends_to = ""  # where the next answer redirects
        self.gate: threading.Event | None = None  # half of the file, then wait for this

    def file(self, sha256: str = SHA256, path: str = "kokoro/model.onnx") -> ModelFile:
        return ModelFile(f"{self.address}/model.onnx", path, sha256)


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

        def do_GET(self) -> None:
            answer(self, site)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        if site.gate:
            site.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(handler: BaseHTTPRequestHandler, site: Site) -> None:
    wanted = handler.headers.get("Range")
    site.ranges.append(wanted)
    if site.statuses:
        handler.send_error(site.statuses.pop(0))
        return
    if site.sends_to:
        handler.send_response(302)
        handler.send_header("Location", site.sends_to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        site.sends_to = ""
        return
    start = 0
    if wanted and not site.ignore_range and handler.headers.get("If-Range", site.etag) == site.etag:
        start = int(wanted.removeprefix("bytes=").removesuffix("-"))
    if start and start >= len(site.data):
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(site.data)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(site.data) - 1}/{len(site.data)}")
    handler.send_header("ETag", site.etag)
    handler.send_header("Content-Length", str(len(site.data) - start))
    handler.end_headers()
    body = site.data[start:]
    body = body[: site.cut_at.pop(0)] if site.cut_at else body
    with contextlib.suppress(ConnectionError):
        if site.gate:
            handler.wfile.write(body[: len(body) // 2])
            site.gate.wait(20)
            body = body[len(body) // 2 :]
        handler.wfile.write(body)


def get(folder: Path, *files: ModelFile, report: Any = None) -> list[Path]:
    return asyncio.run(fetch(files, report, folder=folder))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_file_arrives(tmp_path: Path) -> None:
    with serving() as site:
        [path] = get(tmp_path, site.file())
    assert path == tmp_path / "kokoro" / "model.onnx"
    assert path.read_bytes() == DATA
    assert left(tmp_path) == ["model.onnx"]


def test_second_time_is_offline(tmp_path: Path) -> None:
    with serving() as site:
        file = site.file()
        get(tmp_path, file)
        get(tmp_path, file)
        assert len(site.ranges) == 1
    assert get(tmp_path, file)[0].read_bytes() == DATA


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Progress] = []
    with serving() as site:
        get(tmp_path, site.file(), report=told.append)
    assert told[0] == Progress("kokoro/model.onnx", 0, len(DATA))
    assert told[-1] == Progress("kokoro/model.onnx", len(DATA), len(DATA))
    assert [one.done for one in told] == sorted(one.done for one in told)


def test_truncated_answers_are_resumed(tmp_path: Path) -> None:
    with serving() as site:
        site.cut_at = [100_000, 300_000]
        [path] = get(tmp_path, site.file())
        assert site.ranges == [None, "bytes=65536-", "bytes=327680-"]
    assert path.read_bytes() == DATA


def test_interrupted_download_goes_on_next_time(tmp_path: Path) -> None:
    part = tmp_path / "kokoro" / ".part" / "model.onnx"

    async def half(site: Site) -> None:
        download = asyncio.create_task(fetch([site.file()], folder=tmp_path))
        async with asyncio.timeout(10):
            while not part.exists() or not part.stat().st_size:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        download.cancel()
        with pytest.raises(asyncio.CancelledError):
            await download

    with serving() as site:
        site.gate = threading.Event()
        asyncio.run(half(site))
        site.gate.set()
        site.gate = None
        assert part.exists()
        [path] = get(tmp_path, site.file())
        assert site.ranges[0] is None
        assert site.ranges[-1] is not None
    assert path.read_bytes() == DATA


def test_server_dies_and_comes_back(tmp_path: Path) -> None:
    with serving() as site:
        site.cut_at = [200_000, 0, 0, 0, 0, 0, 0, 0]
        with pytest.raises(Dropped, match="after 196608 bytes") as caught:
            get(tmp_path, site.file())
        assert "try again" in caught.value.hint
    with serving() as site:
        assert get(tmp_path, site.file())[0].read_bytes() == DATA
        assert site.ranges == ["bytes=196608-"]


def test_server_without_ranges_starts_over(tmp_path: Path) -> None:
    with serving() as site:
        site.ignore_range = True
        site.cut_at = [100_000]
        assert get(tmp_path, site.file())[0].read_bytes() == DATA


def test_whole_part_is_taken(tmp_path: Path) -> None:
    part = tmp_path / "kokoro" / ".part" / "model.onnx"
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA)
    with serving() as site:
        assert get(tmp_path, site.file())[0].read_bytes() == DATA


def test_damaged_part_is_thrown_away(tmp_path: Path) -> None:
    part = tmp_path / "kokoro" / ".part" / "model.onnx"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 1000)
    with serving() as site:
        assert get(tmp_path, site.file())[0].read_bytes() == DATA
        assert site.ranges == ["bytes=1000-", None]


def test_wrong_hash_is_reported(tmp_path: Path) -> None:
    with serving() as site, pytest.raises(Unavailable, match="SHA-256"):
        get(tmp_path, site.file(sha256="0" * 64))
    assert "model.onnx" not in left(tmp_path)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Refused), (403, Refused), (404, NotFound), (410, NotFound), (400, Unavailable)],
)
def test_refusals_are_not_retried(tmp_path: Path, status: int, error: type[Exception]) -> None:
    with serving() as site:
        site.statuses = [status] * 9
        with pytest.raises(error, match=str(status)) as caught:
            get(tmp_path, site.file())
        assert str(tmp_path / "kokoro" / "model.onnx") in str(caught.value)
        assert len(site.ranges) == 1


@pytest.mark.parametrize(("status", "error"), [(500, Unavailable), (503, Unavailable), (429, RateLimited)])
def test_passing_troubles_are_retried(tmp_path: Path, status: int, error: type[Exception]) -> None:
    with serving() as site:
        site.statuses = [status] * 2
        assert get(tmp_path, site.file())[0].read_bytes() == DATA
        site.statuses = [status] * 99
        with pytest.raises(error):
            get(tmp_path, site.file(path="other.onnx"))


def test_offline_says_what_to_do(tmp_path: Path) -> None:
    with serving() as site:
        file = site.file()
    with pytest.raises(Unavailable, match="not reachable") as caught:
        get(tmp_path, file)
    assert file.url in caught.value.hint
    assert str(tmp_path / file.path) in caught.value.hint


def test_proxy_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as site:
        monkeypatch.setenv("http_proxy", site.address)
        monkeypatch.setenv("no_proxy", "")
        file = ModelFile("http://127.0.0.1:9/model.onnx", "a.onnx", SHA256)
        assert get(tmp_path, file)[0].read_bytes() == DATA


def test_full_disk_is_a_clear_error(tmp_path: Path) -> None:
    """A limit on the size of files stands for a disk that fills up in the middle."""
    program = """
import asyncio, resource, sys
from pathlib import Path
from voicecli.errors import SaveError
from voicecli.providers.fetch import ModelFile, fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    asyncio.run(fetch([ModelFile(sys.argv[1], "model.onnx", sys.argv[2])], folder=Path(sys.argv[3])))
except SaveError as exc:
    print(exc)
"""
    with serving() as site:
        command = [sys.executable, "-c", program, f"{site.address}/model.onnx", SHA256, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert "does not fit" in done.stdout
    assert "Make room" in done.stdout


def test_file_larger_than_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with serving() as site, pytest.raises(SaveError, match="does not fit"):
        get(tmp_path, site.file())


def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "kokoro").write_text("a file where the folder should be")
    with serving() as site, pytest.raises(SaveError, match="cannot be written"):
        get(tmp_path, site.file())


def test_two_at_once_share_a_download(tmp_path: Path) -> None:
    async def both(site: Site) -> list[list[Path]]:
        return await asyncio.gather(*(fetch([site.file()], folder=tmp_path) for _ in range(3)))

    with serving() as site:
        assert len(asyncio.run(both(site))) == 3
        assert len(site.ranges) == 1
    assert left(tmp_path) == ["model.onnx"]


def test_two_processes_share_a_download(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from voicecli.providers.fetch import ModelFile, fetch
asyncio.run(fetch([ModelFile(sys.argv[1], "model.onnx", sys.argv[2])], folder=Path(sys.argv[3])))
"""
    with serving() as site:
        command = [sys.executable, "-c", program, f"{site.address}/model.onnx", SHA256, str(tmp_path)]
        running = [subprocess.Popen(command) for _ in range(2)]
        assert [process.wait(30) for process in running] == [0, 0]
        assert len(site.ranges) == 1
    assert (tmp_path / "model.onnx").read_bytes() == DATA


def test_model_folder_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICECLI_MODELS", raising=False)
    assert model_folder().parts[-2:] == ("voicecli", "models")
    monkeypatch.setenv("VOICECLI_MODELS", str(tmp_path))
    assert model_folder() == tmp_path


@pytest.mark.parametrize(
    "url", ["http://example.org/model.onnx", "ftp://127.0.0.1/model.onnx", "http://192.168.0.7/x"]
)
def test_nothing_comes_unencrypted(tmp_path: Path, url: str) -> None:
    with pytest.raises(Refused, match="anybody on the way"):
        get(tmp_path, ModelFile(url, "kokoro/model.onnx", SHA256))
    with serving() as site:
        site.sends_to = url
        with pytest.raises(Refused, match="anybody on the way"):
            get(tmp_path, site.file())
        assert len(site.ranges) == 1
    assert not (tmp_path / "kokoro" / "model.onnx").exists()


def test_a_server_sends_nobody_to_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    with serving() as site:
        site.sends_to = secret.as_uri()
        with pytest.raises((Refused, Unavailable)):
            get(tmp_path / "models", site.file())


def test_a_redirect_on_this_machine_is_followed(tmp_path: Path) -> None:
    with serving() as site:
        site.sends_to = f"{site.address}/elsewhere"
        [path] = get(tmp_path, site.file())
    assert path.read_bytes() == DATA


def test_https_is_not_left() -> None:
    with pytest.raises(Refused):
        _ensure_safe("http://localhost/model", "https://localhost/model")
    _ensure_safe("https://localhost/other", "https://localhost/model")
    _ensure_safe("http://localhost/other", "http://localhost/model")


def test_a_file_without_a_hash_is_not_fetched(tmp_path: Path) -> None:
    with serving() as site:
        file = ModelFile(f"{site.address}/model.onnx", "kokoro/model.onnx")
        with pytest.raises(Refused, match="no hash"):
            get(tmp_path, file)
        assert site.ranges == []
    (tmp_path / "kokoro").mkdir()
    (tmp_path / "kokoro" / "model.onnx").write_bytes(b"saved by hand")
    assert get(tmp_path, file)[0].read_bytes() == b"saved by hand"


def test_git_hash_is_checked(tmp_path: Path) -> None:
    with serving() as site:
        [path] = get(tmp_path, ModelFile(f"{site.address}/model.onnx", "right", git=git_hash(DATA)))
        assert path.read_bytes() == DATA
        with pytest.raises(Unavailable, match="not the file it should be"):
            get(tmp_path, ModelFile(f"{site.address}/model.onnx", "wrong", git="0" * 40))


@pytest.mark.parametrize("where", [".part", ".part/model.onnx"])
def test_links_are_not_followed(tmp_path: Path, where: str) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "model.onnx").write_bytes(b"precious")
    link = tmp_path / "kokoro" / where
    link.parent.mkdir(parents=True)
    link.symlink_to(mine if where == ".part" else mine / "model.onnx")
    with serving() as site, pytest.raises(SaveError, match="no file of a download"):
        get(tmp_path, site.file())
    assert (mine / "model.onnx").read_bytes() == b"precious"


def test_a_pipe_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "kokoro" / ".part").mkdir(parents=True)
    os.mkfifo(tmp_path / "kokoro" / ".part" / "model.onnx")
    with serving() as site, pytest.raises(SaveError, match="no file of a download"):
        get(tmp_path, site.file())
