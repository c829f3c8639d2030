"""Model files: fetched once, resumed when interrupted, checked, and kept in the cache folder.

A file is written beside its place under a `.part` name, locked while somebody writes to it, so that two
processes share one download; it gets its name only when it is whole and its hash is right.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import http.client
import os
import shutil
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from voicecli import __version__
from voicecli.errors import (
    Dropped,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    SaveError,
    TimedOut,
    Unavailable,
    VoiceError,
)
from voicecli.folders import cache_folder

__all__ = ["ModelFile", "Progress", "Reporter", "fetch", "model_folder"]

PIECE = 256 * 1024  # bytes read at a time
REPORT = 0.1  # seconds between two progress reports
STALL = 20.0  # seconds without a byte
ATTEMPTS = 5  # in a row without a new byte
PAUSE = 0.5  # seconds before the second attempt, doubled for each one more
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that an engine needs, and where it is published."""

    url: str
    path: str  # below the model folder
    sha256: str = ""  # hexadecimal; empty where none is published


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is."""

    name: str  # the file's path below the model folder
    done: int  # bytes
    total: int | None  # bytes; None when the server does not say


Reporter: TypeAlias = Callable[[Progress], None]


def model_folder() -> Path:
    """Where model files are kept; `VOICECLI_MODELS` moves it."""
    if moved := os.environ.get("VOICECLI_MODELS"):
        return Path(moved).expanduser()
    return cache_folder() / "models"


async def fetch(
    files: Sequence[ModelFile],
    report: Reporter | None = None,
    *,
    folder: Path | None = None,
    pause: float = PAUSE,
) -> list[Path]:
    """The paths of `files`, those that are not there yet downloaded; `report` is called on the event loop.

    Cancelling stops the download; what has come so far is kept, and the next call goes on from there.
    Raises NotFound, Refused, RateLimited, Unavailable, TimedOut, Dropped, SaveError.
    """
    loop = asyncio.get_running_loop()
    paths = []

    def tell(progress: Progress) -> None:
        if report is not None and not loop.is_closed():
            loop.call_soon_threadsafe(report, progress)

    for file in files:
        path = (folder or model_folder()) / file.path
        paths.append(path)
        if path.exists():
            continue
        stop = threading.Event()
        download = _Download(file, path, tell, stop, pause)
        try:
            await asyncio.wrap_future(_started(download))
        finally:
            stop.set()
    return paths


def _started(download: _Download) -> Future[None]:
    """Run in a daemon thread: leaving the program does not wait for a server that hangs."""
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            download.run()
        except VoiceError as exc:
            future.set_exception(exc)
        except BaseException as exc:
            future.set_exception(exc)
            raise  # a defect: show its traceback
        else:
            future.set_result(None)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return future


class _Interrupted(Exception):
    """The attempt ended early; `error` is what to raise when no more attempts are left."""

    def __init__(self, error: ProviderError) -> None:
        super().__init__(str(error))
        self.error = error


class _Download:
    """One file, from whatever is there of it to the whole."""

    def __init__(
        self,
        file: ModelFile,
        path: Path,
        tell: Callable[[Progress], None],
        stop: threading.Event,
        pause: float,
    ) -> None:
        self._file = file
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._validator = path.with_name(path.name + ".etag")  # which version the part is a part of
        self._tell = tell
        self._stop = stop
        self._pause = pause
        self._told = 0.0

    @property
    def _by_hand(self) -> str:
        return f"To install it by hand, save {self._file.url} as {self._path}."

    def run(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._lock()
            if part is None:
                return
            with part:
                self._complete(part)
                part.flush()
                os.fsync(part.fileno())
                self._part.replace(self._path)
                self._validator.unlink(missing_ok=True)
        except OSError as exc:
            raise self._unsaved(exc) from exc

    def _unsaved(self, exc: OSError) -> SaveError:
        if exc.errno in DISK_FULL:
            text = f"{self._file.path} does not fit into {self._path.parent}: {exc.strerror}."
            return SaveError(text, "Make room, or set VOICECLI_MODELS to a folder on another disk.")
        text = f"{self._path} cannot be written: {exc.strerror or exc}."
        return SaveError(text, "Set VOICECLI_MODELS to a folder that can be.")

    def _lock(self) -> BinaryIO | None:
        """The part, open and ours; None when another process has finished the file meanwhile."""
        while not self._stop.is_set():
            if self._path.exists():
                return None
            part = self._part.open("ab+")
            try:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._same(part):  # else whoever held it has given it its final name
                    return part
            except BlockingIOError:
                self._report(_size(part), None)
                self._stop.wait(0.2)
            part.close()
        return None

    def _same(self, part: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(part.fileno()), self._part.stat())
        except FileNotFoundError:
            return False

    def _complete(self, part: BinaryIO) -> None:
        """Try until the file is whole and right, or nothing comes any more."""
        failures = 0
        damaged = False
        while True:
            before = _size(part)
            try:
                self._attempt(part)
            except _Interrupted as exc:
                failures = 1 if _size(part) > before else failures + 1
                if failures >= ATTEMPTS:
                    raise exc.error from exc
                if self._stop.wait(self._pause * 2 ** (failures - 1)):
                    raise exc.error from exc
                continue
            found = _hash(part)
            if not self._file.sha256 or found == self._file.sha256.lower():
                return
            self._restart(part)
            if damaged:
                wanted = self._file.sha256
                raise Unavailable(
                    f"{self._file.url} is not the file it should be: its SHA-256 is {found}, not {wanted}.",
                    "Something on the way alters it, or voicecli is too old for it: upgrade voicecli.",
                )
            damaged = True

    def _attempt(self, part: BinaryIO) -> None:
        """One request. Raises _Interrupted where another one may help."""
        request = urllib.request.Request(self._file.url, headers=self._headers(part))
        try:
            with urllib.request.build_opener().open(request, timeout=STALL) as response:
                self._receive(response, part)
        except urllib.error.HTTPError as exc:
            with exc:
                self._refused(exc, part)
        except urllib.error.URLError as exc:
            raise self._unreachable(exc.reason) from exc
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as exc:
            raise self._unreachable(exc) from exc

    def _headers(self, part: BinaryIO) -> dict[str, str]:
        headers = {"User-Agent": f"voicecli/{__version__}", "Accept-Encoding": "identity"}
        if not (size := _size(part)):
            return headers
        validator = self._validator.read_text(encoding="latin-1") if self._validator.exists() else ""
        if validator:
            return headers | {"Range": f"bytes={size}-", "If-Range": validator}
        if self._file.sha256:  # the hash will tell whether the pieces belong together
            return headers | {"Range": f"bytes={size}-"}
        self._restart(part)
        return headers

    def _restart(self, part: BinaryIO) -> None:
        part.truncate(0)
        self._validator.unlink(missing_ok=True)

    def _receive(self, response: http.client.HTTPResponse, part: BinaryIO) -> None:
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {_size(part)}-"):
                self._restart(part)
                raise _Interrupted(
                    Unavailable(f"{self._file.url} answers with the wrong part.", self._by_hand)
                )
        else:
            self._restart(part)
        tag = response.headers.get("ETag", "")
        validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
        if validator:
            self._validator.write_text(validator, encoding="latin-1")
        done = _size(part)
        length = response.headers.get("Content-Length")
        total = done + int(length) if length and length.isdigit() else None
        if total is not None and shutil.disk_usage(self._path.parent).free < total - done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._report(done, total, always=True)
        while piece := self._read(response):
            part.write(piece)
            part.flush()
            done += len(piece)
            self._report(done, total)
            if self._stop.is_set():
                raise _Interrupted(Dropped(f"The download of {self._file.path} was stopped."))
        if total is not None and done < total:
            raise _Interrupted(
                Dropped(f"{self._file.url} broke off at {done} of {total} bytes.", self._again)
            )
        self._report(done, done, always=True)

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(PIECE)
        except TimeoutError as exc:
            text = f"{self._file.url}: nothing came for {STALL:g} seconds."
            raise _Interrupted(TimedOut(text, self._again)) from exc
        except (http.client.HTTPException, OSError) as exc:
            raise _Interrupted(Dropped(f"{self._file.url} broke off: {exc}.", self._again)) from exc

    @property
    def _again(self) -> str:
        return f"What has come is kept: try again to go on from there. {self._by_hand}"

    def _refused(self, exc: urllib.error.HTTPError, part: BinaryIO) -> None:
        """Turn an error status into ours."""
        what = f"{self._file.url} answers {exc.code} {exc.reason}."
        if exc.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if exc.headers.get("Content-Range") == f"bytes */{_size(part)}":
                return  # the part is the whole already
            self._restart(part)
            raise _Interrupted(Unavailable(what, self._by_hand)) from exc
        if exc.code in (401, 403):
            raise Refused(what, self._by_hand) from exc
        if exc.code in (404, 410):
            raise NotFound(what, self._by_hand) from exc
        if exc.code == http.HTTPStatus.TOO_MANY_REQUESTS:
            raise _Interrupted(RateLimited(what, self._by_hand)) from exc
        if exc.code >= 500 or exc.code == http.HTTPStatus.REQUEST_TIMEOUT:
            raise _Interrupted(Unavailable(what, self._by_hand)) from exc
        raise Unavailable(what, self._by_hand) from exc

    def _unreachable(self, reason: object) -> _Interrupted | ProviderError:
        if isinstance(reason, FileNotFoundError):  # a mirror on this machine, file://
            return NotFound(f"{self._file.url} does not exist.", self._by_hand)
        host = self._file.url.split("/")[2]
        if isinstance(reason, ssl.SSLCertVerificationError):
            return Unavailable(
                f"{host} has a certificate that this system does not trust: {reason.verify_message}.",
                f"Set SSL_CERT_FILE to the certificates of your network. {self._by_hand}",
            )
        why = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
        text = f"{self._file.path} has to be downloaded, and {host} is not reachable: {why}."
        return _Interrupted(Unavailable(text, f"Connect to the network and try again. {self._by_hand}"))

    def _report(self, done: int, total: int | None, *, always: bool = False) -> None:
        now = time.monotonic()
        if always or now - self._told >= REPORT:
            self._told = now
            self._tell(Progress(self._file.path, done, total))


def _size(part: BinaryIO) -> int:
    return part.seek(0, os.SEEK_END)


def _hash(part: BinaryIO) -> str:
    part.seek(0)
    digest = hashlib.sha256()
    while piece := part.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
